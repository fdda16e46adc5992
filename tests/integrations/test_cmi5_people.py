"""What a cmi5 session tells, in its order, whatever people do to its deliveries and clocks to its moments."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations import dispatch
from integrations.models import Delivery, Lane, Launch
from objectives import clock
from tests.cmi5.enrolled import PASSED, Enrolled, deliveries, verbs
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def enrolled(scene: Scene) -> Enrolled:
    return Enrolled(scene)


def later() -> None:
    """The LMS is told nothing for an hour."""
    Lane.objects.filter(launch__isnull=False).update(not_before=clock.now() + timedelta(hours=1))


def soon() -> None:
    """The waiting is over."""
    Lane.objects.update(not_before=None)


@pytest.mark.parametrize("event", ["initialized", "progressed-50", "completed"])
def test_retry__of_one_that_waits__lets_it_keep_its_place(enrolled: Enrolled, event: str) -> None:
    learner = enrolled.arrive()
    pump()
    later()
    Delivery.objects.update(state="queued", delivered_at=None, next_attempt_at=clock.now())
    enrolled.session.statements.clear()
    learner.press("begin").play_through()
    dispatch.retry(Delivery.objects.filter(event=event))
    soon()
    pump()
    assert deliveries("queued") == []
    assert verbs(enrolled.session)[-1] == "terminated"


def test_retry__of_what_was_refused__comes_before_the_end(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Leave")
    pump()
    later()
    learner.finish()
    Delivery.objects.filter(event="completed").update(state="rejected", next_attempt_at=None)
    dispatch.retry(Delivery.objects.filter(event="completed"))
    soon()
    assert sorted(enrolled.told()) == sorted(PASSED)
    assert verbs(enrolled.session)[-1] == "terminated"


@pytest.mark.parametrize("state", ["rejected", "held"])
def test_session__whose_beginning_was_not_taken__tells_nothing_else_until_the_next(
    enrolled: Enrolled, state: str
) -> None:
    learner = enrolled.arrive()
    pump()
    Delivery.objects.update(state=state, reason="by_person" if state == "held" else "", next_attempt_at=None)
    learner.press("begin").play_through()
    assert enrolled.told() == ["initialized"]
    assert set(deliveries("held")) >= {"completed", "result"}

    enrolled.launch()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]


def test_session__with_clocks_apart__begins_with_its_beginning(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    learner.press("begin").play_through()
    launch = Launch.objects.get()
    ahead = clock.now() + timedelta(seconds=3)
    launch.events = [{**launch.events[0], "at": ahead.isoformat()}, *launch.events[1:]]
    launch.opened_at = ahead
    launch.save()
    pump()
    assert verbs(enrolled.session)[0] == "initialized"
