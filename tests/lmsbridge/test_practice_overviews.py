"""The pages that show what a store is to those who ask it as Open eLMS or StackOne, and switch how it answers."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from lmsbridge.practice.open_elms.campus import COMPLETED, campus_of
from lmsbridge.practice.stackone.account import account_of
from tests.lms import PracticeLMS, ask

INTERFACES = ["open_elms", "stackone"]


def text(lms: PracticeLMS, path: str) -> str:
    answer = ask(f"{lms.address}/default/{path}")
    assert answer.status == 200
    return answer.text


@pytest.mark.parametrize("interface", INTERFACES)
def test_overview__says_how_to_connect(practice_lms: PracticeLMS, interface: str) -> None:
    found = text(practice_lms, f"lms/{interface}")
    assert f"{practice_lms.address}/{interface}" in found
    assert "practice-api-key" in found


def test_overview__of_open_elms__shows_progress_and_catalogue(practice_lms: PracticeLMS) -> None:
    campus = campus_of(practice_lms.store())
    ann = campus.add_account("ann@example.com", fname="Ann", lname="<b>Lee</b>")
    fire = campus.add_resource("Fire safety")
    campus.assign(ann, fire)
    campus.record(ann, fire, COMPLETED, 88)
    found = text(practice_lms, "lms/open_elms/received")
    assert "Ann &lt;b&gt;Lee&lt;/b&gt; (ann@example.com)" in found
    assert "Fire safety: completed, 88 %" in found
    assert "id 2, elearning" in found


def test_overview__of_stackone__shows_records_and_contents(practice_lms: PracticeLMS) -> None:
    account = account_of(practice_lms.store())
    ann = account.users[account.add_user("ann@example.com")]
    fire = account.put({"external_reference": "fire-01", "title": "Fire safety"})
    account.complete(ann, fire, {"result": {"value": "Pass"}, "score": {"percentage": 87.5}})
    found = text(practice_lms, "lms/stackone/received")
    assert "fire-01: completed, Pass, 87.5 %" in found
    assert "fire-01, active" in found


@pytest.mark.parametrize(
    ("interface", "switch", "reading"), [("open_elms", "ids", "text"), ("stackone", "pages", "go_round")]
)
def test_overview__switches_by_its_form(practice_lms: PracticeLMS, interface: str, switch: str, reading: str) -> None:
    address = f"{practice_lms.address}/default/lms/{interface}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(f"{address}/switches", "POST", urlencode({switch: reading}).encode(), form).status == 303
    assert f'<option value="{reading}" selected>' in text(practice_lms, f"lms/{interface}")
    assert ask(f"{address}/switches", "POST", b"ids=roman&pages=none", form).status == 400


def test_overview__is_linked_from_the_store(practice_lms: PracticeLMS) -> None:
    found = text(practice_lms, "")
    assert all(f'href="/default/lms/{interface}"' in found for interface in INTERFACES)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "lms/", 404),
        ("GET", "lms/moodle", 404),
        ("GET", "lms/open_elms/x", 404),
        ("POST", "lms/open_elms", 405),
    ],
)
def test_overview__of_nothing__is_not_there(practice_lms: PracticeLMS, method: str, path: str, status: int) -> None:
    assert ask(f"{practice_lms.address}/default/{path}", method).status == status
