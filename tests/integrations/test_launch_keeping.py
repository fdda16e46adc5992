"""Launches in the long run: sealed under the newest key, and held against what must always be so."""

from __future__ import annotations

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.models import Delivery, Lane, Launch
from objectives import secrets
from tests.launching import delivery_of, fetch_from, finished, now, opened
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NEW_KEY = base64.urlsafe_b64encode(b"n" * 32).decode()


def resealed(settings: Any) -> str:
    """What the command says after a new key came first; the old one is gone afterwards."""
    said = StringIO()
    settings.FIELD_KEYS = f"{NEW_KEY},{settings.FIELD_KEYS}"
    call_command("reseal_secrets", stdout=said)
    settings.FIELD_KEYS = NEW_KEY
    return said.getvalue()


def checked() -> str:
    """What the check prints."""
    said = StringIO()
    with pytest.raises(CommandError, match="promises are broken"):
        call_command("check_deliveries", stdout=said)
    return said.getvalue()


# Keys ---------------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S14")
def test_token__after_a_new_key__still_signs_in(scene: Scene, settings: Any) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    token = now(launch).token_text()
    assert "1 launches were sealed under the newest key." in resealed(settings)
    assert now(launch).token_text() == token
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == Delivery.State.DELIVERED


@pytest.mark.catalogue("S14")
def test_token_address__after_a_new_key__is_still_asked(scene: Scene, settings: Any) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    resealed(settings)
    pump()
    assert now(launch).token == Launch.Token.KEPT


@pytest.mark.catalogue("S14")
def test_token__that_no_key_opens__is_passed_over_and_the_learner_launches_again(scene: Scene, settings: Any) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    Launch.objects.update(sealed_token="v1.gone.AAAA")
    assert "0 launches were sealed under the newest key." in resealed(settings)
    finished(scene, launch)
    pump()
    held = delivery_of(launch)
    assert (held.state, held.reason) == (Delivery.State.HELD, Delivery.Reason.RELAUNCH)


def test_token__under_the_newest_key__is_left_alone(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    assert not now(launch).reseal()


def test_token__sealed_under_another_launch__opens_with_no_key(scene: Scene, settings: Any) -> None:
    first = opened(scene, fetch=fetch_from(scene.lms))
    other = opened(scene, fetch=fetch_from(scene.lms), registration="another")
    Launch.objects.filter(pk=other.pk).update(sealed_fetch=first.sealed_fetch)
    resealed(settings)
    with pytest.raises(secrets.Unreadable):
        now(other).fetch_address()


# What must always be so ---------------------------------------------------------------------------------------------


def test_launches__delivered_and_waiting__are_sound(scene: Scene) -> None:
    finished(scene, opened(scene, fetch=fetch_from(scene.lms)))
    finished(scene, opened(scene, registration="another"))
    pump()
    finished(scene, opened(scene, fetch=fetch_from(scene.lms, "1"), registration="refused"))
    pump()
    assert_sound()


def test_delivery__in_the_lane_of_another_launch__is_a_breach(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    other = opened(scene, fetch=fetch_from(scene.lms), registration="another")
    finished(scene, launch)
    Delivery.objects.filter(launch=launch).update(lane=Lane.objects.get(launch=other))
    assert f"Delivery {delivery_of(launch).pk}: queued in the lane of another launch." in checked()


def test_ordinary_delivery__in_the_lane_of_a_launch__is_a_breach(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    [result] = scene.record()
    Delivery.objects.filter(result=result).update(lane=Lane.objects.get(launch=launch))
    assert "queued in the lane of another launch." in checked()


def test_delivery__in_a_lane_that_sleeps__is_a_breach(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    finished(scene, launch)
    Lane.objects.filter(launch=launch).update(resting=True)
    assert f"Delivery {delivery_of(launch).pk}: queued in a lane that nobody looks at." in checked()
