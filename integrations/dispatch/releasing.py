"""Letting go what is held or waits: examined again, asked for by a person, or held on the contrary."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Value, When

from integrations import lifeline
from integrations.connectors.base import Held
from integrations.dispatch.composing import Composer, due_at
from integrations.models import Delivery, Lane, Launch, LMSConfiguration
from integrations.models.delivery import DeliveryQuerySet, default_expiry
from objectives import clock

CHUNK = 500

# What only a person lets go again.
NEEDS_A_PERSON = frozenset({Delivery.Reason.CRASHES.value, Delivery.Reason.BY_PERSON.value})


def release(held: Iterable[Delivery], *, by_person: bool = False) -> set[int]:
    """Examine held deliveries again and queue those whose reason is gone; the lanes that got something to do.

    ``held`` is best a queryset of held deliveries; each is written only if it is still held. What a person held,
    and what cuts its sending short, is queued only ``by_person``.
    """
    now = clock.now()
    composers: dict[tuple[int, int | None], Composer] = {}
    lanes: set[int] = set()
    for delivery in held:
        if delivery.reason in NEEDS_A_PERSON and not by_person:
            continue
        # A later launch may have taken over what an earlier one left: it is told in that one's session.
        launch = delivery.lane.launch or delivery.launch
        which = (delivery.configuration_id, None if launch is None else launch.pk)
        composer = composers.get(which) or Composer(delivery.configuration, launch)
        composers[which] = composer
        before = delivery.reason, delivery.sentence
        composer.fill(delivery, composer.facts_of(delivery), _moment(delivery, now))
        if delivery.state == Delivery.State.HELD and (delivery.reason, delivery.sentence) == before:
            continue
        if _write_released(delivery, by_person=by_person) and delivery.state == Delivery.State.QUEUED:
            lanes.add(delivery.lane_id)
    return lanes


def _moment(delivery: Delivery, now: datetime) -> datetime:
    """When it goes: now; in a session in the order in which things happened."""
    in_session = delivery.lane.launch is not None and delivery.lane.launch.cmi5 == Launch.Cmi5.OPEN
    if not in_session or delivery.result is None or delivery.launch_id != delivery.lane.launch_id:
        return now
    return min(now, delivery.result.occurred_at)


def _write_released(delivery: Delivery, *, by_person: bool) -> bool:
    """Write down what examining it came to, unless it is held no more."""
    with transaction.atomic():
        if delivery.launch_id is not None:
            Lane.objects.filter(pk=delivery.lane_id).wake()
        changed = (
            Delivery.objects.held()
            .filter(pk=delivery.pk)
            .update(
                state=delivery.state,
                reason=delivery.reason,
                sentence=delivery.sentence,
                content=delivery.content,
                next_attempt_at=delivery.next_attempt_at,
                cut_short=0 if by_person else delivery.cut_short,
            )
        )
    return bool(changed)


def recheck(until: float) -> bool:
    """Examine what is held where a configuration was changed since, until ``until`` (``time.monotonic``).

    Returns whether something is left for another turn. A worker that dies in between leaves the wish standing.
    """
    for lane in Lane.objects.filter(recheck_at__isnull=False).order_by("recheck_at"):
        asked = Lane.objects.filter(pk=lane.pk, recheck_at=lane.recheck_at)
        after = lane.recheck_after
        while True:
            if not lifeline.time_left(until):
                return True
            held = Delivery.objects.held().filter(lane=lane.pk, pk__gt=after).with_facts().order_by("pk")
            chunk = list(held[:CHUNK])
            release(chunk)
            after = chunk[-1].pk if chunk else after
            if len(chunk) < CHUNK:
                asked.update(recheck_at=None, recheck_after=0)
                break
            asked.update(recheck_after=after)
    return False


def reschedule(configuration: LMSConfiguration) -> None:
    """The update interval may have become shorter: what waits for its first batch waits no longer than that."""
    due = due_at(configuration, clock.now())
    waiting = Delivery.objects.filter(lane=configuration.lane, state=Delivery.State.QUEUED, attempts=0)
    waiting.filter(next_attempt_at__gt=due).update(next_attempt_at=due)


def hold_what_cannot_go(lane: Lane, held: Held) -> None:
    """Hold everything queued in a lane whose configuration cannot send results just now."""
    Delivery.objects.filter(lane=lane, state=Delivery.State.QUEUED).update(
        state=Delivery.State.HELD, reason=held.reason, sentence=held.sentence, next_attempt_at=None
    )


def retry(deliveries: DeliveryQuerySet) -> tuple[int, set[int]]:
    """Make what may be retried due now, under its old ids and bytes; how many, and their lanes."""
    again = deliveries.retryable()
    with transaction.atomic():
        lanes = set(again.order_by().values_list("lane_id", flat=True).distinct())
        # Lanes first, as a worker does when it settles: in another order the two would wait for each other for ever.
        Lane.objects.filter(pk__in=lanes).ask_now()
        # What had expired gets its time once more.
        expires = Case(When(state=Delivery.State.EXPIRED, then=Value(default_expiry())), default=F("expires_at"))
        # A person looked there where the LMS itself could not be asked.
        looked = When(state=Delivery.State.HELD, reason=Delivery.Reason.UNSUPPORTED, then=Value(False))
        # What is due already keeps its place: in a session nothing may overtake what happened before it.
        now = clock.now()
        waits = When(state=Delivery.State.QUEUED, next_attempt_at__lte=now, then=F("next_attempt_at"))
        count = again.update(
            doubtful=Case(looked, default=F("doubtful")),
            state=Delivery.State.QUEUED,
            reason="",
            cut_short=0,
            next_attempt_at=Case(waits, default=Value(now)),
            expires_at=expires,
        )
    return count, lanes
