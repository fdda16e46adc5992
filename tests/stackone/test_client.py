"""StackOne's own client, version 4.28.0: it takes what the practice StackOne answers and what the connector sends.

What it cannot see (wrong words in enumerations, a missing reference, fields that are newer than it) is held against
the requests of its successor in ``integrations/connectors/test_stackone_requests.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.connectors.base import Item
from integrations.connectors.http import Door
from lmsbridge.practice.stackone.account import ACCOUNT_ID
from tests.integrations.connectors.stackone import StackOneStage
from tests.integrations.connectors.stage import ANN, REFERENCE
from tests.lms import PracticeLMS
from tests.stackone.client import StackOneClient

pytestmark = pytest.mark.alone

# Newer than the client: it drops them without a word.
NEWER = {"score", "score.percentage", "score.raw_value", "assigned_at"}


@pytest.fixture(scope="module")
def lms() -> Iterator[PracticeLMS]:
    with PracticeLMS() as running:
        yield running


@pytest.fixture(scope="module")
def vendor(lms: PracticeLMS) -> Iterator[StackOneClient]:
    with StackOneClient(f"{lms.address}/stackone", "practice-api-key") as opened:
        yield opened


@pytest.fixture
def stage(lms: PracticeLMS) -> Iterator[StackOneStage]:
    """Ann and one content, with an assignment and a completion of Ann's."""
    lms.heal()
    with Door(deadline=5) as door:
        made = StackOneStage(lms, door)
        made.account.forget()
        made.account.put(
            {"external_reference": REFERENCE, "title": "Fire safety", "content_type": {"value": "course"}}
        )
        made.send(made.assignment())
        made.send(made.result())
        yield made
        made.account.switches.switch(content_ids="no", pages="end", users="known", batches="a_list_each")


def only(rows: dict[str, Any]) -> str:
    """The id of the one row."""
    [id] = rows
    return id


# What the practice StackOne answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", ["no", "yes"])
def test_client__upserting_content__takes_the_answer(vendor: StackOneClient, stage: StackOneStage, ids: str) -> None:
    stage.account.switches.switch(content_ids=ids)
    body = {"externalReference": "new", "title": "New", "active": True, "contentUrl": "https://learn.example.com/1"}
    answer = vendor.ask("upsertContent", lmsUpsertContentRequestDto=body)
    assert answer["status"] == 201
    assert answer["data"]["data"]["externalReference"] == "new"
    assert ("id" in answer["data"]["data"]) is (ids == "yes")


@pytest.mark.parametrize("batches", ["a_list_each", "nothing"])
def test_client__upserting_a_batch__takes_the_answer(
    vendor: StackOneClient, stage: StackOneStage, batches: str
) -> None:
    stage.account.switches.switch(batches=batches)
    items = [{"externalReference": "new", "title": "New"}, {"externalReference": "old", "active": False}]
    answer = vendor.ask("batchUpsertContent", lmsBatchUpsertContentRequestDto={"items": items})
    assert answer["status"] == 202
    assert stage.account.contents["old"]["active"] is False


def test_client__creating_an_assignment__takes_the_answer(vendor: StackOneClient, stage: StackOneStage) -> None:
    body = {"learningObjectExternalReference": REFERENCE, "status": {"value": "in_progress"}, "progress": 40}
    answer = vendor.ask("createUserAssignment", id="u1", lmsCreateAssignmentRequestDto=body)
    assert answer["status"] == 201
    assert answer["data"]["data"]["id"] in stage.account.assignments


def test_client__creating_a_completion__takes_the_answer(vendor: StackOneClient, stage: StackOneStage) -> None:
    body = {"learningObjectExternalReference": REFERENCE, "result": {"value": "Pass"}, "timeSpent": "PT42M"}
    answer = vendor.ask("createUserCompletion", id="u1", lmsCreateCompletionRequestDto=body)
    assert answer["status"] == 201
    assert answer["data"]["data"]["id"] in stage.account.completions


def test_client__deleting_a_completion__takes_the_answer(vendor: StackOneClient, stage: StackOneStage) -> None:
    answer = vendor.ask("deleteUserCompletion", id="u1", subResourceId=only(stage.account.completions))
    assert answer["status"] == 200
    assert not stage.account.completions


@pytest.mark.parametrize(
    ("operation", "request_", "count"),
    [
        ("listContent", {"filter": {"active": True}}, 1),
        ("listCourses", {"filter": {"externalReference": REFERENCE}}, 1),
        ("listUsers", {"filter": {"email": ANN}}, 1),
        ("listAssignments", {"filter": {"status": "completed"}, "userId": "u1"}, 1),
        ("listUserAssignments", {"id": "u1", "filter": {"status": "in_progress"}}, 0),
        ("listCompletions", {"filter": {"updatedAfter": "2026-01-01T00:00:00.000Z"}}, 1),
        ("listUserCompletions", {"id": "u1"}, 1),
        ("listCategories", {}, 0),
        ("listSkills", {}, 0),
    ],
)
def test_client__listing__takes_each_page(
    vendor: StackOneClient, stage: StackOneStage, operation: str, request_: dict[str, Any], count: int
) -> None:
    for pages in ("end", "may_be_empty"):
        stage.account.switches.switch(pages=pages)
        answer = vendor.ask(operation, pageSize="1", **request_)
        assert (answer.get("status"), len(answer.get("data", []))) == (200, count), answer


