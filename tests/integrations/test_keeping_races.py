"""Erasing a person while a worker sends or plans: whoever comes first, nothing about them goes out afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from integrations import dispatch, keeping
from integrations.dispatch import settle
from integrations.dispatch.composing import Composer
from integrations.keeping import erasure
from integrations.models import Attachment, Attempt, Delivery
from objectives.models import Result
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

pytestmark = [pytest.mark.database, pytest.mark.catalogue("S41")]

# Longer than a thread needs to come to where it waits; too short, a test proves less and fails no more.
HEAD_START = 0.5


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Do something in another thread, with connections of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()


@pytest.fixture
def committed(practice_lms: PracticeLMS, transactional_db: None) -> Scene:
    """A scene that other threads can see."""
    return Scene(practice_lms)


@pytest.mark.django_db
def test_erased__after_a_worker_has_read_and_before_it_sends__is_not_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.record(2)
    opening = settle.open_attempt
    erased: list[keeping.Erased] = []

    def erasing_first(*args: Any) -> Attempt | None:
        if not erased:
            erased.append(keeping.erase(scene.ann))
        return opening(*args)

    monkeypatch.setattr(settle, "open_attempt", erasing_first)
    pump()
    assert erased[0].undelivered == 2
    assert scene.states() == {"erased": 2}
    assert scene.lms_ids() == []


def test_erased__while_a_worker_takes_its_turn__is_not_sent(
    committed: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed.record(2)
    forgetting, under_way, go_on = erasure._forget_texts, threading.Event(), threading.Event()

    def slowly(*args: Any) -> int:
        under_way.set()
        go_on.wait(HEAD_START)
        return forgetting(*args)

    monkeypatch.setattr(erasure, "_forget_texts", slowly)
    with beside(lambda: keeping.erase(committed.ann)):
        assert under_way.wait(30)
        with beside(pump):
            pass
    assert committed.states() == {"erased": 2}
    assert committed.lms_ids() == []
    assert not Attempt.objects.exists()


# Planning ----------------------------------------------------------------------------------------------------------


def plan_earlier(scene: Scene) -> None:
    with transaction.atomic():
        dispatch.plan_earlier(scene.configuration, None, 0, 500)


def plan_missing(scene: Scene) -> None:
    with transaction.atomic():
        dispatch.plan_missing(timezone.now())


def record(scene: Scene) -> None:
    with transaction.atomic():
        scene.record()


def unplanned(scene: Scene, plan: Callable[[Scene], None]) -> None:
    """A result that this way of planning finds."""
    Attachment.objects.all().delete()
    if plan is not record:
        scene.record()
    attachment = Attachment.objects.create(configuration=scene.configuration, objective=scene.objective)
    if plan is plan_missing:
        Attachment.objects.filter(pk=attachment.pk).update(attached_at=timezone.now() - timedelta(minutes=1))


@pytest.mark.parametrize("plan", [plan_earlier, plan_missing, record])
def test_erased__while_something_is_planned_about_them__is_in_nothing_that_is_sent(
    committed: Scene, monkeypatch: pytest.MonkeyPatch, plan: Callable[[Scene], None]
) -> None:
    unplanned(committed, plan)
    filling, planning, go_on = Composer.fill, threading.Event(), threading.Event()

    def slowly(*args: Any) -> None:
        planning.set()
        go_on.wait(30)
        filling(*args)

    monkeypatch.setattr(Composer, "fill", slowly)
    with beside(lambda: plan(committed)):
        assert planning.wait(30)
        with beside(lambda: keeping.erase(committed.ann)) as erasing:
            erasing.join(HEAD_START)
            go_on.set()
    pump()
    assert committed.states() == {"erased": 1}
    assert Delivery.objects.get().content == ""
    assert committed.lms_ids() == []


@pytest.mark.django_db
@pytest.mark.parametrize("plan", [plan_earlier, plan_missing, record])
def test_planned__for_somebody_erased__is_never_sent(scene: Scene, plan: Callable[[Scene], None]) -> None:
    unplanned(scene, plan)
    keeping.erase(scene.ann)
    scene.ann.refresh_from_db()
    assert dispatch.earlier(scene.configuration).count() == 0
    plan(scene)
    assert scene.states() == ({} if plan is plan_earlier else {"erased": 1})
    assert keeping.breaches() == []


def test_erased__while_results_are_recorded__is_no_deadlock(committed: Scene) -> None:
    """Recording locks people first and, where its foreign keys are checked, lanes last."""
    recorded, go_on = threading.Event(), threading.Event()

    def recording() -> None:
        with transaction.atomic():
            committed.record()
            recorded.set()
            go_on.wait(30)

    with beside(recording):
        assert recorded.wait(30)
        with beside(lambda: keeping.erase(committed.ann)) as erasing:
            erasing.join(HEAD_START)
            go_on.set()
    assert committed.states() == {"erased": 1}
    assert Result.objects.get().participant.is_erased
