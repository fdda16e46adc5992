"""Who somebody is in the LMS: looked up by e-mail address, or known by an id that we are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from integrations.connectors.base import Ability, Held, RemoteAccount, RemoteUser, ServerError, Unsupported
from integrations.connectors.stackone.answers import NotThere, text
from integrations.connectors.stackone.bodies import Told
from integrations.connectors.stackone.calls import PAGE_SIZE, WALK_SECONDS, Calls, Endless

T = TypeVar("T")

# What this LMS showed, by its name in ``Memory.learned``.
USERS = Ability.USERS.value
EMAIL_FILTER = "email_filter"
# Everybody's ids by e-mail address, in ``Memory.scratch``.
_INDEX = "stackone.users"
# As segments of a path these would lead elsewhere.
_NO_IDS = {"", ".", ".."}


def as_learner(calls: Calls, told: Told, act: Callable[[str], T]) -> T:
    """What ``act`` does with the learner's id, after another look where a remembered one is unknown by now.

    Raises ``Held`` where the learner or, with a learner just found, the content is unknown.
    """
    known = calls.memory.users.get(told.participant_id)
    if known and calls.memory.learned.get(USERS) is not False:
        try:
            return act(known)
        except NotThere:
            calls.memory.users[told.participant_id] = None
    found = find(calls, told.participant_id, told.learner)
    if not found.remote_id:
        raise Held(found.reason, found.sentence)
    try:
        if found.remote_id != known:
            return act(found.remote_id)
    except NotThere:
        pass
    raise _unknown_below(calls)


def _unknown_below(calls: Calls) -> Held:
    if calls.memory.learned.get(USERS) is False:
        return Held(
            "unknown_user", _("The LMS knows nobody by this learner's id. Check it on the participant's page.")
        )
    sentence = _("The LMS knows the learner, but not the objective. Bring the objective into its catalogue.")
    return Held("unknown_content", sentence)


def find(calls: Calls, participant_id: str, learner: str = "") -> RemoteUser:
    """Who has this e-mail address there; where StackOne knows no users, the id that goes in a path instead.

    ``learner`` is the id from the profile. What is found is remembered, what is not is forgotten.
    """
    if calls.memory.learned.get(USERS) is False:
        return _by_own_id(calls, participant_id, learner)
    try:
        ids = _by_filter(calls, participant_id) or _by_walk(calls, participant_id)
    except Unsupported:
        calls.memory.learned[USERS] = False
        return _by_own_id(calls, participant_id, learner)
    calls.memory.learned[USERS] = True
    found = _judged(ids) if ids or _index_of_all(calls)[1] else _too_many()
    calls.memory.users[participant_id] = found.remote_id or None
    return found


def _judged(ids: set[str]) -> RemoteUser:
    if not ids:
        sentence = _(
            "Nobody in the LMS has this e-mail address. Add the learner there, or correct the participant id."
        )
        return RemoteUser("", sentence, "unknown_user")
    if len(ids) > 1:
        sentence = _("Several people in the LMS have this e-mail address. Leave it to one of them.")
        return RemoteUser("", sentence, "ambiguous_user")
    return RemoteUser(ids.pop())


def _too_many() -> RemoteUser:
    sentence = _(
        "The LMS does not find people by their e-mail addresses, and has more of them than can be looked through. "
        "Ask StackOne for a filter by e-mail address for this LMS."
    )
    return RemoteUser("", sentence, "unknown_user")


def _by_own_id(calls: Calls, participant_id: str, learner: str) -> RemoteUser:
    field = calls.option("learner_field")
    found = learner if field else participant_id
    if found in _NO_IDS:
        sentence = _(
            "StackOne knows no users of this LMS, and the participant's profile has no “%(field)s”. Enter it."
        )
        return RemoteUser("", sentence % {"field": field}, "unknown_user")
    return RemoteUser(found)


def _by_filter(calls: Calls, email: str) -> set[str]:
    """Whose address it is among those whom the filter lets through. Some LMSs ignore it, some refuse it."""
    if calls.memory.learned.get(EMAIL_FILTER) is False:
        return set()
    found: list[Mapping[str, Any]] = []
    strangers = 0
    try:
        for row in calls.rows("users", params={"filter[email]": email}, within=WALK_SECONDS):
            is_meant = _folded(text(row, "email")) == _folded(email)
            found += [row] if is_meant else []
            strangers += not is_meant
            if strangers > PAGE_SIZE:
                break
    except (Unsupported, Endless):
        strangers = PAGE_SIZE + 1
    except ServerError as error:
        if error.answer is None or error.answer.status not in {400, 422}:
            raise
        strangers = PAGE_SIZE + 1
    if strangers <= PAGE_SIZE:
        return _ids(found)
    calls.memory.learned[EMAIL_FILTER] = False
    return set()


def _by_walk(calls: Calls, email: str) -> set[str]:
    """Whose address it is among everybody; all users are read once in a turn with the LMS."""
    ids = _index_of_all(calls)[0].get(_folded(email), set())
    if ids:
        # The filter did not let them through.
        calls.memory.learned[EMAIL_FILTER] = False
    return set(ids)


def _index_of_all(calls: Calls) -> tuple[Mapping[str, set[str]], bool]:
    """Ids by e-mail address, and whether these are really all."""
    scratch = calls.memory.scratch
    if _INDEX not in scratch:
        index: defaultdict[str, set[str]] = defaultdict(set)
        is_whole = True
        try:
            for row in calls.rows("users", within=WALK_SECONDS):
                index[_folded(text(row, "email"))] |= _ids([row])
        except Endless:
            is_whole = False
        scratch[_INDEX] = dict(index), is_whole
    found: tuple[Mapping[str, set[str]], bool] = scratch[_INDEX]
    return found


def everybody(calls: Calls) -> Iterator[RemoteAccount]:
    """All users who have an id and an e-mail address. Raises as ``Calls.rows``."""
    try:
        found = (
            RemoteAccount(text(row, "id", "remote_id"), text(row, "email"), text(row, "name"))
            for row in calls.rows("users")
        )
        yield from (one for one in found if one.remote_id and one.email)
    except Unsupported:
        calls.memory.learned[USERS] = False
        raise


def _ids(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {text(row, "id", "remote_id") for row in rows} - _NO_IDS


def _folded(email: str) -> str:
    return email.strip().casefold()
