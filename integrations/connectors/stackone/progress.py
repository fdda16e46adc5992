"""How far everybody is with one content, from the lists of all assignments and all completions."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from integrations.connectors.base import Progress, Unsupported
from integrations.connectors.stackone.answers import text, value
from integrations.connectors.stackone.calls import Calls, Endless
from integrations.connectors.stackone.records import Row, is_about, moment

_VERDICTS = {"Pass": "passed", "Fail": "failed"}
_STATUSES = {"in_progress": "started", "completed": "completed"}
_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def read(calls: Calls, content: str) -> Sequence[Progress]:
    """The latest of each learner with the content of this id, or of this external reference.

    Neither list can be filtered by content, so both are read whole, as far as ``Calls.rows`` goes. Raises
    ``Unsupported`` if the LMS gives neither, and ``DestinationError``.
    """
    newest: dict[str, Progress] = {}
    missing = []
    # What was completed counts for more than what was assigned.
    for kind, progress_of in (("completions", _completed), ("assignments", _assigned)):
        try:
            found = sorted(_about(calls, kind, content, progress_of), key=_moment, reverse=True)
        except Unsupported as problem:
            missing.append(problem)
            continue
        for one in found:
            newest.setdefault(one.remote_id, one)
    if len(missing) == 2:
        raise missing[0]
    emails = _emails(calls) if newest else {}
    return [dataclasses.replace(one, learner=emails.get(user, user)) for user, one in newest.items()]


def _about(calls: Calls, kind: str, content: str, progress_of: Callable[[Row], Progress]) -> Iterator[Progress]:
    return (progress_of(row) for row in calls.rows(kind) if is_about(row, content, content))


def _moment(one: Progress) -> datetime.datetime:
    return one.at or _LONG_AGO


def _completed(row: Row) -> Progress:
    return Progress(
        _VERDICTS.get(value(row, "result"), "completed"),
        score=_percentage(row),
        at=moment(text(row, "completed_at")),
        remote_id=text(row, "user_id", "remote_user_id"),
    )


def _percentage(row: Row) -> Decimal | None:
    points = row.get("score")
    found = points.get("percentage") if isinstance(points, dict) else None
    return Decimal(str(found)) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _assigned(row: Row) -> Progress:
    status = _STATUSES.get(value(row, "status"), "not_started")
    return Progress(status, remote_id=text(row, "user_id", "remote_user_id"))


def _emails(calls: Calls) -> dict[str, str]:
    """Everybody's e-mail address by id; empty where StackOne knows no users."""
    found = {}
    with contextlib.suppress(Endless, Unsupported):
        for row in calls.rows("users"):
            found[text(row, "id", "remote_id")] = text(row, "email")
    return {user: email for user, email in found.items() if email}
