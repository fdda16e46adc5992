"""How long an exchange of many requests may last: no longer than the lease that it is made under expects."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import parse
from integrations.dispatch.turns import TimedDoor
from tests.scene import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(scene: Scene, settings: Any) -> TimedDoor:
    """A door whose requests may take a second each; the LMS answers after five."""
    settings.OUTBOUND_DEADLINE = 1.0
    scene.lms.fail("slow", "5")
    return TimedDoor(scene.lane())


def ask(door: TimedDoor, scene: Scene, **options: Any) -> None:
    door.request("GET", parse(scene.lms.url()), headers={}, **options)


def test_exchange__of_more_requests_than_there_is_time_for__is_broken_off(scene: Scene, door: TimedDoor) -> None:
    door.begin()
    # The last may have had a moment left over from the others.
    for _request in range(3):
        with pytest.raises(CannotConnect):
            ask(door, scene)
    with pytest.raises(CannotConnect, match="so many requests"):
        ask(door, scene)


def test_request__that_asks_for_more_time_than_is_left__gets_what_is_left(scene: Scene, door: TimedDoor) -> None:
    door.begin()
    with pytest.raises(CannotConnect):
        ask(door, scene, deadline=60.0)
    with pytest.raises(CannotConnect, match="so many requests"):
        ask(door, scene, deadline=60.0)
    assert door.requests == 1


def test_exchange__after_a_long_one__has_its_time_anew(scene: Scene, door: TimedDoor) -> None:
    with pytest.raises(CannotConnect):
        ask(door, scene, deadline=60.0)
    scene.lms.heal()
    door.begin()
    ask(door, scene)
    assert door.requests == 2
