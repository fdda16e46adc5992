"""PostgreSQL goes away, flaps, hangs and loses answers while requests are under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from integrations.models import Attempt, Delivery, Incident
from lmsbridge.practice.faults import Fault
from tests.lms import PracticeLMS
from tests.pgproxy import Relay, relay_to
from tests.polling import until
from tests.processes import Processes, database_url
from tests.scene import Scene, connect
from tests.servers import PostgreSQL, own_postgresql, postgresql_binaries
from tests.strictness import unavailable
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.database(only="postgresql"),
    pytest.mark.django_db(transaction=True),
]

# The practice LMS stores what comes and answers only after some seconds.
SLOW = Fault("slow", "2.5", stores=True)


def all_delivered(count: int) -> bool:
    return Delivery.objects.filter(state="delivered").count() == count


def under_way() -> bool:
    return Attempt.objects.open().exists()


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


@pytest.fixture
def relay(processes: Processes) -> Iterator[tuple[Relay, dict[str, str]]]:
    """A relay to the test's database, and the environment of processes that go through it."""
    with relay_to(database_url()) as (found, url):
        yield found, {"DATABASE_URL": url}


# Stopped -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_server(processes: Processes) -> Iterator[PostgreSQL]:
    """A PostgreSQL of this test's own in the place of the test database, for this process and those it starts."""
    binaries = postgresql_binaries()
    if binaries is None:
        unavailable("PostgreSQL is not installed.")
    with own_postgresql(binaries, durable=True) as server:
        usual = connection.settings_dict.copy()
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT=server.port, NAME="postgres", USER="postgres")
        try:
            call_command("migrate", verbosity=0)
            yield server
        finally:
            connection.close()
            connection.settings_dict.update(usual)
            ContentType.objects.clear_cache()


@pytest.mark.catalogue("R40")
def test_database__that_crashes_during_a_request__costs_no_result_no_repeat_and_no_request_meanwhile(
    own_server: PostgreSQL, practice_lms: PracticeLMS, processes: Processes
) -> None:
    scene = Scene(practice_lms)
    stores = ("default", "one", "two")
    practice_lms.script([SLOW])
    for name in stores[1:]:
        connect(scene.organization, scene.objective, name, {"url": practice_lms.url(name)}, "practice-secret")
    worker = processes.manage("run_worker")
    worker.wait_for_output("ready for work")
    scene.record()
    until(under_way, "a request")
    connection.close()
    own_server.stop(immediately=True)
    stopped = datetime.now(UTC)
    worker.wait_for_output("The database failed as an answer was written down")
    before = sum(len(practice_lms.store(name).requests) for name in stores)
    started = datetime.now(UTC)
    own_server.start()
    until(lambda: all_delivered(3), "three deliveries", within=90)
    assert before >= 1
    for name in stores:
        [request] = practice_lms.store(name).requests
        assert not stopped < request.at < started
    assert list(Delivery.objects.values_list("attempts", flat=True)) == [1, 1, 1]


@pytest.mark.catalogue("R40")
def test_database__away_for_longer_than_the_lease__costs_one_repeat(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]]
) -> None:
    server, environment = relay
    scene.lms.script([SLOW, "ok"])
    worker = processes.manage(
        "run_worker", environment={**environment, "OUTBOUND_DEADLINE": "3", "DELIVERY_LEASE_MARGIN": "1"}
    )
    worker.wait_for_output("ready for work")
    scene.record()
    until(under_way, "a request")
    server.away()
    worker.wait_for_output("The database failed as an answer was written down")
    until(lambda: lease_is_over(scene), "the end of the lease")
    server.back()
    until(lambda: all_delivered(1), "the delivery", within=90)
    assert len(scene.lms.store().requests) == 2
    assert scene.lms_ids() == [str(Delivery.objects.get().uuid)]
    outcomes = Attempt.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["cut_short", "delivered"]


def lease_is_over(scene: Scene) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lease_until < clock_timestamp() FROM integrations_lane")
        [found] = cursor.fetchone()
    return bool(found)


@pytest.mark.catalogue("R40")
def test_tables__locked_during_a_request__cost_no_repeat_and_no_request_meanwhile(
    scene: Scene, processes: Processes
) -> None:
    scene.lms.script([SLOW])
    other = scene.connect("Other")
    worker = processes.manage("run_worker", environment={"DELIVERY_TURN": "0.1"})
    worker.wait_for_output("ready for work")
    scene.record()
    until(under_way, "a request")
    with psycopg.connect(database_url().replace("postgres://", "postgresql://")) as operator:
        operator.execute("LOCK TABLE integrations_lane, integrations_attempt IN EXCLUSIVE MODE")
        assert scene.lms.store().wait_for_requests(1)
        # The others wait for the tables as well.
        assert not scene.lms.store().wait_for_requests(2, timeout=2)
    until(lambda: all_delivered(2), "both deliveries")
    assert len(scene.lms.store().requests) == 2
    assert Delivery.objects.get(configuration=other).attempts == 1


