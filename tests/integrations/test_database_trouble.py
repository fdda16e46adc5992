"""The database fails for a moment as a worker writes down what it did: nothing is repeated, no record is blamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as current
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone

from integrations.connectors.base import Memory, RemoteItem
from integrations.dispatch import settle
from integrations.dispatch.remembering import LONGEST_ID, Remembering
from integrations.models import Attempt, Delivery, Lane, RemoteContent, RemoteUser
from tests.catalogues import Catalogue
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@contextmanager
def trouble(words: str, times: int = 1) -> Iterator[None]:
    """The connection breaks at the next so many statements with these words in them."""
    left = times

    def break_off(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal left
        if left and words in sql:
            left -= 1
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *rest)

    with connection.execute_wrapper(break_off):
        yield
    assert not left, "Nothing of the kind was asked."


@pytest.fixture
def impatient(settings: Any) -> None:
    """Workers whose lease is over with their exchange, so that nothing is tried twice."""
    settings.DELIVERY_LEASE = 2 * current.OUTBOUND_DEADLINE


def outcomes() -> list[str]:
    """What each exchange came to, oldest first."""
    return list(Attempt.objects.order_by("pk").values_list("outcome", flat=True))


# For a moment ------------------------------------------------------------------------------------------------------


def test_name_in_an_lms__that_cannot_be_kept_at_once__is_kept_in_the_end(stackone: Catalogue) -> None:
    with trouble('UPDATE "integrations_remotecontent" SET "remote_id"'):
        stackone.bring()
    assert (stackone.deliveries(), outcomes()) == (["delivered"], ["delivered"])
    assert stackone.content().name == "Fire safety"


def test_record__refused_as_the_database_fails__is_rejected_after_one_request(scene: Scene) -> None:
    scene.lms.fail("poison", "ann@example.com")
    scene.record()
    with trouble('UPDATE "integrations_lane" SET "refusals"'):
        pump()
    assert (scene.states(), outcomes()) == ({"rejected": 1}, ["refused"])
    assert scene.lane().refusals == 1


def test_limit__forgotten_as_the_database_fails__is_forgotten_in_the_end(scene: Scene) -> None:
    Lane.objects.update(batch_limit=5, batch_limit_at=timezone.now() - timedelta(days=2))
    scene.record(20)
    with trouble('UPDATE "integrations_lane" SET "batch_limit"'):
        pump()
    assert scene.states() == {"delivered": 20}
    assert [one.statements for one in scene.lms.store().requests] == [10, 10]


# For too long ------------------------------------------------------------------------------------------------------


def test_record__whose_settling_fails_again_and_again__is_not_blamed(scene: Scene, impatient: None) -> None:
    scene.record()
    for _turn in range(settle.CUT_SHORT_LIMIT + 1):
        with trouble('UPDATE "integrations_attempt"'), suppress(OperationalError):
            pump()
    assert scene.states() == {"queued": 1}
    pump()
    assert scene.states() == {"delivered": 1}
    assert scene.lms_ids() == [str(Delivery.objects.get().uuid)]


def test_lane__whose_worker_lost_the_database_for_a_while__is_free_at_once(scene: Scene, impatient: None) -> None:
    scene.record()
    with trouble('UPDATE "integrations_attempt"'), pytest.raises(OperationalError):
        pump()
    assert scene.lane().lease_token is None
    assert outcomes() == ["cut_short"]


def test_content__of_which_nothing_can_be_noted__is_not_delivered_either(
    stackone: Catalogue, impatient: None
) -> None:
    stackone.attach()
    with trouble('UPDATE "integrations_remotecontent" SET "synced_at"'), suppress(OperationalError):
        pump()
    assert (stackone.deliveries(), stackone.content().synced_at) == (["queued"], None)
    pump()
    assert (stackone.deliveries(), stackone.there()) == (["delivered"], [("Fire safety", True)])
    assert stackone.content().synced_at is not None


# A worker that slept -----------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R39")
def test_worker__that_slept_as_soon_as_it_had_the_lane__leaves_the_next_one_s_exchange_alone(scene: Scene) -> None:
    scene.record()
    lane, delivery = scene.lane(), Delivery.objects.get()
    asleep = Lane.objects.take(lane.pk)
    Lane.objects.update(lease_until=F("last_served_at") - timedelta(hours=1))
    awake = Lane.objects.take(lane.pk)
    assert asleep is not None
    assert awake is not None
    settle.open_attempt(lane, awake, [delivery.pk], "")
    settle.close_what_was_cut_short(lane.pk, asleep)
    settle.close_what_we_cut_short(lane.pk, asleep)
    assert outcomes() == ["open"]
    delivery.refresh_from_db()
    assert (delivery.alone, delivery.cut_short, delivery.doubtful) == (False, 0, False)


# What no database keeps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strange", ["u\x001", "u\u202e1", "u" * (LONGEST_ID + 1)], ids=["nul", "bidi", "long"])
def test_id__that_is_none__is_not_kept(stackone: Catalogue, strange: str) -> None:
    stackone.attach()
    lane = Lane.objects.get(own=stackone.configuration)
    token = Lane.objects.take(lane.pk)
    assert token is not None
    memory = Memory()
    remembering = Remembering(lane, token, memory)
    memory.users["ann@example.com"] = strange
    memory.contents["fire-01"] = RemoteItem(strange, "Fire safety\x00", active=True)
    remembering.keep()
    assert not RemoteUser.objects.exists()
    assert RemoteContent.objects.get().remote_id == ""