def test_client__listing_contents_in_pages__gets_all(vendor: StackOneClient, stage: StackOneStage) -> None:
    for number in range(5):
        stage.account.put({"external_reference": f"c{number}", "title": f"Course {number}"})
    assert len(vendor.ask("listContent", pageSize="2")["data"]) == 6


def test_client__getting_single_things__takes_the_answers(vendor: StackOneClient, stage: StackOneStage) -> None:
    content = stage.account.contents[REFERENCE]["id"]
    assignment, completion = only(stage.account.assignments), only(stage.account.completions)
    asked: list[tuple[str, dict[str, str]]] = [
        ("getContent", {"id": content}),
        ("getCourse", {"id": content}),
        ("getUser", {"id": "u1"}),
        ("getAssignment", {"id": assignment}),
        ("getUserAssignment", {"id": "u1", "subResourceId": assignment}),
        ("getCompletion", {"id": completion}),
        ("getUserCompletion", {"id": "u1", "subResourceId": completion}),
        ("accounts.getAccount", {"id": ACCOUNT_ID}),
    ]
    answers = {operation: vendor.ask(operation, **request) for operation, request in asked}
    assert {operation: answer.get("status") for operation, answer in answers.items()} == dict.fromkeys(answers, 200)


@pytest.mark.parametrize("operation", ["getCategory", "getSkill"])
def test_client__getting_what_is_not_there__meets_a_typed_error(
    vendor: StackOneClient, stage: StackOneStage, operation: str
) -> None:
    answer = vendor.ask(operation, id="none")
    assert (answer["error"], answer["status"]) == ("NotFoundResponse", 404)


def test_client__with_an_operation_that_was_taken_away__meets_a_typed_error(
    vendor: StackOneClient, stage: StackOneStage
) -> None:
    body = {"externalReference": REFERENCE}
    answer = vendor.ask("updateContent", id="c1", lmsCreateContentRequestDto=body)
    assert (answer["error"], answer["status"]) == ("NotFoundResponse", 404)


@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("listUsers", {"xAccountId": "another"}, "NotFoundResponse"),
        ("listUsers", {"pageSize": "1000"}, "BadRequestResponse"),
        (
            "createUserCompletion",
            {"id": "u1", "lmsCreateCompletionRequestDto": {"result": {"value": "passed"}}},
            "BadRequestResponse",
        ),
    ],
    ids=["account", "page size", "word in an enumeration"],
)
def test_client__refused__meets_a_typed_error(
    vendor: StackOneClient, stage: StackOneStage, operation: str, request_: dict[str, Any], error: str
) -> None:
    assert vendor.ask(operation, **request_).get("error") == error


def test_client__at_an_lms_without_users__meets_a_typed_error(vendor: StackOneClient, stage: StackOneStage) -> None:
    stage.account.switches.switch(users="unknown")
    assert vendor.ask("listUsers")["error"] == "NotImplementedResponse"


def test_client__over_the_limit__meets_a_typed_error(vendor: StackOneClient, stage: StackOneStage) -> None:
    stage.account.requests_per_minute = 1
    try:
        assert vendor.ask("listUsers")["error"] == "TooManyRequestsResponse"
    finally:
        stage.account.requests_per_minute = 1000


# What the connector sends ------------------------------------------------------------------------------------------


def sent(stage: StackOneStage, *items: Item) -> Any:
    """The body of the last request that sending these items takes."""
    stage.send(*items)
    return json.loads(stage.store.requests[-1].body)


def test_body__of_a_content__is_known_to_the_client(vendor: StackOneClient, stage: StackOneStage) -> None:
    body = sent(stage, stage.content(cover_url="https://bridge.example.com/cover.png"))
    assert vendor.check("content", body) == {"errors": [], "lost": []}


def test_body__of_a_batch__is_known_to_the_client(vendor: StackOneClient, stage: StackOneStage) -> None:
    stage.memory.learned["content_ids"] = False
    body = sent(stage, stage.content(external_reference="a"), stage.content(external_reference="b", active=False))
    assert vendor.check("batch", body) == {"errors": [], "lost": []}


def test_body__of_an_assignment__is_known_to_the_client(vendor: StackOneClient, stage: StackOneStage) -> None:
    stage.account.assignments.clear()
    checked = vendor.check("assignment", sent(stage, stage.assignment()))
    assert checked["errors"] == []
    assert set(checked["lost"]) <= NEWER


@pytest.mark.parametrize("success", [True, False, None])
def test_body__of_a_completion__is_known_to_the_client(
    vendor: StackOneClient, stage: StackOneStage, success: bool | None
) -> None:
    checked = vendor.check("completion", sent(stage, stage.result(success=success)))
    assert checked["errors"] == []
    assert set(checked["lost"]) <= NEWER


def test_body__that_is_misspelt__is_seen_by_the_client(vendor: StackOneClient) -> None:
    checked = vendor.check("completion", {"learning_object_external_reference": "x", "time_spend": "PT1M"})
    assert checked["lost"] == ["time_spend"]
