"""From results to deliveries: what is to be told to whom, frozen in the transaction that records the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Exists, OuterRef

from integrations.dispatch import sessions
from integrations.dispatch.composing import Composer, delivery_id
from integrations.models import Attachment, Delivery, Lane, Launch, LMSConfiguration
from integrations.models.delivery import EARLIER
from objectives.models import Objective, Participant, Result, ResultQuerySet
from objectives.models.participant import PSEUDONYM

CHUNK = 500
# Results are planned where they are recorded; the sweep looks this far back for any that were not.
MISSING_WITHIN = timedelta(hours=1)


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
            if launch is not None and launch.configuration is not None and sessions.tells(launch, result):
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
