"""Fairness: who waited longest comes first, nobody stays for long while others wait, and slow LMSs share a pool."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse

from integrations import tasks
from integrations.admin.testing import try_connection
from integrations.cluster import WORKER_ID
from integrations.dispatch import send
from integrations.dispatch.asking import Busy, asking
from integrations.dispatch.turns import Turn
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from integrations.models.lane import SLOW, UNKNOWN
from objectives import clock
from objectives.models import Objective, Result
from tests import make
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene, connect, pump
from tests.tarpits import tar_pits

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _workers(settings: Any) -> None:
    """A cluster of two, whatever the environment says; a worker leaves a lane after one exchange if others wait."""
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 2}
    settings.DELIVERY_TURN = 0.0


def paced(configuration: LMSConfiguration, slowness: int) -> Lane:
    """The configuration's lane, known to be as slow."""
    Lane.objects.filter(configuration=configuration).update(slowness=slowness)
    return Lane.objects.get(configuration=configuration)


def lanes(scene: Scene, count: int, slowness: int) -> list[Lane]:
    """So many more lanes that get every result, as slow."""
    return [paced(scene.connect(f"{slowness}-{number}"), slowness) for number in range(count)]


def taken() -> int | None:
    """The lane that a worker takes that comes for work now, and keeps."""
    found = Lane.objects.take_next(clock.now())
    return found[0] if found else None


def serve_once() -> int | None:
    """One turn of a worker: the lane it served."""
    return send.serve_next(clock.now(), time.monotonic() + 30)


# How slow an LMS is ------------------------------------------------------------------------------------------------


def test_lms__never_asked__counts_as_slow_until_its_first_quick_answer(scene: Scene) -> None:
    before = scene.lane()
    scene.record()
    pump()
    assert (before.slowness, scene.lane().slowness) == (UNKNOWN, 0)


def test_lms__with_one_slow_answer__counts_as_slow_for_twenty_quick_ones(scene: Scene, settings: Any) -> None:
    paced(scene.configuration, 0)
    scene.record()
    settings.SLOW_AFTER = 0.0
    pump()
    found = [scene.lane().slowness]
    settings.SLOW_AFTER = 60.0
    for _number in range(20):
        scene.record()
        pump()
        found.append(scene.lane().slowness)
    assert found == list(range(SLOW, -1, -1))


def test_lms__that_gives_no_answer_before_the_deadline__counts_as_slow(scene: Scene, settings: Any) -> None:
    paced(scene.configuration, 0)
    settings.OUTBOUND_DEADLINE, settings.SLOW_AFTER = 0.2, 0.1
    scene.lms.script(["slow:20"])
    scene.record()
    serve_once()
    assert (scene.lane().status, scene.lane().slowness) == ("cannot_connect", SLOW)


@pytest.mark.parametrize("fault", ["reset", "503", "429:1", "poison:ann"])
def test_lms__that_fails_slowly__counts_as_slow(scene: Scene, settings: Any, fault: str) -> None:
    paced(scene.configuration, 0)
    settings.SLOW_AFTER = 0.0
    scene.lms.script([fault])
    scene.record()
    serve_once()
    assert scene.lane().slowness == SLOW


@pytest.mark.parametrize("fault", ["reset", "503", "429:1", "poison:ann"])
def test_lms__that_fails_quickly__is_known_to_be_quick(scene: Scene, fault: str) -> None:
    scene.lms.script([fault])
    scene.record()
    serve_once()
    assert scene.lane().slowness == 0


def test_lms__that_could_not_be_asked_for_want_of_a_key__stays_unknown(scene: Scene) -> None:
    scene.record()
    LMSConfiguration.objects.update(sealed={"key_secret": "torn"})
    serve_once()
    assert scene.lane().slowness == UNKNOWN


def test_probe__of_a_failing_lms__counts_as_an_exchange(scene: Scene, settings: Any) -> None:
    Lane.objects.update(slowness=0, failures=1)
    settings.SLOW_AFTER = 0.0
    assert serve_once() == scene.lane().pk
    assert scene.lane().slowness == SLOW


@pytest.mark.parametrize(("limit", "slowness"), [(60.0, 0), (0.0, SLOW)], ids=["quick", "slow"])
def test_connection_test__of_an_unknown_lms__tells_how_slow_it_is(
    scene: Scene, settings: Any, limit: float, slowness: int
) -> None:
    settings.SLOW_AFTER = limit
    assert try_connection(scene.configuration).ok
    assert scene.lane().slowness == slowness


def test_configuration__that_leads_elsewhere_now__is_unknown_again(scene: Scene) -> None:
    paced(scene.configuration, 0)
    tasks.configuration_saved(scene.configuration, reconnect=True)
    assert scene.lane().slowness == UNKNOWN


