"""The StackOne connector: how it reads each status, and the form of its options."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.connectors.base import (
    Connection,
    DestinationError,
    Item,
    Outcome,
    RateLimited,
    ReadBack,
    ServerError,
    TooLarge,
)
from integrations.connectors.http import Door
from integrations.connectors.stackone.options import StackOneOptions
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.stackone import STACKONE, AssigningStage, StackOneStage
from tests.integrations.connectors.stage import ANN
from tests.lms import PracticeLMS

JSON = (("Content-Type", "application/json"),)
MORNING = datetime.datetime(2026, 1, 2, 10, 30, tzinfo=datetime.UTC)
NOWHERE = Connection({}, {})  # for what asks nobody


@pytest.fixture
def stage(practice_lms: PracticeLMS) -> Iterator[StackOneStage]:
    with Door(deadline=5) as door:
        yield StackOneStage(practice_lms, door)


@pytest.fixture
def assigning(practice_lms: PracticeLMS) -> Iterator[StackOneStage]:
    with Door(deadline=5) as door:
        yield AssigningStage(practice_lms, door)


# What each status means --------------------------------------------------------------------------------------------


def told_of_the_lms(status: int, **more: Any) -> bytes:
    """A body as StackOne's errors have it."""
    return json.dumps(
        {"statusCode": status, "message": "It says why", "timestamp": "2026-11-22T10:00:00.000Z"} | more
    ).encode()


def by_provider(status: int) -> dict[str, Any]:
    secret = {"authorization": "Bearer of-the-lms"}
    return {
        "provider_errors": [{"status": status, "url": "https://lms.example", "raw": "raw-words", "headers": secret}]
    }


@pytest.mark.catalogue("R17", "R19")
@pytest.mark.parametrize(
    ("status", "more", "headers", "error", "word"),
    [
        (301, {}, {"Location": "https://other.example.com/x"}, ServerError, "other.example.com"),
        (308, {}, {"Location": "javascript:alert(1)"}, ServerError, "leads elsewhere"),
        (401, {}, {}, ServerError, "API key"),
        (403, {}, {}, ServerError, "may do"),
        (405, {}, {}, ServerError, "405"),
        (406, {}, {}, ServerError, "406"),
        (408, {}, {}, ServerError, "too long"),
        (408, {}, {"Retry-After": "60"}, RateLimited, "slow down"),
        (410, {}, {}, ServerError, "410"),
        (412, {}, {}, ServerError, "Link it again"),
        (413, {}, {}, TooLarge, "too large"),
        (415, {}, {}, ServerError, "415"),
        (425, {}, {}, RateLimited, "slow down"),
        (429, {}, {}, RateLimited, "slow down"),
        (429, {}, {"Retry-After": "60"}, RateLimited, "slow down"),
        (500, {}, {}, ServerError, "It says why"),
        (502, {}, {}, ServerError, "no usable answer"),
        (502, by_provider(401), {}, ServerError, "Link the account again"),
        (502, by_provider(403), {}, ServerError, "Link the account again"),
        (502, by_provider(429), {}, RateLimited, "slow down"),
        (502, by_provider(500), {}, ServerError, "no usable answer"),
        (503, {}, {}, ServerError, "503"),
        (503, {}, {"Retry-After": "60"}, RateLimited, "slow down"),
        (504, {}, {}, ServerError, "504"),
        (599, {}, {}, ServerError, "599"),
    ],
)
def test_answer__about_the_whole_destination__says_what_to_do(
    stage: StackOneStage,
    status: int,
    more: dict[str, Any],
    headers: dict[str, str],
    error: type[DestinationError],
    word: str,
) -> None:
    item = remembered(stage)
    body = told_of_the_lms(status, **more)
    stage.store.fail(Fault("answer", status=status, body=body, headers=(*JSON, *headers.items())))
    with pytest.raises(error) as raised:
        stage.send(item)
    assert type(raised.value) is error
    assert word in raised.value.sentence
    assert raised.value.retry_after == (60 if "Retry-After" in headers else None)


def remembered(stage: StackOneStage) -> Item:
    """A result of somebody who is remembered, so that it takes one request."""
    stage.memory.users[ANN] = "u1"
    return stage.result()


@pytest.mark.parametrize(
    ("status", "more", "outcome", "reason"),
    [
        (400, {}, Outcome.REJECTED, ""),
        (402, {}, Outcome.REJECTED, ""),
        (422, {}, Outcome.REJECTED, ""),
        (501, {}, Outcome.HELD, "unsupported"),
        (502, by_provider(400), Outcome.REJECTED, ""),
        (502, by_provider(422), Outcome.REJECTED, ""),
        (201, {"statusCode": 400}, Outcome.REJECTED, ""),
        (202, {}, Outcome.UNPROVEN, ""),
        (204, {}, Outcome.UNPROVEN, ""),
        (200, {"data": {}}, Outcome.DELIVERED, ""),
        (201, {"data": {}}, Outcome.DELIVERED, ""),
    ],
)
def test_answer__about_one_result__says_what_becomes_of_it(
    stage: StackOneStage, status: int, more: dict[str, Any], outcome: Outcome, reason: str
) -> None:
    item = remembered(stage)
    stage.store.fail(Fault("answer", status=status, body=told_of_the_lms(status, **more), headers=JSON))
    [result] = stage.send(item).results
    assert (result.outcome, result.reason) == (outcome, reason)
    assert ("It says why" in result.sentence) is (outcome in {Outcome.REJECTED, Outcome.HELD})


