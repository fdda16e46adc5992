"""Recording what a learner achieved, with the launch by which they came: once for each launch."""

from __future__ import annotations

from django.db import transaction

from integrations.dispatch import sessions
from integrations.launches.sessions import nudge
from integrations.models import Lane, Launch
from integrations.models.launch import Event
from objectives import clock
from objectives.models import Participant, Result


def record(launch: Launch | None, result: Result) -> Result:
    """Save the result and plan its deliveries in one transaction; the result that the launch has already, if it has.

    It goes to the launch's destination and to the objective's attached LMS configurations, to no LMS twice; by a
    launch that is not verified to the launch's own configuration alone. Without a launch it goes the ordinary way.
    Raises ``ValidationError`` if the result is not sound.
    """
    if launch is None:
        [saved] = Result.objects.record([result])
        return saved
    with transaction.atomic():
        # In the order in which everybody takes them: people, lanes, launches.
        Participant.objects.kept([result.participant_id])
        Lane.objects.filter(launch=launch).wake()
        own = Launch.objects.select_for_update(of=("self",)).select_related("configuration").get(pk=launch.pk)
        if own.result is None:
            Result.objects.record([result], first=lambda saved: _finish(own, saved[0]))
            sessions.end(own, Launch.Ending.FINISHED, result.occurred_at + sessions.AFTERWARDS)
            nudge(own)
        launch.result, launch.finished_at = own.result, own.finished_at
        return own.result or result


def _finish(launch: Launch, result: Result) -> None:
    launch.result, launch.finished_at = result, clock.now()
    launch.save(update_fields=["result", "finished_at"])
    if sessions.completes(launch, result):
        moment = result.occurred_at - sessions.AFTERWARDS
        sessions.happened(launch, Event(sessions.COMPLETED, moment, duration=result.duration))
