"""The worker as operators run it: real processes on a real database."""

from __future__ import annotations

import signal
from collections import Counter

import pytest
from django_q.tasks import async_task

from integrations.models import Attempt, Delivery
from tests.fixtures_ralph import Ralph
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene, connect
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


def all_delivered(count: int) -> bool:
    return Delivery.objects.filter(state="delivered").count() == count


def test_worker__when_a_result_is_recorded__sends_it_by_itself(scene: Scene, processes: Processes) -> None:
    worker = processes.manage("run_worker")
    worker.wait_for_output("Worker started.")
    scene.record()
    assert scene.lms.store().wait_for_statements(1, timeout=30)
    until(lambda: all_delivered(1), "the delivery to be settled")


def test_worker__for_a_result_recorded_while_it_was_down__sends_it_after_its_start(
    scene: Scene, processes: Processes
) -> None:
    scene.record()
    processes.manage("run_worker")
    assert scene.lms.store().wait_for_statements(1, timeout=60)


def test_worker__told_to_end__leaves_no_process_behind(scene: Scene, processes: Processes) -> None:
    worker = processes.manage("run_worker")
    worker.wait_for_output("Worker started.")
    scene.record()
    assert scene.lms.store().wait_for_statements(1, timeout=30)
    assert worker.stop() == 0


def test_worker__whose_lms_waits_for_a_retry__tries_again_when_its_time_has_come(
    scene: Scene, processes: Processes
) -> None:
    scene.lms.script(["503", "ok"])
    processes.manage("run_worker")
    scene.record()
    assert scene.lms.store().wait_for_statements(1, timeout=60)


@pytest.mark.catalogue("R37")
def test_two_workers__with_two_thousand_results__send_each_once(scene: Scene, processes: Processes) -> None:
    for name in ("one", "two", "three"):
        connect(scene.organization, scene.objective, name, {"url": scene.lms.url(name)}, "practice-secret")
    workers = [processes.manage("run_worker") for _number in range(2)]
    for worker in workers:
        worker.wait_for_output("Worker started.")
    for _turn in range(20):
        scene.record(25)
    until(lambda: all_delivered(2000), "2,000 deliveries", within=120)
    for store in ("default", "one", "two", "three"):
        sent = Counter(request.statements for request in scene.lms.store(store).requests)
        assert sum(size * count for size, count in sent.items()) == 500
        assert len(set(scene.lms_ids(store))) == 500
    assert not Attempt.objects.exclude(outcome="delivered").exists()


@pytest.mark.catalogue("R38")
def test_pump__nudged_a_hundred_times__posts_nothing_twice(scene: Scene, processes: Processes) -> None:
    scene.record(3)
    for _number in range(100):
        async_task("integrations.tasks.pump")
    processes.manage("run_worker")
    until(lambda: all_delivered(3), "three deliveries")
    until(lambda: not _queued_tasks(), "the queue to be empty")
    assert len(scene.lms.store().requests) == 1


def _queued_tasks() -> int:
    from django_q.models import OrmQ

    return int(OrmQ.objects.count())


def record_in_the_admin(address: str, scene: Scene, count: int) -> None:
    """Log in at the web process and record so many results through its form."""
    with Visitor(address, scene) as edith:
        for _number in range(count):
            assert edith.record().ok


def test_web_and_two_workers__with_a_thousand_results__each_is_in_the_store_once(
    processes: Processes, practice_lms: PracticeLMS, ralph: Ralph
) -> None:
    scene = Scene(practice_lms)
    connect(scene.organization, scene.objective, "Ralph", {"url": ralph.url, "key": ralph.key}, ralph.secret)
    before = ralph.count()
    _process, address = processes.web()
    for worker in [processes.manage("run_worker") for _number in range(2)]:
        worker.wait_for_output("Worker started.")
    record_in_the_admin(address, scene, 50)
    for _turn in range(38):
        scene.record(25)
    until(lambda: all_delivered(2000), "a thousand deliveries to each of two stores", within=180)
    ids = [statement["id"] for statement in ralph.stored()[before:]]
    assert len(ids) == len(set(ids)) == 1000
    assert set(ids) == {
        str(one) for one in Delivery.objects.filter(configuration__name="Ralph").values_list("uuid", flat=True)
    }


def test_worker__killed_in_a_request__leaves_the_result_to_the_next(scene: Scene, processes: Processes) -> None:
    scene.lms.script(["slow:15", "ok"])
    quick = {"OUTBOUND_DEADLINE": "3", "DELIVERY_LEASE_MARGIN": "1"}
    worker = processes.manage("run_worker", environment=quick)
    scene.record()
    until(lambda: Attempt.objects.open().exists(), "an open attempt")
    worker.kill()
    next_worker = processes.manage("run_worker", environment=quick)
    until(lambda: all_delivered(1), "the delivery", within=60)
    assert scene.lms_ids() == [str(Delivery.objects.get().uuid)]
    next_worker.send(signal.SIGTERM)
    assert next_worker.wait() == 0
