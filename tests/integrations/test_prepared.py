"""Prepared queries: written once, they do what the ORM does with other values each time."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import BigIntegerField, DurationField, F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.dispatch.prepared import Given, GivenKeys, Prepared, given
from integrations.models import Delivery, Lane
from tests.scene import Scene

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def one(*fields: str) -> Prepared:
    return Prepared(lambda: Delivery.objects.filter(id=given(Delivery, "id")).values_list(*fields))


def keys() -> list[int]:
    return list(Delivery.objects.order_by("id").values_list("id", flat=True))


def test_select__gives_the_types_that_the_orm_gives(scene: Scene) -> None:
    scene.record()
    fields = ("id", "uuid", "alone", "content", "created_at", "delivered_at", "server_errors")
    [found] = one(*fields).select({"id": keys()[0]})
    assert list(found) == list(Delivery.objects.values_list(*fields).get())
    assert isinstance(found[1], uuid.UUID)
    assert found[2] is False


def test_select__run_again_with_another_value__finds_the_other_row(scene: Scene) -> None:
    scene.record(3)
    prepared = one("id")
    assert [list(prepared.select({"id": key})[0]) for key in keys()] == [[key] for key in keys()]


def test_update__changes_only_the_rows_whose_keys_are_given(scene: Scene) -> None:
    scene.record(4)
    first, second, third, fourth = keys()
    prepared = Prepared(
        lambda: Delivery.objects.filter(id__in=GivenKeys("ids", BigIntegerField())),
        lambda: {"attempts": F("attempts") + 1, "sentence": given(Delivery, "sentence")},
    )
    assert prepared.update({"ids": [first, third], "sentence": 'It\'s 100 % "done".'}) == 2
    assert prepared.update({"ids": [third, fourth], "sentence": ""}) == 2
    assert prepared.update({"ids": [], "sentence": "Never"}) == 0
    found = Delivery.objects.order_by("id").values_list("id", "attempts", "sentence")
    assert list(found) == [(first, 1, 'It\'s 100 % "done".'), (second, 0, ""), (third, 2, ""), (fourth, 1, "")]


def test_update__with_none__writes_null(scene: Scene) -> None:
    prepared = Prepared(lambda: Lane.objects.all(), lambda: {"not_before": given(Lane, "not_before")})
    moment = timezone.now()
    prepared.update({"not_before": moment})
    assert scene.lane().not_before == moment
    prepared.update({"not_before": None})
    assert scene.lane().not_before is None


def test_update__with_further_columns__writes_them_too(scene: Scene) -> None:
    prepared = Prepared(lambda: Lane.objects.all(), lambda: {"sentence": given(Lane, "sentence")})
    prepared.update({"sentence": "one"}, slowness=7)
    assert (scene.lane().sentence, scene.lane().slowness) == ("one", 7)
    prepared.update({"sentence": "two"})
    assert (scene.lane().sentence, scene.lane().slowness) == ("two", 7)
    prepared.update({"sentence": "three"}, slowness=8, failures=2)
    assert (scene.lane().sentence, scene.lane().slowness, scene.lane().failures) == ("three", 8, 2)


def test_update__with_a_length_of_time__reckons_on_the_databases_clock(scene: Scene) -> None:
    prepared = Prepared(lambda: Lane.objects.all(), lambda: {"lease_until": Now() + Given("length", DurationField())})
    prepared.update({"length": timedelta(hours=3)})
    assert Lane.objects.filter(lease_until__gt=Now() + timedelta(hours=2, minutes=50)).count() == 1
    prepared.update({"length": timedelta(minutes=1)})
    assert Lane.objects.filter(lease_until__lt=Now() + timedelta(minutes=2)).count() == 1


def test_update__by_a_foreign_key_and_a_uuid__finds_the_row(scene: Scene) -> None:
    scene.record(2)
    prepared = Prepared(
        lambda: Delivery.objects.filter(lane=given(Delivery, "lane"), uuid=given(Delivery, "uuid")),
        lambda: {"refused": given(Delivery, "refused")},
    )
    wanted = Delivery.objects.order_by("id")[0]
    assert prepared.update({"lane": wanted.lane_id, "uuid": wanted.uuid, "refused": True}) == 1
    assert list(Delivery.objects.filter(refused=True)) == [wanted]
    assert prepared.update({"lane": wanted.lane_id + 1, "uuid": wanted.uuid, "refused": False}) == 0


def test_update__is_seen_by_those_who_watch_the_queries(scene: Scene) -> None:
    prepared = Prepared(lambda: Lane.objects.all(), lambda: {"sentence": given(Lane, "sentence")})
    with CaptureQueriesContext(connection) as queries:
        prepared.update({"sentence": "seen"})
    assert "seen" in queries[0]["sql"]
    assert scene.lane().sentence == "seen"
