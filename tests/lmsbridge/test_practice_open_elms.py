"""The practice Open eLMS: what it takes, what it refuses, and that its readings can be switched from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from lmsbridge.practice.open_elms.campus import COMPLETED, SWITCHES, Campus, campus_of
from lmsbridge.practice.store import Store
from tests.lms import PracticeLMS, Told, ask

FORM = "application/x-www-form-urlencoded"
ANA = {
    "fname": "Ana",
    "lname": "Silva",
    "username": "ana@example.com",
    "email": "ana@example.com",
    "password": "correct horse",
}


def call(lms: PracticeLMS, method: str, path: str, form: Mapping[str, str] | None = None, /, **headers: str) -> Told:
    """One command with the right token, unless ``headers`` say otherwise."""
    body = None if form is None else urlencode(form).encode()
    sent = {"Authorization": "Basic practice-api-key"} | ({"Content-Type": FORM} if form is not None else {})
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(f"{lms.address}/open_elms/backend/{path}", method, body, sent | given)


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in ANA.items() if key != name}


@pytest.fixture
def campus(practice_lms: PracticeLMS) -> Campus:
    """An Open eLMS with account 1 and learning resource 2, not assigned."""
    made = campus_of(practice_lms.store())
    made.add_account("ann@example.com", fname="Ann", lname="Lee")
    made.add_resource("Fire safety")
    return made


# What is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization", ["", "Basic ", "Basic wrong", "Bearer practice-api-key", "Basic cHJhY3RpY2UtYXBpLWtleQ=="]
)
def test_token__that_is_not_the_raw_one_after_basic__is_refused(
    practice_lms: PracticeLMS, authorization: str
) -> None:
    assert call(practice_lms, "GET", "learning", Authorization=authorization).status == 401


@pytest.mark.parametrize(
    ("method", "path", "form", "status"),
    [
        ("POST", "users/", without("password"), 400),
        ("POST", "users/", without("lname"), 400),
        ("POST", "users/", ANA | {"email": "ana"}, 400),
        ("POST", "users/", ANA | {"password": "short"}, 400),
        ("POST", "users/", ANA | {"shoe_size": "38"}, 400),
        ("POST", "users/", ANA | {"Employer6_EmpId": "7"}, 400),
        ("POST", "users/", ANA | {"Sex": "Male"}, 400),
        ("POST", "users/", ANA | {"email": "ANN@example.com"}, 400),
        ("POST", "users", ANA, 301),
        ("PUT", "users/1", without("password"), 400),
        ("PUT", "users/9", ANA, 404),
        ("GET", "users/?mail=ann@example.com", None, 400),
        ("GET", "users/9", None, 404),
        ("PUT", "assign/1/9", None, 404),
        ("PUT", "assign/9/2", None, 404),
        ("PUT", "assign/1/2", {"a": "b"}, 400),
        ("POST", "assign/1/2", None, 405),
        ("DELETE", "unassign/1/2", None, 404),
        ("POST", "learning/new-resource", {}, 400),
        ("POST", "learning/new-resource", {"name": "x", "type": "book"}, 400),
        ("POST", "learning/new-resource", {"name": "x", "id": "7"}, 400),
        ("GET", "learning/9", None, 404),
        ("GET", "learning/", None, 404),
        ("GET", "learning/2/trainees/9", None, 404),
        ("PUT", "learning/2/1/complete/88", None, 400),
        ("PUT", "learning/2/1/finish", None, 404),
        ("GET", "nothing", None, 404),
    ],
)
def test_request__that_is_not_as_documented__is_refused(
    practice_lms: PracticeLMS, campus: Campus, method: str, path: str, form: Mapping[str, str] | None, status: int
) -> None:
    assert call(practice_lms, method, path, form).status == status


@pytest.mark.parametrize("score", ["88.0", "101", "-1", "088", "eight", "%2088", ""])
def test_score__that_is_not_whole_from_0_to_100__is_refused(
    practice_lms: PracticeLMS, campus: Campus, score: str
) -> None:
    campus.assign(1, 2)
    assert call(practice_lms, "PUT", f"learning/2/1/complete/{score}").status in {400, 404}
    assert campus.status(1, 2) != (COMPLETED, 88)


def test_score__with_start__is_refused(practice_lms: PracticeLMS, campus: Campus) -> None:
    campus.assign(1, 2)
    assert call(practice_lms, "PUT", "learning/2/1/start/50").status == 400


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", ""])
def test_form__in_another_encoding__is_refused(practice_lms: PracticeLMS, campus: Campus, content_type: str) -> None:
    assert call(practice_lms, "POST", "users/", ANA, Content_Type=content_type).status == 400


# What is taken -----------------------------------------------------------------------------------------------------


def test_account__with_everything_required__is_added(practice_lms: PracticeLMS, campus: Campus) -> None:
    assert call(practice_lms, "POST", "users/", ANA | {"Sex": "F", "Employer1_EmpId": "7"}).status == 200
    [found] = json.loads(call(practice_lms, "GET", "users/?email=ana%40example.com").body)
    assert (found["fname"], found["email"], "password" in found) == ("Ana", "ana@example.com", False)


def test_several_learning_resources__are_assigned_and_unassigned_at_once(
    practice_lms: PracticeLMS, campus: Campus
) -> None:
    ladders = campus.add_resource("Ladders")
    call(practice_lms, "PUT", f"assign/1/2,%20{ladders}")
    assert set(campus.trainings) == {(1, 2), (1, ladders)}
    assert call(practice_lms, "DELETE", f"unassign/1/2,{ladders}").text == "1"
    assert campus.trainings == {}


def test_progress__told_and_read__is_the_same(practice_lms: PracticeLMS, campus: Campus) -> None:
    campus.assign(1, 2)
    told = json.loads(call(practice_lms, "PUT", "learning/2/1/complete/88").body)
    assert told == json.loads(call(practice_lms, "GET", "learning/2/trainees/1").body)
    assert (told[0]["completion_status"], told[0]["score"]) == ("completed", 88)


def test_poison__finds_what_a_request_is_about(practice_lms: PracticeLMS, campus: Campus) -> None:
    practice_lms.fail("poison", "ana@")
    assert call(practice_lms, "POST", "users/", ANA).status == 400
    assert call(practice_lms, "GET", "users/?email=ana%40example.com").status == 200


def test_requests__are_shown_with_what_came(practice_lms: PracticeLMS, campus: Campus) -> None:
    call(practice_lms, "POST", "learning/new-resource", {"name": "First aid"})
    assert "name=First+aid" in ask(f"{practice_lms.address}/default/received").text


# Switches ----------------------------------------------------------------------------------------------------------


def switch(lms: PracticeLMS, readings: Mapping[str, object]) -> Told:
    body = json.dumps({"open_elms": readings}).encode()
    return ask(f"{lms.address}/default/faults", "POST", body, {"Content-Type": "application/json"})


def readings(store: Store) -> dict[str, str]:
    return campus_of(store).switches.readings


def test_readings__switched_from_outside__hold(practice_lms: PracticeLMS) -> None:
    told = json.loads(switch(practice_lms, {"ids": "text", "wrong_token": 403}).body)
    assert (told["open_elms"]["ids"], told["open_elms"]["wrong_token"]) == ("text", "403")
    assert call(practice_lms, "GET", "learning", Authorization="Basic wrong").status == 403


@pytest.mark.parametrize("given", [{"ids": "roman"}, {"colour": "red"}])
def test_readings__that_are_none__are_refused(practice_lms: PracticeLMS, given: dict[str, str]) -> None:
    assert switch(practice_lms, given).status == 400
    assert readings(practice_lms.store()) == {name: one.readings[0] for name, one in SWITCHES.items()}


def test_readings__of_one_store__are_its_own(practice_lms: PracticeLMS) -> None:
    switch(practice_lms, {"ids": "text"})
    assert readings(practice_lms.store("northwind"))["ids"] == "number"
