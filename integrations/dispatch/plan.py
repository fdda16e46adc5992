"""From results to deliveries: what is to be told to whom, frozen in the transaction that records the result."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Value, When

from integrations import lifeline
from integrations.connectors.base import Connection, Connector, Facts, Held, Launched
from integrations.dispatch.routes import route_of
from integrations.models import Attachment, Delivery, Lane, Launch, LMSConfiguration
from integrations.models.delivery import EARLIER, DeliveryQuerySet, default_expiry, erased
from objectives import clock
from objectives.models import Objective, Participant, Result, ResultQuerySet
from objectives.models.participant import PSEUDONYM

CHUNK = 500
# Results are planned where they are recorded; the sweep looks this far back for any that were not.
MISSING_WITHIN = timedelta(hours=1)


def facts_of(
    result: Result,
    delivery_id: uuid.UUID,
    participant: Participant,
    objective: Objective,
    launch: Launch | None = None,
) -> Facts:
    """What is told about a result, under the id it has in this one LMS; after a launch, in that LMS's own terms."""
    return Facts(
        id=delivery_id,
        participant_id=participant.participant_id,
        participant_name=participant.name,
        activity_iri=objective.activity_iri,
        activity_name=objective.name,
        activity_description=objective.description,
        language=objective.language,
        completion=result.completion,
        success=result.success,
        score_scaled=result.score_scaled,
        score_raw=result.score_raw,
        score_min=result.score_min,
        score_max=result.score_max,
        duration=result.duration,
        timestamp=result.occurred_at,
        launch=None if launch is None else _launched(launch),
    )


def _launched(launch: Launch) -> Launched:
    return Launched(launch.actor, launch.activity_id, launch.registration, launch.session_id)


def delivery_id(configuration: LMSConfiguration, result: Result) -> uuid.UUID:
    """The id of a result in one LMS: the same however often it is planned, and unknown to anybody else."""
    return uuid.uuid5(configuration.uuid, result.uuid.hex)


def due_at(configuration: LMSConfiguration, now: datetime) -> datetime:
    """When something recorded now is sent: at once, or with the configuration's next batch.

    Batches go at fixed distances from each other; each configuration has moments of its own, so that not all
    customers' batches start together.
    """
    interval = configuration.interval.total_seconds()
    if not interval:
        return now
    offset = configuration.uuid.int % interval
    turns = (now.timestamp() - offset) // interval + 1
    return datetime.fromtimestamp(turns * interval + offset, tz=UTC)


class Composer:
    """Fills in a delivery's content, or the reason why it is held, for one configuration, or one launch by it."""

    def __init__(self, configuration: LMSConfiguration, launch: Launch | None = None) -> None:
        self.configuration = configuration
        self.launch = launch
        self.connector: Connector = configuration.connector
        self.connection: Connection = configuration.declared()
        self.obstacle = self._obstacle()
        self._next: datetime | None = None

    def _obstacle(self) -> Held | None:
        if self.launch is None:
            return self.connector.can_send(self.connection)
        try:
            route_of(self.launch, self.configuration)
        except Held as held:
            return held
        return None

    def due_at(self, now: datetime) -> datetime:
        """When something recorded now is sent."""
        if self._next is None:
            self._next = due_at(self.configuration, now)
        return self._next

    def plan(self, delivery: Delivery, result: Result, person: Participant, objective: Objective) -> Delivery:
        """A new delivery with everything in it; of somebody who was erased since, one that is never sent."""
        if person.is_erased:
            for column, value in erased().items():
                setattr(delivery, column, value)
        else:
            now = clock.now()
            facts = facts_of(result, delivery.uuid, person, objective, self.launch)
            # A lane of a launch's own goes by no interval.
            own_lane = delivery.lane_id != self.configuration.lane.pk
            self.fill(delivery, facts, now if own_lane else self.due_at(now))
        return delivery

    def fill(self, delivery: Delivery, facts: Facts, due: datetime) -> None:
        """Freeze the bytes and queue the delivery for that moment, or hold it with the reason."""
        try:
            if self.obstacle is not None:
                raise self.obstacle
            # Once frozen, the bytes stay: a store answers a repeat with other bytes as a conflict.
            content = delivery.content or self.connector.compose(facts, self.connection).decode()
        except Held as held:
            delivery.state, delivery.reason, delivery.sentence = Delivery.State.HELD, held.reason, held.sentence
            delivery.next_attempt_at = None
        else:
            delivery.state, delivery.reason, delivery.sentence = Delivery.State.QUEUED, "", ""
            delivery.content, delivery.next_attempt_at = content, due


def plan(results: Sequence[Result]) -> set[int]:
    """Make the deliveries of these results, once each; the lanes that got something to do.

    Runs in the transaction of its caller. Safe to repeat: a result is planned once for each configuration.
    """
    return _plan(results, {result.pk: None for result in results})


def plan_missing(now: datetime) -> set[int]:
    """Plan results that were recorded lately without being planned; the lanes that got something to do."""
    planned = Delivery.objects.filter(result=OuterRef(OuterRef("pk")), configuration=OuterRef("configuration_id"))
    wanted = Attachment.objects.filter(
        ~Exists(planned), objective=OuterRef("objective_id"), attached_at__lte=OuterRef("recorded_at")
    )
    wanted = wanted.filter(~Exists(Launch.objects.excusing()))
    recent = Result.objects.filter(recorded_at__gt=now - MISSING_WITHIN).filter(Exists(wanted)).order_by("pk")
    results = list(recent[:CHUNK])
    return _plan(results, {result.pk: result.recorded_at for result in results})


