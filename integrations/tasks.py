"""What runs in the background; beside the schedules the only place that knows django-q2.

A task is only a nudge and carries nothing: the rows in the database say what is to be done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from django.utils.translation import gettext as _
from django_q.models import Failure
from django_q.tasks import async_task
from redis.exceptions import RedisError

from integrations import alerts, dispatch, jobs, keeping, lifeline
from integrations.connectors.base import Check, DestinationError
from integrations.dispatch import lanes
from integrations.models import (
    Attachment,
    CatalogueItem,
    Delivery,
    Difference,
    Lane,
    LastRun,
    LMSConfiguration,
    Mail,
    RemoteContent,
    RemoteUser,
    attachments_changed,
)
from integrations.models.delivery import DeliveryQuerySet
from integrations.models.lane import UNKNOWN
from objectives import clock
from objectives.models import (
    Assignment,
    Job,
    Objective,
    Organization,
    Participant,
    Result,
    assignments_changed,
    results_recorded,
)

logger = logging.getLogger(__name__)

# Seconds that a worker gives to jobs before it looks whether there is something to deliver.
JOBS_SLICE = 10.0
# How often it is written down that a worker works.
HEARTBEAT = timedelta(seconds=10)


# In the worker -----------------------------------------------------------------------------------------------------


def pump() -> str:
    """Work lanes until nothing is ready or the slice is over; then nudge again if something is left.

    Returns a word and never raises on a delivery's account: django-q2 stores and logs what a task raises.
    """
    until = time.monotonic() + settings.DELIVERY_SLICE
    LastRun.beat("pump", HEARTBEAT)
    Lane.objects.nudge_taken_up()
    if dispatch.recheck(time.monotonic() + settings.DELIVERY_SLICE / 2):
        nudge()
    while lifeline.time_left(until):
        if dispatch.serve_next(clock.now(), until) is None:
            return "idle"
    nudge()
    return "more"


def sweep() -> str:
    """Plan what was recorded and not planned, then work what is due: a lost nudge costs a minute, never a result."""
    LastRun.note("sweep")
    with transaction.atomic():
        dispatch.plan_missing(clock.now())
    dispatch.end_silent(clock.now())
    if Job.objects.free().exists():
        nudge("work_jobs")
    alerts.watch(clock.now())
    if Mail.objects.due(clock.now()).exists():
        nudge("send_mails")
    return pump()


def work_jobs() -> str:
    """Do steps of what people began as jobs; then nudge again if something is left. Apart from ``pump``."""
    if jobs.work(time.monotonic() + JOBS_SLICE, nudge_lanes):
        nudge("work_jobs")
        return "more"
    return "idle"


def send_mails() -> str:
    """Send what is in the outbox. Apart from ``pump``: a mail server that hangs delays no delivery."""
    return f"{alerts.send_mails(time.monotonic() + settings.DELIVERY_SLICE)} sent"


def requeue() -> str:
    """Once a day: try everything unsent again, whatever it waits for."""
    nudge_lanes(keeping.begin_requeue(clock.now()))
    return examine_held()


def examine_held() -> str:
    """The re-queue's second part: release what is held without a reason. Takes several turns where much is held."""
    if keeping.examine_held(time.monotonic() + settings.DELIVERY_SLICE, nudge_lanes):
        nudge("examine_held")
        return "more"
    return "done"


def retain() -> str:
    """Once a day: drop what was kept long enough, also the failures that django-q2 keeps for ever."""
    jobs.downloads.drop_old(clock.now())
    Failure.objects.filter(stopped__lt=clock.now() - timedelta(days=settings.RETENTION_CONTENT_DAYS)).delete()
    if keeping.retain(clock.now(), time.monotonic() + settings.DELIVERY_SLICE):
        nudge("retain")
        return "more"
    return "done"


def compare() -> str:
    """Once a night: hold what was delivered against what the LMSs say, where that is wanted."""
    busy = Job.objects.open().filter(kind="compare").values_list("parameters__configuration", flat=True)
    wanted = LMSConfiguration.objects.sending().filter(compares_nightly=True).exclude(pk__in=list(busy))
    return f"{len([begin_comparison(one) for one in wanted.select_related('organization')])} begun"


def check() -> str:
    """Once an hour: hold what was settled lately against the promises."""
    return f"{len(keeping.check(clock.now()))} breaches"


# Nudging -----------------------------------------------------------------------------------------------------------