@pytest.mark.catalogue("R39", "R40")
def test_connection__that_hangs_past_the_lease__changes_nothing_when_it_goes_on(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]]
) -> None:
    server, environment = relay
    scene.lms.script([SLOW, "ok"])
    quick = {"OUTBOUND_DEADLINE": "3", "DELIVERY_LEASE_MARGIN": "1"}
    hanging = processes.manage("run_worker", environment={**environment, **quick})
    hanging.wait_for_output("ready for work")
    scene.record()
    until(under_way, "a request")
    server.stall()
    other = processes.manage("run_worker", environment=quick)
    until(lambda: all_delivered(1), "the delivery by the other worker")
    assert other.stop() == 0
    deliveries, attempts = list(Delivery.objects.values()), list(Attempt.objects.order_by("pk").values())
    server.flow()
    scene.record()
    until(lambda: all_delivered(2), "the next delivery, by the worker that hung")
    assert list(Delivery.objects.order_by("pk").values())[:1] == deliveries
    assert list(Attempt.objects.order_by("pk").values())[: len(attempts)] == attempts
    assert [one["outcome"] for one in attempts] == ["cut_short", "delivered"]
    assert len(scene.lms_ids()) == len(set(scene.lms_ids())) == 2


def test_worker__started_while_the_database_is_away__works_as_soon_as_it_is_back(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]]
) -> None:
    server, environment = relay
    server.away()
    scene.record()
    worker = processes.manage("run_worker", environment=environment)
    worker.wait_until(lambda: complains(worker.output()), "a word about the database")
    server.back()
    until(lambda: all_delivered(1), "the delivery", within=120)


def complains(said: str) -> bool:
    """Whether a worker noticed that it can do nothing, be it by its own look or by the end of its cluster."""
    return "Nobody could be woken up" in said or "a new one is begun" in said


# Answers of the database that are lost -----------------------------------------------------------------------------


@pytest.mark.catalogue("R40")
@pytest.mark.parametrize("reaches", [True, False], ids=["after", "before"])
def test_success__whose_commit_breaks__is_written_down_once_without_a_repeat(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]], reaches: bool
) -> None:
    server, environment = relay
    scene.lms.script(["503", SLOW])
    worker = processes.manage("run_worker", environment=environment)
    scene.record()
    until(lambda: Incident.objects.open().exists(), "the failure before")
    until(under_way, "the request that the LMS takes")
    server.set_trap(b"COMMIT", after=b'UPDATE "integrations_attempt"', reaches=reaches)
    worker.wait_for_output("The database failed as an answer was written down")
    until(lambda: all_delivered(1), "the delivery")
    until(lambda: scene.lane().lease_token is None, "the end of the turn")
    assert len(scene.lms.store().requests) == 2
    assert Delivery.objects.get().attempts == 2
    assert list(Attempt.objects.order_by("pk").values_list("outcome", flat=True)) == ["server_error", "delivered"]
    assert scene.lane().failures == 0
    assert not Incident.objects.open().exists()


@pytest.mark.catalogue("R40")
@pytest.mark.parametrize("reaches", [True, False], ids=["after", "before"])
def test_failure__whose_commit_breaks__is_counted_once(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]], reaches: bool
) -> None:
    server, environment = relay
    scene.lms.fail("503")
    server.set_trap(b"COMMIT", after=b'UPDATE "integrations_attempt"', reaches=reaches)
    worker = processes.manage("run_worker", environment=environment)
    scene.record()
    worker.wait_for_output("The database failed as an answer was written down")
    until(lambda: not under_way() and scene.lane().lease_token is None, "the end of the turn")
    assert len(scene.lms.store().requests) == Attempt.objects.count()
    assert scene.lane().failures == Attempt.objects.count() == Delivery.objects.get().attempts
    assert Incident.objects.count() == 1


# Connections that drop ---------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R41")
def test_connections__dropped_again_and_again__hold_nothing_up_for_long(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]]
) -> None:
    server, environment = relay
    connect(scene.organization, scene.objective, "one", {"url": scene.lms.url("one")}, "practice-secret")
    for store in ("default", "one"):
        scene.lms.fail("slow", "0.2", store=store)
    worker = processes.manage("run_worker", environment={**environment, "DELIVERY_LEASE_MARGIN": "5"})
    worker.wait_for_output("ready for work")
    for _turn in range(20):
        scene.record(5)
        time.sleep(0.5)
        server.cut()
    until(lambda: all_delivered(200), "200 deliveries", within=90)
    for store in ("default", "one"):
        assert len(scene.lms_ids(store)) == len(set(scene.lms_ids(store))) == 100
    assert server.cuts >= 20
    assert worker.running


# The web -----------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R40")
def test_web__without_its_database__answers_with_a_page_and_recovers(
    scene: Scene, processes: Processes, relay: tuple[Relay, dict[str, str]]
) -> None:
    server, environment = relay
    _web, address = processes.web(environment)
    with Visitor(address, scene) as edith:
        assert edith.record().ok
        server.away()
        for answer in (edith.get("/admin/"), edith.get("/admin/login/"), edith.record()):
            assert_says_unavailable(answer)
        server.back()
        until(lambda: edith.get("/admin/").ok, "the site to be back")
        assert Delivery.objects.count() == 1
        assert edith.record().ok
    assert Delivery.objects.count() == 2


def assert_says_unavailable(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert "send it again" in answer.text
