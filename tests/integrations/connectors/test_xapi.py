"""The xAPI connector: what it says, what it takes for proof, and how it reads refusals."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.connectors import http
from integrations.connectors.base import (
    CannotConnect,
    Connection,
    DestinationError,
    Facts,
    Held,
    Item,
    Outcome,
    RateLimited,
    ReadBack,
    Secret,
    ServerError,
    TooLarge,
    retry_after,
)
from integrations.connectors.http.answers import Headers
from integrations.connectors.xapi import XapiConnector
from integrations.connectors.xapi.answers import read_answer
from integrations.connectors.xapi.options import XapiOptions
from integrations.connectors.xapi.statements import duration, mailto, statement, timestamp
from lmsbridge.practice.faults import Fault
from lmsbridge.practice.statements import check_statement
from tests.lms import PracticeLMS

WHEN = datetime.datetime(2026, 11, 21, 10, 11, 12, 123456, tzinfo=datetime.UTC)
XAPI = XapiConnector()


def facts(**values: Any) -> Facts:
    plain: dict[str, Any] = {
        "id": uuid.UUID("0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f"),
        "participant_id": "ann@example.com",
        "participant_name": "",
        "activity_iri": "https://product.example/objectives/42",
        "activity_name": "Fire safety",
        "activity_description": "",
        "language": "en",
        "completion": True,
        "success": None,
        "score_scaled": None,
        "score_raw": None,
        "score_min": None,
        "score_max": None,
        "duration": None,
        "timestamp": WHEN,
    }
    return Facts(**plain | values)


def connection(url: str = "https://lms.example.com/xapi", **options: Any) -> Connection:
    return Connection(
        {"url": url, "auth": "key_secret", "key": "practice-key", "version": "1.0.3"} | options,
        {"key_secret": Secret("practice-secret"), "api_key": Secret("practice-api-key")},
    )


def item(told: Facts | None = None) -> Item:
    told = told or facts()
    return Item(told.id, XAPI.compose(told, connection()))


def answer(
    status: int, body: Any = None, headers: Mapping[str, str] | None = None, complete: bool = True
) -> http.Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.Answer(
        status=status,
        reason="",
        headers=Headers([*({"Content-Type": "application/json"} | dict(headers or {})).items()]),
        body=content,
        complete=complete,
        truncated=False,
        elapsed=0.01,
    )


@pytest.fixture
def door() -> Iterator[http.Door]:
    with http.Door(deadline=5) as opened:
        yield opened


# What is said ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "success", "verb"),
    [
        (True, True, "passed"),
        (False, True, "passed"),
        (True, False, "failed"),
        (True, None, "completed"),
        (False, None, "attempted"),
    ],
)
def test_verb__by_outcome(completion: bool, success: bool | None, verb: str) -> None:
    told = statement(facts(completion=completion, success=success))
    assert told["verb"]["id"] == f"http://adlnet.gov/expapi/verbs/{verb}"


def test_statement__with_everything__says_everything() -> None:
    told = statement(
        facts(
            participant_name="Ann",
            activity_description="What to do when it burns",
            success=True,
            score_scaled=Decimal("0.9"),
            score_raw=Decimal("9.0000"),
            score_min=Decimal(0),
            score_max=Decimal(10),
            duration=datetime.timedelta(minutes=4, seconds=5, milliseconds=250),
        )
    )
    assert told == {
        "id": "0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f",
        "actor": {"objectType": "Agent", "name": "Ann", "mbox": "mailto:ann@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed", "display": {"en": "passed"}},
        "object": {
            "objectType": "Activity",
            "id": "https://product.example/objectives/42",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/objective",
                "name": {"en": "Fire safety"},
                "description": {"en": "What to do when it burns"},
            },
        },
        "result": {
            "score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10},
            "success": True,
            "completion": True,
            "duration": "PT4M5.25S",
        },
        "context": {"platform": "LMS Bridge"},
        "timestamp": "2026-11-21T10:11:12.123Z",
    }


def test_content__is_compact_and_not_escaped() -> None:
    content = XAPI.compose(facts(activity_name="Brandschutz für Köche 🔥"), connection())
    assert "Brandschutz für Köche 🔥".encode() in content
    assert b": " not in content
    assert b".0," not in content


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (datetime.timedelta(0), "PT0S"),
        (datetime.timedelta(hours=2), "PT2H"),
        (datetime.timedelta(days=1, seconds=1), "PT24H1S"),
        (datetime.timedelta(seconds=59, milliseconds=999), "PT1M"),
        (datetime.timedelta(milliseconds=126), "PT0.13S"),
    ],
)
def test_duration__is_iso_8601_to_a_hundredth(span: datetime.timedelta, text: str) -> None:
    assert duration(span) == text


def test_timestamp__from_another_zone__is_utc_with_milliseconds() -> None:
    zone = datetime.timezone(-datetime.timedelta(hours=3, minutes=30))
    assert timestamp(datetime.datetime(2026, 12, 31, 23, 0, tzinfo=zone)) == "2027-01-01T02:30:00.000Z"


@pytest.mark.parametrize(
    ("participant_id", "expected"),
    [
        ("ann@example.com", "mailto:ann@example.com"),
        ("Ann.Lee+x@Example.com", "mailto:Ann.Lee+x@Example.com"),
        ("ann@bücher.example", "mailto:ann@xn--bcher-kva.example"),
        ("ann@straße.example", "mailto:ann@xn--strae-oqa.example"),
        ("employee-0042", None),
        ("", None),
        ("ann@localhost@example.com", None),
        ("ann@[127.0.0.1]", None),
        ("ann@example.com\nbcc@example.com", None),
    ],
)
def test_mbox__of_a_participant_id(participant_id: str, expected: str | None) -> None:
    assert mailto(participant_id) == expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"participant_id": "employee-0042"}, "no_email"),
        ({"activity_iri": "no iri"}, "not_valid"),
        ({"activity_name": "  "}, "not_valid"),
        ({"language": "english-a"}, "not_valid"),
        ({"language": "en\n"}, "not_valid"),
        ({"activity_name": "half a pair \ud83d"}, "not_valid"),
        ({"score_scaled": Decimal("1.5")}, "not_valid"),
        ({"score_scaled": Decimal("NaN")}, "not_valid"),
        ({"score_raw": Decimal(11), "score_min": Decimal(0), "score_max": Decimal(10)}, "not_valid"),
        ({"score_min": Decimal(10), "score_max": Decimal(10)}, "not_valid"),
        ({"duration": datetime.timedelta(seconds=-1)}, "not_valid"),
        ({"timestamp": datetime.datetime(2026, 11, 21)}, "not_valid"),
    ],
)
def test_facts__that_make_no_valid_statement__are_held(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(Held) as held:
        XAPI.compose(facts(**values), connection())
    assert held.value.reason == reason


_DECIMALS = st.decimals(min_value=0, max_value=100, places=4)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    low, raw, high = sorted([draw(_DECIMALS), draw(_DECIMALS), draw(_DECIMALS)])
    scored = draw(st.booleans()) and low < high
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
    return facts(
        id=draw(st.uuids()),
        participant_name=draw(text),
        activity_name=draw(text.filter(str.strip)),
        activity_description=draw(text),
        language=draw(st.sampled_from(["en", "de", "pt-BR", "ar"])),
        completion=draw(st.booleans()),
        success=draw(st.none() | st.booleans()),
        score_scaled=draw(st.decimals(min_value=-1, max_value=1, places=4)) if scored else None,
        score_raw=raw if scored else None,
        score_min=low if scored else None,
        score_max=high if scored else None,
        duration=draw(st.none() | st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=400))),
        timestamp=draw(
            st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2026, 11, 1), timezones=st.timezones())
        ),
    )


@given(any_facts())
def test_statement__of_any_sound_facts__is_accepted_by_the_strict_practice_lms(told: Facts) -> None:
    check_statement(json.loads(XAPI.compose(told, connection())), now=datetime.datetime.now(datetime.UTC))


# What is proof -----------------------------------------------------------------------------------------------------


def outcomes(found: http.Answer, items: list[Item]) -> set[Outcome]:
    return {result.outcome for result in read_answer(found, items).results}


def test_answer__that_proves__is_delivered() -> None:
    first, second = item(), item(facts(id=uuid.uuid4()))
    ids = [str(first.id), str(second.id)]
    for proof in (answer(204, b""), answer(200, ids), answer(200, ids[:1]), answer(200, [ids[1].upper()])):
        assert outcomes(proof, [first, second]) == {Outcome.DELIVERED}


@pytest.mark.parametrize(
    "found",
    [
        answer(200, []),
        answer(200, ["f2d3a1c0-0000-4000-8000-000000000000"]),
        answer(200, {"ok": True}),
        answer(200, [1]),
        answer(200, b"{"),
        answer(201, []),
        answer(202, b""),
    ],
)
def test_answer__that_proves_nothing__is_unproven(found: http.Answer) -> None:
    assert outcomes(found, [item()]) == {Outcome.UNPROVEN}


def test_answer__cut_off_within_its_body__is_unproven() -> None:
    one = item()
    assert outcomes(answer(200, [str(one.id)], complete=False), [one]) == {Outcome.UNPROVEN}


@pytest.mark.parametrize("status", [400, 415, 422])
def test_answer__that_blames_the_statement__is_rejected(status: int) -> None:
    assert outcomes(answer(status, b"bad statement"), [item()]) == {Outcome.REJECTED}


def test_answer__409__is_a_conflict() -> None:
    assert outcomes(answer(409, b"known"), [item()]) == {Outcome.CONFLICT}


@pytest.mark.parametrize(
    ("found", "error", "word"),
    [
        (answer(200, b"<html>", {"Content-Type": "text/html"}), ServerError, "no record store"),
        (answer(400, b"X-Experience-API-Version header must be"), ServerError, "version"),
        (answer(301, b"", {"Location": "https://other.example.com/xapi?token=x"}), ServerError, "other.example.com"),
        (answer(307, b"", {"Location": "javascript:alert(1)"}), ServerError, "leads elsewhere"),
        (answer(401, b""), ServerError, "key and secret"),
        (answer(403, b""), ServerError, "right"),
        (answer(404, b""), ServerError, "path"),
        (answer(405, b""), ServerError, "path"),
        (answer(410, b""), ServerError, "gone"),
        (answer(412, b""), ServerError, "version"),
        (answer(418, b""), ServerError, "418"),
        (answer(500, b""), ServerError, "500"),
        (answer(501, b""), ServerError, "path"),
        (answer(503, b""), ServerError, "503"),
        (answer(503, b"", {"Retry-After": "7"}), RateLimited, "slow down"),
        (answer(408, b""), RateLimited, "slow down"),
        (answer(429, b""), RateLimited, "slow down"),
        (answer(413, b""), TooLarge, "too large"),
        (answer(999, b""), ServerError, "999"),
    ],
)
def test_answer__about_the_whole_destination__says_what_to_do(
    found: http.Answer, error: type[DestinationError], word: str
) -> None:
    with pytest.raises(error) as raised:
        read_answer(found, [item()])
    assert type(raised.value) is error
    assert word in raised.value.sentence
    assert "token" not in raised.value.sentence


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("999999999999999999999", 21600.0),
        ("Sat, 21 Nov 2026 10:12:12 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 21600.0),
        ("-1", None),
        ("1e309", None),
        ("NaN", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after__clamped_or_ignored(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, WHEN.replace(microsecond=0)) == seconds


# Over the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"auth": "basic"}, {"auth": "bearer"}, {"version": "2.0.0"}], ids=lambda options: str(options)
)
def test_results__sent__arrive_whatever_the_credentials(
    practice_lms: PracticeLMS, door: http.Door, options: dict[str, str]
) -> None:
    one = item()
    sent = XAPI.send_results(door, connection(practice_lms.url(), **options), [one])
    assert {result.outcome for result in sent.results} == {Outcome.DELIVERED}
    assert practice_lms.store().statements == [json.loads(one.content)]


def test_read_result__of_the_same_statement__is_same(practice_lms: PracticeLMS, door: http.Door) -> None:
    one, there = item(), connection(practice_lms.url())
    XAPI.send_results(door, there, [one])
    assert XAPI.read_result(door, there, one)[0] is ReadBack.SAME


def test_read_result__of_another_statement_under_the_id__is_different(
    practice_lms: PracticeLMS, door: http.Door
) -> None:
    there = connection(practice_lms.url())
    XAPI.send_results(door, there, [item()])
    assert XAPI.read_result(door, there, item(facts(success=True)))[0] is ReadBack.DIFFERENT


def test_read_result__of_an_unknown_id__is_absent(practice_lms: PracticeLMS, door: http.Door) -> None:
    assert XAPI.read_result(door, connection(practice_lms.url()), item())[0] is ReadBack.ABSENT


def test_check__of_a_healthy_lms__is_ok_and_saves_nothing(practice_lms: PracticeLMS, door: http.Door) -> None:
    found = XAPI.check(door, connection(practice_lms.url()))
    assert found.ok
    assert practice_lms.store().statements == []
    assert [request.method for request in practice_lms.store().requests] == ["GET"]


@pytest.mark.parametrize(
    ("fault", "ok", "word"),
    [
        ("401", False, "key and secret"),
        ("403", True, "may still write"),
        ("404", False, "path"),
        ("500", False, "500"),
        ("login_page", False, "record store"),
        ("invalid_json", False, "record store"),
    ],
)
def test_check__of_a_faulty_lms__says_what_to_do(
    practice_lms: PracticeLMS, door: http.Door, fault: str, ok: bool, word: str
) -> None:
    practice_lms.fail(fault)
    found = XAPI.check(door, connection(practice_lms.url()))
    assert found.ok is ok
    assert word in found.sentence


def test_check__of_a_wrong_secret__says_so(practice_lms: PracticeLMS, door: http.Door) -> None:
    wrong = Connection(connection(practice_lms.url()).options, {"key_secret": Secret("wrong")})
    assert "key and secret" in XAPI.check(door, wrong).sentence


def test_check__where_nobody_listens__cannot_connect(door: http.Door) -> None:
    with pytest.raises(CannotConnect):
        XAPI.check(door, connection("http://127.0.0.2:9/xapi"))


def test_check__of_a_page_of_statements_too_large_to_read_whole__is_ok(
    practice_lms: PracticeLMS, door: http.Door
) -> None:
    body = json.dumps({"statements": [{"id": "x" * 100_000}]}).encode()
    practice_lms.store().fail(Fault("answer", status=200, body=body, headers=(("Content-Type", "application/json"),)))
    assert XAPI.check(door, connection(practice_lms.url())).ok


# The options form --------------------------------------------------------------------------------------------------


def form(stored: frozenset[str] = frozenset(), /, **values: str) -> XapiOptions:
    return XapiOptions({"auth": "key_secret", "version": "1.0.3"} | values, stored_secrets=stored)


def test_options__all_empty__are_for_launches_only() -> None:
    assert form().is_valid()


def test_options__with_url_key_and_secret__are_valid() -> None:
    assert form(url="https://lms.example.com/xapi", key="k", key_secret="s").is_valid()


def test_options__with_a_stored_secret__need_no_new_one() -> None:
    assert form(frozenset({"key_secret"}), url="https://lms.example.com/xapi", key="k").is_valid()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "https://lms.example.com/xapi"}, "key"),
        ({"url": "https://lms.example.com/xapi", "key": "k"}, "key_secret"),
        ({"url": "https://lms.example.com/xapi", "auth": "bearer"}, "api_key"),
        ({"key": "k", "key_secret": "s"}, "url"),
        ({"url": "ftp://lms.example.com/", "key": "k", "key_secret": "s"}, "url"),
        ({"url": "https://10.0.0.1/xapi", "key": "k", "key_secret": "s"}, "url"),
        ({"url": "https://user:pw@lms.example.com/", "key": "k", "key_secret": "s"}, "url"),
        ({"url": "https://lms.example.com/xapi?x=1", "key": "k", "key_secret": "s"}, "url"),
        ({"url": "https://lms.example.com/xapi", "key": "k:s", "key_secret": "s"}, "key"),
        ({"url": "https://lms.example.com/xapi", "auth": "basic", "api_key": "Bücher"}, "api_key"),
        ({"account_home_page": "no address"}, "account_home_page"),
        ({"version": "0.95"}, "version"),
    ],
)
def test_options__that_cannot_be__are_refused_at_their_field(values: dict[str, str], field: str) -> None:
    assert field in form(**values).errors
