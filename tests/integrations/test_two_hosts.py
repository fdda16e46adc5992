"""Workers and web on several hosts that share one PostgreSQL: clocks that differ, workers that sleep past a lease."""

from __future__ import annotations

import signal
from collections import Counter

import psutil
import pytest

from integrations.models import Attempt, Delivery, Incident, Lane, Mail
from lmsbridge.practice.faults import Fault
from tests import roles
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Process, Processes
from tests.scene import Scene, connect
from tests.skew import host
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

HOUR = 3600
STORES = ("default", "one", "two", "three")


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


def all_delivered(count: int) -> bool:
    return Delivery.objects.filter(state="delivered").count() == count


def on_host(processes: Processes, ahead: float, code: str) -> str:
    """Run this code in a process of the product on a host whose clock is wrong; what it printed."""
    process = processes.manage("shell", "--no-imports", "-c", code, environment=host(ahead))
    assert process.wait() == 0, process.output()
    return process.output()


# Clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.database(only="postgresql")
def test_clusters__whose_clocks_are_wrong__send_each_result_once_and_soon(scene: Scene, processes: Processes) -> None:
    for name in STORES[1:]:
        connect(scene.organization, scene.objective, name, {"url": scene.lms.url(name)}, "practice-secret")
    for ahead in (HOUR, -60):
        processes.manage("run_worker", environment=host(ahead)).wait_for_output("ready for work")
    for _turn in range(10):
        scene.record(10)
    until(lambda: all_delivered(400), "400 deliveries", within=60)
    for store in STORES:
        assert sum(request.statements for request in scene.lms.store(store).requests) == 100
        assert len(set(scene.lms_ids(store))) == 100
    assert not Attempt.objects.exclude(outcome="delivered").exists()
    assert not Mail.objects.exists()


@pytest.mark.database(only="postgresql")
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_result__of_a_web_host_whose_clock_is_wrong__is_sent_at_once(
    scene: Scene, processes: Processes, ahead: int
) -> None:
    processes.manage("run_worker").wait_for_output("Worker started.")
    _web, address = processes.web(host(ahead))
    with Visitor(address, scene) as edith:
        assert edith.record().ok
    until(lambda: all_delivered(1), "the delivery", within=60)


@pytest.mark.database(only="postgresql")
def test_failing_lms__asked_again_from_a_host_an_hour_ahead__is_tried_once_and_waits(
    scene: Scene, processes: Processes
) -> None:
    scene.lms.fail("503")
    processes.manage("run_worker")
    scene.record()
    until(lambda: scene.lane().failures >= 1, "a failure")
    before = scene.lane().failures
    on_host(
        processes,
        HOUR,
        "from integrations import tasks; from integrations.models import LMSConfiguration\n"
        "tasks.send_now(LMSConfiguration.objects.get())",
    )
    until(lambda: scene.lane().failures > before, "another failure")
    assert scene.lane().not_before is not None
    asked_at = scene.lane().asked_at
    assert asked_at is not None
    assert Attempt.objects.filter(opened_at__gt=asked_at).count() <= 2


@pytest.mark.database(only="postgresql")
def test_daily_jobs__on_a_host_forty_days_ahead__give_nothing_up(scene: Scene, processes: Processes) -> None:
    scene.lms.script(["ok", "503"])
    worker = processes.manage("run_worker")
    scene.record()
    until(lambda: all_delivered(1), "the first delivery")
    scene.record()
    until(lambda: Incident.objects.exists(), "the failure of the second")
    assert worker.stop() == 0
    before = kept()
    on_host(
        processes,
        40 * 24 * HOUR,
        "from integrations import alerts, tasks; from objectives import clock\n"
        "tasks.requeue(); tasks.retain(); alerts.watch(clock.now()); tasks.check()",
    )
    assert kept() == before
    assert not Mail.objects.exists()


def kept() -> list[tuple[object, ...]]:
    """What giving up and forgetting would change."""
    found = Delivery.objects.order_by("pk").values_list("state", "content", "sentence", "expires_at", "dropped_at")
    answers = Attempt.objects.order_by("pk").values_list("pk", "answer")
    return [*found, *answers]


# A worker that sleeps ----------------------------------------------------------------------------------------------

QUICK = {"OUTBOUND_DEADLINE": "4", "DELIVERY_LEASE_MARGIN": "1", "WORKERS": "1"}


@pytest.fixture
def sleeper(scene: Scene, processes: Processes) -> tuple[Process, psutil.Process]:
    """A worker, and its process that was stopped during a request: the LMS has it all, the answer is on its way."""
    scene.lms.script([Fault("slow", "3.5", stores=True), "ok"])
    cluster = processes.manage("run_worker", environment=QUICK)
    scene.record()
    assert scene.lms.store().wait_for_statements(1)
    _address, port = scene.lms.host_and_port
    [busy] = until(lambda: roles.busy(roles.role_of(cluster)["workers"], port), "the worker in a request")
    busy.send_signal(signal.SIGSTOP)
    return cluster, busy


@pytest.mark.database
@pytest.mark.catalogue("R39")
def test_worker__that_slept_past_its_lease__changes_nothing_when_it_wakes_up(
    scene: Scene, processes: Processes, sleeper: tuple[Process, psutil.Process]
) -> None:
    cluster, asleep = sleeper
    other = processes.manage("run_worker", environment=QUICK)
    until(lambda: all_delivered(1), "the delivery by the other worker")
    assert other.stop() == 0
    deliveries, attempts = list(Delivery.objects.values()), list(Attempt.objects.order_by("pk").values())
    assert [one["outcome"] for one in attempts] == ["cut_short", "delivered"]

    asleep.send_signal(signal.SIGCONT)
    scene.record()
    until(lambda: all_delivered(2), "the next delivery, by the worker that slept")

    assert asleep.is_running()
    assert list(Delivery.objects.order_by("pk").values())[:1] == deliveries
    assert list(Attempt.objects.order_by("pk").values())[:2] == attempts
    assert Counter(scene.lms_ids()) == Counter(str(one.uuid) for one in Delivery.objects.all())
    lane = Lane.objects.get()
    assert (lane.status, lane.failures) == ("ok", 0)
