"""Redis as the broker of nudges: it may go and come, and no result notices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from integrations.models import Attempt, Delivery
from tests.lms import PracticeLMS
from tests.pgproxy import relay_to
from tests.polling import until
from tests.processes import Processes
from tests.redis_server import QUEUE
from tests.scene import Scene
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.processes,
    # As in production; which database it is matters to nothing here.
    pytest.mark.database(only="postgresql"),
    pytest.mark.django_db(transaction=True),
]

# A cluster looks for itself every two seconds.
QUICK = {"DELIVERY_SLICE": "4", "OUTBOUND_DEADLINE": "3", "WATCHDOG_AFTER": "12"}
# So many nudges would be sent for each result where there are as many workers.
LANES = 8


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with contextlib.closing(redis.from_url(redis_url)) as found:
        yield found


def all_delivered(count: int) -> bool:
    return Delivery.objects.filter(state="delivered").count() == count


def pushed(client: Any) -> int:
    """How many tasks were ever put into the queue."""
    return int(client.info("commandstats").get("cmdstat_rpush", {}).get("calls", 0))


def test_two_clusters_and_web__with_redis__send_each_result_once(
    scene: Scene, processes: Processes, redis_url: str, client: Any
) -> None:
    environment = {"REDIS_URL": redis_url}
    before = pushed(client)
    for worker in [processes.manage("run_worker", environment=environment) for _number in range(2)]:
        worker.wait_for_output("ready for work")
    _web, address = processes.web(environment)
    with Visitor(address, scene) as edith:
        for _turn in range(5):
            assert edith.record().ok
            scene.record(19)
    until(lambda: all_delivered(100), "100 deliveries")
    assert sum(request.statements for request in scene.lms.store().requests) == 100
    assert len(set(scene.lms_ids())) == 100
    assert not Attempt.objects.exclude(outcome="delivered").exists()
    assert pushed(client) > before
    until(lambda: client.llen(QUEUE) == 0, "the queue to be empty")


@pytest.mark.parametrize("trouble", ["away", "stalled"])
def test_result__recorded_while_redis_is_in_trouble__is_delivered_meanwhile(
    scene: Scene, processes: Processes, redis_url: str, client: Any, trouble: str
) -> None:
    for number in range(1, LANES):
        scene.connect(f"LMS {number}")
    with relay_to(redis_url) as (relay, url):
        environment = {"REDIS_URL": url, **QUICK}
        worker = processes.manage("run_worker", environment=environment)
        worker.wait_for_output("ready for work")
        web, address = processes.web({**environment, "WORKERS": str(LANES)})
        with Visitor(address, scene) as edith:
            assert edith.record().ok
            until(lambda: all_delivered(LANES), "the delivery with Redis")

            relay.away() if trouble == "away" else relay.stall()
            assert edith.record().ok
            until(lambda: all_delivered(2 * LANES), "the delivery without Redis")

            # What was queued meanwhile is gone, as after a restart.
            client.delete(QUEUE)
            relay.back() if trouble == "away" else relay.flow()
            before = pushed(client)
            assert edith.record().ok
            until(lambda: all_delivered(3 * LANES), "the delivery with Redis again")
            until(lambda: pushed(client) > before and client.llen(QUEUE) == 0, "the queue to be worked again")
        assert len(scene.lms.store().requests) == 3 * LANES
        assert worker.running
        assert "Traceback" not in web.output()