@pytest.mark.parametrize(("slowness", "shown"), [(SLOW, True), (UNKNOWN, False), (0, False)])
@pytest.mark.parametrize("page", ["dashboard", "integrations_lmsconfiguration_changelist"])
def test_page__of_configurations__says_which_answer_slowly(
    scene: Scene, client: Any, page: str, slowness: int, shown: bool
) -> None:
    paced(scene.configuration, slowness)
    client.force_login(make.member(scene.organization))
    assert ("answers slowly" in client.get(reverse(f"admin:{page}")).content.decode()) is shown


# The slow pool -----------------------------------------------------------------------------------------------------


def test_slow_lms__while_another_one_has_a_worker__waits_and_quick_ones_do_not(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    _second, (quick,) = lanes(scene, 1, SLOW), lanes(scene, 1, 0)
    scene.record()
    assert [taken() for _worker in range(3)] == [first.pk, quick.pk, None]


def test_unknown_lms__while_a_slow_one_has_a_worker__waits(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    lanes(scene, 1, UNKNOWN)
    scene.record()
    assert [taken() for _worker in range(2)] == [first.pk, None]


def test_slow_lms__after_the_other_was_served__gets_its_turn(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    [second] = lanes(scene, 1, SLOW)
    scene.record()
    assert [serve_once() for _turn in range(3)] == [first.pk, second.pk, None]
    assert not Delivery.objects.exclude(state="delivered").exists()
    assert not Lane.objects.exclude(lease_owner="").exists()


def test_quick_lms__behind_more_slow_ones_than_a_worker_looks_at__is_served(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    lanes(scene, 12, SLOW)
    [quick] = lanes(scene, 1, 0)
    scene.record()
    assert [taken() for _worker in range(3)] == [first.pk, quick.pk, None]


def test_job__about_a_slow_lms_while_another_one_has_a_worker__waits_and_one_about_a_quick_one_does_not(
    scene: Scene,
) -> None:
    [other] = lanes(scene, 1, SLOW)
    assert Lane.objects.take_slow(other.pk)
    paced(scene.configuration, SLOW)
    with pytest.raises(Busy), asking(scene.configuration):
        pass
    paced(scene.configuration, 0)
    with asking(scene.configuration) as asked:
        assert asked.begin()


def test_job__about_a_slow_lms__takes_its_place(scene: Scene) -> None:
    [other] = lanes(scene, 1, SLOW)
    paced(scene.configuration, SLOW)
    with asking(scene.configuration):
        assert Lane.objects.take_slow(other.pk) is None
    assert Lane.objects.take_slow(other.pk)


def test_slow_lms__whose_worker_died__frees_its_place_with_its_lease(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    [second] = lanes(scene, 1, SLOW)
    scene.record()
    assert taken() == first.pk
    Lane.objects.filter(pk=first.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert taken() == second.pk


def test_slow_pool__of_another_cluster__is_another_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = paced(scene.configuration, SLOW)
    [second, _third] = lanes(scene, 2, SLOW)
    scene.record()
    found = []
    for cluster in ("one", "one", "two", "two"):
        monkeypatch.setenv(WORKER_ID, cluster)
        found.append(taken())
    assert found == [first.pk, None, second.pk, None]


def test_lane__kept_from_the_workers_by_the_requeue__takes_no_place_in_the_slow_pool(scene: Scene) -> None:
    first = paced(scene.configuration, SLOW)
    [second] = lanes(scene, 1, SLOW)
    scene.record()
    assert Lane.objects.take(first.pk) is not None
    assert taken() == second.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("workers", "places"), [(1, 1), (2, 1), (5, 2), (8, 4)])
def test_slow_pool__when_all_workers_come_at_once__admits_half_of_them(
    scene: Scene, settings: Any, workers: int, places: int
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": workers}
    pks = [lane.pk for lane in lanes(scene, 8, SLOW)]
    for _round in range(10):
        found = _all_at_once(pks)
        assert sum(token is not None for token in found) == places
        assert Lane.objects.filter(lease_until__gt=Now()).count() == places
        Lane.objects.update(lease_token=None, lease_until=None, lease_owner="")


def _all_at_once(pks: list[int]) -> list[uuid.UUID | None]:
    """What workers get that come at the same moment, each for another lane."""
    gate, found = threading.Barrier(len(pks)), list[uuid.UUID | None]()

    def work(pk: int) -> None:
        try:
            connection.ensure_connection()
            gate.wait(30)
            found.append(Lane.objects.take_slow(pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(pk,)) for pk in pks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(pks)
    return found


# Turns -------------------------------------------------------------------------------------------------------------


def requests_of(scene: Scene, store: str = "default") -> list[int]:
    """How many statements came in each request."""
    return [request.statements for request in scene.lms.store(store).requests]


@pytest.fixture
def late(scene: Scene) -> LMSConfiguration:
    """A configuration whose result comes when the first one's backlog is waiting already."""
    paced(scene.configuration, 0)
    scene.record(600)
    late = scene.connect("Late", url=scene.lms.url("late"))
    scene.record()
    return late


@pytest.mark.catalogue("R44")
def test_lane_with_a_backlog__while_another_waits__gives_way_after_a_batch(
    scene: Scene, late: LMSConfiguration
) -> None:
    paced(late, 0)
    first = scene.lane().pk
    Lane.objects.filter(pk=first).update(last_served_at=clock.now() - timedelta(hours=1))
    Lane.objects.filter(pk=late.lane.pk).update(last_served_at=clock.now())
    assert [serve_once(), serve_once(), serve_once(), serve_once()] == [first, late.lane.pk, first, None]
    assert (requests_of(scene), requests_of(scene, "late")) == ([200, 200, 200, 1], [1])


def test_lane_with_a_backlog__while_nobody_waits__is_served_in_one_turn(scene: Scene) -> None:
    scene.record(600)
    assert [serve_once(), serve_once()] == [scene.lane().pk, None]
    assert requests_of(scene) == [200, 200, 200]


def test_quick_lane__while_only_those_wait_that_may_not_be_served__goes_on(
    scene: Scene, late: LMSConfiguration
) -> None:
    paced(late, SLOW)
    [busy] = lanes(scene, 1, SLOW)
    assert Lane.objects.take(busy.pk, "shared") is not None
    assert serve_once() == scene.lane().pk
    assert requests_of(scene) == [200, 200, 200, 1]


def test_slow_lane__while_another_slow_one_waits__gives_way(scene: Scene, late: LMSConfiguration) -> None:
    paced(late, SLOW)
    Lane.objects.filter(pk=scene.lane().pk).update(slowness=SLOW)
    assert [serve_once(), serve_once()] == [scene.lane().pk, late.lane.pk]
    assert requests_of(scene) == [200]


def test_quick_lane__that_turns_slow__leaves_its_worker_at_once(scene: Scene, settings: Any) -> None:
    paced(scene.configuration, 0)
    settings.SLOW_AFTER = 0.0
    scene.record(600)
    assert serve_once() == scene.lane().pk
    assert scene.states() == {"delivered": 200, "queued": 400}
    assert Lane.objects.take(scene.lane().pk) is not None


def test_lane__that_turns_quick_and_slow_again_in_one_turn__leaves_its_worker_at_once() -> None:
    # Another one may have got the place that it left in the slow pool.
    lane = Lane(slowness=UNKNOWN)
    turn, found = Turn(lane), []
    for took in (0.0, 60.0):
        lane.pace(took)
        found.append(turn.is_over())
    assert found == [False, True]


def test_ready_lanes__are_served_in_the_order_of_their_last_turns(scene: Scene) -> None:
    paced(scene.configuration, 0)
    lanes(scene, 3, 0)
    served = list(Lane.objects.order_by("pk").values_list("pk", flat=True))
    for pk, minutes in zip(served, (2, 4, 1, 3), strict=True):
        Lane.objects.filter(pk=pk).update(last_served_at=clock.now() - timedelta(minutes=minutes))
    scene.record()
    assert [serve_once() for _turn in range(4)] == [served[1], served[3], served[0], served[2]]


# With real workers and real tar pits -------------------------------------------------------------------------------

HEALTHY = 6


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_healthy_lmss__beside_three_tar_pits__are_served_while_the_pits_hang(
    processes: Processes, practice_lms: PracticeLMS
) -> None:
    scene = Scene(practice_lms)
    healthy = [
        scene.connect(f"Healthy {number}", url=practice_lms.url(f"store{number}")) for number in range(HEALTHY)
    ]
    muddy = make.objective(scene.organization, "Mud")
    with tar_pits() as pits:
        stuck = {name: connect(scene.organization, muddy, name, {"url": url}, "x") for name, url in pits.urls.items()}
        processes.manage("run_worker", environment={"OUTBOUND_DEADLINE": "120", "WORKERS": "2"})
        scene.record()
        until(lambda: _delivered(healthy) == HEALTHY, "the first result at each healthy LMS")
        _into_the_mud(scene, muddy)
        until(lambda: _lane(stuck["bomb"]).failures, "the bomb to have been met")
        until(lambda: pits.drip.accepted + pits.stall.accepted, "a tar pit to have caught a worker")
        for turn in range(2, 12):
            scene.record()
            until(lambda: _delivered(healthy) == turn * HEALTHY, f"result {turn} at each healthy LMS")  # noqa: B023
        assert _delivered([*stuck.values()]) == 0
        assert Attempt.objects.open().filter(lane=stuck["drip"].lane).count() == 1
        # The other one waits for the only place in the slow pool.
        assert (pits.drip.accepted, pits.stall.accepted) == (1, 0)


def _into_the_mud(scene: Scene, muddy: Objective) -> None:
    Result.objects.record([Result(participant=scene.ann, objective=muddy, success=True)])


def _delivered(configurations: list[LMSConfiguration]) -> int:
    return int(Delivery.objects.filter(configuration__in=configurations, state="delivered").count())


def _lane(configuration: LMSConfiguration) -> Lane:
    return Lane.objects.get(configuration=configuration)