def test_answer__with_traffic_of_the_lms__is_kept_without_it(stage: StackOneStage) -> None:
    item = remembered(stage)
    body = told_of_the_lms(
        400, **by_provider(400), data={"statusCode": 400, "message": "m", "headers": {"k": "of-the-lms"}}
    )
    for content in (body, body + b" cut off"):
        stage.store.fail(Fault("answer", status=400, body=content, headers=JSON))
        answer = stage.send(item).answer
        assert answer is not None
        assert not any(word in answer.body for word in (b"of-the-lms", b"raw-words", b"lms.example"))


def test_answer__409_to_a_completion_that_is_there__is_delivered(stage: StackOneStage) -> None:
    stage.memory.users[ANN] = "u1"
    item = stage.result()
    stage.send(item)
    stage.store.script([Fault("answer", status=409, body=told_of_the_lms(409), headers=JSON)])
    assert stage.outcome(item) is Outcome.DELIVERED


def test_answer__409_to_a_completion_that_is_not_there__is_rejected_for_certain(stage: StackOneStage) -> None:
    stage.store.script(["ok", Fault("answer", status=409, body=told_of_the_lms(409), headers=JSON)])
    [result] = stage.send(stage.result()).results
    assert (result.outcome, result.certain) == (Outcome.REJECTED, True)


def test_answer__cut_off_after_a_success__is_read_back(stage: StackOneStage) -> None:
    stage.store.script(["ok", Fault("answer", status=201, body=b'{"statusCode": 20', headers=JSON, stores=True)])
    assert stage.outcome(stage.result()) is Outcome.DELIVERED
    assert stage.results() == 1


@pytest.mark.parametrize("switch", [{"times": "the_second"}, {"verdicts": "in_words_of_its_own"}], ids=str)
def test_result__kept_less_exactly_by_the_lms__is_found_again(stage: StackOneStage, switch: dict[str, str]) -> None:
    stage.account.switches.switch(**switch)
    item = stage.result()
    stage.send(item)
    assert stage.outcome(dataclasses.replace(item, doubtful=True)) is Outcome.DELIVERED
    assert stage.results() == 1


def test_result__with_another_verdict_at_the_same_time__is_different(stage: StackOneStage) -> None:
    stage.send(stage.result(success=False))
    assert STACKONE.read_result(stage.door, stage.connection(), stage.result())[0] is ReadBack.DIFFERENT


def test_result__in_doubt_at_an_lms_that_shows_no_completions__is_held(stage: StackOneStage) -> None:
    stage.account.switches.switch(completions="only_written")
    item = stage.result()
    stage.send(item)
    [result] = stage.send(dataclasses.replace(item, doubtful=True)).results
    assert (result.outcome, result.reason) == (Outcome.HELD, "unsupported")
    assert STACKONE.read_result(stage.door, stage.connection(), item)[0] is ReadBack.FORBIDDEN
    assert stage.results() == 1


def test_result__to_be_assigned_first_where_nothing_is_assigned__is_a_completion_alone(
    assigning: StackOneStage,
) -> None:
    assigning.account.switches.switch(assignments="not_supported")
    for _time in range(2):
        assert assigning.outcome(assigning.result()) is Outcome.DELIVERED
    assert assigning.memory.learned["assignments"] is False
    assert len(assigning.calls) == 4  # who it is, assignments in vain, and two completions


# The options form --------------------------------------------------------------------------------------------------


def form(stored: frozenset[str] = frozenset(), /, **values: str) -> StackOneOptions:
    given = {"api_key": "v1.key", "account_id": "4535", "url": "https://api.stackone.com", "flow": "completion"}
    return StackOneOptions(given | values, stored_secrets=stored)


def test_options__as_they_come__are_valid() -> None:
    assert form().is_valid()


def test_options__with_a_stored_key__need_no_new_one() -> None:
    assert form(frozenset({"api_key"}), api_key="").is_valid()


@pytest.mark.parametrize("path", ["/", "/unified", "/unified/lms", "/unified/lms/"])
def test_options__with_a_pasted_path__lose_it(path: str) -> None:
    filled = form(url=f"https://api.stackone.com{path}")
    assert filled.is_valid()
    assert filled.cleaned_data["url"] == "https://api.stackone.com"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "key:"}, "api_key"),
        ({"api_key": "Schlüssel"}, "api_key"),
        ({"account_id": ""}, "account_id"),
        ({"account_id": "a b"}, "account_id"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://api.stackone.com/?x=1"}, "url"),
        ({"flow": "both"}, "flow"),
    ],
)
def test_options__that_cannot_be__are_refused_at_their_field(values: dict[str, str], field: str) -> None:
    assert field in form(**values).errors
