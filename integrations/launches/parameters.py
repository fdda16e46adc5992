"""What an LMS put into the link that the learner opened, read strictly and without asking anybody."""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import QueryDict
from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import Ability
from integrations.models import LMSConfiguration

NAMES = ("actor", "activityId", "registration", "sessionId", "endpoint", "fetch")
LARGEST_ACTOR = 4096
DEEPEST = 5
LONGEST = {"activityId": 2048, "registration": 255, "sessionId": 255}
LONGEST_NAME = 200
LONGEST_ADDRESS = 254
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]+")
SHA1 = re.compile(r"[0-9a-fA-F]{40}")
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


class BadLaunch(Exception):
    """The link cannot be used as it is: a sentence that tells the learner what to do, and one for the admin."""

    def __init__(self, learner: str, admin: str) -> None:
        super().__init__(admin)
        self.learner = learner
        self.admin = admin


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the link carried. ``actor`` has one identifier; its account may lack the home page.

    ``given`` is the actor with all that the LMS put into it.
    """

    actor: Mapping[str, Any]
    activity_id: str
    registration: str = ""
    session_id: str = ""
    endpoint: http.Destination | None = None
    fetch: http.Destination | None = dataclasses.field(default=None, repr=False)
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def may_be_cmi5(self) -> bool:
        """Whether all five parameters of cmi5 are there, each as it has to be (cmi5 8.1)."""
        account = self.actor.get("account", {})
        return bool(self.fetch and self.endpoint and _is_uuid(self.registration) and "homePage" in account)


def is_launch(query: QueryDict) -> bool:
    """Whether a link was opened with anything that only an LMS puts into it."""
    return any(name in query for name in NAMES)


def read(query: QueryDict, configuration: LMSConfiguration | None) -> Parameters:
    """The launch parameters of a link; anything else in the query counts for nothing.

    Raises ``BadLaunch`` if they are missing or malformed, or if the configuration takes no such launches.
    """
    for name in NAMES:
        if len(query.getlist(name)) > 1:
            raise _bad(_("The parameter %(name)s is there twice.") % {"name": name})
    actor, given = _actor(query.get("actor", ""))
    found = Parameters(
        actor=actor,
        given=given,
        activity_id=_activity_id(query),
        registration=_text(query, "registration"),
        session_id=_text(query, "sessionId"),
        endpoint=_address(query, "endpoint"),
        fetch=_address(query, "fetch"),
    )
    if configuration is not None:
        _admit(found, configuration)
    return found


def _bad(admin: str) -> BadLaunch:
    learner = _(
        "The link from your learning management system is not complete. Go back to the course and open the story "
        "there once more. If this page comes again, send it to whoever runs the course."
    )
    return BadLaunch(learner, admin)


def _text(query: QueryDict, name: str) -> str:
    text = query.get(name, "").strip()
    if len(text) > LONGEST[name]:
        words = {"name": name, "count": LONGEST[name]}
        raise _bad(_("The parameter %(name)s has more than %(count)s characters.") % words)
    if not text.isprintable():
        raise _bad(_("The parameter %(name)s holds characters that cannot be shown.") % {"name": name})
    return text


def _activity_id(query: QueryDict) -> str:
    text = _text(query, "activityId")
    if not text:
        raise _bad(_("The parameter activityId is missing."))
    if not IRI.fullmatch(text):
        raise _bad(_("The parameter activityId is no full IRI such as https://lms.example.com/course/1"))
    return text


def _address(query: QueryDict, name: str) -> http.Destination | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        return http.parse(text)
    except http.AddressRefused as refused:
        sentence = _("The parameter %(name)s cannot be used: %(why)s")
        raise _bad(sentence % {"name": name, "why": refused.sentence}) from None


# The actor ---------------------------------------------------------------------------------------------------------


def _actor(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Agent with its one identifier and its name, without whatever else was there; and all that was given."""
    if not text:
        raise _bad(_("The parameter actor is missing."))
    if len(text.encode(errors="replace")) > LARGEST_ACTOR:
        raise _bad(_("The parameter actor has more than %(count)s bytes.") % {"count": LARGEST_ACTOR})
    given = _object(text)
    if given.get("objectType", "Agent") != "Agent":
        raise _bad(_("The actor is no Agent. A story is played by one person."))
    identifiers = [name for name in IDENTIFIERS if name in given]
    if len(identifiers) != 1:
        raise _bad(_("The actor needs exactly one of mbox, mbox_sha1sum, openid and account."))
    [name] = identifiers
    called = given.get("name")
    known = {"name": called[:LONGEST_NAME]} if isinstance(called, str) and called and called.isprintable() else {}
    return {"objectType": "Agent", **known, name: _CHECKS[name](given[name])}, given