def _plan(results: Sequence[Result], attached_by: dict[int, datetime | None]) -> set[int]:
    lanes: set[int] = set()
    for chunk in _chunks(results):
        objectives = Objective.objects.in_bulk({result.objective_id for result in chunk})
        composers, launches = _composers(objectives), _launches(chunk)
        if not composers and not launches:
            continue
        people = Participant.objects.kept({result.participant_id for result in chunk})
        rows: list[Delivery] = []
        for result in chunk:
            limit, launch = attached_by[result.pk], launches.get(result.pk)
            objective, person = objectives[result.objective_id], people[result.participant_id]
            if launch is not None and launch.configuration is not None:
                composer = Composer(launch.configuration, launch)
                rows.append(composer.plan(_delivery(result, composer), result, person, objective))
            for attachment, composer in composers.get(result.objective_id, ()):
                if limit is not None and attachment.attached_at > limit:
                    continue
                if launch is None or launch.lets_know(composer.configuration):
                    rows.append(composer.plan(_delivery(result, composer), result, person, objective))
        # First of all, so that none of them goes to rest before what is planned can be seen.
        Lane.objects.filter(launch__in=[one.pk for one in launches.values()]).wake()
        Delivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)
        lanes |= {row.lane_id for row in rows if row.state == Delivery.State.QUEUED}
    return lanes


def _chunks(results: Iterable[Result]) -> Iterator[list[Result]]:
    stream = iter(results)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk


def _launches(results: Sequence[Result]) -> dict[int, Launch]:
    """By result, the launch that it came with."""
    own = Launch.objects.filter(result__in=[result.pk for result in results])
    found = own.select_related("configuration__lane", "configuration__organization", "relaunched_as", "lane")
    return {launch.result_id: launch for launch in found if launch.result_id is not None}


def _composers(objectives: dict[int, Objective]) -> dict[int, list[tuple[Attachment, Composer]]]:
    attachments = Attachment.objects.filter(objective__in=objectives).select_related(
        "configuration__lane", "configuration__organization"
    )
    known: dict[int, Composer] = {}
    found: dict[int, list[tuple[Attachment, Composer]]] = defaultdict(list)
    for attachment in attachments:
        # A row altered behind our back must not carry results into another organization's LMS.
        if attachment.configuration.organization_id != objectives[attachment.objective_id].organization_id:
            continue
        composer = known.setdefault(attachment.configuration_id, Composer(attachment.configuration))
        found[attachment.objective_id].append((attachment, composer))
    return found


def _delivery(result: Result, composer: Composer) -> Delivery:
    configuration, launch = composer.configuration, composer.launch
    lane = configuration.lane if launch is None else launch.lane_or(configuration.lane)
    return Delivery(
        organization_id=result.organization_id,
        uuid=delivery_id(configuration, result),
        configuration_id=configuration.pk,
        launch_id=None if launch is None else launch.pk,
        lane_id=lane.pk,
        result_id=result.pk,
    )


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
        which, launch = (delivery.configuration_id, delivery.launch_id), delivery.launch
        composer = composers.get(which) or Composer(delivery.configuration, launch)
        composers[which] = composer
        result, before = delivery.result, (delivery.reason, delivery.sentence)
        composer.fill(delivery, facts_of(result, delivery.uuid, result.participant, result.objective, launch), now)
        if delivery.state == Delivery.State.HELD and (delivery.reason, delivery.sentence) == before:
            continue
        if _write_released(delivery, by_person=by_person) and delivery.state == Delivery.State.QUEUED:
            lanes.add(delivery.lane_id)
    return lanes


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
        count = again.update(
            state=Delivery.State.QUEUED, reason="", cut_short=0, next_attempt_at=clock.now(), expires_at=expires
        )
    return count, lanes


def earlier(configuration: LMSConfiguration, objective_ids: Sequence[int] | None = None) -> ResultQuerySet:
    """Results recorded before the configuration was attached to their objective and never planned for it.

    ``None`` stands for all objectives that it is attached to.
    """
    attached = Attachment.objects.filter(
        configuration=configuration, objective=OuterRef("objective_id"), attached_at__gt=OuterRef("recorded_at")
    )
    attached = attached.filter(~Exists(Launch.objects.excusing()))
    planned = Delivery.objects.filter(configuration=configuration, result=OuterRef("pk"))
    found = Result.objects.of(configuration.organization).filter(Exists(attached), ~Exists(planned))
    # What an erased person achieved is told to nobody any more.
    found = found.exclude(participant__participant_id__startswith=PSEUDONYM, participant__name="")
    return found if objective_ids is None else found.filter(objective__in=objective_ids)


def plan_earlier(
    configuration: LMSConfiguration, objective_ids: Sequence[int] | None, after_pk: int, limit: int
) -> tuple[int, int, set[int]]:
    """Plan the next ``limit`` of the ``earlier`` results after the one with the key ``after_pk``.

    They go behind whatever is new. How many were planned, the last key, and the lanes that got something to do;
    fewer than ``limit`` means that there are no more. Runs in the transaction of its caller.
    """
    found = earlier(configuration, objective_ids).filter(pk__gt=after_pk).order_by("pk")
    results = list(found.select_related("objective")[:limit])
    composer = Composer(configuration)
    people = Participant.objects.kept({result.participant_id for result in results})
    rows: list[Delivery] = []
    for result in results:
        delivery = _delivery(result, composer)
        delivery.priority = EARLIER
        rows.append(composer.plan(delivery, result, people[result.participant_id], result.objective))
    Delivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)
    lanes = {row.lane_id for row in rows if row.state == Delivery.State.QUEUED}
    return len(rows), results[-1].pk if results else after_pk, lanes
