"""Full batches one after the other: the next is opened in the transaction that settles the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from integrations import jobs, keeping
from integrations.connectors.base import Connection, Exchange, Item
from integrations.connectors.http import Door
from integrations.connectors.xapi import XapiConnector
from integrations.dispatch import due, settle
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("sound")]

BATCH = 2
Before = Callable[[Sequence[Item]], None]


@pytest.fixture
def scene(practice_lms: PracticeLMS, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene that other threads can see, with batches of two."""
    monkeypatch.setattr(XapiConnector, "max_batch", BATCH)
    return Scene(practice_lms)


@pytest.fixture
def before_each_request(monkeypatch: pytest.MonkeyPatch) -> Callable[[Before], None]:
    """Do something each time just before a batch is posted."""
    sending = XapiConnector.send_results

    def do(before: Before) -> None:
        def send_results(self: XapiConnector, door: Door, lms: Connection, items: Sequence[Item]) -> Exchange:
            before(items)
            return sending(self, door, lms, items)

        monkeypatch.setattr(XapiConnector, "send_results", send_results)

    return do


def elsewhere(look: Callable[[], Any]) -> Any:
    """What another connection sees, which is what is committed."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(look())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def outcomes() -> list[tuple[int, str]]:
    """Size and outcome of all attempts, oldest first."""
    return list(Attempt.objects.order_by("id").values_list("size", "outcome"))


def first_time(action: Callable[[], object]) -> Before:
    done: list[bool] = []

    def act(_items: Sequence[Item]) -> None:
        if not done:
            done.append(True)
            action()

    return act


def test_batches__one_after_the_other__are_each_on_record_before_they_are_sent(
    scene: Scene, before_each_request: Callable[[Before], None]
) -> None:
    scene.record(3 * BATCH + 1)
    seen: list[tuple[set[str], list[set[str]]]] = []

    def committed() -> list[set[str]]:
        uuids = dict(Delivery.objects.values_list("id", "uuid"))
        return [{str(uuids[key]) for key in attempt.delivery_pks} for attempt in Attempt.objects.open()]

    before_each_request(lambda items: seen.append(({str(item.id) for item in items}, elsewhere(committed))))
    pump()
    assert [on_record for _sent, on_record in seen] == [[sent] for sent, _on_record in seen]
    assert outcomes() == [(BATCH, "delivered")] * 3 + [(1, "delivered")]
    assert scene.states() == {"delivered": 3 * BATCH + 1}


def test_batch__delivered__is_written_down_before_the_next_is_sent(
    scene: Scene, before_each_request: Callable[[Before], None]
) -> None:
    scene.record(3 * BATCH)
    delivered: list[int] = []
    count = Delivery.objects.filter(state="delivered").count
    before_each_request(lambda _items: delivered.append(elsewhere(count)))
    pump()
    assert delivered == [0, BATCH, 2 * BATCH]


def test_batches__one_after_the_other__take_one_commit_each(scene: Scene) -> None:
    Lane.objects.update(slowness=0)  # the slow pool takes a lane by a commit of its own
    scene.record(5 * BATCH)
    with CaptureQueriesContext(connection) as queries:
        pump()
    assert outcomes() == [(BATCH, "delivered")] * 5
    assert sum(query["sql"] == "COMMIT" for query in queries) == 1 + 5


def test_next_batch__with_somebody_who_was_erased_meanwhile__is_not_sent(
    scene: Scene, before_each_request: Callable[[Before], None]
) -> None:
    bob = scene.person("bob@example.com")
    scene.record(BATCH)
    scene.record(2 * BATCH, participant=bob)
    before_each_request(first_time(lambda: keeping.erase(bob)))
    pump()
    assert scene.states() == {"delivered": BATCH, "erased": 2 * BATCH}
    assert outcomes() == [(BATCH, "delivered")]


def test_next_batch__of_which_one_was_held_meanwhile__goes_without_it(
    scene: Scene, before_each_request: Callable[[Before], None]
) -> None:
    scene.record(3 * BATCH)
    held = Delivery.objects.order_by("-id")[:1].values("id")
    before_each_request(first_time(lambda: jobs.hold(Delivery.objects.filter(pk__in=held), "Not yet")))
    pump()
    assert scene.states() == {"delivered": 3 * BATCH - 1, "held": 1}


def test_next_batch__read_already_as_somebody_in_it_is_erased__is_not_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = scene.person("bob@example.com")
    scene.record(BATCH)
    scene.record(2 * BATCH, participant=bob)
    settling = settle.exchanged

    def erasing_first(*args: Any) -> bool:
        keeping.erase(bob)
        return settling(*args)

    monkeypatch.setattr(settle, "exchanged", erasing_first)
    pump()
    assert scene.states() == {"delivered": BATCH, "erased": 2 * BATCH}
    assert outcomes() == [(BATCH, "delivered")]


def test_next_batch__of_a_configuration_paused_meanwhile__is_not_opened(
    scene: Scene, before_each_request: Callable[[Before], None]
) -> None:
    scene.record(3 * BATCH)
    before_each_request(first_time(lambda: LMSConfiguration.objects.update(paused=True)))
    pump()
    assert scene.states() == {"delivered": BATCH, "queued": 2 * BATCH}
    assert outcomes() == [(BATCH, "delivered")]


def test_next_batch__over_the_requests_a_minute__waits_unopened(scene: Scene) -> None:
    LMSConfiguration.objects.update(requests_per_minute=2)
    scene.record(4 * BATCH)
    pump()
    assert scene.states() == {"delivered": 2 * BATCH, "queued": 2 * BATCH}
    assert outcomes() == [(BATCH, "delivered")] * 2
    assert scene.lane().not_before is not None


def test_next_batch__refused_as_a_whole__is_taken_apart(scene: Scene) -> None:
    scene.lms.fail("poison", "bad@example.com")
    scene.record(BATCH)
    scene.record(participant=scene.person("bad@example.com"))
    scene.record(2 * BATCH)
    pump()
    assert scene.states() == {"delivered": 3 * BATCH, "rejected": 1}


def test_database_in_trouble__as_the_next_batch_is_read__writes_down_the_one_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = due.oldest
    failed: list[bool] = []

    def failing(*args: Any) -> list[due.Row]:
        if args[-1] and not failed:
            failed.append(True)
            raise OperationalError("the server closed the connection unexpectedly")
        return reading(*args)

    monkeypatch.setattr(due, "oldest", failing)
    scene.record(3 * BATCH)
    pump()
    assert failed
    assert outcomes() == [(BATCH, "delivered")] * 3
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


def test_database_in_trouble__as_the_next_batch_is_opened__settles_the_one_before_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = settle.open_attempt
    renewed: list[bool] = []

    def failing(*args: Any) -> Attempt | None:
        if args[-1] is True:
            renewed.append(True)
            if len(renewed) == 1:
                raise OperationalError("the server closed the connection unexpectedly")
        return opening(*args)

    monkeypatch.setattr(settle, "open_attempt", failing)
    scene.record(3 * BATCH)
    pump()
    assert outcomes() == [(BATCH, "delivered")] * 3
    assert len(scene.lms.store().requests) == 3
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}
