"""The daily re-queue: whatever any lane waits for, once a day everything unsent is tried again.

Safe to run twice, at any time, on any host: it only makes rows due; who sends them still needs the lane's lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from integrations import dispatch, lifeline
from integrations.dispatch.releasing import NEEDS_A_PERSON
from integrations.models import Attempt, Delivery, Lane, LastRun
from integrations.models.lane import lease_end

NAME = "requeue"
CHUNK = 2000
# Each held one is made anew to see whether it can go; so many in one transaction.
EXAMINED_AT_ONCE = 500
# What the LMS refused is tried again daily for so long after it was first told, then only by a person.
REVIVED_FOR = timedelta(days=3)


def begin_requeue(now: datetime) -> set[int]:
    """Expire what is too old, make the rest due, and let each lane be tried at once; the lanes with something due.

    Held deliveries are examined by ``examine_held``, which may take more than one turn.
    """
    counts: dict[str, Any] = {"expired": expire(now), "due": _make_due(now), "revived": _revive(now)}
    # Whoever plans something wakes its lane up; should one have been forgotten, it was for a day.
    Lane.objects.filter(resting=True, pk__in=_queued().order_by().values("lane")).wake()
    counts["probed"] = _ask(_sendable_lanes().filter(not_before__gt=now, slow_since__isnull=True))
    LastRun.note(NAME, **counts, examined=0, released=0, after=0, finished=False)
    return set(_sendable_lanes().filter(pk__in=_queued().order_by().values("lane")).values_list("pk", flat=True))


def examine_held(until: float, nudge: Callable[[set[int]], None]) -> bool:
    """Examine held deliveries again until ``until`` (``time.monotonic``); ``True`` if some are left for another turn.

    Only those go whose reason is gone. What a person held, and what cuts its sending short, waits for a person.
    """
    run = LastRun.objects.filter(pk=NAME).first()
    if run is None or run.facts.get("finished", True):
        return False
    facts = run.facts
    while not facts["finished"] and lifeline.time_left(until):
        held = _of_sendable(Delivery.objects.held().exclude(reason__in=NEEDS_A_PERSON))
        chunk = list(held.filter(pk__gt=facts["after"]).with_facts().order_by("pk")[:EXAMINED_AT_ONCE])
        pks = [one.pk for one in chunk]
        with transaction.atomic():
            nudge(dispatch.release(chunk))
            left = Delivery.objects.held().filter(pk__in=pks).count()
            facts["examined"] += len(chunk)
            facts["released"] += len(chunk) - left
            facts["after"] = pks[-1] if pks else facts["after"]
            facts["finished"] = len(chunk) < EXAMINED_AT_ONCE
            # Another run may have begun in the meantime; its counts are its own.
            LastRun.objects.filter(pk=NAME, at=run.at).update(facts=facts)
    return not facts["finished"]


def _ask(lanes: QuerySet[Lane]) -> int:
    with transaction.atomic():
        return Lane.objects.filter(pk__in=lanes.values("pk")).ask_now()


def _of_sendable(rows: Any) -> Any:
    return rows.filter(configuration__paused=False, organization__is_active=True)


def _sendable_lanes() -> QuerySet[Lane]:
    return Lane.objects.filter(configuration__paused=False, configuration__organization__is_active=True)


def _queued() -> Any:
    return Delivery.objects.filter(state=Delivery.State.QUEUED)


def chunks(rows: Any) -> Iterator[list[int]]:
    """The keys of ``rows``, a few thousand at a time, each once, whatever becomes of the rows in between."""
    last = 0
    while found := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield found
        last = found[-1]


def _make_due(now: datetime) -> int:
    """Also what waits for its batch: once a day nothing waits."""
    return sum(
        _queued().filter(pk__in=pks, next_attempt_at__gt=now).update(next_attempt_at=now)
        for pks in chunks(_of_sendable(_queued().filter(next_attempt_at__gt=now)))
    )


def _revive(now: datetime) -> int:
    """By the first attempt: what was refused only when an outage was over has its days, too."""
    young = Delivery.objects.filter(state=Delivery.State.REJECTED, first_attempt__opened_at__gt=now - REVIVED_FOR)
    return sum(dispatch.retry(Delivery.objects.filter(pk__in=pks))[0] for pks in chunks(_of_sendable(young)))


# Giving up ---------------------------------------------------------------------------------------------------------


def expire(now: datetime) -> int:
    """Give up what is queued beyond its time, paused or not; how many.

    Not while the organization is switched off: nobody there was warned or could do anything.
    """
    old = _queued().filter(expires_at__lte=now, organization__is_active=True)
    return sum(_expire_in(lane, old) for lane in sorted(set(old.order_by().values_list("lane", flat=True))))


def _expire_in(lane: int, old: Any) -> int:
    """Under the lane's lease: what is in a request just now may still arrive."""
    token = Lane.objects.take(lane)
    if token is None:
        return 0
    sentence = _("It could not be sent in time and was given up. Retry it once the LMS works.")
    count = 0
    try:
        # Left behind by a worker that died: the LMS may have them, so they go once more first.
        unknown = Attempt.objects.all().under_way([lane])
        for pks in chunks(old.filter(lane=lane).exclude(pk__in=unknown)):
            if not Lane.objects.holding(lane, token).update(lease_until=lease_end()):
                break
            count += (
                _queued()
                .filter(pk__in=pks)
                .update(state=Delivery.State.EXPIRED, next_attempt_at=None, sentence=sentence)
            )
    finally:
        Lane.objects.give_back(lane, token)
    return count
