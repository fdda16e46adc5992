"""A backlog at one configuration: what is read and asked for does not grow with it, and nobody else waits for it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations import tasks
from integrations.dispatch import send
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from objectives import clock
from objectives.models import Participant, Result
from tests import make
from tests.bulk import AT_ONE, DELIVERIES_AT_ONE, RESULTS, copy
from tests.scene import Scene, connect

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.catalogue("R44")]

FEW, MANY = 1_000, 10_000
# Pages count up to ten thousand.
COUNTED = 10_500
BATCH = 200


@pytest.fixture
def scene(scene: Scene, settings: Any) -> Scene:
    """A lane that is given back after each batch, and ten others to which nothing is to be told."""
    settings.DELIVERY_TURN = 0.0
    LMSConfiguration.objects.update(requests_per_minute=1)
    scene.record()
    # Not so new that a sweep would look whether they were planned.
    Result.objects.update(recorded_at=clock.now() - timedelta(hours=2))
    other = make.objective(scene.organization, "Other")
    for number in range(10):
        connect(scene.organization, other, f"Other {number}", {"url": scene.lms.url()}, "practice-secret")
    Lane.objects.update(slowness=0)
    return scene


def grow(scene: Scene, count: int) -> None:
    """Let so many more deliveries be due at the first configuration."""
    queued = Delivery.objects.filter(state="queued").select_related("result").latest("pk")
    copy(RESULTS, queued.result, {"uuid": "{uuid}"}, count=count)
    copy(DELIVERIES_AT_ONE, queued, AT_ONE, after=queued.result_id)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


class Work(NamedTuple):
    """What something asked of the database: queries, and how much had to be done for them."""

    queries: int
    steps: int


def work_of(deed: Callable[[], object]) -> Work:
    """Do it and count: on PostgreSQL deliveries that were read, on SQLite hundreds of steps of its machine."""
    before = _steps()
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(step, 100)
    with CaptureQueriesContext(connection) as queries:
        deed()
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(None, 0)
    return Work(len(queries), steps or _steps() - before)


def _steps() -> int:
    if connection.vendor == "sqlite":
        return 0
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s"
    with connection.cursor() as cursor:
        cursor.execute(read, [Delivery._meta.db_table])
        return int(cursor.fetchone()[0])


# What may happen while there is a backlog --------------------------------------------------------------------------


def a_turn(_scene: Scene) -> None:
    """A worker takes the lane, sends a batch and gives the lane back."""
    Lane.objects.update(not_before=None)
    Attempt.objects.update(opened_at=clock.now() - timedelta(hours=1))
    before = Delivery.objects.filter(state="delivered").count()
    assert send.serve_next(clock.now(), time.monotonic() + 30)
    assert Delivery.objects.filter(state="delivered").count() == before + BATCH


def a_failing_turn(scene: Scene) -> None:
    """The same at an LMS that has failed for a while."""
    scene.lms.script(["503"])
    Lane.objects.filter(pk=scene.lane().pk).update(not_before=None, failures=3)
    assert send.serve_next(clock.now(), time.monotonic() + 30)


def a_look_for_work(scene: Scene) -> None:
    """A worker comes, and all that waits is at a lane that another one works."""
    token = Lane.objects.take(scene.lane().pk)
    assert token is not None
    assert Lane.objects.take_next(clock.now()) is None
    Lane.objects.give_back(scene.lane().pk, token)


def a_sweep(scene: Scene) -> None:
    """What a worker does each minute."""
    Lane.objects.update(not_before=None)
    Attempt.objects.update(opened_at=clock.now() - timedelta(hours=1))
    assert tasks.sweep() == "idle"


def a_look_at_one_person(scene: Scene) -> None:
    """What is told of somebody, here of a newcomer, as when they are erased or their id is corrected."""
    newcomer, _new = Participant.objects.get_or_create(
        organization=scene.organization, participant_id="new@example.com"
    )
    assert not list(Delivery.objects.about(newcomer).with_facts())


DEEDS = {
    "person": a_look_at_one_person,
    "turn": a_turn,
    "failing turn": a_failing_turn,
    "look for work": a_look_for_work,
    "sweep": a_sweep,
}


@pytest.mark.parametrize("name", DEEDS)
def test_worker__beside_a_backlog__has_no_more_to_do(scene: Scene, name: str) -> None:
    deed = DEEDS[name]
    grow(scene, FEW)
    deed(scene)
    few = work_of(lambda: deed(scene))
    grow(scene, MANY)
    many = work_of(lambda: deed(scene))
    assert many.queries == few.queries
    assert many.steps <= 2 * few.steps


PAGES = {
    "overview": "/admin/",
    "dashboard": "/admin/deliveries/",
    "deliveries": "/admin/integrations/delivery/",
    "queued deliveries": "/admin/integrations/delivery/?state__exact=queued",
    "configurations": "/admin/integrations/lmsconfiguration/",
}


@pytest.mark.parametrize("page", PAGES)
def test_page__beside_a_backlog__asks_no_more_of_the_database(scene: Scene, client: Client, page: str) -> None:
    client.force_login(make.member(scene.organization))

    def look() -> None:
        assert client.get(PAGES[page]).status_code == 200

    grow(scene, COUNTED)
    look()
    few = work_of(look)
    grow(scene, 2 * COUNTED)
    many = work_of(look)
    assert many.queries == few.queries
    assert many.steps <= 1.5 * few.steps


def test_turn__beside_a_backlog__takes_no_more_memory(scene: Scene) -> None:
    def peak() -> int:
        tracemalloc.start()
        a_turn(scene)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    grow(scene, FEW)
    a_turn(scene)
    few = peak()
    grow(scene, MANY)
    assert peak() <= 1.5 * few


def test_claim__of_a_lane_with_a_backlog__reads_the_front_of_its_index(scene: Scene) -> None:
    grow(scene, MANY)
    due = Delivery.objects.filter(lane=scene.lane()).due(clock.now()).order_by("priority", "next_attempt_at", "id")
    plan = due.values_list("pk", "content")[:BATCH].explain()
    assert "delivery_queued" in plan
    assert not [word for word in ("Sort", "Seq Scan", "Bitmap", "TEMP B-TREE") if word in plan]


@pytest.mark.parametrize("count", [100_000])
def test_result_at_another_lms__recorded_after_a_backlog__is_sent_after_one_batch_of_it(
    scene: Scene, count: int
) -> None:
    grow(scene, count)
    late = scene.connect("Late", url=scene.lms.url("late"))
    Lane.objects.update(slowness=0)
    scene.record()
    Lane.objects.filter(pk=late.lane.pk).update(last_served_at=clock.now())
    served = [send.serve_next(clock.now(), time.monotonic() + 30) for _turn in range(2)]
    assert served == [scene.lane().pk, late.lane.pk]
    assert len(scene.lms_ids("late")) == 1
    assert scene.states() == {"delivered": BATCH, "queued": count + 2 - BATCH}
