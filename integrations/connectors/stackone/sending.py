"""Telling results and assignments, which LMSs take for something new each time they are sent."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import (
    Ability,
    DestinationError,
    Exchange,
    Held,
    Item,
    ItemResult,
    Outcome,
    ReadBack,
    Unsupported,
)
from integrations.connectors.stackone import answers, contents, people, records
from integrations.connectors.stackone.answers import Conflict, ItemError, NotThere, Refused, Reply, Unclear
from integrations.connectors.stackone.bodies import Told, thaw, with_id
from integrations.connectors.stackone.calls import Calls
from integrations.connectors.stackone.options import ASSIGN_FIRST

Path = tuple[str, ...]


def send(calls: Calls, item: Item) -> Exchange:
    """Tell one result or assignment; what is in doubt is looked for first."""
    told = thaw(item.content)
    act = _complete if told.is_completion else _assign
    try:
        return people.as_learner(calls, told, lambda user: act(calls, item, told, user))
    except Held as held:
        return _exchange(item, Outcome.HELD, held.sentence, reason=held.reason)


def _exchange(
    item: Item, outcome: Outcome, sentence: str, answer: http.Answer | None = None, **more: Any
) -> Exchange:
    return Exchange([ItemResult(item.id, outcome, sentence, **more)], answer)


def _post(calls: Calls, item: Item, told: Told, path: Path) -> Exchange:
    """Post below a user. Raises ``NotThere``, ``Conflict``, ``Unsupported`` or a ``DestinationError``."""
    try:
        reply = _written(calls, path, told)
    except (NotThere, Conflict):
        raise
    except Unclear as problem:
        return _exchange(item, Outcome.UNPROVEN, problem.sentence, problem.reply.answer)
    except ItemError as problem:
        return _exchange(item, Outcome.REJECTED, problem.sentence, problem.reply.answer)
    return _exchange(item, Outcome.DELIVERED, "", reply.answer)


def _written(calls: Calls, path: Path, told: Told) -> Reply:
    """The answer that proves it. Raises what ``answers.written`` raises."""
    remote_id = contents.content_id(calls, told.reference)
    try:
        return answers.written(calls.send("POST", *path, body=with_id(told.body, remote_id)))
    except Refused:
        # Perhaps for want of the content's id, where nobody knows yet whether this LMS wants it.
        is_known = remote_id or contents.CONTENT_IDS in calls.memory.learned
        found = "" if is_known else _looked_up(calls, told.reference)
        if not found:
            raise
    reply = answers.written(calls.send("POST", *path, body=with_id(told.body, found)))
    calls.memory.learned[contents.CONTENT_IDS] = True
    return reply


def _looked_up(calls: Calls, reference: str) -> str:
    try:
        return contents.look_up(calls, reference)
    except DestinationError:
        return ""


def _settle(item: Item, conflict: Conflict, *, is_there: bool) -> Exchange:
    """What a 409 means once the LMS was asked what it has."""
    outcome = Outcome.DELIVERED if is_there else Outcome.REJECTED
    sentence = _found() if is_there else conflict.sentence
    return _exchange(item, outcome, sentence, conflict.reply.answer, certain=not is_there)


def _found() -> str:
    return _("Found in the LMS, just as it was sent.")


# Completions -------------------------------------------------------------------------------------------------------


def _complete(calls: Calls, item: Item, told: Told, user: str) -> Exchange:
    remote_id = contents.content_id(calls, told.reference)
    if item.doubtful and _has_completion(calls, user, told, remote_id):
        return _exchange(item, Outcome.DELIVERED, _found())
    if calls.option("flow") == ASSIGN_FIRST:
        _assign_first(calls, told, user, remote_id)
    try:
        return _post(calls, item, told, ("users", user, "completions"))
    except Conflict as conflict:
        return _settle(item, conflict, is_there=_has_completion(calls, user, told, remote_id))


def _has_completion(calls: Calls, user: str, told: Told, remote_id: str) -> bool:
    try:
        return records.find_completion(calls, user, told, remote_id) is ReadBack.SAME
    except Unsupported as problem:
        calls.memory.learned[Ability.READ_BACK.value] = False
        raise _cannot_tell(problem) from None


def _cannot_tell(problem: Unsupported) -> Held:
    """Why what is in doubt is not sent again: nobody can say whether it would be there twice."""
    sentence = _(
        "The LMS may have got this before, and does not tell what it has. Look there: send it again only if it is "
        "missing."
    )
    return Held("unsupported", f"{sentence} {problem.sentence}")


def _assign_first(calls: Calls, told: Told, user: str, remote_id: str) -> None:
    """Assign the content where it is not assigned. What is not certain then, the completion shows."""
    if calls.memory.learned.get(Ability.ASSIGNMENTS.value) is False:
        return
    wanted = Told({"learning_object_external_reference": told.reference})
    try:
        if not records.has_assignment(calls, user, wanted, remote_id):
            _written(calls, ("users", user, "assignments"), wanted)
    except Unsupported:
        calls.memory.learned[Ability.ASSIGNMENTS.value] = False
    except NotThere:
        raise
    except ItemError:
        # LMSs create what a completion needs; if this one cannot, it refuses that, too.
        return


# Assignments -------------------------------------------------------------------------------------------------------


def _assign(calls: Calls, item: Item, told: Told, user: str) -> Exchange:
    remote_id = contents.content_id(calls, told.reference)
    if _has_assignment(calls, item, told, user, remote_id):
        return _exchange(item, Outcome.DELIVERED, _("The LMS has this assignment already."))
    try:
        return _post(calls, item, told, ("users", user, "assignments"))
    except Conflict as conflict:
        is_there = any(records.assignments(calls, user, told.reference, remote_id))
        return _settle(item, conflict, is_there=is_there)
    except Unsupported:
        calls.memory.learned[Ability.ASSIGNMENTS.value] = False
        raise


def _has_assignment(calls: Calls, item: Item, told: Told, user: str, remote_id: str) -> bool:
    try:
        return records.has_assignment(calls, user, told, remote_id)
    except Unsupported as problem:
        if item.doubtful:
            raise _cannot_tell(problem) from None
        return False


# Reading back ------------------------------------------------------------------------------------------------------


def read_back(calls: Calls, item: Item) -> ReadBack:
    """Whether the LMS has this result or assignment. Raises a ``DestinationError``."""
    told = thaw(item.content)

    def look(user: str) -> ReadBack:
        remote_id = contents.content_id(calls, told.reference)
        if told.is_completion:
            return records.find_completion(calls, user, told, remote_id)
        return ReadBack.SAME if records.has_assignment(calls, user, told, remote_id) else ReadBack.ABSENT

    try:
        return people.as_learner(calls, told, look)
    except Held as held:
        # Of nobody and nothing there is nothing; whatever else kept it from looking leaves it open.
        return ReadBack.ABSENT if held.reason in {"unknown_user", "unknown_content"} else ReadBack.FORBIDDEN
