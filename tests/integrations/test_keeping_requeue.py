"""The daily re-queue, and giving up what is too old. The clock is virtual."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from integrations import keeping, tasks
from integrations.models import Delivery, Lane, LastRun, LMSConfiguration
from integrations.models.delivery import EARLIER
from objectives.models import Organization, Participant
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("sound")]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that a test moves on."""
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def scene(clock: time_machine.Traveller, scene: Scene) -> Scene:
    """The stage, at the virtual time."""
    return scene


def facts() -> dict[str, int]:
    run = LastRun.objects.get(pk="requeue")
    return {name: value for name, value in run.facts.items() if value and name not in ("after", "finished")}


def test_requeue__of_what_waits_for_a_broken_lms__tries_it_at_once(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record(3)
    pump()
    scene.lms.heal()
    assert scene.states() == {"queued": 3}
    tasks.requeue()
    pump()
    assert scene.states() == {"delivered": 3}
    assert facts() == {"probed": 1}


@pytest.mark.django_db(transaction=True)
def test_requeue__in_no_transaction_of_its_caller__revives_what_was_refused(scene: Scene) -> None:
    scene.lms.fail("poison", "bad")
    scene.record()
    scene.record(participant=scene.person("bad@example.com"))
    pump()
    assert scene.states() == {"delivered": 1, "rejected": 1}
    scene.lms.heal()
    tasks.requeue()
    pump()
    assert scene.states() == {"delivered": 2}


def test_requeue__while_the_lms_is_still_broken__sends_one_probe(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record(30)
    pump()
    before = len(scene.lms.store().requests)
    tasks.requeue()
    pump()
    assert len(scene.lms.store().requests) == before + 1
    assert scene.states() == {"queued": 30}


def test_requeue__of_what_waits_for_its_batch__makes_it_due(scene: Scene) -> None:
    LMSConfiguration.objects.update(update_interval=1440)
    scene.record(2)
    pump()
    assert scene.states() == {"queued": 2}
    tasks.requeue()
    pump()
    assert scene.states() == {"delivered": 2}
    assert facts() == {"due": 2}


def test_requeue__of_earlier_results__leaves_them_behind_the_new(scene: Scene) -> None:
    scene.record()
    later = timezone.now() + timedelta(hours=5)
    Delivery.objects.update(priority=EARLIER, next_attempt_at=later)
    tasks.requeue()
    assert Delivery.objects.filter(priority=EARLIER, next_attempt_at__lte=timezone.now()).count() == 1


@pytest.mark.parametrize("off", ["paused", "switched off"])
def test_requeue__where_nothing_may_be_sent__changes_nothing(scene: Scene, off: str) -> None:
    later = timezone.now() + timedelta(hours=5)
    scene.record(2)
    Delivery.objects.update(next_attempt_at=later)
    Lane.objects.update(not_before=later)
    if off == "paused":
        LMSConfiguration.objects.update(paused=True)
    else:
        Organization.objects.update(is_active=False)
    tasks.requeue()
    assert facts() == {}
    assert Delivery.objects.filter(next_attempt_at=later).count() == 2
    assert scene.lane().not_before == later


def test_requeue__of_what_is_held__releases_only_what_can_go(scene: Scene) -> None:
    scene.record(participant=scene.person("employee-1"))
    scene.record(participant=scene.person("employee-2"))
    # As an import would: without telling anybody.
    Participant.objects.filter(participant_id="employee-1").update(participant_id="eve@example.com")
    tasks.requeue()
    pump()
    assert scene.states() == {"delivered": 1, "held": 1}
    assert facts() == {"examined": 2, "released": 1}


def test_requeue__of_what_a_person_held__leaves_it(scene: Scene) -> None:
    scene.record()
    Delivery.objects.all().hold("Wait for the contract.")
    tasks.requeue()
    assert scene.states() == {"held": 1}
    assert facts() == {}


def test_requeue__of_a_fresh_refusal__tries_it_for_three_days(scene: Scene, clock: time_machine.Traveller) -> None:
    scene.lms.fail("poison", "bad@example.com")
    scene.record(1, participant=scene.person("bad@example.com"))
    scene.record(5)
    pump()
    revived = []
    for _day in range(5):
        clock.shift(timedelta(hours=23, minutes=59))
        tasks.requeue()
        revived.append(facts().get("revived", 0))
        pump()
        scene.record()
        pump()
    assert revived == [1, 1, 1, 0, 0]
    assert scene.states()["rejected"] == 1


def test_requeue__run_twice_and_at_any_time__sends_nothing_twice(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record(5)
    pump()
    scene.lms.heal()
    for _turn in range(3):
        tasks.requeue()
        pump()
    assert len(scene.lms_ids()) == len(set(scene.lms_ids())) == 5


def test_requeue__with_more_held_than_one_turn_can_examine__goes_on_in_the_next(scene: Scene) -> None:
    for number in range(3):
        scene.record(participant=scene.person(f"employee-{number}"))
    keeping.begin_requeue(timezone.now())
    assert keeping.examine_held(0.0, lambda _lanes: None) is True
    assert keeping.examine_held(float("inf"), lambda _lanes: None) is False
    assert facts() == {"examined": 3}


# Giving up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_delivery__unsent_for_thirty_days__expires(
    scene: Scene, clock: time_machine.Traveller, *, paused: bool
) -> None:
    LMSConfiguration.objects.update(paused=paused)
    scene.lms.fail("503")
    scene.record(2)
    clock.shift(timedelta(days=29, hours=23))
    tasks.requeue()
    assert scene.states() == {"queued": 2}
    clock.shift(timedelta(hours=2))
    tasks.requeue()
    assert scene.states() == {"expired": 2}
    assert facts()["expired"] == 2


def test_delivery__of_an_organization_that_is_switched_off__does_not_expire(
    scene: Scene, clock: time_machine.Traveller
) -> None:
    scene.record()
    Organization.objects.update(is_active=False)
    clock.shift(timedelta(days=40))
    tasks.requeue()
    assert scene.states() == {"queued": 1}


def test_delivery__in_a_lane_that_is_worked_just_now__does_not_expire(
    scene: Scene, clock: time_machine.Traveller
) -> None:
    scene.record()
    clock.shift(timedelta(days=31))
    assert Lane.objects.take(scene.lane().pk) is not None
    tasks.requeue()
    assert scene.states() == {"queued": 1}


def test_expired__revived_by_a_person__has_its_time_once_more(scene: Scene, clock: time_machine.Traveller) -> None:
    scene.lms.fail("503")
    scene.record()
    clock.shift(timedelta(days=31))
    tasks.requeue()
    assert tasks.retry(Delivery.objects.all()) == 1
    clock.shift(timedelta(days=1))
    tasks.requeue()
    assert scene.states() == {"queued": 1}
    scene.lms.heal()
    scene.wait_is_over()
    pump()
    assert scene.states() == {"delivered": 1}
    assert scene.lms_ids() == [str(Delivery.objects.get().uuid)]
