"""cmi5 sessions: what happens in one, in which order it is told, and what a later launch takes over from it.

What happened is kept with the launch and becomes deliveries once the LMS has told about the session: their bytes
need its context template (cmi5 10.2.1). The rules that hold across the launches of one enrollment are cmi5 9.3.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from integrations.dispatch.composing import Composer, event_facts
from integrations.models import Delivery, Lane, Launch
from integrations.models.launch import Event
from objectives import clock
from objectives.models import Result

INITIALIZED, PROGRESSED, COMPLETED, TERMINATED = "initialized", "progressed", "completed", "terminated"
PASSED, FAILED = "passed", "failed"
# The statements of a session are judged by their times, too (cmi5 9.3).
AFTERWARDS = timedelta(milliseconds=1)
# Silent sessions that one sweep ends.
AT_ONCE = 500
# Of deliveries in these states the LMS has, or may have, what they tell.
TOLD = (Delivery.State.QUEUED, Delivery.State.HELD, Delivery.State.DELIVERED)


def happened(launch: Launch, event: Event) -> bool:
    """Write down that something happened, and tell it if the LMS has told about the session; whether it was new.

    The caller holds the row's lock and has woken its lane up.
    """
    if not launch.is_in_session:
        return False
    if event.name in {one.name for one in launch.happened}:
        return False
    if event.verb == PROGRESSED and COMPLETED in told_before(launch):
        # Progress is told until completion, once for the enrollment (cmi5 9.5.5.1).
        return False
    launch.events = [*launch.events, event.as_json()]
    launch.save(update_fields=["events"])
    if launch.cmi5 == Launch.Cmi5.OPEN:
        tell(launch, [event])
    return True


def end(launch: Launch, how: str, now: datetime) -> None:
    """End the session, as the last that happens in it. ``now`` is the moment of the last sign of life."""
    if not launch.is_in_session:
        return
    # Whatever the clocks of several hosts say: after the last that happened.
    now = max([now, *(one.at + AFTERWARDS for one in launch.happened)])
    if how != Launch.Ending.RELAUNCHED:
        happened(launch, Event(TERMINATED, now, duration=max(now - launch.opened_at, timedelta())))
    launch.ended_at, launch.ending = now, how
    launch.save(update_fields=["ended_at", "ending"])


def end_silent(now: datetime) -> int:
    """End the sessions of learners who have given no sign of life for long; how many.

    Each as of the last sign: the time after that was not spent with the story.
    """
    silent = Launch.objects.in_session().filter(seen_at__lt=now - timedelta(minutes=settings.SESSION_SILENT_MINUTES))
    count = 0
    for pk in list(silent.order_by("seen_at").values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            Lane.objects.filter(launch=pk).wake()
            own = Launch.objects.select_for_update(of=("self",)).select_related("configuration").get(pk=pk)
            if own.ended_at is None and silent.filter(pk=pk).exists():
                end(own, Launch.Ending.SILENT, own.seen_at)
                count += 1
    return count


def tell(launch: Launch, events: Iterable[Event]) -> None:
    """Make the deliveries of these events, in their order; none of what no later session could tell."""
    configuration = launch.configuration
    if configuration is None:
        return
    composer = Composer(configuration, launch)
    rows = []
    for event in events:
        delivery = Delivery(
            organization_id=launch.organization_id,
            uuid=uuid.uuid5(launch.uuid, event.name),
            kind=Delivery.Kind.LAUNCH,
            event=event.name,
            configuration=configuration,
            launch=launch,
            lane=launch.lane_or(configuration.lane),
        )
        composer.fill(delivery, event_facts(launch, event, delivery.uuid), event.at)
        if delivery.reason != Delivery.Reason.RELAUNCH or event.name == COMPLETED:
            rows.append(delivery)
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


# What may be told --------------------------------------------------------------------------------------------------


def scaled(result: Result) -> Decimal | None:
    """The score of a result between 0 and 1, if it has one, as precise as it is told."""
    own: Decimal | None = result.score_scaled
    if own is not None:
        return round(own, 4)
    low: Decimal = result.score_min or Decimal(0)
    raw: Decimal | None = result.score_raw
    high: Decimal | None = result.score_max
    return None if raw is None or high is None or high <= low else round((raw - low) / (high - low), 4)


def verdict(launch: Launch, result: Result) -> str:
    """``passed``, ``failed``, or ``completed`` where nobody passes or fails; the LMS's mastery score decides."""
    score, mastery = scaled(result), launch.mastery_score
    if result.success is None:
        return COMPLETED
    if mastery is None or score is None:
        return PASSED if result.success else FAILED
    return PASSED if score >= mastery else FAILED


def told_before(launch: Launch) -> set[str]:
    """Which of ``completed``, ``passed`` and ``failed`` other sessions of the same enrollment told, or still tell."""
    others = Launch.objects.same_session(launch).filter(cmi5=Launch.Cmi5.OPEN)
    return verbs_of(Delivery.objects.filter(launch__in=others, state__in=TOLD))


def verbs_of(deliveries: QuerySet[Delivery]) -> set[str]:
    """What these tell of completion and success."""
    found = set(deliveries.filter(event=COMPLETED).values_list("event", flat=True))
    for delivery in deliveries.filter(kind=Delivery.Kind.RESULT).select_related("result", "launch", "lane__launch"):
        # By the terms of the session in which it is told: a later one may have taken it over.
        launch = delivery.lane.launch or delivery.launch
        if delivery.result is not None and launch is not None:
            found.add(verdict(launch, delivery.result))
    return found


