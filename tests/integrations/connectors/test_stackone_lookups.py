"""The StackOne connector: finding people and contents in lists that come in pages, if at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.connectors.base import (
    CatalogueEntry,
    Outcome,
    Person,
    ReadBack,
    RemoteAccount,
    ServerError,
    Unsupported,
)
from integrations.connectors.http import Door
from integrations.connectors.stackone.calls import MOST_PAGES, PAGE_BYTES
from integrations.connectors.stackone.options import ASSIGN_FIRST, COMPLETE_ONLY
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.stackone import STACKONE, AssigningStage, StackOneStage
from tests.integrations.connectors.stage import ANN, REFERENCE
from tests.lms import PracticeLMS

JSON = (("Content-Type", "application/json"),)


@pytest.fixture
def stage(practice_lms: PracticeLMS) -> Iterator[StackOneStage]:
    with Door(deadline=5) as door:
        yield StackOneStage(practice_lms, door)


def find(stage: StackOneStage, email: str = ANN, **profile: str) -> tuple[str, str]:
    """The id there, and why there is none."""
    found = STACKONE.find_user(stage.door, stage.connection(), Person(email, "", profile))
    return found.remote_id, found.reason


# People ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filtering", ["works", "is_ignored", "is_refused", "finds_nobody"])
@pytest.mark.parametrize("pages", ["end", "may_be_empty"])
@pytest.mark.parametrize("others", [0, 250])
def test_person__among_others__is_found_whatever_the_filter_does(
    stage: StackOneStage, filtering: str, pages: str, others: int
) -> None:
    stage.account.users.clear()
    stage.account.add_users(f"person{number}@example.com" for number in range(others))
    stage.account.add_user("Ann@Example.com", "u9")
    if filtering == "works":
        stage.account.users["u9"]["email"] = ANN
    stage.account.switches.switch(email_filter=filtering, pages=pages)
    assert find(stage) == ("u9", "")
    assert find(stage, "nobody@example.com") == ("", "unknown_user")


def test_person__whose_address_only_resembles_another__is_not_taken_for_them(stage: StackOneStage) -> None:
    stage.account.switches.switch(email_filter="is_ignored")
    assert find(stage, "nn@example.com") == ("", "unknown_user")


def test_people__with_one_address__are_ambiguous(stage: StackOneStage) -> None:
    stage.account.add_user(ANN, "u2")
    assert find(stage) == ("", "ambiguous_user")
    [result] = stage.send(stage.result()).results
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_user")


def test_people__in_a_turn__are_all_read_once(stage: StackOneStage) -> None:
    stage.account.add_users(f"person{number}@example.com" for number in range(150))
    stage.account.switches.switch(email_filter="is_refused")
    for number in range(20):
        find(stage, f"person{number}@example.com")
    assert stage.calls[1:] == ["GET users?page_size=100", "GET users?page_size=100&next=100"]


def test_people__in_a_list_without_end__are_found_and_the_walk_ends(stage: StackOneStage) -> None:
    stage.account.switches.switch(pages="go_round", email_filter="is_refused")
    assert find(stage) == ("u1", "")
    nobody = STACKONE.find_user(stage.door, stage.connection(), Person("nobody@example.com", ""))
    assert "more of them than can be looked through" in nobody.sentence
    assert len(stage.calls) == 3


def test_people__in_more_pages_than_anybody_has__are_read_no_further(stage: StackOneStage) -> None:
    stage.account.switches.switch(email_filter="is_refused")
    page = '{{"data": [], "next": "c{}"}}'
    stage.store.script(
        [
            "ok",
            *(
                Fault("answer", status=200, body=page.format(n).encode(), headers=JSON)
                for n in range(MOST_PAGES + 50)
            ),
        ]
    )
    assert find(stage) == ("", "unknown_user")
    assert len(stage.calls) == MOST_PAGES + 1


def test_people__whom_stackone_does_not_know__go_by_their_own_ids(stage: StackOneStage) -> None:
    stage.account.switches.switch(users="unknown")
    assert stage.outcome(stage.result()) is Outcome.DELIVERED
    assert stage.memory.learned["users"] is False
    [row] = stage.account.completions.values()
    assert row["user_id"] == ANN
    stage.send(stage.result())
    assert stage.calls[-1] == "POST users/ann%40example.com/completions"
    assert len(stage.calls) == 4


@pytest.mark.parametrize(
    ("profile", "expected"),
    [({"sso_id": "sso-77"}, ("sso-77", "")), ({}, ("", "unknown_user")), ({"sso_id": ".."}, ("", "unknown_user"))],
    ids=["given", "missing", "no id"],
)
def test_people__whom_stackone_does_not_know__go_by_their_profile(
    stage: StackOneStage, profile: dict[str, str], expected: tuple[str, str]
) -> None:
    stage.options["learner_field"] = "sso_id"
    stage.account.switches.switch(users="unknown")
    assert find(stage, **profile) == expected
    [result] = stage.send(stage.result(profile=profile)).results
    assert result.reason == expected[1]


@pytest.mark.catalogue("R18")
def test_result__of_somebody_who_left__is_held_and_forgotten_while_others_flow(stage: StackOneStage) -> None:
    stage.send(stage.result())
    del stage.account.users["u1"]
    [result] = stage.send(stage.result()).results
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_user")
    assert stage.memory.users == {ANN: None}
    stage.account.add_user("bob@example.com")
    assert stage.outcome(stage.result(participant_id="bob@example.com")) is Outcome.DELIVERED


@pytest.mark.catalogue("R18")
def test_result__about_something_the_lms_does_not_know__is_held(stage: StackOneStage) -> None:
    stage.memory.users[ANN] = "u1"
    [result] = stage.send(stage.result(external_reference="unknown")).results
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_content")
    assert stage.results() == 0


@pytest.mark.catalogue("R18")
def test_result__with_another_account_id__is_no_fault_of_its_own(stage: StackOneStage) -> None:
    stage.options["account_id"] = "another"
    stage.memory.users[ANN] = "u1"
    with pytest.raises(ServerError) as raised:
        stage.send(stage.result())
    assert "account id" in raised.value.sentence


def test_account__switched_off__says_so(stage: StackOneStage) -> None:
    stage.account.switches.switch(account="switched_off")
    with pytest.raises(ServerError) as raised:
        stage.send(stage.result())
    assert "Link it again" in raised.value.sentence


# Contents ----------------------------------------------------------------------------------------------------------


def test_content__with_an_id_of_its_own__is_told_by_it_from_then_on(stage: StackOneStage) -> None:
    stage.account.switches.switch(content_ids="yes")
    stage.send(stage.content())
    given = stage.account.contents[REFERENCE]["id"]
    assert stage.memory.contents[REFERENCE].remote_id == given  # type: ignore[union-attr]
    assert stage.outcome(stage.result()) is Outcome.DELIVERED
    assert stage.calls[-1] == "POST users/u1/completions"


def test_contents__of_a_batch__get_their_ids_when_they_are_needed(stage: StackOneStage) -> None:
    stage.account.switches.switch(content_ids="yes")
    stage.send(stage.content())
    several = [stage.content(external_reference=f"course-{number}") for number in range(3)]
    stage.send(*several)
    for number in range(3):
        assert stage.outcome(stage.result(external_reference=f"course-{number}")) is Outcome.DELIVERED
    assert sum(call.startswith("GET content") for call in stage.calls) == 1


def test_contents__brought_all_at_once_at_first__show_whether_ids_are_wanted(stage: StackOneStage) -> None:
    stage.account.switches.switch(content_ids="yes")
    several = [stage.content(external_reference=f"course-{number}") for number in range(3)]
    assert [one.outcome for one in stage.send(*several).results] == [Outcome.DELIVERED] * 3
    assert stage.calls == ["PUT content", "POST content/batch"]
    assert stage.outcome(stage.result(external_reference="course-2")) is Outcome.DELIVERED


@pytest.mark.parametrize("flow", [COMPLETE_ONLY, ASSIGN_FIRST])
def test_result__about_something_brought_by_others__learns_that_ids_are_wanted(
    stage: StackOneStage, flow: str
) -> None:
    stage.options["flow"] = flow
    stage.account.switches.switch(content_ids="yes")
    assert stage.outcome(stage.result()) is Outcome.DELIVERED
    assert stage.memory.learned["content_ids"] is True
    before = len(stage.calls)
    assert stage.outcome(stage.result()) is Outcome.DELIVERED
    assert len(stage.calls) - before == (1 if flow == COMPLETE_ONLY else 3)


@pytest.mark.parametrize("batches", ["a_list_each", "nothing"])
def test_contents__of_a_batch__are_delivered(stage: StackOneStage, batches: str) -> None:
    stage.account.switches.switch(batches=batches)
    several = [stage.content(external_reference=f"course-{number}") for number in range(3)]
    assert {one.outcome for one in stage.send(*several).results} == {Outcome.DELIVERED}
    assert len(stage.contents()) == 4


def test_contents__of_a_batch__are_refused_one_by_one(stage: StackOneStage) -> None:
    several = [stage.content(external_reference="a"), stage.content(external_reference="b", url="no address")]
    results = stage.send(*several).results
    assert [one.outcome for one in results] == [Outcome.DELIVERED, Outcome.REJECTED]
    assert "content_url" in results[1].sentence


@pytest.mark.parametrize("errors", [[["wrong"]], {"0": "wrong"}, "wrong"], ids=["too few", "object", "text"])
def test_contents__of_a_batch__refused_nobody_knows_which__are_taken_apart(stage: StackOneStage, errors: Any) -> None:
    said = Fault("answer", status=202, body=str({"errors": errors}).replace("'", '"').encode(), headers=JSON)
    stage.memory.learned["content_ids"] = False
    stage.store.script([said])
    several = [stage.content(external_reference="a"), stage.content(external_reference="b")]
    assert {one.outcome for one in stage.send(*several).results} == {Outcome.REJECTED}


def test_content__at_an_address_that_is_not_stackones__is_no_fault_of_its_own(stage: StackOneStage) -> None:
    stage.lms.fail("404")
    with pytest.raises(ServerError):
        stage.send(stage.content())


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, ReadBack.SAME),
        ({"title": "Another"}, ReadBack.DIFFERENT),
        ({"active": False}, ReadBack.DIFFERENT),
        ({"external_reference": "unknown"}, ReadBack.ABSENT),
    ],
)
def test_content__read_back__is_compared(stage: StackOneStage, values: dict[str, Any], found: ReadBack) -> None:
    assert STACKONE.read_result(stage.door, stage.connection(), stage.content(**values))[0] is found


def test_catalogue__in_several_pages__is_whole(stage: StackOneStage) -> None:
    for number in range(250):
        stage.account.put({"external_reference": f"c{number}", "title": f"Course {number}"})
    stage.account.put({"external_reference": "old", "title": "Old", "active": False})
    found = STACKONE.catalogue(stage.door, stage.connection())
    assert len(found) == 252
    assert [entry.reference for entry in found if not entry.active] == ["old"]


def test_catalogue__with_something_on_two_pages__has_it_once(stage: StackOneStage) -> None:
    row = {
        "id": "c1",
        "title": "Fire safety",
        "active": "false",
        "content_type": {"value": None, "source_value": "SCORM"},
    }
    pages = [json.dumps({"data": [row, {}, None], "next": cursor}).encode() for cursor in ("more", None)]
    stage.store.script(Fault("answer", status=200, body=page, headers=JSON) for page in pages)
    found = STACKONE.catalogue(stage.door, stage.connection())
    assert found == [CatalogueEntry("c1", "Fire safety", "SCORM", active=False)]


def test_catalogue__with_a_page_that_is_too_large__says_so(stage: StackOneStage) -> None:
    stage.account.put({"external_reference": "large", "title": "x" * (PAGE_BYTES + 1)})
    with pytest.raises(ServerError) as raised:
        STACKONE.catalogue(stage.door, stage.connection())
    assert "larger than it may be" in raised.value.sentence


def test_catalogue__without_end__is_a_fault_of_the_lms(stage: StackOneStage) -> None:
    stage.account.switches.switch(pages="go_round")
    with pytest.raises(ServerError) as raised:
        STACKONE.catalogue(stage.door, stage.connection())
    assert "does not end" in raised.value.sentence


# Checking and progress ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("users", "known"), [("known", True), ("unknown", False)])
def test_check__learns_whether_there_are_users(stage: StackOneStage, users: str, known: bool) -> None:
    stage.account.switches.switch(users=users)
    found = STACKONE.check(stage.door, stage.connection())
    assert found.ok
    assert stage.memory.learned["users"] is known
    assert ("participant ids" in found.sentence) is not known


def test_check__of_an_lms_that_could_not_do_something__lets_it_be_tried_again(stage: StackOneStage) -> None:
    stage.account.switches.switch(assignments="not_supported")
    [result] = stage.send(stage.assignment()).results
    assert (result.outcome, result.reason) == (Outcome.HELD, "unsupported")
    assert stage.memory.learned["assignments"] is False
    STACKONE.check(stage.door, stage.connection())
    assert stage.memory.learned["assignments"] is True


def test_progress__of_an_lms_that_shows_a_part__is_that_part(stage: StackOneStage) -> None:
    stage.account.switches.switch(completions="only_written")
    stage.send(stage.result())
    [one] = STACKONE.read_progress(stage.door, stage.connection(), REFERENCE)
    assert (one.learner, one.status) == (ANN, "completed")
    stage.account.switches.switch(assignments="not_supported")
    with pytest.raises(Unsupported):
        STACKONE.read_progress(stage.door, stage.connection(), REFERENCE)


def test_users__of_the_lms__are_listed(stage: StackOneStage) -> None:
    stage.account.add_user("bob@example.com", "u2", name="Bob")
    found = STACKONE.users(stage.door, stage.connection())
    assert found == [RemoteAccount("u1", ANN), RemoteAccount("u2", "bob@example.com", "Bob")]


def test_users__where_stackone_knows_none__are_not_supported(stage: StackOneStage) -> None:
    stage.account.switches.switch(users="unknown")
    with pytest.raises(Unsupported):
        STACKONE.users(stage.door, stage.connection())
    assert stage.memory.learned["users"] is False


def test_progress__tells_the_latest_of_each_learner(practice_lms: PracticeLMS) -> None:
    with Door(deadline=5) as door:
        stage = AssigningStage(practice_lms, door)
        stage.account.add_user("bob@example.com", "u2")
        stage.account.add_user("cem@example.com", "u3")
        stage.send(stage.result(success=False))
        stage.send(stage.result(participant_id="bob@example.com"))
        stage.send(stage.result(participant_id="cem@example.com", completion=False, success=None))
        found = STACKONE.read_progress(door, stage.connection(), REFERENCE)
    assert {(one.learner, one.status, str(one.score)) for one in found} == {
        (ANN, "failed", "87.5"),
        ("bob@example.com", "passed", "87.5"),
        ("cem@example.com", "started", "None"),
    }
