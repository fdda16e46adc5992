"""What the LMS has of a learner: assignments and completions, matched with what was told."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.connectors.base import ReadBack
from integrations.connectors.stackone.answers import text, value
from integrations.connectors.stackone.bodies import Told
from integrations.connectors.stackone.calls import Calls

Row = Mapping[str, Any]

VERDICTS = {"Pass", "Fail"}
# The older names of the reference and the id are read, too.
_REFERENCES = ("learning_object_external_reference", "content_external_reference", "external_reference")
_IDS = ("learning_object_id", "content_id", "course_id")


def is_about(row: Row, reference: str, remote_id: str) -> bool:
    """Whether a row is about this content, by our reference or by its id there."""
    by_reference = bool(reference) and reference in {text(row, name) for name in _REFERENCES}
    return by_reference or (bool(remote_id) and remote_id in {text(row, name) for name in _IDS})


def find_completion(calls: Calls, user: str, told: Told, remote_id: str) -> ReadBack:
    """Whether the LMS has this completion: of this content, with this verdict, at this second.

    Lists of completions have no filter by content, so the learner's own are read to the end.
    """
    found = ReadBack.ABSENT
    at, verdict = text(told.body, "completed_at"), value(told.body, "result")
    for row in calls.rows("users", user, "completions"):
        if not is_about(row, told.reference, remote_id) or not is_same_second(text(row, "completed_at"), at):
            continue
        theirs = value(row, "result")
        # Some LMSs keep no verdict, or one in words of their own.
        if theirs == verdict or theirs not in VERDICTS:
            return ReadBack.SAME
        found = ReadBack.DIFFERENT
    return found


def has_assignment(calls: Calls, user: str, told: Told, remote_id: str) -> bool:
    """Whether something stands for this assignment: one of the same second, or one that is not completed yet.

    To have begun is told once: any assignment tells it.
    """
    at, has_begun = text(told.body, "assigned_at"), bool(value(told.body, "status"))
    return any(
        has_begun or value(row, "status") != "completed" or is_same_second(text(row, "assigned_at", "created_at"), at)
        for row in assignments(calls, user, told.reference, remote_id)
    )


def assignments(calls: Calls, user: str, reference: str, remote_id: str) -> Iterator[Row]:
    """The learner's assignments of this content."""
    return (row for row in calls.rows("users", user, "assignments") if is_about(row, reference, remote_id))


def is_same_second(text: str, other: str) -> bool:
    """Whether two texts name the same time, where one of them may have lost its fraction of a second."""
    first, second = moment(text), moment(other)
    return first is not None and second is not None and abs(first - second) < datetime.timedelta(seconds=1)


def moment(text: str) -> datetime.datetime | None:
    """A date and time in UTC, which it is taken for where it names no zone; ``None`` if it is none."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
