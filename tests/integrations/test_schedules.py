"""The schedules that a starting worker writes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from integrations import schedules
from integrations.models import LastRun
from tests.polling import until
from tests.processes import Processes

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = {
    "LMS Bridge: daily re-queue",
    "LMS Bridge: hourly check",
    "LMS Bridge: daily retention",
    "LMS Bridge: daily comparison",
}


def requeue() -> Any:
    return Schedule.objects.get(func="integrations.tasks.requeue")


def test_arrange__for_the_first_time__writes_each_schedule_once(settings: Any) -> None:
    settings.REQUEUE_AT = time(3)
    schedules.arrange(NOON)
    assert {row.name for row in Schedule.objects.all()} == NAMES
    assert requeue().next_run == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert {callable(import_string(row.func)) for row in Schedule.objects.all()} == {True}


def test_arrange__before_the_time_of_day__runs_the_same_day(settings: Any) -> None:
    settings.REQUEUE_AT = time(23, 30)
    schedules.arrange(NOON)
    assert requeue().next_run == datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    retention = Schedule.objects.get(func="integrations.tasks.retain")
    assert retention.next_run == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


def test_arrange__again__moves_no_next_run() -> None:
    schedules.arrange(NOON)
    before = dict(Schedule.objects.values_list("name", "next_run"))
    schedules.arrange(NOON + timedelta(days=2))
    assert dict(Schedule.objects.values_list("name", "next_run")) == before


def test_arrange__after_the_time_of_day_was_changed__takes_the_new_one(settings: Any) -> None:
    settings.REQUEUE_AT = time(3)
    schedules.arrange(NOON)
    settings.REQUEUE_AT = time(15)
    schedules.arrange(NOON)
    assert requeue().next_run == datetime(2026, 11, 22, 15, tzinfo=UTC)


def test_arrange__after_a_host_with_a_clock_far_ahead_put_a_run_off__brings_it_back(settings: Any) -> None:
    settings.REQUEUE_AT = time(3)
    schedules.arrange(NOON)
    Schedule.objects.update(next_run=F("next_run") + timedelta(days=40))
    schedules.arrange(NOON)
    assert requeue().next_run == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert Schedule.objects.get(func="integrations.tasks.check").next_run == NOON + timedelta(minutes=5)


def test_arrange__where_a_schedule_is_there_twice__leaves_one() -> None:
    schedules.arrange(NOON)
    row = requeue()
    row.pk = None
    row.save()
    schedules.arrange(NOON)
    assert requeue().repeats == -1


@pytest.mark.django_db(transaction=True)
def test_arrange__by_several_workers_at_once__writes_each_schedule_once() -> None:
    def start() -> None:
        try:
            schedules.arrange(NOON)
        finally:
            connection.close()

    workers = [threading.Thread(target=start) for _number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(row.name for row in Schedule.objects.all()) == sorted(NAMES)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_worker__started__runs_what_is_overdue(processes: Processes) -> None:
    schedules.arrange(timezone.now())
    Schedule.objects.update(next_run=F("next_run") - timedelta(days=3))
    processes.manage("run_worker")
    ran = {"requeue", "check", "retention", "sweep", "pump"}
    until(lambda: set(LastRun.objects.values_list("name", flat=True)) >= ran, "each to have run", within=90)
    assert not Schedule.objects.filter(next_run__lte=timezone.now()).exists()
