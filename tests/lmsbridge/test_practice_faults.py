"""Every way in which the practice LMS can be told to fail."""

from __future__ import annotations

import json
import socket
import time
import uuid
from typing import Any

import pytest

from lmsbridge.practice.faults import KINDS, Fault, fault_from
from tests.lms import XAPI_HEADERS, PracticeLMS, ask, post_statements, sample_statement


@pytest.mark.parametrize("status", ["401", "403", "404", "409", "429", "500", "502", "503", "504"])
def test_fault__status(practice_lms: PracticeLMS, status: str) -> None:
    practice_lms.fail(status)
    answer = post_statements(practice_lms.url(), sample_statement())
    assert (str(answer.status), practice_lms.store().statements) == (status, [])


@pytest.mark.parametrize("status", ["429", "503"])
@pytest.mark.parametrize("value", ["7", "Sat, 21 Nov 2026 10:11:12 GMT", "1e309", "abc"])
def test_fault__retry_after(practice_lms: PracticeLMS, status: str, value: str) -> None:
    practice_lms.fail(status, value)
    assert post_statements(practice_lms.url(), sample_statement()).headers["Retry-After"] == value


def test_fault__retry_after_not_given(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("429")
    assert "Retry-After" not in post_statements(practice_lms.url(), sample_statement()).headers


def test_fault__reset(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("reset")
    with pytest.raises(ConnectionResetError) as problem:
        post_statements(practice_lms.url(), sample_statement())
    assert problem.type is ConnectionResetError
    assert practice_lms.store().statements == []
    assert practice_lms.store().requests[0].status is None


def test_fault__close(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("close")
    with pytest.raises(ConnectionError, match="without response"):
        post_statements(practice_lms.url(), sample_statement())
    assert practice_lms.store().statements == []


def test_fault__store_then_reset(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    practice_lms.fail("store_then_reset")
    with pytest.raises(ConnectionResetError):
        post_statements(practice_lms.url(), statement)
    assert practice_lms.store().statements == [statement]


def test_fault__slow(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("slow", "0.2")
    began = time.monotonic()
    answer = post_statements(practice_lms.url(), sample_statement())
    assert answer.status == 200
    assert time.monotonic() - began >= 0.2


def test_fault__slow_while_the_server_stops() -> None:
    with PracticeLMS() as lms:
        lms.fail("slow", "3000")
        with socket.create_connection(lms.host_and_port) as client:
            client.sendall(b"GET /xapi/about HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n")
            lms.server.stopping.wait(0.05)
            lms.server.stop()
            assert client.recv(10) == b""


def test_fault__too_large(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("413", "2")
    told = [post_statements(practice_lms.url(), [sample_statement() for _ in range(n)]).status for n in (1, 2, 3)]
    assert told == [200, 200, 413]


def test_fault__login_page(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("login_page")
    answer = post_statements(practice_lms.url(), sample_statement())
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert practice_lms.store().statements == []


def test_fault__empty_list(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("empty_list")
    answer = post_statements(practice_lms.url(), sample_statement())
    assert (answer.status, answer.body, practice_lms.store().statements) == (200, b"[]", [])


def test_fault__wrong_ids(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("wrong_ids")
    batch = [sample_statement(), sample_statement()]
    answer = json.loads(post_statements(practice_lms.url(), batch).body)
    assert len({uuid.UUID(id) for id in answer}) == 2
    assert not set(answer) & {one["id"] for one in batch}


@pytest.mark.parametrize("kind", ["empty_list", "wrong_ids"])
def test_fault__answers_to_writing_only(practice_lms: PracticeLMS, kind: str) -> None:
    practice_lms.fail(kind)
    answer = ask(f"{practice_lms.url()}statements", headers=XAPI_HEADERS)
    assert json.loads(answer.body) == {"statements": [], "more": ""}


def test_fault__invalid_json(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("invalid_json")
    answer = post_statements(practice_lms.url(), sample_statement())
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(answer.body)


@pytest.mark.parametrize(
    "poisoned",
    [
        {"actor": {"mbox": "mailto:POISON@example.com"}},
        {"actor": {"account": {"homePage": "https://a.example", "name": "poison"}}},
        {"object": {"id": "https://product.example/poison"}},
    ],
)
def test_fault__poison(practice_lms: PracticeLMS, poisoned: dict[str, Any]) -> None:
    practice_lms.fail("poison", "poison")
    answer = post_statements(practice_lms.url(), [sample_statement(), sample_statement(**poisoned)])
    assert (answer.status, practice_lms.store().statements) == (400, [])
    assert "index 1" in answer.text


def test_fault__poison_elsewhere(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("poison", "poison")
    assert post_statements(practice_lms.url(), sample_statement(context={"platform": "poison"})).status == 200


@pytest.mark.parametrize("status", [415, 422, 500])
def test_fault__poison_with_another_status(practice_lms: PracticeLMS, status: int) -> None:
    practice_lms.fail(Fault("poison", "ann", status=status))
    assert post_statements(practice_lms.url(), sample_statement()).status == status


def test_fault__answer_of_its_own(practice_lms: PracticeLMS) -> None:
    practice_lms.fail(
        Fault("answer", status=302, headers=(("Location", "http://127.0.0.1/"), ("X", "1"), ("X", "2")), body=b"gone")
    )
    answer = post_statements(practice_lms.url(), sample_statement())
    assert (answer.status, answer.headers["Location"], answer.body) == (302, "http://127.0.0.1/", b"gone")
    assert answer.headers.get_all("X") == ["1", "2"]


@pytest.mark.parametrize("kind", ["500", "empty_list", "wrong_ids", "invalid_json", "429"])
def test_fault__stores_all_the_same(practice_lms: PracticeLMS, kind: str) -> None:
    statement = sample_statement()
    practice_lms.fail(Fault(kind, stores=True))
    post_statements(practice_lms.url(), statement)
    assert practice_lms.store().statements == [statement]


def test_script__one_fault_per_request(practice_lms: PracticeLMS) -> None:
    practice_lms.script(["503", "429:7", "ok", Fault("500")])
    told = [post_statements(practice_lms.url(), sample_statement()).status for _ in range(5)]
    assert told == [503, 429, 200, 500, 200]


def test_script__then_the_standing_fault(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("401")
    practice_lms.script(["ok"])
    told = [post_statements(practice_lms.url(), sample_statement()).status for _ in range(3)]
    assert told == [200, 401, 401]


def test_heal__after_fault_and_script(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("401")
    practice_lms.script(["503"])
    practice_lms.heal()
    assert post_statements(practice_lms.url(), sample_statement()).status == 200


def test_fault__of_one_store_only(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("503", store="northwind")
    told = [post_statements(practice_lms.url(store), sample_statement()).status for store in ("northwind", "default")]
    assert told == [503, 200]


def test_fault__is_noted_with_the_request(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("503")
    batch = [sample_statement(), sample_statement()]
    post_statements(practice_lms.url(), batch)
    [noted] = practice_lms.store().requests
    assert (noted.method, noted.path, noted.status, noted.statements) == ("POST", "/xapi/statements", 503, 2)
    assert (json.loads(noted.body), noted.headers["authorization"]) == (batch, "Bearer practice-api-key")
    assert noted.fault == Fault("503")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nonsense", "no fault 'nonsense'"),
        ("slow", "number of seconds"),
        ("slow:-1", "number of seconds"),
        ("slow:nan", "number of seconds"),
        ("slow:1e9", "number of seconds"),
        ("413:few", "number of statements"),
        ("poison", "Give the word"),
        ("500:7", "takes no value"),
        ("429:1\r\nX: 1", "line break"),
        ("429:é漢", "Latin-1"),
        (7, "a text or an object"),
        ({"kind": "500", "when": "now"}, "no part 'when'"),
        ({"kind": "answer", "headers": []}, "headers is an object"),
        ({"kind": "answer", "status": "200"}, "status is a whole number"),
        ({"kind": "answer", "status": 100}, "between 200 and 999"),
        ({"kind": "answer", "headers": {"X": "1\n2"}}, "line break"),
    ],
)
def test_fault__badly_described(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fault_from(given)


def test_fault__as_json() -> None:
    given = {"kind": "answer", "status": 405, "headers": {"Allow": "GET"}, "body": {"a": 1}, "stores": True}
    expected = Fault("answer", stores=True, status=405, headers=(("Allow", "GET"),), body=b'{"a": 1}')
    assert fault_from(given) == expected


def test_fault__said_in_words() -> None:
    assert str(Fault("429", "7", stores=True)) == (
        "answers 429 Too Many Requests, Retry-After “7”, after storing what came"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_fault__every_kind_can_be_said(kind: str) -> None:
    value = {"slow": "1", "413": "1", "poison": "x"}.get(kind, "")
    assert str(Fault(kind, value))
