"""Any process of the product killed at any moment: work goes on, nothing is lost, nothing doubled, nobody is left."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import psutil
import pytest
import requests
from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ

from integrations.models import Attempt, Delivery
from objectives.models import Result
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import BASE, Process, Processes
from tests.roles import busy, idle, is_complete, role_of
from tests.scene import Scene
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

# The product's own times are 90, 30, 70, 60 and 30 seconds.
QUICK = {
    "WATCHDOG_AFTER": "7",
    "DELIVERY_SLICE": "2",
    "OUTBOUND_DEADLINE": "2",
    "DELIVERY_LEASE_MARGIN": "1",
    "SWEEP_EVERY": "2",
    "WORKER_GRACE": "4",
}
Roles = dict[str, list[psutil.Process]]


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


def complete(worker: Process) -> Roles:
    """The processes of a worker, once its cluster stands."""
    worker.wait_until(lambda: is_complete(role_of(worker)), "a whole cluster", within=60)
    return role_of(worker)


def at_work(processes: Processes, scene: Scene, environment: Mapping[str, str] = QUICK) -> tuple[Process, Roles]:
    """A worker that has delivered something, and its processes."""
    worker = processes.manage("run_worker", environment=environment)
    roles = complete(worker)
    scene.record()
    until(delivered(1), "a delivery before anything is killed")
    return worker, roles


def delivered(count: int) -> Callable[[], bool]:
    return lambda: Delivery.objects.filter(state="delivered").count() == count


def each_once(scene: Scene) -> bool:
    """Whether the store holds the id of every delivery, and none twice."""
    return sorted(scene.lms_ids()) == sorted(str(one) for one in Delivery.objects.values_list("uuid", flat=True))


@pytest.mark.catalogue("R33")
@pytest.mark.parametrize("role", ["cluster", "sentinel", "pusher", "monitor"])
def test_worker__of_which_a_process_is_killed__goes_on_with_a_whole_cluster(
    scene: Scene, processes: Processes, role: str
) -> None:
    worker, roles = at_work(processes, scene)
    roles[role][0].kill()
    scene.record(5)
    until(delivered(6), "what was recorded after the kill", within=120)
    assert each_once(scene)
    complete(worker)
    until(no_task_is_left, "every task to be noted as done", within=60)


def no_task_is_left() -> bool:
    """Whether the queue is empty. What was taken ten seconds ago comes again: the product's own time is 300."""
    taken = timezone.now() + timedelta(seconds=settings.Q_CLUSTER["retry"] - 10)
    OrmQ.objects.filter(lock__gt=timezone.now(), lock__lt=taken).update(lock=timezone.now())
    return not OrmQ.objects.exists()


@pytest.mark.catalogue("R33")
def test_worker__whose_idle_processes_are_killed_holding_a_lock__begins_a_new_cluster(
    scene: Scene, processes: Processes
) -> None:
    worker, roles = at_work(processes, scene)
    for process in idle(roles["workers"], scene.lms.host_and_port[1]):
        process.kill()
    scene.record(5)
    until(delivered(6), "what was recorded after the kill", within=120)
    assert each_once(scene)
    assert worker.running


@pytest.mark.catalogue("R33")
def test_worker__whose_whole_cluster_is_killed__begins_a_new_one(scene: Scene, processes: Processes) -> None:
    _worker, roles = at_work(processes, scene)
    os.killpg(roles["cluster"][0].pid, signal.SIGKILL)
    scene.record(5)
    until(delivered(6), "what was recorded after the kill", within=120)
    assert each_once(scene)


@pytest.mark.catalogue("R33")
def test_run_worker__killed__leaves_no_process_behind(scene: Scene, processes: Processes) -> None:
    worker, roles = at_work(processes, scene)
    roles["run_worker"][0].kill()
    until(lambda: not worker.family(), "its processes to end by themselves", within=60)


