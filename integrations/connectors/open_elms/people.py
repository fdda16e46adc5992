"""People: who a participant is there, by e-mail address, and adding those who are not there yet."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from integrations.connectors.base import Held, Person, ServerError, Unsupported
from integrations.connectors.open_elms import records
from integrations.connectors.open_elms.answers import NotThere, Refused
from integrations.connectors.open_elms.site import Site

# The fields of an account beside the required ones, as the API page has them. An empty "groups" takes somebody out
# of every group, so nothing empty is ever sent.
PROFILE_FIELDS = frozenset(
    {
        *("department", "department_address", "department_postcode", "city", "company", "country", "job", "groups"),
        *("phone", "week_hours", "manager_name", "manager_job_title", "manager_email"),
        *("AddLine1", "AddLine2", "AddLine3", "AddLine4", "Postcode", "Sex", "Ethnicity", "LLDDHealthProb"),
        *("DateOfBirth", "NINumber"),
    }
)
_EMPLOYER_FIELD = re.compile(r"Employer[1-5]_(EmpStat|DateEmpStatApp|EmpId|AgreeId|SEI|PEI|SEM|LOU|BSI|EII|LOE)")
_CHOSEN_FIELD = re.compile(r"Sex|Ethnicity|LLDDHealthProb|Employer[1-5]_(EmpStat|SEI|PEI|SEM|LOU|BSI|EII|LOE)")
# The page wants a last name of everybody.
NO_LAST_NAME = "-"


def known(site: Site, person: Person) -> str:
    """Somebody's id there: remembered, found, or added if the configuration says so. Raises ``Held``."""
    remembered = site.memory.users.get(person.participant_id)
    if remembered:
        return remembered
    found = find(site, person)
    if found:
        return found
    if site.option("create_users"):
        return add(site, person)
    raise unknown()


def unknown() -> Held:
    """Nobody there has this address."""
    return Held(
        "unknown_user",
        _("Nobody there has this e-mail address. Add the person there, or let this configuration add people."),
    )


def find(site: Site, person: Person) -> str:
    """Somebody's id, looked up now and remembered; empty if nobody has the address. Raises ``Held``."""
    accounts = [one for one in site.search(person.participant_id) if records.has_email(one, person.participant_id)]
    ids = {records.user_id(one) for one in accounts}
    if "" in ids:
        raise ServerError(_("The LMS's answer has no user id, so nobody can be recognized."), answer=site.answer)
    if len(ids) > 1:
        raise Held("ambiguous_user", _("Several people there have this e-mail address. Remove all but one."))
    id = ids.pop() if ids else ""
    site.memory.users[person.participant_id] = id or None
    return id


def add(site: Site, person: Person) -> str:
    """Add somebody who was just looked for in vain, and look again: the answer tells no id. Raises ``Held``."""
    check_profile(site, person)
    try:
        site.add_user(form(person, {}) | {"password": new_password()})
    except NotThere:
        site.prove()
        raise Unsupported(_("This LMS does not let LMS Bridge add people. Add the person there.")) from None
    found = find(site, person)
    if not found:
        raise Held("unknown_user", _("The LMS said that it added the person, but does not find them."))
    return found


def change(site: Site, person: Person, id: str) -> None:
    """Bring an account up to date, if it is not, with a new password where that is allowed. Raises ``Held``.

    The page wants the password with each change. Without leave it is left out, in the hope that it is not needed.
    """
    account = site.account(id)
    if account is None:
        raise _gone(site, person)
    told = form(person, account)
    if all(_said(account, name).casefold() == value.casefold() for name, value in told.items()):
        return
    check_profile(site, person)
    resets = bool(site.option("reset_passwords"))
    try:
        site.change_user(id, told | ({"password": new_password()} if resets else {}))
    except NotThere:
        raise _gone(site, person) from None
    except Refused as refused:
        if resets:
            raise
        raise Unsupported(
            _("%(said)s It may want a new password with each change, which this configuration does not allow.")
            % {"said": refused.sentence}
        ) from None


def _gone(site: Site, person: Person) -> Held:
    site.memory.users[person.participant_id] = None
    return unknown()


def form(person: Person, account: records.Record) -> dict[str, str]:
    """What is told of somebody: the required fields but the password, then those of the profile that have a value.

    Of what is unknown here, an account that is there already keeps what it has.
    """
    first, _space, last = person.name.partition(" ")
    local_part = person.participant_id.partition("@")[0]
    profile = person.profile
    required = {
        "fname": profile.get("fname") or first or _said(account, "fname") or local_part,
        "lname": profile.get("lname") or last or _said(account, "lname") or NO_LAST_NAME,
        "username": profile.get("username") or _said(account, "username") or person.participant_id,
        "email": person.participant_id,
    }
    return required | dict(_profile(profile))


def _said(account: records.Record, name: str) -> str:
    """A field as text; departments and the like come as records with a name."""
    found = account.get(name)
    if isinstance(found, Mapping):
        found = found.get("name")
    return "" if found is None else str(found).strip()


def new_password() -> str:
    """One that nobody knows: random, with a few characters that password rules ask for, and never kept."""
    return f"{secrets.token_urlsafe(32)}-aA1"


def _profile(profile: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in profile.items():
        if value.strip() and (name in PROFILE_FIELDS or _EMPLOYER_FIELD.fullmatch(name)):
            yield name, value.strip()


def check_profile(site: Site, person: Person) -> None:
    """Raise ``Held`` where a field of the profile has a value that the LMS does not know."""
    chosen = {name: value for name, value in _profile(person.profile) if _CHOSEN_FIELD.fullmatch(name)}
    if not chosen:
        return
    allowed = _allowed_values(site)
    for name, value in chosen.items():
        values = allowed.get(name) or allowed.get(name.partition("_")[2])
        if values and value not in values:
            said = _("%(field)s cannot be “%(value)s” in this LMS. Correct the participant's profile.")
            raise Held("not_valid", said % {"field": name, "value": value})


def _allowed_values(site: Site) -> Mapping[str, list[str]]:
    """Asked once in a turn; an LMS without the command is not checked against."""
    scratch = site.memory.scratch
    if "user_fields" not in scratch:
        try:
            scratch["user_fields"] = site.user_fields()
        except (NotThere, Refused, Unsupported):
            scratch["user_fields"] = {}
    found: Mapping[str, list[str]] = scratch["user_fields"]
    return found
