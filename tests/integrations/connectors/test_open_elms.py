"""The Open eLMS connector: what it sends, request by request, and how it reads each status."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.connectors.base import (
    CannotConnect,
    DestinationError,
    Held,
    Outcome,
    Person,
    RateLimited,
    ServerError,
    TooLarge,
)
from integrations.connectors.open_elms.frozen import Achieved, whole_percent
from integrations.connectors.open_elms.options import OpenElmsOptions
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.open_elms import (
    ANN,
    ELMS,
    NOWHERE,
    Elms,
    asked,
    completed,
    facts,
    failed,
    offered,
    passed,
    started,
)

# The requests that follow from the API's page, one by one ---------------------------------------------------------


def test_request__of_any_kind__has_the_raw_token_and_asks_for_json(elms: Elms) -> None:
    elms.tell()
    headers = [request.headers for request in elms.store.requests]
    assert {one["Authorization"] for one in headers} == {"Basic practice-api-key"}
    assert {one["Accept"] for one in headers} == {"application/json"}


def test_request__to_find_somebody__searches_by_the_encoded_address(elms: Elms) -> None:
    ELMS.find_user(elms.door, elms.connection, Person("ana+test@example.com", ""))
    assert elms.calls == ["GET users/?email=ana%2Btest%40example.com"]


def test_request__to_add_somebody__is_a_form_with_the_required_fields(elms: Elms) -> None:
    ELMS.create_user(elms.door, elms.connection, Person("ana+test@example.com", "Ana Silva"))
    [added] = [request for request in elms.store.requests if request.method == "POST"]
    body = added.body.decode()
    assert added.path == "/open_elms/backend/users/"
    assert added.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body.startswith(
        "fname=Ana&lname=Silva&username=ana%2Btest%40example.com&email=ana%2Btest%40example.com&password="
    )
    assert len(parse_qs(body)["password"][0]) >= 24


@pytest.mark.parametrize(
    ("told", "assigned", "expected"),
    [
        (passed(88), True, ["PUT learning/{learning}/{user}/complete/88"]),
        (completed(), True, ["PUT learning/{learning}/{user}/complete"]),
        (failed(40), True, ["PUT learning/{learning}/{user}/fail/40"]),
        (started(), True, ["PUT learning/{learning}/{user}/start"]),
        (passed(88), False, ["PUT assign/{user}/{learning}", "PUT learning/{learning}/{user}/complete/88"]),
    ],
    ids=["passed", "completed", "failed", "started", "not assigned"],
)
def test_requests__of_a_result__read_the_progress_and_act(
    elms: Elms, told: Any, assigned: bool, expected: list[str]
) -> None:
    if assigned:
        elms.campus.assign(elms.ann, elms.fire)
    elms.tell(told)
    ids = {"user": elms.ann, "learning": elms.fire}
    calls = ["GET learning/{learning}/trainees/{user}", *expected]
    assert elms.calls == [call.format(**ids) for call in calls]


def test_requests__that_act__have_no_body(elms: Elms) -> None:
    elms.tell()
    assert [request.body for request in elms.store.requests] == [b""] * 3


def test_requests__to_create_a_learning_resource__look_at_the_catalogue_first(elms: Elms) -> None:
    elms.set(resource_type="elearning").offer(offered("Fire safety basics"))
    assert elms.calls == ["GET learning", "POST learning/new-resource"]
    assert elms.store.requests[-1].body == b"name=Fire+safety+basics&type=elearning"


def test_requests__to_withdraw__unassign_what_is_assigned(elms: Elms) -> None:
    elms.campus.assign(elms.ann, elms.fire)
    elms.ask(asked(withdrawn=True))
    assert elms.writes == [f"DELETE unassign/{elms.ann}/{elms.fire}"]


def test_requests__with_ids_of_odd_characters__encode_them_whole(elms: Elms) -> None:
    elms.memory.users[ANN.participant_id] = "u/1 x?"
    elms.store.fail(Fault("answer", status=200, body=b'[{"status": "completed", "score": 88}]'))
    elms.tell()
    assert elms.calls == [f"GET learning/{elms.fire}/trainees/u%2F1%20x%3F"]


def test_requests__of_a_hundred_results__are_three_each(elms: Elms) -> None:
    people = [f"person{number}@example.com" for number in range(100)]
    for email in people:
        elms.memory.users[email] = str(elms.campus.add_account(email))
    outcomes = {elms.tell(facts(participant_id=email)).outcome for email in people}
    assert outcomes == {Outcome.DELIVERED}
    assert len(elms.calls) == 300


# What is frozen ----------------------------------------------------------------------------------------------------


def test_content__of_a_result__holds_all_that_sending_needs() -> None:
    told = facts(profile={"city": "Genève"}, score="87.5")
    frozen = Achieved.decode(ELMS.compose(told, NOWHERE))
    assert frozen == Achieved(ANN.participant_id, ANN.name, {"city": "Genève"}, "fire", "Fire safety", "passed", 88)


@pytest.mark.parametrize(
    ("scaled", "whole"),
    [(None, None), ("0", 0), ("0.004", 0), ("0.005", 1), ("0.875", 88), ("0.994", 99), ("0.9951", 100), ("1", 100)],
)
def test_score__is_whole_and_rounded_half_up(scaled: str | None, whole: int | None) -> None:
    assert whole_percent(None if scaled is None else Decimal(scaled)) == whole


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"participant_id": "employee-0042"}, "no_email"),
        ({"external_reference": ""}, "not_valid"),
        ({"score_scaled": Decimal("-0.1")}, "not_valid"),
        ({"score_scaled": Decimal("1.01")}, "not_valid"),
        ({"score_scaled": Decimal("NaN")}, "not_valid"),
        ({"participant_name": "half a pair \ud83d"}, "not_valid"),
    ],
)
def test_facts__that_cannot_be_told__are_held(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(Held) as held:
        ELMS.compose(facts(**values), NOWHERE)
    assert held.value.reason == reason


# What each status means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "word"),
    [
        (Fault("answer", status=301, headers=(("Location", "https://elsewhere.example"),)), ServerError, "elsewhere"),
        (Fault("answer", status=308), ServerError, "elsewhere"),
        (Fault("401"), ServerError, "token"),
        (Fault("403"), ServerError, "token"),
        (Fault("404"), ServerError, "no Open eLMS"),
        (Fault("answer", status=405), ServerError, "405"),
        (Fault("answer", status=406), ServerError, "406"),
        (Fault("answer", status=408), RateLimited, "slow down"),
        (Fault("answer", status=410), ServerError, "gone"),
        (Fault("answer", status=412), ServerError, "headers"),
        (Fault("answer", status=415), ServerError, "415"),
        (Fault("429", "7"), RateLimited, "slow down"),
        (Fault("500"), ServerError, "500"),
        (Fault("answer", status=501), ServerError, "501"),
        (Fault("502"), ServerError, "502"),
        (Fault("503"), ServerError, "503"),
        (Fault("503", "7"), RateLimited, "slow down"),
        (Fault("answer", status=503, body=b"API Rate Limit exceeded"), RateLimited, "slow down"),
        (Fault("answer", status=503, body=b" " * 1024 + b"rate limit"), ServerError, "503"),
        (Fault("504"), ServerError, "504"),
        (Fault("answer", status=599), ServerError, "599"),
        (Fault("login_page"), ServerError, "web page"),
        (Fault("invalid_json"), ServerError, "not as Open eLMS"),
        (Fault("answer", status=200), ServerError, "not as Open eLMS"),
        (Fault("answer", status=200, body=b'"well"'), ServerError, "not as Open eLMS"),
        (Fault("reset"), CannotConnect, "closed the connection"),
        (Fault("close"), CannotConnect, "closed the connection"),
    ],
    ids=str,
)
@pytest.mark.catalogue("R17", "R18", "R19")
def test_answer__about_the_whole_lms__says_what_to_do(
    elms: Elms, fault: Fault, error: type[DestinationError], word: str
) -> None:
    elms.store.fail(fault)
    with pytest.raises(error) as raised:
        elms.tell()
    assert type(raised.value) is error
    assert not isinstance(raised.value, TooLarge)
    assert word in raised.value.sentence


@pytest.mark.parametrize("status", [400, 402, 409, 413, 418, 422])
def test_answer__that_refuses_one_request__rejects_the_result(elms: Elms, status: int) -> None:
    elms.store.script(["ok", "ok", Fault("answer", status=status, body=b"no")])
    result = elms.tell()
    assert result.outcome is Outcome.REJECTED
    assert str(status) in result.sentence


def test_answer__401_or_403__is_about_the_credentials(elms: Elms) -> None:
    for reading in ("401", "403"):
        elms.campus.switch(wrong_token=reading)
        elms.sign_in("wrong")
        with pytest.raises(ServerError) as raised:
            elms.tell()
        assert raised.value.refuses_credentials


def test_answer__500__may_be_about_one_item(elms: Elms) -> None:
    elms.store.fail("500")
    with pytest.raises(ServerError) as raised:
        elms.tell()
    assert raised.value.perhaps_one_item


def test_answer__with_a_time_to_wait__hands_it_on(elms: Elms) -> None:
    elms.store.fail("503", "7")
    with pytest.raises(RateLimited) as raised:
        elms.tell()
    assert raised.value.retry_after == 7


def test_answer__larger_than_a_list_may_be__is_the_lms_s_fault(elms: Elms) -> None:
    elms.forget()
    elms.store.fail(Fault("answer", status=200, body=b"[" + b" " * (20 * 1024 * 1024) + b"]"))
    with pytest.raises(ServerError, match="larger"):
        ELMS.find_user(elms.door, elms.connection, ANN)


# Testing the connection --------------------------------------------------------------------------------------------


def test_check__of_a_healthy_lms__is_ok_and_changes_nothing(elms: Elms) -> None:
    assert ELMS.check(elms.door, elms.connection).ok
    assert elms.calls == ["GET learning"]


@pytest.mark.parametrize(
    ("fault", "word"),
    [("401", "token"), ("403", "token"), ("404", "URL"), ("500", "500"), ("login_page", "switched on")],
)
def test_check__of_a_faulty_lms__says_what_to_do(elms: Elms, fault: str, word: str) -> None:
    elms.store.fail(fault)
    found = ELMS.check(elms.door, elms.connection)
    assert not found.ok
    assert word in found.sentence


def test_check__of_a_catalogue_larger_than_a_look__is_ok(elms: Elms) -> None:
    elms.store.fail(Fault("answer", status=200, body=b"[" + b'{"id": 1, "name": "x"},' * 10_000))
    assert ELMS.check(elms.door, elms.connection).ok


def test_check__where_nobody_listens__cannot_connect(elms: Elms) -> None:
    elms.set(url="http://127.0.0.2:9/acme")
    with pytest.raises(CannotConnect):
        ELMS.check(elms.door, elms.connection)


def test_check__without_a_token__asks_for_it(elms: Elms) -> None:
    elms.sign_in("")
    assert "token" in ELMS.check(elms.door, elms.connection).sentence


# The options form --------------------------------------------------------------------------------------------------


def form(stored: frozenset[str] = frozenset(), /, **values: str) -> OpenElmsOptions:
    sound = {"url": "https://lms.example.org/acme", "token": "12345"}
    return OpenElmsOptions(sound | values, stored_secrets=stored)


@pytest.mark.parametrize(
    "url",
    [
        "https://lms.example.org/acme",
        "https://lms.example.org/acme/",
        " https://lms.example.org/acme/backend/ ",
        "https://lms.example.org/acme/backend/learning",
        "https://lms.example.org/acme/backend/users/?email=x",
    ],
)
def test_options__url__is_what_stands_before_backend(url: str) -> None:
    made = form(url=url)
    assert made.is_valid()
    assert made.cleaned_data["url"] == "https://lms.example.org/acme"


def test_options__url_with_backend_within_a_word__is_kept() -> None:
    made = form(url="https://lms.example.org/backends")
    assert made.is_valid()
    assert made.cleaned_data["url"] == "https://lms.example.org/backends"


def test_options__token_copied_with_basic__is_the_token() -> None:
    made = form(token="Basic 12345")
    assert made.is_valid()
    assert made.cleaned_data["token"] == "12345"


def test_options__with_a_stored_token__need_no_new_one() -> None:
    assert form(frozenset({"token"}), token="").is_valid()


def test_options__unless_told__are_careful() -> None:
    made = form()
    assert made.is_valid()
    options = {name: value for name, value in made.cleaned_data.items() if name not in {"url", "token"}}
    assert set(options.values()) == {False, ""}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://lms.example.org/"}, "url"),
        ({"url": "https://10.0.0.1/acme"}, "url"),
        ({"url": "https://user:pw@lms.example.org/"}, "url"),
        ({"url": "https://lms.example.org/acme?x=1"}, "url"),
        ({"token": ""}, "token"),
        ({"token": "12 345"}, "token"),
        ({"token": "Schlüssel"}, "token"),
        ({"resource_type": "book"}, "resource_type"),
    ],
)
def test_options__that_cannot_be__are_refused_at_their_field(values: dict[str, str], field: str) -> None:
    assert field in form(**values).errors
