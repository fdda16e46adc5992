"""A cmi5 session as who plays sees it: what the LMS wants of it, and what happens in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from decimal import Decimal

from django.db import transaction

from integrations import tasks
from integrations.dispatch import sessions
from integrations.models import Lane, Launch
from integrations.models.configuration import origin_of
from integrations.models.launch import Event
from objectives import clock


@dataclasses.dataclass(frozen=True, slots=True)
class Wishes:
    """What the LMS told about the session, as far as it concerns who plays.

    ``records``: whether it wants to know how it ends; else the learner only looks. ``mastery_score`` is the scaled
    score from which on it is passed. ``return_url`` is where the way back leads, on a server that the launch itself
    may lead to. ``languages`` by preference; ``sound`` is ``None`` where the learner has no wish.
    """

    in_session: bool = False
    records: bool = True
    mastery_score: Decimal | None = None
    return_url: str = ""
    languages: Sequence[str] = ()
    sound: bool | None = None


def wishes(launch: Launch | None) -> Wishes:
    """What the LMS wants of this launch, as far as that is known by now."""
    if launch is None or launch.cmi5 not in {Launch.Cmi5.WANTED, Launch.Cmi5.OPEN}:
        return Wishes()
    told, preferences = launch.session.get("launch_data", {}), launch.session.get("preferences", {})
    languages = [tag.strip() for tag in str(preferences.get("languagePreference", "")).split(",")]
    return Wishes(
        in_session=True,
        records=launch.records_results,
        mastery_score=launch.mastery_score,
        return_url=_return_url(launch, str(told.get("returnURL", ""))),
        languages=[tag for tag in languages if tag],
        sound={"on": True, "off": False}.get(preferences.get("audioPreference", "")),
    )


def _return_url(launch: Launch, url: str) -> str:
    """The way back, if it leads to the LMS itself; never a script, and no page of anybody else's."""
    # What follows the # is the page's own, as of courses that are one page.
    origin = origin_of(url.partition("#")[0])
    if launch.configuration is None or not origin:
        return ""
    trusted = origin in {launch.endpoint_origin, launch.fetch_origin} or launch.configuration.allows(origin)
    return url if trusted else ""


# What happens ------------------------------------------------------------------------------------------------------


def seen(launch: Launch) -> None:
    """The learner gave a sign of life."""
    Launch.objects.filter(pk=launch.pk, ended_at__isnull=True).update(seen_at=clock.now())


def progressed(launch: Launch, percent: int) -> None:
    """The learner has come so far; below 100, since at the end the result tells more."""
    if 0 < percent < 100:
        _change(launch, lambda own: _tell_progress(own, percent))


def _tell_progress(launch: Launch, percent: int) -> None:
    if launch.records_results:
        sessions.happened(launch, Event(sessions.PROGRESSED, clock.now(), progress=percent))


def leave(launch: Launch) -> None:
    """The learner leaves for now."""
    _change(launch, lambda own: sessions.end(own, Launch.Ending.LEFT, clock.now()))


def look_no_more(launch: Launch) -> None:
    """The learner has seen everything, and nothing of it is recorded."""
    _change(launch, lambda own: sessions.end(own, Launch.Ending.FINISHED, clock.now()))


def _change(launch: Launch, change: Callable[[Launch], None]) -> None:
    """Change a launch as it is now, with everybody else kept out, and have a worker tell the LMS."""
    with transaction.atomic():
        # In the order in which everybody takes them: lanes, launches.
        Lane.objects.filter(launch=launch).wake()
        own = Launch.objects.select_for_update(of=("self",)).select_related("configuration").get(pk=launch.pk)
        if own.ended_at is None:
            own.seen_at = clock.now()
            own.save(update_fields=["seen_at"])
        change(own)
        nudge(own)
    launch.refresh_from_db()


def nudge(launch: Launch) -> None:
    """Have a worker tell the LMS what happened."""
    if launch.cmi5 == Launch.Cmi5.OPEN and launch.configuration is not None:
        tasks.nudge_lanes({launch.lane_or(launch.configuration.lane).pk})
