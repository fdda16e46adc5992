"""The StackOne connector: what it sends, held against the requests of StackOne's own client."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.connectors.base import Connection, Facts, Held, Outcome, RemoteItem, Secret, ServerError
from integrations.connectors.http import Door
from integrations.connectors.stackone.bodies import duration, encode, thaw
from lmsbridge.practice.stackone.bodies import COMPLETION, check_record
from tests.integrations.connectors.stackone import STACKONE, AssigningStage, StackOneStage
from tests.integrations.connectors.stage import facts
from tests.lms import PracticeLMS

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


# Requests as StackOne's own client of version 4.34.1 sends them ----------------------------------------------------


class Golden(NamedTuple):
    """A request that StackOne's own client was seen to send."""

    method: str
    target: str
    body: dict[str, Any] | None = None


COURSE = {
    "active": True,
    "content_url": "https://learn.example.com/launch/course-001",
    "external_reference": "course-001",
    "title": "Fire safety basics",
}
UPSERT = Golden("PUT", "/unified/lms/content", COURSE)
SOFT_DELETE = Golden("PUT", "/unified/lms/content", COURSE | {"active": False})
PASS = Golden(
    "POST",
    "/unified/lms/users/u1/completions",
    {
        "completed_at": "2026-01-02T10:30:00.000Z",
        "learning_object_external_reference": "course-001",
        "learning_object_id": "c1",
        "result": {"value": "Pass"},
        "score": {"percentage": 87.5, "raw_value": "35/40"},
        "time_spent": "PT42M",
    },
)
FAIL = Golden(
    "POST",
    "/unified/lms/users/u1/completions",
    {
        "completed_at": "2026-01-02T10:30:00.000Z",
        "learning_object_external_reference": "course-001",
        "result": {"value": "Fail"},
        "score": {"percentage": 0},
    },
)
ASSIGN = Golden("POST", "/unified/lms/users/u1/assignments", {"learning_object_external_reference": "course-001"})
ASSIGN_WITH_DATES = Golden(
    "POST",
    "/unified/lms/users/u%2F1%20x/assignments",
    {
        "assigned_at": "2026-01-02T09:00:00.000Z",
        "due_date": "2026-02-01T00:00:00.000Z",
        "learning_object_external_reference": "course-001",
        "learning_object_id": "c1",
    },
)
FIND = Golden("GET", "/unified/lms/users?filter%5Bemail%5D=ana%2Btest%40example.com&page_size=100")

_PASSED: dict[str, Any] = {"external_reference": "course-001", "timestamp": MORNING}
_FAILED = _PASSED | {"success": False, "score_scaled": Decimal(0), "duration": None}
_COURSE: dict[str, Any] = {
    "external_reference": "course-001",
    "title": "Fire safety basics",
    "url": "https://learn.example.com/launch/course-001",
    "description": "",
    "language": "en",
    "minutes": None,
}


def last_request(stage: StackOneStage) -> Golden:
    received = stage.store.requests[-1]
    target = received.path.removeprefix("/stackone") + (f"?{received.query}" if received.query else "")
    return Golden(received.method, target, json.loads(received.body) if received.body else None)


def test_request__of_a_content__is_as_the_vendors_own(stage: StackOneStage) -> None:
    stage.send(stage.content(**_COURSE))
    assert last_request(stage) == UPSERT


def test_request__to_take_a_content_out__is_as_the_vendors_own(stage: StackOneStage) -> None:
    stage.send(stage.content(**_COURSE, active=False))
    assert last_request(stage) == SOFT_DELETE


def test_request__of_several_contents__is_one(stage: StackOneStage) -> None:
    stage.memory.learned["content_ids"] = False
    both = [stage.content(**_COURSE), stage.content(**_COURSE | {"external_reference": "course-002"}, active=False)]
    assert [one.outcome for one in stage.send(*both).results] == [Outcome.DELIVERED] * 2
    items = [COURSE, COURSE | {"external_reference": "course-002", "active": False}]
    assert last_request(stage) == Golden("POST", "/unified/lms/content/batch", {"items": items})


def test_request__of_a_passed_result__is_as_the_vendors_own(stage: StackOneStage) -> None:
    stage.memory.contents["course-001"] = RemoteItem("c1")
    stage.send(stage.result(**_PASSED))
    assert last_request(stage) == PASS


def test_request__of_a_failed_result__is_as_the_vendors_own(stage: StackOneStage) -> None:
    stage.send(stage.result(**_FAILED, score_raw=None))
    assert last_request(stage) == FAIL


def test_request__of_a_result_without_a_verdict__leaves_it_out(stage: StackOneStage) -> None:
    stage.send(stage.result(**_FAILED | {"success": None, "score_scaled": None}, score_raw=None))
    assert last_request(stage).body == {
        name: PASS.body[name] for name in ("completed_at", "learning_object_external_reference") if PASS.body
    }


def test_request__to_assign_first__is_as_the_vendors_own(assigning: StackOneStage) -> None:
    assigning.account.put({"external_reference": "course-001"})
    assigning.send(assigning.result(**_PASSED))
    posts = [one for one in assigning.store.requests if one.method == "POST"]
    assert [one.path.removeprefix("/stackone") for one in posts] == [ASSIGN.target, PASS.target]
    assert json.loads(posts[0].body) == ASSIGN.body


