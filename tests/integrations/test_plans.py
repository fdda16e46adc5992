"""An organization's plan is changed: what waits for a batch by the plan goes by the new one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Delivery, LMSConfiguration
from objectives.models import Organization
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def change_plan(scene: Scene, plan: str) -> None:
    organization = Organization.objects.get(pk=scene.organization.pk)
    organization.plan = plan
    organization.save()


def waiting(scene: Scene, **values: int) -> Delivery:
    """A delivery that waits for the next batch on the plan *free*."""
    Organization.objects.update(plan="free")
    LMSConfiguration.objects.update(**values)
    scene.record()
    found: Delivery = Delivery.objects.get()
    return found


def test_plan__that_sends_at_once__sends_what_waits(scene: Scene) -> None:
    Delivery.objects.filter(pk=waiting(scene).pk).update(next_attempt_at=timezone.now() + timedelta(minutes=50))
    change_plan(scene, "enterprise")
    pump()
    assert scene.states() == {"delivered": 1}


def test_plan__does_not_change_what_a_configuration_decides_itself(scene: Scene) -> None:
    before = waiting(scene, update_interval=60).next_attempt_at
    change_plan(scene, "enterprise")
    assert Delivery.objects.get().next_attempt_at == before


def test_plan__of_another_organization__changes_nothing(scene: Scene) -> None:
    before = waiting(scene).next_attempt_at
    Organization.objects.create(name="Contoso", plan="free").save()
    assert Delivery.objects.get().next_attempt_at == before
