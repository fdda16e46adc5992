"""A configuration with a backlog is paused: nothing goes out, nothing is lost, and resuming sends all of it."""

from __future__ import annotations

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from integrations.models import Delivery, LMSConfiguration
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.catalogue("R54"), pytest.mark.database]


def paused(scene: Scene) -> None:
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).pause()


def test_paused__with_a_backlog__sends_nothing_and_keeps_queueing(scene: Scene) -> None:
    scene.record(3)
    paused(scene)
    scene.record(2)
    pump()
    assert scene.states() == {"queued": 5}
    assert scene.lms_ids() == []


def test_resumed__with_a_backlog__sends_all_of_it_once(scene: Scene) -> None:
    scene.record(3)
    paused(scene)
    scene.record(2)
    pump()
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).resume()
    pump()
    assert scene.states() == {"delivered": 5}
    assert sorted(scene.lms_ids()) == sorted(str(one) for one in Delivery.objects.values_list("uuid", flat=True))


def test_resumed__while_an_lms_is_waited_for__tries_it_at_once(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record()
    pump()
    paused(scene)
    scene.lms.heal()
    assert scene.lane().not_before is not None
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).resume()
    assert scene.lane().not_before is None
    Delivery.objects.update(next_attempt_at=timezone.now())
    pump()
    assert scene.states() == {"delivered": 1}


def test_resumed__with_batches_of_a_day__sends_what_was_due_and_leaves_the_rest_to_the_next(scene: Scene) -> None:
    scene.record()
    LMSConfiguration.objects.update(update_interval=1440)
    paused(scene)
    scene.record()
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).resume()
    pump()
    assert scene.states() == {"delivered": 1, "queued": 1}


def test_paused__does_not_hold_up_another_configuration(scene: Scene) -> None:
    other = scene.connect("Other", url=scene.lms.url("other"))
    paused(scene)
    scene.record(2)
    pump()
    assert scene.states() == {"queued": 2}
    assert Delivery.objects.filter(configuration=other, state="delivered").count() == 2


def test_paused__does_not_change_the_status(scene: Scene) -> None:
    scene.record()
    pump()
    before = scene.lane().status
    paused(scene)
    scene.record()
    pump()
    assert (before, scene.lane().status) == ("ok", "ok")


def test_deleted__with_a_backlog__is_refused_and_keeps_everything(scene: Scene) -> None:
    scene.record(2)
    with pytest.raises(ProtectedError):
        scene.configuration.delete()
    assert scene.states() == {"queued": 2}


def test_organization_switched_off__with_a_backlog__keeps_it_until_it_is_back(scene: Scene) -> None:
    scene.record(2)
    type(scene.organization).objects.update(is_active=False)
    pump()
    assert scene.states() == {"queued": 2}
    type(scene.organization).objects.update(is_active=True)
    pump()
    assert scene.states() == {"delivered": 2}