@pytest.mark.catalogue("R33")
def test_run_worker__killed_with_its_cluster_s_first_process__leaves_no_process_behind(
    scene: Scene, processes: Processes
) -> None:
    worker, roles = at_work(processes, scene)
    for role in ("run_worker", "cluster", "sentinel"):
        roles[role][0].kill()
    until(lambda: not worker.family(), "the others to end by themselves", within=60)


@pytest.mark.catalogue("R33")
def test_web__killed_while_results_are_submitted__keeps_each_that_it_confirmed(
    scene: Scene, processes: Processes
) -> None:
    assert processes.manage("collectstatic", "--noinput").wait() == 0
    web, address = processes.web()
    with Visitor(address, scene) as edith:
        killer = threading.Timer(0.5, web.kill)
        killer.start()
        confirmed = 0
        with contextlib.suppress(requests.RequestException):
            while confirmed < 1000:
                confirmed += edith.record().ok
        killer.join()
    processes.manage("run_worker", environment=QUICK)
    recorded = Result.objects.count()
    # The last one may have been recorded without its answer reaching anybody.
    assert 0 < confirmed <= recorded <= confirmed + 1
    until(delivered(recorded), "every result to be delivered")
    assert each_once(scene)


@pytest.mark.catalogue("R32")
def test_worker__killed_in_a_request__leaves_its_records_to_the_next(scene: Scene, processes: Processes) -> None:
    worker, roles = at_work(processes, scene)
    port = scene.lms.host_and_port[1]
    scene.lms.script(["slow:15", "ok"])
    scene.record(3)
    [at_it] = until(lambda: busy(roles["workers"], port), "a worker in a request")
    at_it.kill()
    until(delivered(4), "what was in the request", within=120)
    assert each_once(scene)
    assert worker.running


@pytest.mark.catalogue("R34")
def test_worker__told_to_end_in_a_slow_request__finishes_it_and_ends(scene: Scene, processes: Processes) -> None:
    quick = QUICK | {"OUTBOUND_DEADLINE": "10", "WATCHDOG_AFTER": "30", "WORKER_GRACE": "30"}
    worker, _roles = at_work(processes, scene, quick)
    scene.lms.script(["slow:2"])
    scene.record(3)
    until(lambda: Attempt.objects.open().exists(), "an open attempt")
    assert worker.stop(within=40) == 0
    assert Delivery.objects.filter(state="delivered").count() == 4
    assert not Attempt.objects.open().exists()


@pytest.mark.catalogue("R34")
def test_worker__told_to_end_while_a_batch_is_taken_apart__hands_the_rest_back(
    scene: Scene, processes: Processes
) -> None:
    scene.lms.fail("poison", "bad")
    bad = scene.person("bad@example.com")
    scene.record(20)
    scene.record(2, participant=bad)
    worker = processes.manage("run_worker", environment=QUICK)
    until(lambda: Attempt.objects.filter(outcome="refused").exists(), "a refused batch")
    assert worker.stop(within=40) == 0
    assert not scene.lane().lease_token
    processes.manage("run_worker", environment=QUICK)
    until(lambda: scene.states() == {"delivered": 20, "rejected": 2}, "the rest", within=120)


@pytest.mark.catalogue("R34")
def test_worker__told_to_end_while_its_cluster_hangs__ends_all_the_same(scene: Scene, processes: Processes) -> None:
    worker, roles = at_work(processes, scene)
    roles["sentinel"][0].suspend()
    assert worker.stop(within=40) == 0


@pytest.mark.catalogue("R35")
def test_record__that_kills_whoever_sends_it__is_held_and_its_neighbors_arrive(
    scene: Scene, processes: Processes
) -> None:
    scene.record(3)
    scene.record(participant=scene.person("deadly@example.com"))
    scene.record(3)
    processes.manage("run_worker", environment=QUICK | {"PYTHONPATH": str(BASE / "tests" / "poison")})
    until(lambda: scene.states() == {"delivered": 6, "held": 1}, "the record to be held", within=180)
    held = Delivery.objects.get(state="held")
    assert (held.reason, held.cut_short) == ("crashes", 3)
    assert Attempt.objects.filter(delivery_ids=f",{held.pk},").count() == 3