def test_request__of_an_assignment__is_as_the_vendors_own(stage: StackOneStage) -> None:
    stage.account.add_user("ana+test@example.com", "u/1 x")
    stage.memory.contents["course-001"] = RemoteItem("c1")
    asked = stage.assignment(
        participant_id="ana+test@example.com",
        external_reference="course-001",
        assigned_at=datetime.datetime(2026, 1, 2, 9, tzinfo=datetime.UTC),
        due_at=datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC),
    )
    stage.send(asked)
    assert stage.calls[0].partition(" ")[2] == FIND.target.removeprefix("/unified/lms/")
    assert last_request(stage) == ASSIGN_WITH_DATES


def test_request__of_any_kind__has_the_vendors_headers(stage: StackOneStage) -> None:
    connection = dataclasses.replace(
        stage.connection(),
        options=stage.options | {"account_id": "45355976281015164504"},
        secrets={"api_key": Secret("v1.example.api.key")},
    )
    with contextlib.suppress(ServerError):  # that key opens nothing here
        STACKONE.send_content(stage.door, connection, [stage.content()])
    headers = stage.store.requests[-1].headers
    assert headers["Authorization"] == "Basic djEuZXhhbXBsZS5hcGkua2V5Og=="
    assert headers["x-account-id"] == "45355976281015164504"
    assert (headers["Accept"], headers["Content-Type"]) == ("application/json", "application/json")
    assert headers["User-Agent"]


# What is told ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "score"),
    [
        ({}, {"percentage": 87.5, "raw_value": "35/40"}),
        ({"score_scaled": None}, {"percentage": 87.5, "raw_value": "35/40"}),
        ({"score_raw": None}, {"percentage": 87.5}),
        ({"score_scaled": None, "score_max": None}, {"raw_value": "35"}),
        ({"score_scaled": None, "score_min": Decimal(30)}, {"percentage": 50, "raw_value": "35"}),
        ({"score_scaled": Decimal("0.123456789"), "score_raw": None}, {"percentage": 12.3457}),
        ({"score_scaled": None, "score_raw": None}, None),
    ],
)
def test_score__by_what_is_known(values: dict[str, Any], score: dict[str, Any] | None) -> None:
    told = thaw(STACKONE.compose(facts(**values), NOWHERE))
    assert told.body.get("score") == score


_DECIMALS = st.decimals(min_value=0, max_value=1000, places=4)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    low, raw, high = sorted([draw(_DECIMALS), draw(_DECIMALS), draw(_DECIMALS)])
    return facts(
        completion=True,
        success=draw(st.none() | st.booleans()),
        score_scaled=draw(st.none() | st.decimals(min_value=0, max_value=1, places=6)),
        score_raw=draw(st.none() | st.just(raw)),
        score_min=draw(st.none() | st.just(low)),
        score_max=draw(st.none() | st.just(high)),
        duration=draw(st.none() | st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=400))),
        timestamp=draw(
            st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2026, 11, 1), timezones=st.timezones())
        ),
        external_reference=draw(st.text(min_size=1).filter(str.strip)),
    )


@given(any_facts())
def test_completion__of_any_sound_facts__is_accepted_by_the_strict_practice_lms(told: Facts) -> None:
    with contextlib.suppress(Held):
        body = thaw(STACKONE.compose(told, NOWHERE)).body
        check_record(json.loads(encode(body)), COMPLETION, needs_id=False)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"external_reference": " "}, "not_valid"),
        ({"score_scaled": Decimal("1.5")}, "not_valid"),
        ({"score_scaled": Decimal("-0.5")}, "not_valid"),
        ({"score_raw": Decimal("NaN")}, "not_valid"),
        ({"duration": datetime.timedelta(seconds=-1)}, "not_valid"),
        ({"timestamp": datetime.datetime(2026, 11, 21)}, "not_valid"),
        ({"completion": False, "success": None}, "unsupported"),
    ],
)
def test_facts__that_cannot_be_told__are_held(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(Held) as held:
        STACKONE.compose(facts(**values), NOWHERE)
    assert held.value.reason == reason


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (datetime.timedelta(0), "PT0S"),
        (datetime.timedelta(minutes=42), "PT42M"),
        (datetime.timedelta(days=1, seconds=1), "PT24H1S"),
        (datetime.timedelta(milliseconds=600), "PT1S"),
    ],
)
def test_duration__is_iso_8601_in_whole_seconds(span: datetime.timedelta, text: str) -> None:
    assert duration(span) == text


@pytest.mark.parametrize(
    ("language", "told"), [("en-GB", [{"value": "en_GB"}]), ("pt-br", [{"value": "pt_BR"}]), ("de", None)]
)
def test_content__says_its_language_where_it_has_a_region(stage: StackOneStage, language: str, told: Any) -> None:
    assert thaw(stage.content(language=language).content).body.get("languages") == told


def test_result__that_has_begun__is_an_assignment_in_progress(assigning: StackOneStage) -> None:
    for _time in range(2):
        begun = assigning.result(completion=False, success=None)
        assert assigning.outcome(begun) is Outcome.DELIVERED
    [row] = assigning.account.assignments.values()
    assert row["status"] == {"value": "in_progress"}
