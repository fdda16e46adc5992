"""Launches in the worker as operators run it: killed at the worst moment, beside a server that never answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_q.models import OrmQ, Task

from integrations import launches
from integrations.models import Attempt, Lane, Launch, LMSConfiguration
from tests.launching import delivery_of, fetch_from, finished, now, opened
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene, pump

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

# The product's own times are 30, 70 and 60 seconds.
QUICK = {"OUTBOUND_DEADLINE": "3", "DELIVERY_LEASE_MARGIN": "1", "SWEEP_EVERY": "2"}


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


@pytest.fixture
def elsewhere() -> Iterator[PracticeLMS]:
    """A server on another origin than the configured one."""
    with PracticeLMS() as lms:
        yield lms


@pytest.mark.catalogue("R51")
def test_worker__killed_while_a_token_is_on_its_way__asks_for_no_second_one(
    scene: Scene, processes: Processes
) -> None:
    scene.lms.fail("slow", "2")
    launch = opened(scene, fetch=fetch_from(scene.lms))
    worker = processes.manage("run_worker", environment=QUICK)
    worker.wait_until(lambda: Attempt.objects.open().exists(), "the attempt to be open")
    worker.kill()
    scene.lms.heal()
    assert now(launch).token == "wanted"
    processes.manage("run_worker", environment=QUICK)
    until(lambda: now(launch).token == "lost", "the token to be given up")
    assert launches.state(now(launch)).relaunch
    assert scene.lms.store().request_count <= 1
    again = opened(scene, fetch=fetch_from(scene.lms), sessionId="again")
    until(lambda: now(again).token == "kept", "the next launch's token")


def test_endpoint__that_never_answers__delays_nobody_else(
    scene: Scene, elsewhere: PracticeLMS, processes: Processes
) -> None:
    scene.record()
    pump()
    configuration = LMSConfiguration.objects.get(pk=scene.configuration.pk)
    launches.approve(configuration, elsewhere.address, by="nora")
    elsewhere.fail("slow", "600")
    stuck = opened(scene, endpoint=elsewhere.url())
    finished(scene, stuck)
    processes.manage("run_worker", environment={"WORKERS": "2", "OUTBOUND_DEADLINE": "60"})
    until(lambda: Attempt.objects.open().filter(lane__launch=stuck).exists(), "the stuck request to begin")
    launch = opened(scene, fetch=fetch_from(scene.lms))
    finished(scene, launch)
    scene.record()
    until(lambda: len(scene.lms_ids()) == 3, "the others' statements")
    assert Attempt.objects.open().filter(lane__launch=stuck).exists()
    assert Lane.objects.get(own=scene.configuration).status == "ok"


def test_token__is_in_no_log_and_in_no_task(scene: Scene, processes: Processes) -> None:
    address = fetch_from(scene.lms)
    worker = processes.manage("run_worker", environment={"LOG_LEVEL": "DEBUG"})
    launch = opened(scene, fetch=address)
    until(lambda: now(launch).token == "kept", "the token")
    token = now(launch).token_text()
    tasks = str([*OrmQ.objects.values(), *Task.objects.values()])
    finished(scene, launch)
    until(lambda: delivery_of(launch).state == "delivered", "the delivery")
    until(lambda: Launch.objects.get(pk=launch.pk).sealed_token == "", "the token to be deleted")
    assert worker.stop() == 0
    for secret in (token, address.rpartition("/")[2]):
        assert secret not in worker.output()
        assert secret not in tasks
