"""The invariants: a sound database has no breach, and each broken promise is told in a sentence without names."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from django.utils import timezone

from integrations import keeping
from integrations.dispatch import settle
from integrations.models import Attachment, Attempt, Delivery, Lane, LastRun, LMSConfiguration
from objectives.models import Organization, Result
from tests import make
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def found() -> str:
    return "\n".join(keeping.breaches(planned_before=timezone.now() + timedelta(days=1)))


def test_traffic__delivered_queued_held_and_rejected__is_sound(scene: Scene) -> None:
    scene.lms.fail("poison", "bad@example.com")
    scene.record(3)
    scene.record(participant=scene.person("bad@example.com"))
    scene.record(participant=scene.person("nobody"))
    pump()
    scene.lms.fail("503")
    scene.record(2)
    pump()
    assert scene.states() == {"delivered": 3, "rejected": 1, "held": 1, "queued": 2}
    assert_sound()


def test_result__that_was_never_planned__is_a_breach(scene: Scene) -> None:
    [row] = Result.objects.bulk_create(
        [Result(organization=scene.organization, participant=scene.ann, objective=scene.objective)]
    )
    assert found() == f"Result {row.pk}: recorded for an attached LMS configuration, but there is no delivery."


def test_result__from_before_the_attachment__is_none(scene: Scene) -> None:
    Attachment.objects.update(attached_at=timezone.now() + timedelta(days=1))
    Result.objects.bulk_create(
        [Result(organization=scene.organization, participant=scene.ann, objective=scene.objective)]
    )
    assert found() == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"content": ""}, "what was sent is gone before its time"),
        ({"content": '{"id": "another"}'}, "what it tells is not under its own id"),
        ({"content": "[]"}, "what it tells is not under its own id"),
        ({"last_attempt": None}, "delivered without an attempt that proves it"),
        ({"state": "rejected"}, "rejected, but no answer blames the record"),
        ({"state": "expired"}, "given up before its time"),
    ],
)
def test_delivery__altered_after_it_was_delivered__is_a_breach(
    scene: Scene, change: dict[str, Any], words: str
) -> None:
    scene.record()
    pump()
    Delivery.objects.update(**change)
    assert words in found()


@pytest.mark.parametrize(
    "change",
    [{"outcome": "server_error"}, {"outcome": "cut_short"}, {"delivery_ids": ",0,"}, {"closed_at": None}],
)
def test_attempt__that_proves_nothing__is_a_breach(scene: Scene, change: dict[str, Any]) -> None:
    scene.record()
    pump()
    Attempt.objects.update(**change)
    assert "delivered without an attempt that proves it" in found()


def test_attempt__forgotten_with_the_content__is_none(scene: Scene) -> None:
    scene.record()
    pump()
    Delivery.objects.update(last_attempt=None, content="", dropped_at=timezone.now())
    assert_sound()


def test_exchange__without_a_lease__is_a_breach(scene: Scene) -> None:
    scene.record()
    token = Lane.objects.take(scene.lane().pk)
    assert token is not None
    settle.open_attempt(scene.lane(), token, [Delivery.objects.get().pk], "")
    assert_sound()
    Lane.objects.update(lease_token=None, lease_until=None)
    assert "under way, though no worker has the lane" in found()


def test_exchange__left_behind_by_a_dead_worker__is_none(scene: Scene) -> None:
    scene.record()
    token = Lane.objects.take(scene.lane().pk)
    assert token is not None
    settle.open_attempt(scene.lane(), token, [Delivery.objects.get().pk], "")
    Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    Attempt.objects.update(opened_at=timezone.now() - timedelta(minutes=2))
    assert_sound()


def test_two_exchanges__in_one_lane__are_a_breach(scene: Scene) -> None:
    scene.record()
    token = Lane.objects.take(scene.lane().pk)
    assert token is not None
    for _turn in range(2):
        settle.open_attempt(scene.lane(), token, [Delivery.objects.get().pk], "")
    assert "more than one exchange is under way" in found()


def test_lease__with_a_holder_and_no_end__is_a_breach(scene: Scene) -> None:
    Lane.objects.update(lease_token=uuid.uuid4())
    assert "not both" in found()


def test_delivery__in_another_configurations_lane__is_a_breach(scene: Scene) -> None:
    scene.record()
    other = make.configuration(scene.organization)
    Delivery.objects.update(lane=other.lane)
    assert "in the lane of another LMS configuration" in found()


@pytest.mark.parametrize("name", ["configuration", "result"])
def test_foreign_key__to_another_organization__is_a_breach(scene: Scene, name: str) -> None:
    scene.record()
    stranger = make.organization()
    model: Any = {"configuration": LMSConfiguration, "result": Result}[name]
    model.objects.update(organization=stranger)
    assert f"its {name} belongs to another organization" in found()


def test_breach__of_many_rows__names_ten_and_no_person(scene: Scene) -> None:
    scene.record(12)
    pump()
    Delivery.objects.update(content="{")
    sentence = found()
    assert sentence.count(",") == 9
    assert "and more" in sentence
    assert "ann" not in sentence


def test_hourly_check__of_what_was_settled_long_ago__leaves_it_out(scene: Scene) -> None:
    scene.record()
    pump()
    Delivery.objects.update(content="{")
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert keeping.check(timezone.now()) == []


def test_hourly_check__of_a_breach__notes_it(scene: Scene) -> None:
    scene.record()
    pump()
    Delivery.objects.update(content="{")
    keeping.check(timezone.now())
    assert LastRun.objects.get(pk="check").facts["breaches"] == 1


def test_command__when_all_is_sound__says_so(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.record()
    pump()
    call_command("check_deliveries")
    assert capsys.readouterr().out == "All is sound.\n"


def test_command__of_a_breach__prints_it_and_fails(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.record()
    pump()
    Delivery.objects.update(content="{")
    with pytest.raises(CommandError) as caught:
        call_command("check_deliveries")
    assert caught.value.returncode == 1
    assert (
        capsys.readouterr().out == f"Delivery {Delivery.objects.get().pk}: what it tells is not under its own id.\n"
    )


# A backlog ---------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R54")
def test_configuration__paused_with_a_backlog__keeps_it_and_sends_it_later(scene: Scene) -> None:
    scene.record(3)
    LMSConfiguration.objects.all().pause()
    pump()
    assert scene.states() == {"queued": 3}
    LMSConfiguration.objects.all().resume()
    pump()
    assert scene.states() == {"delivered": 3}
    assert_sound()


@pytest.mark.catalogue("R54")
def test_organization__switched_off_with_a_backlog__keeps_it_and_sends_it_later(scene: Scene) -> None:
    scene.record(3)
    Organization.objects.update(is_active=False)
    pump()
    assert scene.states() == {"queued": 3}
    assert scene.lms.store().requests == []
    Organization.objects.update(is_active=True)
    pump()
    assert scene.states() == {"delivered": 3}
    assert_sound()


@pytest.mark.catalogue("R54")
def test_configuration__deleted_with_a_backlog__is_kept(scene: Scene) -> None:
    scene.record(3)
    with pytest.raises(ProtectedError):
        scene.configuration.delete()
    pump()
    assert scene.states() == {"delivered": 3}
    assert_sound()


@pytest.mark.catalogue("R54")
def test_objective__detached_with_a_backlog__is_sent_still(scene: Scene) -> None:
    scene.record(3)
    Attachment.objects.all().delete()
    scene.record()
    pump()
    assert scene.states() == {"delivered": 3}
    assert_sound()
