"""How long contents, answers and attempts are kept."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from integrations import keeping, tasks
from integrations.models import Attempt, Delivery, LastRun
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("sound")]


def after(days: float) -> None:
    """Retention so many days from now."""
    with time_machine.travel(timezone.now() + timedelta(days=days), tick=True):
        assert tasks.retain() == "done"


def test_content__of_what_was_delivered__goes_after_thirty_days(scene: Scene) -> None:
    scene.record(3)
    pump()
    after(29)
    assert not Delivery.objects.filter(content="").exists()
    after(31)
    assert Delivery.objects.filter(content="", dropped_at__isnull=False, state="delivered").count() == 3
    assert LastRun.objects.get(pk="retention").facts["contents"] == 3


def test_content__of_what_is_queued_held_or_rejected__stays(scene: Scene) -> None:
    scene.lms.fail("poison", "bad@example.com")
    scene.record(participant=scene.person("bad@example.com"))
    scene.record(5)
    pump()
    scene.lms.fail("503")
    scene.record()
    scene.record()
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).hold("Why not.")
    after(80)
    kept = Delivery.objects.exclude(content="").values_list("state", flat=True)
    assert sorted(kept) == ["held", "queued", "rejected"]


def test_content__of_what_expired__stays_thirty_days_more(scene: Scene) -> None:
    scene.record()
    Delivery.objects.update(state="expired", next_attempt_at=None, expires_at=timezone.now())
    after(29)
    assert Delivery.objects.retryable().count() == 1
    after(31)
    assert Delivery.objects.retryable().count() == 0


def test_answers__go_after_thirty_days_and_attempts_after_ninety(scene: Scene) -> None:
    scene.record(3)
    pump()
    after(31)
    assert list(Attempt.objects.values_list("answer", "status_code")) == [("", 200)]
    after(91)
    assert not Attempt.objects.exists()
    delivery = Delivery.objects.first()
    assert delivery is not None
    assert (delivery.first_attempt_id, delivery.last_attempt_id, delivery.attempts) == (None, None, 1)


def test_attempts__that_are_open__stay(scene: Scene) -> None:
    scene.record()
    pump()
    Attempt.objects.update(closed_at=None, outcome="open")
    Delivery.objects.update(state="queued", next_attempt_at=timezone.now())
    after(100)
    assert Attempt.objects.count() == 1
    Attempt.objects.update(closed_at=timezone.now(), outcome="delivered")


def test_attempts__of_a_delivery_that_was_tried_again_later__keeps_the_later(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record()
    pump()
    scene.lms.heal()
    with time_machine.travel(timezone.now() + timedelta(days=20), tick=True):
        scene.wait_is_over()
        pump()
    after(100)
    delivery = Delivery.objects.get()
    assert delivery.first_attempt_id is None
    assert [one.outcome for one in Attempt.objects.all().of_delivery(delivery)] == ["delivered"]


def test_retention__that_runs_out_of_time__goes_on_in_the_next_turn(scene: Scene) -> None:
    scene.record(3)
    pump()
    later = timezone.now() + timedelta(days=100)
    assert keeping.retain(later, time.monotonic()) is True
    assert keeping.retain(later, time.monotonic() + 60) is False
    facts = LastRun.objects.get(pk="retention").facts
    assert facts == {"contents": 3, "answers": 1, "attempts": 1, "launches": 0, "finished": True}
