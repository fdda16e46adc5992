"""The practice LMS as an LMS that launches: links for a story, and tokens that are given once."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.lms import XAPI_HEADERS, PracticeLMS, ask, post_statements, sample_statement

STORY = "https://stories.example.com/s/abc/"


def links(lms: PracticeLMS, store: str = "default", **fields: str) -> dict[str, dict[str, str]]:
    """The parameters of each link on the launch page, by its kind."""
    page = ask(f"{lms.address}/{store}/launch?{urlencode({'link': STORY} | fields)}").text
    found = re.findall(r'href="([^"]+)" rel="noreferrer" data-kind="(\w+)"', page)
    return {kind: _query(unescape(url)) for url, kind in found}


def _query(url: str) -> dict[str, str]:
    assert url.startswith(STORY)
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def token_of(address: str) -> dict[str, str]:
    answer = ask(address, "POST", b"")
    assert answer.status == 200
    found: dict[str, str] = json.loads(answer.body)
    return found


def test_launch_page__without_a_link__asks_for_one(practice_lms: PracticeLMS) -> None:
    page = ask(f"{practice_lms.address}/default/launch").text
    assert "Link of the story" in page
    assert "data-kind" not in page


def test_launch_page__offers_a_loose_launch(practice_lms: PracticeLMS) -> None:
    loose = links(practice_lms, account="1625378", registration="mine", session="s1")["loose"]
    assert json.loads(loose["actor"]) == {"objectType": "Agent", "account": {"name": "1625378"}}
    assert loose == {
        "actor": loose["actor"],
        "activityId": f"{practice_lms.address}/course/1",
        "registration": "mine",
        "sessionId": "s1",
    }


def test_launch_page__offers_launches_with_a_token_each(practice_lms: PracticeLMS) -> None:
    found = links(practice_lms, "northwind")
    assert set(found) == {"loose", "fetch", "endpoint"}
    assert found["endpoint"]["endpoint"] == practice_lms.url("northwind")
    assert "endpoint" not in found["fetch"]
    assert found["fetch"]["fetch"] != found["endpoint"]["fetch"]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "stories", "data:text/html,x"])
def test_launch_page__links_to_no_such_thing(practice_lms: PracticeLMS, link: str) -> None:
    page = ask(f"{practice_lms.address}/default/launch?{urlencode({'link': link})}").text
    assert "data-kind" not in page


def test_launch_page__escapes_what_it_is_given(practice_lms: PracticeLMS) -> None:
    given = {"link": f'{STORY}?x="><script>1</script>', "email": "<b>ann"}
    page = ask(f"{practice_lms.address}/default/launch?{urlencode(given)}").text
    assert "<script>1" not in page
    assert "<b>ann" not in page


def test_token__is_given_once_and_opens_the_store(practice_lms: PracticeLMS) -> None:
    address = links(practice_lms)["fetch"]["fetch"]
    token = token_of(address)["auth-token"]
    told = post_statements(practice_lms.url(), [sample_statement()], Authorization=f"Basic {token}")
    assert told.status == 200
    assert token_of(address)["error-code"] == "1"


def test_token__opens_no_other_store_and_not_as_bearer(practice_lms: PracticeLMS) -> None:
    token = token_of(links(practice_lms)["fetch"]["fetch"])["auth-token"]
    other = post_statements(practice_lms.url("other"), [sample_statement()], Authorization=f"Basic {token}")
    bearer = post_statements(practice_lms.url(), [sample_statement()], Authorization=f"Bearer {token}")
    assert (other.status, bearer.status) == (401, 401)


@pytest.mark.parametrize("answer", ["1", "2", "3"])
def test_token_address__told_to__answers_with_an_error(practice_lms: PracticeLMS, answer: str) -> None:
    found = token_of(links(practice_lms, answer=answer)["fetch"]["fetch"])
    assert found["error-code"] == answer
    assert "auth-token" not in found


def test_token_address__told_to__answers_without_a_token(practice_lms: PracticeLMS) -> None:
    assert token_of(links(practice_lms, answer="nothing")["fetch"]["fetch"]) == {}


def test_token_address__is_not_read_by_get(practice_lms: PracticeLMS) -> None:
    address = links(practice_lms)["fetch"]["fetch"]
    assert ask(address).status == 405
    assert "auth-token" in token_of(address)


def test_token_address__that_was_never_given_out__is_unknown(practice_lms: PracticeLMS) -> None:
    assert ask(f"{practice_lms.address}/fetch/made-up", "POST", b"").status == 404


def test_sessions__ended__take_every_token_back(practice_lms: PracticeLMS) -> None:
    token = token_of(links(practice_lms)["fetch"]["fetch"])["auth-token"]
    assert ask(f"{practice_lms.address}/default/sessions", "POST", b"", {}).status == 303
    told = post_statements(practice_lms.url(), [sample_statement()], Authorization=f"Basic {token}")
    assert told.status == 401


def test_faults__hold_for_the_token_address_too(practice_lms: PracticeLMS) -> None:
    practice_lms.script(["503"])
    address = links(practice_lms)["fetch"]["fetch"]
    assert ask(address, "POST", b"").status == 503
    assert "auth-token" in token_of(address)


def test_store__goes_on_to_take_its_own_key(practice_lms: PracticeLMS) -> None:
    assert ask(f"{practice_lms.url()}statements", headers=XAPI_HEADERS).status == 200