def nudge(task: str = "pump") -> bool:
    """Wake a worker up; whether that went. Without Redis it does not: workers look by themselves now and then."""
    try:
        async_task(f"integrations.tasks.{task}")
    except RedisError as problem:
        logger.warning("No worker could be woken up: %s", type(problem).__name__)
        return False
    return True


def nudge_lanes(lanes: set[int]) -> None:
    """Once the transaction is through, wake workers up for these lanes, unless a nudge is under way already."""
    if lanes:
        transaction.on_commit(lambda: _nudge_now(lanes), robust=True)


def _nudge_now(lanes: set[int]) -> None:
    wanted = Lane.objects.wanting_nudge(lanes, clock.now())
    for _turn in range(min(wanted, settings.Q_CLUSTER["workers"])):
        if not nudge():
            # Somebody may be waiting for an answer, and Redis may take seconds to give none.
            break


def nudge_mails() -> None:
    """Once the transaction is through, wake a worker up for the outbox."""
    transaction.on_commit(lambda: nudge("send_mails"), robust=True)


# What happens elsewhere --------------------------------------------------------------------------------------------


@receiver(results_recorded)
def plan_results(results: list[Result], **_kwargs: Any) -> None:
    """Plan the deliveries of new results in the transaction that records them."""
    nudge_lanes(dispatch.plan(results))


@receiver(attachments_changed, sender=Attachment)
def follow_attachments(configuration: LMSConfiguration, objectives: list[Objective], **_kwargs: Any) -> None:
    """What was attached is brought into the LMS's catalogue, then what is asked of people; what was detached goes."""
    lanes = dispatch.follow(configuration, objectives)
    nudge_lanes(lanes | dispatch.tell_open_assignments(configuration, objectives))


@receiver(post_save, sender=Objective)
@receiver(post_delete, sender=Objective)
def follow_objective(instance: Objective, created: bool = False, **_kwargs: Any) -> None:
    """What an objective says of itself is said in the catalogues, too; once it is deleted, it is taken out."""
    if not created:
        nudge_lanes(dispatch.follow_everywhere(instance))


@receiver(assignments_changed, sender=Assignment)
def follow_assignments(assignments: list[Assignment], **_kwargs: Any) -> None:
    """LMSs are told what is asked of whom, and what no more."""
    nudge_lanes(dispatch.tell_assignments(assignments))


@receiver(post_save, sender=Assignment)
def follow_assignment(instance: Assignment, **_kwargs: Any) -> None:
    """The same where a single one was saved."""
    nudge_lanes(dispatch.tell_assignments([instance]))


@receiver(pre_save, sender=Participant)
def forget_who_it_was(instance: Participant, **_kwargs: Any) -> None:
    """With another id a participant may be somebody else in an LMS: they are looked up there anew."""
    before = Participant.objects.filter(pk=instance.pk).values_list("participant_id", flat=True).first()
    if before not in {None, instance.participant_id}:
        RemoteUser.objects.filter(participant=instance).delete()


@receiver(post_save, sender=Participant)
def release_participant(instance: Participant, created: bool, **_kwargs: Any) -> None:
    """A corrected participant id releases what was held for it."""
    if not created:
        held = Delivery.objects.held().about(instance)
        nudge_lanes(dispatch.release(held.with_facts()))


@receiver(post_save, sender=Mail)
def mail_written(instance: Mail, created: bool, **_kwargs: Any) -> None:
    """A new mail goes at once."""
    if created and instance.state == Mail.State.QUEUED:
        nudge_mails()


@receiver(post_save, sender=Organization)
def organization_saved(instance: Organization, created: bool, **_kwargs: Any) -> None:
    """Another plan may send more often: what waits under the plan's interval waits no longer than the new one."""
    if not created:
        by_plan = LMSConfiguration.objects.of(instance).filter(update_interval__isnull=True)
        found = list(by_plan.select_related("lane", "organization"))
        for configuration in found:
            dispatch.reschedule(configuration)
        nudge_lanes({configuration.lane.pk for configuration in found})


def offer(configuration: LMSConfiguration, objective: Objective, story: Mapping[str, Any]) -> None:
    """Let an LMS offer a story for an objective, as ``dispatch.offer`` says; empty if it is to offer none."""
    with transaction.atomic():
        nudge_lanes(dispatch.offer(configuration, objective, story))


def mend(contents: Collection[RemoteContent]) -> None:
    """Have these contents told again, whole."""
    with transaction.atomic():
        nudge_lanes(dispatch.mend(contents))