def _object(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _value in pairs}) < len(pairs):
            raise ValueError("repeated")
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _bad(_("The actor is no JSON, or names something twice.")) from None
    if not isinstance(found, dict):
        raise _bad(_("The actor is no JSON object."))
    if _depth(found) > DEEPEST:
        raise _bad(_("The actor is nested too deeply."))
    if not _can_be_kept(found):
        raise _bad(_("The actor holds characters or numbers that cannot be kept."))
    return found


def _can_be_kept(value: Any) -> bool:
    """Not with half a character, which is no UTF-8, nor with NUL or infinity, which PostgreSQL takes in no JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(_depth, below), default=0)


def _mbox(value: Any) -> str:
    scheme, _colon, address = (value if isinstance(value, str) else "").partition(":")
    try:
        # RFC 6068: characters may be percent-encoded.
        validate_email(unquote(address))
        fits = scheme.lower() == "mailto" and len(address) <= LONGEST_ADDRESS and address.isascii()
    except ValidationError:
        fits = False
    if not fits:
        raise _bad(_("The actor's mbox is no mailto: with a valid e-mail address."))
    return f"mailto:{address}"


def _sha1sum(value: Any) -> str:
    if not isinstance(value, str) or not SHA1.fullmatch(value):
        raise _bad(_("The actor's mbox_sha1sum has no 40 hexadecimal digits."))
    return value.lower()


def _iri(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST["activityId"] or not IRI.fullmatch(value):
        raise _bad(_("The actor's %(what)s is no full IRI.") % {"what": what})
    return value


def _account(value: Any) -> dict[str, str]:
    name = value.get("name") if isinstance(value, dict) else None
    # LMSs with numbers for their people send them as numbers.
    name = str(name) if isinstance(name, int) and not isinstance(name, bool) else name
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise _bad(_("The actor's account has no name."))
    page = value.get("homePage")
    return {**({"homePage": _iri(page, "homePage")} if page else {}), "name": name}


_CHECKS: dict[str, Any] = {
    "mbox": _mbox,
    "mbox_sha1sum": _sha1sum,
    "openid": lambda value: _iri(value, "openid"),
    "account": _account,
}


# Whether it is taken -----------------------------------------------------------------------------------------------


def _admit(found: Parameters, configuration: LMSConfiguration) -> None:
    if not configuration.connector.can(Ability.LAUNCHES):
        raise _refused(_("LMS configurations of this type take no launches."))
    if found.fetch is not None:
        return
    kind = configuration.Unverified
    if configuration.unverified_launches == kind.NEVER:
        raise _refused(_("The launch brings no fetch, and the LMS configuration takes none without."))
    if configuration.unverified_launches == kind.REFUSE and not is_known(found.actor, configuration):
        raise _refused(_("The launch brings no fetch, and its actor is of none of your learners' domains."))


def _refused(admin: str) -> BadLaunch:
    learner = _(
        "This story cannot be opened with this link. Go back to the course in your learning management system and "
        "open the story there. If this page comes again, send it to whoever runs the course."
    )
    return BadLaunch(learner, admin)


def is_known(actor: Mapping[str, Any], configuration: LMSConfiguration) -> bool:
    """Whether an actor is of one of the configuration's domains: by e-mail address, or by the account's home page."""
    known = {line.strip().lower().lstrip("@").rstrip("/") for line in configuration.learner_domains.splitlines()}
    domain = str(actor.get("mbox", "")).rpartition("@")[2].lower()
    page = str(actor.get("account", {}).get("homePage", "") or configuration.options.get("account_home_page", ""))
    host = page.partition("://")[2].partition("/")[0]
    of_account = {page.lower().rstrip("/"), host.lower()} if "account" in actor else set()
    return bool((known - {""}) & ({domain} | of_account))
