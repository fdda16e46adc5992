"""What goes over the wire never changes: not by edits, not by odd texts, not by clocks."""

from __future__ import annotations

import datetime
import json
import socket
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations.models import Delivery
from objectives.models import Objective, Participant, Result
from tests.scene import Scene, connect, pump
from tests.sockets import Server, answer, read_request, reset

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.catalogue("R53")
def test_edits_between_two_attempts__change_neither_id_nor_bytes(scene: Scene) -> None:
    scene.lms.script(["store_then_reset"])
    scene.record()
    pump()
    Objective.objects.update(name="Renamed", description="Another text")
    Participant.objects.update(name="Renamed too")
    scene.configuration.set_options(scene.configuration.options | {"version": "2.0.0"}, {})
    scene.configuration.save()
    scene.wait_is_over()
    pump()
    first, second = (request.body for request in scene.lms.store().requests)
    assert first == second
    assert scene.states() == {"delivered": 1}


def half_an_answer_first(ending: bytes, posts: list[bytes]) -> Server:
    """A store that cuts its answer to the first POST off, knows nothing when asked, and then answers soundly."""

    def script(made: socket.socket) -> None:
        head, _, body = read_request(made).partition(b"\r\n\r\n")
        if head.startswith(b"GET"):
            made.sendall(answer("404 Not Found", b"", "Connection: close"))
            return
        posts.append(body)
        if len(posts) == 1:
            made.sendall(ending)
            reset(made)
            return
        ids = json.dumps([statement["id"] for statement in json.loads(body)]).encode()
        made.sendall(answer("200 OK", ids, "Content-Type: application/json", "Connection: close"))

    return Server(script)


@pytest.mark.catalogue("R08")
@pytest.mark.parametrize(
    "ending",
    [
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
    ],
)
def test_success__cut_off__is_sent_again_with_the_same_bytes(scene: Scene, ending: bytes) -> None:
    posts: list[bytes] = []
    with half_an_answer_first(ending, posts) as server:
        options = {"url": f"http://127.0.0.2:{server.port}/xapi/"}
        configuration = connect(scene.organization, scene.objective, "Half", options, "practice-secret")
        scene.record()
        pump()
        assert Delivery.objects.get(configuration=configuration).state == "queued"
        scene.wait_is_over()
        pump()
    assert Delivery.objects.get(configuration=configuration).state == "delivered"
    assert len(posts) == 2
    assert posts[0] == posts[1]


@pytest.mark.catalogue("R57")
@pytest.mark.parametrize("name", ["🔥 Köche 火", "שלום", "a" * 200, "line\u2028break", "<script>alert(1)</script>"])
def test_statement_with_any_text__arrives_as_it_is(scene: Scene, name: str) -> None:
    Objective.objects.update(name=name)
    scene.record()
    pump()
    [statement] = scene.lms.store().statements
    assert statement["object"]["definition"]["name"] == {"en": name}


@pytest.mark.catalogue("R57")
def test_statement_with_a_megabyte_of_text__goes_alone_and_arrives(scene: Scene) -> None:
    scene.record(3)
    Objective.objects.update(description="x" * 1_000_000)
    scene.record(2)
    pump()
    assert scene.states() == {"delivered": 5}
    assert [request.statements for request in scene.lms.store().requests] == [3, 1, 1]


@pytest.mark.catalogue("R57")
def test_statement_with_half_a_surrogate_pair__is_held_with_a_reason(scene: Scene) -> None:
    from integrations.dispatch.composing import Composer, facts_of

    [result] = scene.record()
    delivery = Delivery(result=result)
    scene.objective.name = "half a pair \ud83d"
    composer = Composer(scene.configuration)
    composer.fill(delivery, facts_of(result, delivery.uuid, scene.ann, scene.objective), timezone.now())
    assert (delivery.state, delivery.reason) == ("held", "not_valid")


@pytest.mark.catalogue("R57")
@pytest.mark.parametrize(
    "values",
    [
        {"score_scaled": Decimal("NaN")},
        {"score_scaled": Decimal("1.5")},
        {"score_raw": Decimal("Infinity"), "score_min": Decimal(0), "score_max": Decimal(10)},
        {"score_raw": Decimal(11), "score_min": Decimal(0), "score_max": Decimal(10)},
        {"duration": datetime.timedelta(seconds=-1)},
    ],
)
def test_result_that_makes_no_sense__is_refused_with_a_reason(scene: Scene, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scene.record(1, **values)
    assert not Result.objects.exists()


ZONE = datetime.timezone(-datetime.timedelta(hours=3, minutes=30))


@pytest.mark.catalogue("R56")
@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC), "2026-03-29T01:30:00.000Z"),
        (datetime.datetime(2026, 10, 25, 0, 59, 59, 999999, tzinfo=datetime.UTC), "2026-10-25T00:59:59.999Z"),
        (datetime.datetime(2016, 12, 31, 23, 59, 59, tzinfo=datetime.UTC), "2016-12-31T23:59:59.000Z"),
        (datetime.datetime(2038, 1, 19, 3, 14, 8, tzinfo=datetime.UTC), "2038-01-19T03:14:08.000Z"),
        (datetime.datetime(2026, 12, 31, 23, 0, tzinfo=ZONE), "2027-01-01T02:30:00.000Z"),
    ],
)
def test_result_at_an_awkward_moment__tells_the_right_time(
    scene: Scene, moment: datetime.datetime, told: str
) -> None:
    with time_machine.travel(moment + datetime.timedelta(minutes=1), tick=False):
        scene.record(1, occurred_at=moment)
        delivery = Delivery.objects.get()
        assert json.loads(delivery.content)["timestamp"] == told
        assert delivery.next_attempt_at is not None
        assert delivery.next_attempt_at <= timezone.now()
