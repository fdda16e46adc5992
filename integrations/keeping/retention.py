"""How long things are kept: what was sent, what came back, and the record of each exchange. Counters stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from integrations import lifeline
from integrations.keeping.launches import forget_old_launches
from integrations.keeping.requeue import chunks
from integrations.models import Attempt, Delivery, LastRun
from objectives.retention import drop_elsewhere

NAME = "retention"
# Ids in one query: SQLite takes no more than 32,766 of them.
IDS_AT_ONCE = 5000


def retain(now: datetime, until: float) -> bool:
    """Drop what was kept long enough, until ``until`` (``time.monotonic``); ``True`` if something is left to drop."""
    contents, more = _drop_contents(now, until)
    answers, attempts, launches = 0, 0, 0
    if not more:
        answers, more = _drop_answers(now, until)
    # Only after the contents: a delivered row with its content has its proof.
    if not more:
        attempts, more = _delete_attempts(now, until)
    if not more:
        launches, more = forget_old_launches(now, until)
    if not more:
        more = drop_elsewhere(now, until)
    counts = {"contents": contents, "answers": answers, "attempts": attempts, "launches": launches}
    _note(counts, finished=not more)
    return more


def _note(counts: dict[str, int], *, finished: bool) -> None:
    """One run may take several turns: their counts are added up."""
    run = LastRun.objects.filter(pk=NAME).first()
    before = run.facts if run is not None and not run.facts.get("finished", True) else {}
    added = {name: count + before.get(name, 0) for name, count in counts.items()}
    LastRun.note(NAME, **added, finished=finished)


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _drop_contents(now: datetime, until: float) -> tuple[int, bool]:
    """What was delivered, or given up, long ago. What is refused or held keeps its content: it may still go."""
    cutoff = _before(now, settings.RETENTION_CONTENT_DAYS)
    over = Q(state=Delivery.State.DELIVERED, delivered_at__lt=cutoff) | Q(
        state=Delivery.State.EXPIRED, expires_at__lt=cutoff
    )
    count = 0
    for pks in chunks(Delivery.objects.filter(over, dropped_at__isnull=True)):
        # Asked again: a person may have revived it just now.
        count += Delivery.objects.filter(over, pk__in=pks).update(content="", dropped_at=now)
        if not lifeline.time_left(until):
            return count, True
    return count, False


def _drop_answers(now: datetime, until: float) -> tuple[int, bool]:
    old = Attempt.objects.filter(
        closed_at__isnull=False, opened_at__lt=_before(now, settings.RETENTION_CONTENT_DAYS)
    ).exclude(answer="")
    count = 0
    for pks in chunks(old):
        count += Attempt.objects.filter(pk__in=pks).update(answer="")
        if not lifeline.time_left(until):
            return count, True
    return count, False


def _delete_attempts(now: datetime, until: float) -> tuple[int, bool]:
    # An hour later than contents go, where both are kept equally long.
    cutoff = _before(now, settings.RETENTION_ATTEMPT_DAYS) - timedelta(hours=1)
    count = 0
    for pks in chunks(Attempt.objects.filter(closed_at__isnull=False, opened_at__lt=cutoff)):
        with transaction.atomic():
            _forget_in_deliveries(pks)
            count += Attempt.objects.filter(pk__in=pks).delete()[0]
        if not lifeline.time_left(until):
            return count, True
    return count, False


def _forget_in_deliveries(attempts: list[int]) -> None:
    """An attempt lists its deliveries, so that nobody must look for those that point to it."""
    lists = Attempt.objects.filter(pk__in=attempts).values_list("delivery_ids", flat=True)
    deliveries = sorted({pk for text in lists for pk in Attempt.split_ids(text)})
    for pks in _parts(deliveries):
        listed = Delivery.objects.filter(pk__in=pks)
        listed.filter(first_attempt__in=attempts).update(first_attempt=None)
        listed.filter(last_attempt__in=attempts).update(last_attempt=None)


def _parts(pks: Iterable[int]) -> Iterator[list[int]]:
    stream = iter(pks)
    while part := list(islice(stream, IDS_AT_ONCE)):
        yield part
