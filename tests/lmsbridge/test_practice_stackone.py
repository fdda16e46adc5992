"""The practice StackOne: it refuses what StackOne's description does not allow, and can be switched."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from lmsbridge.practice.faults import Fault
from lmsbridge.practice.stackone.account import ACCOUNT_ID, LinkedAccount, account_of
from tests.lms import PracticeLMS, Told, ask

HEADERS = {
    "Authorization": "Basic " + base64.b64encode(b"practice-api-key:").decode(),
    "x-account-id": ACCOUNT_ID,
    "Content-Type": "application/json",
}
CONTENT = {"external_reference": "fire", "title": "Fire safety"}
COMPLETION = {"learning_object_external_reference": "fire", "result": {"value": "Pass"}}


def call(lms: PracticeLMS, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Told:
    content = None if body is None else json.dumps(body).encode()
    return ask(f"{lms.address}/stackone/unified/lms/{path}", method, content, HEADERS if headers is None else headers)


@pytest.fixture
def account(practice_lms: PracticeLMS) -> LinkedAccount:
    """A linked account with Ann as ``u/1`` and one content."""
    found = account_of(practice_lms.store())
    found.add_user("ann@example.com", "u/1")
    found.put(dict(CONTENT))
    return found


def completions(lms: PracticeLMS, body: Any) -> Told:
    return call(lms, "POST", f"users/{quote('u/1', safe='')}/completions", body)


# Who asks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"Authorization": "Basic " + base64.b64encode(b"practice-api-key").decode()}, 200),
        ({"Authorization": "Basic practice-api-key"}, 401),
        ({"Authorization": "Bearer practice-api-key"}, 401),
        ({"Authorization": ""}, 401),
        ({"x-account-id": ""}, 400),
        ({"x-account-id": "another"}, 404),
    ],
)
def test_request__by_its_headers(
    practice_lms: PracticeLMS, account: LinkedAccount, changes: dict[str, str], status: int
) -> None:
    assert call(practice_lms, "GET", "users", headers=HEADERS | changes).status == status


def test_requests__over_the_limit__wait_as_told(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    account.requests_per_minute = 2
    answers = [call(practice_lms, "GET", "users") for _number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"] or "") <= 60


def test_errors__have_an_envelope(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    told = json.loads(call(practice_lms, "GET", "nowhere").body)
    assert told["statusCode"] == 404
    assert told["message"]
    assert told["timestamp"].endswith("Z")


# What is judged ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"external_reference": ""}, "external_reference"),
        ({"active": "true"}, "active"),
        ({"duration": "45 minutes"}, "duration"),
        ({"languages": [{"value": "en-GB"}]}, "languages[0].value"),
        ({"content_type": {"value": "Course"}}, "content_type.value"),
        ({"contentUrl": "https://learn.example.com"}, "contentUrl"),
        ({"content_url": "learn"}, "content_url"),
        ({"title": None}, "title"),
        ({"created_at": "2026-01-01T00:00:00"}, "created_at"),
    ],
)
def test_content__that_is_wrong__is_refused(
    practice_lms: PracticeLMS, account: LinkedAccount, changes: dict[str, Any], word: str
) -> None:
    answer = call(practice_lms, "PUT", "content", CONTENT | changes)
    assert answer.status == 400
    assert word in json.loads(answer.body)["message"]


def test_content__with_everything__is_taken(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    everything = {
        "active": True,
        "additional_data": [{"id": "learning_outcomes", "value": ["exit", "muster"]}],
        "authors": [{"id": "au1", "name": "H. Author"}],
        "categories": [{"id": "hs", "language": {"value": "en_GB"}, "name": "Health and safety"}],
        "content_type": {"value": "interactive"},
        "content_url": "https://learn.example.com/launch/course-001",
        "cover_url": "https://learn.example.com/covers/course-001.png",
        "created_at": "2026-01-01T00:00:00.000Z",
        "description": "What to do when the alarm sounds.",
        "duration": "PT45M",
        "languages": [{"value": "en_GB"}],
        "localizations": [{"description": "Bei Alarm", "language": {"value": "de_DE"}, "title": "Brandschutz"}],
        "mobile_launch_content_url": "https://m.learn.example.com/launch/course-001",
        "order": 1,
        "passthrough": {"provider_flag": "x"},
        "skills": [{"id": "sk1", "name": "Evacuation"}],
        "tags": ["safety", "mandatory"],
        "unified_custom_fields": {"cost_centre": "CC-7"},
        "updated_at": "2026-01-02T00:00:00.000Z",
    }
    assert call(practice_lms, "PUT", "content", CONTENT | everything).status == 201


def test_content__put_again__keeps_nothing_of_what_it_was(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    call(practice_lms, "PUT", "content", CONTENT | {"description": "Long"})
    call(practice_lms, "PUT", "content", CONTENT)
    assert "description" not in account.contents["fire"]
    assert len(account.contents) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"score": {"percentage": 87.5, "raw_value": "35/40"}, "time_spent": "PT42M"}, 201),
        ({"result": {"source_value": "passed with honors"}}, 201),
        ({"result": {"value": "passed"}}, 400),
        ({"result": "Pass"}, 400),
        ({"score": {"percentage": "87.5"}}, 400),
        ({"score": {"percentage": 101}}, 400),
        ({"completed_at": "2026-01-02T10:30:00"}, 400),
        ({"learning_object_external_reference": ""}, 400),
        ({"learning_object_external_reference": "unknown"}, 404),
        ({"user_id": "u/1"}, 400),
    ],
)
def test_completion__by_its_body(
    practice_lms: PracticeLMS, account: LinkedAccount, changes: dict[str, Any], status: int
) -> None:
    assert completions(practice_lms, COMPLETION | changes).status == status
    assert len(account.completions) == (status == 201)


def test_completion__assigns_and_closes_what_it_completes(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    for _time in range(2):
        completions(practice_lms, COMPLETION)
    assert [row["status"] for row in account.assignments.values()] == [{"value": "completed"}] * 2


def test_completion__of_somebody_unknown__is_not_found(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    assert call(practice_lms, "POST", "users/nobody/completions", COMPLETION).status == 404


@pytest.mark.parametrize("query", ["page_size=0", "page_size=101", "page_size=x", "next=%20", "sort=name"])
def test_list__asked_for_wrongly__is_refused(practice_lms: PracticeLMS, account: LinkedAccount, query: str) -> None:
    assert call(practice_lms, "GET", f"users?{query}").status == 400


# How it is switched ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "method", "path", "status"),
    [
        ({"account": "switched_off"}, "GET", "users", 412),
        ({"users": "unknown"}, "GET", "users", 501),
        ({"assignments": "not_supported"}, "GET", "assignments", 501),
        ({"completions": "only_written"}, "GET", "completions", 501),
        ({"email_filter": "is_refused"}, "GET", "users?filter%5Bemail%5D=ann%40example.com", 400),
    ],
)
def test_switch__from_another_process__holds(
    practice_lms: PracticeLMS, account: LinkedAccount, readings: dict[str, str], method: str, path: str, status: int
) -> None:
    told = json.dumps({"stackone": readings}).encode()
    changed = ask(f"{practice_lms.address}/default/faults", "POST", told, {"Content-Type": "application/json"})
    assert json.loads(changed.body)["stackone"].items() >= readings.items()
    assert call(practice_lms, method, path).status == status


def test_store__told_to_forget__forgets_contents_and_records_but_no_users(
    practice_lms: PracticeLMS, account: LinkedAccount
) -> None:
    completions(practice_lms, COMPLETION)
    ask(f"{practice_lms.address}/default/forget", "POST", b"")
    assert [account.contents, account.assignments, account.completions] == [{}, {}, {}]
    assert account.users


def test_switch__that_is_none__is_refused(account: LinkedAccount) -> None:
    with pytest.raises(ValueError, match="There is no switch"):
        account.switches.switch(weather="fine")
    with pytest.raises(ValueError, match="users is one of"):
        account.switches.switch(users="some")


def test_stranger__who_is_looked_for__joins_unless_told_otherwise(
    practice_lms: PracticeLMS, account: LinkedAccount
) -> None:
    for reading, count in (("stays_away", 1), ("joins", 2)):
        account.switches.switch(strangers=reading)
        call(practice_lms, "GET", "users?filter%5Bemail%5D=bob%40example.com")
        assert len(account.users) == count


def test_ids__that_the_lms_wants__are_given_and_asked_for(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    account.switches.switch(content_ids="yes")
    given = json.loads(call(practice_lms, "PUT", "content", CONTENT).body)["data"]["id"]
    assert completions(practice_lms, COMPLETION).status == 400
    assert completions(practice_lms, COMPLETION | {"learning_object_id": given}).status == 201


def test_fault__poison__looks_at_who_and_what(practice_lms: PracticeLMS, account: LinkedAccount) -> None:
    practice_lms.store().fail(Fault("poison", "fire", status=422))
    assert completions(practice_lms, COMPLETION).status == 422
    assert call(practice_lms, "PUT", "content", CONTENT | {"external_reference": "water", "title": "W"}).status == 201