def map_item(item: CatalogueItem, objective: Objective) -> None:
    """Let an item of an LMS's catalogue stand for an objective. Raises ``dispatch.catalogue.Taken``."""
    with transaction.atomic():
        nudge_lanes(dispatch.map_item(item, objective))


def send_again(differences: list[Difference]) -> int:
    """Queue what an LMS does not have as it was told; how many."""
    with transaction.atomic():
        count, lanes = dispatch.send_again(differences)
        nudge_lanes(lanes)
    return count


def configuration_saved(configuration: LMSConfiguration, *, reconnect: bool = False) -> None:
    """A saved configuration is tried at once, and what it held is examined again.

    ``reconnect`` tells that it leads elsewhere now or signs in otherwise, so that its status means nothing any more.
    """
    held = Delivery.objects.held().filter(configuration=configuration)
    concerned = Lane.objects.filter(Q(own=configuration) | Q(resting=False) | Q(pk__in=held.values("lane")))
    concerned = concerned.filter(configuration=configuration)
    concerned.ask_now()
    concerned.update(recheck_at=clock.now(), recheck_after=0)
    if reconnect:
        Lane.objects.filter(own=configuration).update(
            status=Lane.Status.NOT_TESTED, status_since=clock.now(), sentence="", slowness=UNKNOWN
        )
    dispatch.reschedule(configuration)
    nudge_lanes({configuration.lane.pk})
    alerts.ask(configuration, clock.now())


def retry(deliveries: DeliveryQuerySet) -> int:
    """Make queued and rejected deliveries due now, under their old ids; how many."""
    with transaction.atomic():
        count, lanes = dispatch.retry(deliveries)
        nudge_lanes(lanes)
    return count


def release(deliveries: DeliveryQuerySet) -> int:
    """Queue held deliveries of which nothing but a person's wish was in the way; how many."""
    with transaction.atomic():
        count, lanes = jobs.release(deliveries)
        nudge_lanes(lanes)
    return count


def send_now(configuration: LMSConfiguration) -> int:
    """End the wait for the next batch: everything queued is due, and the lane waits for nothing; how many waited."""
    now = clock.now()
    with transaction.atomic():
        Lane.objects.filter(configuration=configuration, resting=False).ask_now()
        queued = Delivery.objects.filter(lane=configuration.lane, state=Delivery.State.QUEUED)
        count = queued.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
        nudge_lanes({configuration.lane.pk})
    return count


def begin_job(kind: str, **values: Any) -> Job:
    """Begin a job of one of ``jobs.KINDS``; a worker is nudged once it is committed."""
    with transaction.atomic():
        job = Job.objects.create(kind=kind, **values)
        transaction.on_commit(lambda: nudge("work_jobs"), robust=True)
    return job


def lms_replaced(configuration: LMSConfiguration) -> None:
    """A configuration leads elsewhere: forget what was known of the old LMS, and bring in what is attached."""
    dispatch.forget_lms(configuration)
    if configuration.keeps_catalogue:
        begin_job(
            "bring",
            organization=configuration.organization,
            title=_("Bring into the catalogue: %(name)s") % {"name": configuration.name},
            parameters={"configuration": configuration.pk},
        )


def begin_comparison(configuration: LMSConfiguration, **values: Any) -> Job:
    """Begin to compare what was delivered with what the LMS says."""
    return begin_job(
        "compare",
        organization=configuration.organization,
        title=_("Compare with the LMS: %(name)s") % {"name": configuration.name},
        parameters={"configuration": configuration.pk},
        **values,
    )


def learned(configuration: LMSConfiguration, found: Mapping[str, Any]) -> None:
    """Keep what a request that a person waited for showed of what the LMS can do."""
    if dict(found) == configuration.lane.learned:
        return
    with transaction.atomic():
        lane = Lane.objects.select_for_update(of=("self",), no_key=True).get(own=configuration)
        Lane.objects.filter(pk=lane.pk).update(learned={**lane.learned, **found})


def tested(configuration: LMSConfiguration, found: Check | DestinationError) -> None:
    """Show what *Test connection* found as the configuration's status; success sends what waited."""
    if isinstance(found, Check) and found.answer is None:
        # Something is missing, so nothing was sent, and nothing is known of the LMS.
        return
    ok = isinstance(found, Check) and found.ok
    error = found if isinstance(found, DestinationError) else None
    took = found.answer.elapsed if found.answer else None
    lanes.tested(configuration.lane, ok, error, "" if ok else found.sentence, took)
    if ok:
        nudge_lanes({configuration.lane.pk})
