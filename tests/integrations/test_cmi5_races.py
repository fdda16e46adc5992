"""Learners, workers and those who erase at one cmi5 session at once: nothing is lost, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connections

from integrations import keeping, launches
from integrations.dispatch import sessions
from integrations.keeping import erasure
from integrations.models import Delivery, Launch
from tests.cmi5.enrolled import PASSED, Enrolled, deliveries, verbs
from tests.cmi5.player import launched
from tests.learner import Learner
from tests.lms import PracticeLMS
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.database]

# Longer than a thread needs to come to where it waits; too short, a test proves less and fails no more.
HEAD_START = 0.5


def together(*works: Callable[[], object]) -> None:
    """Do these at the same time, each with connections of its own; raises what one of them raised."""

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(60)


@pytest.fixture
def enrolled(practice_lms: PracticeLMS, transactional_db: None) -> Enrolled:
    """An enrollment that other threads can see."""
    return Enrolled(Scene(practice_lms))


def test_event__while_the_session_is_being_opened__is_told(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = enrolled.arrive().press("begin")
    opening, under_way, gone_on = sessions.opened, threading.Event(), threading.Event()

    def slowly(launch: Launch) -> None:
        under_way.set()
        gone_on.wait(HEAD_START)
        opening(launch)

    monkeypatch.setattr(sessions, "opened", slowly)

    def go_on() -> None:
        assert under_way.wait(30)
        learner.to_the_question()

    together(pump, go_on)
    learner.choose("Leave").finish()
    assert enrolled.told() == PASSED


@pytest.mark.catalogue("S41")
def test_session__that_is_left_while_its_learner_is_erased__keeps_nothing_of_them(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled.launch().press("begin")
    launch = Launch.objects.get()
    forgetting, under_way = erasure._forget_answers, threading.Event()

    def slowly(*args: Any) -> int:
        under_way.set()
        threading.Event().wait(HEAD_START)
        return forgetting(*args)

    monkeypatch.setattr(erasure, "_forget_answers", slowly)

    def leave() -> None:
        assert under_way.wait(30)
        launches.leave(launch)

    together(lambda: keeping.erase(launch.participant), leave)
    assert not Delivery.objects.exclude(content="").exists()


def test_launches__of_one_enrollment_at_once_beside_workers__end_in_one_that_tells_all(enrolled: Enrolled) -> None:
    lms, first = enrolled.scene.lms, enrolled.launch().press("begin").to_the_question().choose("Leave")
    links = [launched(lms, enrolled.registration).link for _number in range(4)]

    def opening(link: str) -> Callable[[], object]:
        return lambda: Learner(enrolled.share).open(**dict(parse_qsl(urlsplit(link).query)))

    together(*map(opening, links), first.finish, pump, pump)
    pump()
    enrolled.launch()
    enrolled.told()
    told = [verb for session in enrolled.registration.sessions for verb in verbs(session)]
    assert (told.count("completed"), told.count("passed")) == (1, 1)
    assert enrolled.registration.is_satisfied
    assert deliveries("held") == deliveries("queued") == []
    assert_sound()
