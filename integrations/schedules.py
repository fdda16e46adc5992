"""What runs by the clock: the rows of django-q2's schedule, written when a worker starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django_q.models import Schedule

from integrations.models import LastRun
from objectives import clock

# django-q2 looks at its schedule every 30 seconds, so a run begins up to so much later than its time.
LOCK = "schedules"


@dataclass(frozen=True)
class Wanted:
    """One schedule: ``at`` is the time of day in UTC, or ``None`` for every hour from now on."""

    name: str
    func: str
    at: time | None

    @property
    def kind(self) -> str:
        """How often, in django-q2's words."""
        return str(Schedule.HOURLY if self.at is None else Schedule.DAILY)

    @property
    def every(self) -> timedelta:
        """The time between two runs."""
        return timedelta(hours=1) if self.at is None else timedelta(days=1)

    def next_run(self, now: datetime) -> datetime:
        """The first time after ``now``."""
        if self.at is None:
            return now + timedelta(minutes=5)
        today = datetime.combine(now.astimezone(UTC).date(), self.at.replace(tzinfo=None), tzinfo=UTC)
        return today if today > now else today + timedelta(days=1)

    def fits(self, row: Schedule, now: datetime) -> bool:
        """Whether the row keeps these hours already, so that its next run is left as it is."""
        if row.next_run > now + 2 * self.every:
            # django-q2 goes by the clock of its host, and one that is far ahead puts a schedule off for all.
            return False
        return row.schedule_type == self.kind and (self.at is None or row.next_run.astimezone(UTC).time() == self.at)


def wanted() -> list[Wanted]:
    """All schedules. Retention comes half an hour after the re-queue, which is the more urgent, then comparisons."""
    at = settings.REQUEUE_AT.replace(tzinfo=None)
    later, night = ((datetime.combine(datetime(2000, 1, 1), at) + timedelta(minutes=n)).time() for n in (30, 60))
    return [
        Wanted("LMS Bridge: daily re-queue", "integrations.tasks.requeue", at),
        Wanted("LMS Bridge: hourly check", "integrations.tasks.check", None),
        Wanted("LMS Bridge: daily retention", "integrations.tasks.retain", later),
        Wanted("LMS Bridge: daily comparison", "integrations.tasks.compare", night),
    ]


def arrange(now: datetime | None = None) -> None:
    """Write the schedules, or mend them. Safe when several workers start at once.

    A schedule that keeps its hours is left alone: to move its next run at each start would put it off for ever where
    workers are restarted often, and would run twice what has just run.
    """
    now = now or clock.now()
    with transaction.atomic():
        # django-q2 does not hold a schedule's name unique; this row is what starting workers queue up for.
        LastRun.objects.get_or_create(name=LOCK, defaults={"at": now})
        LastRun.objects.select_for_update().get(name=LOCK)
        for one in wanted():
            _arrange(one, now)


def _arrange(one: Wanted, now: datetime) -> None:
    rows = list(Schedule.objects.filter(name=one.name).order_by("pk"))
    Schedule.objects.filter(pk__in=[row.pk for row in rows[1:]]).delete()
    values = {"func": one.func, "schedule_type": one.kind, "repeats": -1, "args": None, "kwargs": None, "hook": None}
    if not rows or not one.fits(rows[0], now):
        values["next_run"] = one.next_run(now)
    Schedule.objects.update_or_create(name=one.name, defaults=values)