def may_tell(verb: str, before: set[str]) -> bool:
    """Whether a verb may be told after these: ``completed`` and ``passed`` once, nothing failed after a pass."""
    return verb not in before if verb == COMPLETED else PASSED not in before


def tells(launch: Launch, result: Result) -> bool:
    """Whether the launch's own LMS is to be told the result: as long as that is open, too."""
    if launch.cmi5 != Launch.Cmi5.OPEN:
        return True
    return launch.records_results and may_tell(verdict(launch, result), told_before(launch))


def completes(launch: Launch, result: Result) -> bool:
    """Whether the session has to tell of the completion apart from the result, which tells of success."""
    if result.success is None or not result.completion or not launch.records_results:
        return False
    return launch.cmi5 != Launch.Cmi5.OPEN or may_tell(COMPLETED, told_before(launch))


def give_up(deliveries: QuerySet[Delivery], sentence: str) -> int:
    """End what can be told to nobody any more; how many."""
    return deliveries.update(
        state=Delivery.State.EXPIRED,
        reason="",
        sentence=sentence,
        content="",
        dropped_at=clock.now(),
        next_attempt_at=None,
        expires_at=clock.now(),
    )


# Once the LMS has told about the session ---------------------------------------------------------------------------


def opened(launch: Launch) -> None:
    """Tell what happened so far, with what of earlier sessions may still be told. Inside the settling transaction."""
    before = told_before(launch)
    events = [one for one in launch.happened if one.name != COMPLETED or may_tell(COMPLETED, before)]
    if not launch.records_results:
        events = [one for one in events if one.verb in {INITIALIZED, TERMINATED}]
    if COMPLETED in before:
        events = [one for one in events if one.verb != PROGRESSED]
    tell(launch, events)
    if launch.result is not None and not tells(launch, launch.result):
        own = Delivery.objects.held().filter(launch=launch, result=launch.result)
        give_up(own, _("The LMS takes no such statement any more: it has a pass, or opened the story to look only."))


def give_up_moments(lane: Lane) -> int:
    """End what means nothing outside its own session, which is over: that it began, went on and ended; how many."""
    held = Delivery.objects.held().filter(lane=lane, kind=Delivery.Kind.LAUNCH, reason=Delivery.Reason.RELAUNCH)
    return give_up(
        held.exclude(event=COMPLETED), _("The LMS closed the session before it took this, so it is told to nobody.")
    )


def give_up_events(held: QuerySet[Delivery]) -> int:
    """End what only a cmi5 session can be told, where the later launch is none; how many."""
    return give_up(
        held.exclude(event=""), _("The story was launched again, not as a cmi5 session, so this is told to nobody.")
    )


def take_over(launch: Launch, earlier: QuerySet[Launch]) -> bool:
    """Tell in this launch's session what earlier ones left untold and may still be told; whether there was anything.

    Of several results the best goes: a session tells of one. What belonged to the earlier sessions alone is given up.
    """
    held = Delivery.objects.held().filter(launch__in=earlier, reason=Delivery.Reason.RELAUNCH)
    before = told_before(launch) if not held.exists() else _told_otherwise(launch, held)
    best = _best(launch, held, before)
    completed = held.filter(event=COMPLETED).order_by("-pk").first() if may_tell(COMPLETED, before) else None
    taken = [one.pk for one in (completed, best) if one is not None]
    give_up(
        held.exclude(pk__in=taken),
        _("The LMS closed its session when the story was launched again, so this is told to nobody any more."),
    )
    if best is not None and completed is None:
        _complete(launch, best, before)
    return bool(_move(launch, taken))


def _complete(launch: Launch, told: Delivery, before: set[str]) -> None:
    """Tell of the completion, too, where the earlier session was over before the story was."""
    result = told.result
    if result is not None and result.completion and result.success is not None and may_tell(COMPLETED, before):
        happened(launch, Event(COMPLETED, clock.now(), duration=result.duration))


def _told_otherwise(launch: Launch, held: QuerySet[Delivery]) -> set[str]:
    others = Launch.objects.same_session(launch).filter(cmi5=Launch.Cmi5.OPEN)
    told = Delivery.objects.filter(launch__in=others, state__in=TOLD)
    return verbs_of(told.exclude(pk__in=held.values("pk")))


def _best(launch: Launch, held: QuerySet[Delivery], before: set[str]) -> Delivery | None:
    """The result to tell: a pass before anything else, and else the latest."""
    if not launch.records_results or launch.result_id is not None:
        return None
    results = [
        one
        for one in held.filter(kind=Delivery.Kind.RESULT).select_related("result").order_by("pk")
        if one.result is not None and may_tell(verdict(launch, one.result), before)
    ]
    # The rows come by their keys, so that the latest is the last.
    passed = [one for one in results if one.result is not None and verdict(launch, one.result) == PASSED]
    return next(reversed(passed or results), None)


def _move(launch: Launch, deliveries: list[int]) -> int:
    """Into the lane of this launch, to be worded anew for its session; they stay held until they are released."""
    configuration = launch.configuration
    if configuration is None or not deliveries:
        return 0
    lane = launch.lane_or(configuration.lane)
    Lane.objects.filter(pk=lane.pk).wake()
    return Delivery.objects.filter(pk__in=deliveries).update(lane=lane, content="")
