"""What each exchange does to its lane: one state machine for badge, incident, waiting time and probe.

Every change is conditional on the lease, and says whether it was made.
"""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, DurationField, F, Value, When
from django.utils.translation import gettext as _

from integrations import alerts
from integrations.connectors.base import CannotConnect, DestinationError, RateLimited
from integrations.dispatch.outlast import repeated
from integrations.dispatch.prepared import Given, Prepared, given
from integrations.models import Lane
from integrations.models.lane import lease_end, lease_length
from objectives import clock

# Seconds between the tries of a failing destination; the last goes on for ever.
LADDER = (5, 30, 60, 120, 300, 900, 1800, 3600)
# An LMS that asks to slow down for so long is not merely busy.
SLOW_FOR = timedelta(hours=1)


def _status(status: str, now: Any) -> dict[str, Any]:
    """The status, and since when: the moment moves only when the status does."""
    return {"status": status, "status_since": Case(When(status=status, then=F("status_since")), default=now)}


_STEADY = {"failures": 0, "failing_since": None, "not_before": None, "slow_since": None}


def _healthy(now: Any) -> dict[str, Any]:
    return {**_status(Lane.Status.OK, now), "sentence": "", **_STEADY}


def _counted(lane: Lane) -> dict[str, Any]:
    """What the exchange that ends here tells of the LMS's pace; nothing where no request was made."""
    took, lane.took = lane.took, None
    if took is None:
        return {}
    lane.exchanges += 1
    return lane.pace(took)


def _worked_now() -> dict[str, Any]:
    now, lease = given(Lane, "checked_at"), lease_end(Given("length", DurationField()))
    return {**_healthy(now), "refusals": 0, "checked_at": now, "last_success_at": now, "lease_until": lease}


_WORKED = Prepared(lambda: Lane.objects.holding(given(Lane, "id"), given(Lane, "lease_token")), _worked_now)


def worked(lane: Lane, token: uuid.UUID, now: datetime) -> bool:
    """The LMS took something: it is well, and an incident that was open is over. Renews the lease."""
    values = {"id": lane.pk, "lease_token": token, "checked_at": now, "length": lease_length()}
    held = _WORKED.update(values, **_counted(lane))
    if held and lane.failures:
        alerts.worked(lane, now)
        lane.failures, lane.failing_since = 0, None
    return bool(held)


def answered(lane: Lane, token: uuid.UUID, now: datetime, **change: Any) -> bool:
    """The LMS answered, and the answer says nothing of the LMS itself."""
    held = Lane.objects.holding(lane.pk, token)
    return bool(held.update(checked_at=now, slow_since=None, **_counted(lane), **change))


def failed(
    lane: Lane, token: uuid.UUID, status: str, sentence: str, wait: float | None, begun: datetime | None = None
) -> bool:
    """The destination failed: status, incident and the next try. ``begun`` is when the failed request was opened."""
    now = clock.now()
    after = now + pause(now - (lane.failing_since or now), wait)
    since = lane.failing_since or now
    held = Lane.objects.holding(lane.pk, token).update(
        **_status(status, now),
        **_counted(lane),
        sentence=sentence,
        checked_at=now,
        failures=F("failures") + 1,
        failing_since=since,
        # Somebody changed something while the request was under way: what it showed is out of date.
        not_before=Case(When(asked_at__gt=begun or now, then=Value(None)), default=Value(after)),
    )
    if held:
        lane.failures += 1
        lane.failing_since = since
        alerts.failed(lane, status, sentence, now)
    return bool(held)


def slowed(lane: Lane, token: uuid.UUID, error: RateLimited) -> bool:
    """The whole lane waits. For an hour that is no error: the LMS answers and asks for patience."""
    now = clock.now()
    since = lane.slow_since or now
    if now - since >= SLOW_FOR:
        return failed(lane, token, Lane.Status.SERVER_ERROR, error.sentence, error.retry_after)
    step = LADDER[min(int((now - since).total_seconds() // 60), 4)]
    return bool(
        Lane.objects.holding(lane.pk, token).update(
            **_counted(lane),
            sentence=error.sentence,
            checked_at=now,
            slow_since=since,
            not_before=now + timedelta(seconds=max(step, error.retry_after or 0)),
        )
    )


def pause(failing: timedelta, asked: float | None) -> timedelta:
    """How long a destination is left alone that has been failing for so long, and what it asked for itself.

    By time and not by count, so that tries which a person asks for in between put nothing off.
    """
    elapsed, moment = failing.total_seconds(), 0
    for step in itertools.chain(LADDER, itertools.repeat(LADDER[-1])):
        moment += step
        if moment > elapsed:
            return timedelta(seconds=max(moment - elapsed, LADDER[0], asked or 0))
    raise AssertionError("the ladder goes on for ever")


def broke_off(lane: int, token: uuid.UUID) -> None:
    """A bug of ours ended the turn: the attempt stays open, so that its records are looked at one by one."""
    now = clock.now()
    Lane.objects.holding(lane, token).update(
        not_before=now + timedelta(minutes=1),
        checked_at=now,
        sentence=_("LMS Bridge met a fault of its own while sending; its operators find it in the log."),
    )


def wait(lane: Lane, token: uuid.UUID, until: datetime) -> None:
    """No request before this moment; nothing is wrong."""
    Lane.objects.holding(lane.pk, token).update(not_before=until)


@repeated
def learn_limit(lane: Lane, token: uuid.UUID, limit: int | None, *, for_now: bool = False) -> bool:
    """Remember how many statements to send at most in one request; ``None`` is no limit.

    ``for_now`` is a limit that grows again with each batch that is taken: where a turn ended in the middle of a
    batch that was being taken apart, the next goes on with parts of that size.
    """
    lane.batch_limit, lane.batch_limit_at = limit, None if for_now else clock.now()
    change = {"batch_limit": limit, "batch_limit_at": lane.batch_limit_at}
    return bool(Lane.objects.holding(lane.pk, token).update(**change))


def tested(lane: Lane, ok: bool, error: DestinationError | None, sentence: str, took: float | None) -> None:
    """Take over what *Test connection* found: success ends the waiting, failure shows at once.

    ``took`` is after how many seconds the LMS answered, if it did.
    """
    now = clock.now()
    pace = {} if took is None else lane.pace(took)
    with transaction.atomic():
        if ok:
            Lane.objects.filter(pk=lane.pk).update(**_healthy(now), **pace, checked_at=now)
            alerts.worked(lane, now)
            return
        own = Lane.objects.filter(pk=lane.pk)
        own.update(**pace, sentence=sentence, checked_at=now)
        if isinstance(error, RateLimited):
            return
        down = isinstance(error, CannotConnect)
        own.update(**_status(Lane.Status.CANNOT_CONNECT if down else Lane.Status.SERVER_ERROR, now))
        # It worked before, so it is asked again by itself; while somebody sets it up they ask themselves.
        worked_before = own.filter(failures=0, last_success_at__isnull=False)
        worked_before.update(failures=1, failing_since=now, not_before=now + timedelta(seconds=LADDER[0]))


def unreadable(lane: Lane, token: uuid.UUID, problem: str) -> None:
    """The stored credential does not open: nothing is sent, everything stays queued, the status says so."""
    sentence = _("%(problem)s Enter it again on the configuration.") % {"problem": problem}
    with transaction.atomic():
        failed(lane, token, Lane.Status.CANNOT_CONNECT, sentence, None)
