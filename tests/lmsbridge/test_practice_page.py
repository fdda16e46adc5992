"""The pages of the practice LMS."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest

from lmsbridge.practice.faults import KINDS, Fault
from lmsbridge.practice.store import Credentials
from tests.lms import PracticeLMS, Told, ask, post_statements, sample_statement

SCRIPT = "<script>alert(1)</script>"
FORM = "application/x-www-form-urlencoded"


def page(lms: PracticeLMS, path: str = "/default/") -> str:
    answer = ask(f"{lms.address}{path}")
    assert answer.status == 200
    return answer.text


def submit(lms: PracticeLMS, path: str, **fields: str) -> Told:
    return ask(f"{lms.address}{path}", "POST", urlencode(fields).encode(), {"Content-Type": FORM})


def tell(lms: PracticeLMS, content: object) -> Told:
    return ask(
        f"{lms.address}/default/faults", "POST", json.dumps(content).encode(), {"Content-Type": "application/json"}
    )


# What is shown


def test_page__what_came_in_plain_words(practice_lms: PracticeLMS) -> None:
    post_statements(practice_lms.url(), sample_statement())
    text = re.sub(r"<[^>]+>|\s+", " ", page(practice_lms))
    assert "Ann (ann@example.com) passed Fire safety" in re.sub(r"\s+", " ", text)
    assert "score 90%, 9 of 10, complete, successful" in text
    assert "happened 2025-11-21T10:11:12.123Z" in text


def test_page__newest_statement_first(practice_lms: PracticeLMS) -> None:
    for name in ("First", "Second"):
        post_statements(practice_lms.url(), sample_statement(actor={"name": name, "mbox": "mailto:a@example.com"}))
    shown = page(practice_lms)
    assert shown.index("Second (a@example.com)") < shown.index("First (a@example.com)")


def test_page__markup_in_everything_sent(practice_lms: PracticeLMS) -> None:
    statement = sample_statement(
        actor={"name": SCRIPT, "account": {"homePage": "https://a.example", "name": SCRIPT}},
        verb={"id": "http://a.example/verb", "display": {"en": SCRIPT}},
        object={"id": "https://a.example/1", "definition": {"name": {"en": SCRIPT}}},
        result={"response": SCRIPT},
    )
    post_statements(practice_lms.url(), statement)
    post_statements(practice_lms.url(), SCRIPT.encode())
    ask(f"{practice_lms.url()}{SCRIPT}?{SCRIPT}")
    practice_lms.fail("429", f'"{SCRIPT}')
    practice_lms.store().credentials = Credentials(SCRIPT, f'">{SCRIPT}', SCRIPT)
    shown = page(practice_lms)
    assert "<script>" not in shown.replace('<script src="/practice.js" defer></script>', "")
    assert shown.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_page__request_with_status_and_fault(practice_lms: PracticeLMS) -> None:
    practice_lms.script(["503:7", "reset"])
    post_statements(practice_lms.url(), [sample_statement(), sample_statement()])
    with pytest.raises(ConnectionError):
        post_statements(practice_lms.url(), sample_statement())
    shown = page(practice_lms)
    assert "POST /xapi/statements" in shown
    assert "2 statements" in shown
    assert "told to: answers 503 Service Unavailable, Retry-After “7”" in shown
    assert "no answer" in shown


def test_page__how_it_is_told_to_behave(practice_lms: PracticeLMS) -> None:
    practice_lms.script(["503", "ok"])
    assert "Next it answers 503 Service Unavailable" in page(practice_lms)
    practice_lms.heal()
    assert "Now it answers as it should." in page(practice_lms)


def test_page__more_than_one_page_of_statements(practice_lms: PracticeLMS) -> None:
    post_statements(practice_lms.url(), [sample_statement() for _ in range(60)])
    first = page(practice_lms)
    older = re.search(r'href="(\?before=\d+)"', first)
    assert older is not None
    assert (first.count('id="statement-'), page(practice_lms, f"/default/{older[1]}").count('id="statement-')) == (
        50,
        10,
    )


def test_page__all_kinds_of_statements(practice_lms: PracticeLMS) -> None:
    agent = {"mbox": "mailto:a@example.com"}
    objects = [
        {"objectType": "Agent", **agent},
        {"objectType": "Group", "member": [agent]},
        {"objectType": "StatementRef", "id": "0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f"},
        {
            "objectType": "SubStatement",
            "actor": agent,
            "verb": {"id": "x:y"},
            "object": agent | {"objectType": "Agent"},
        },
    ]
    batch = [sample_statement(object=one, verb={"id": "x:y"}, result={"score": {"raw": 1}}) for one in objects]
    post_statements(practice_lms.url(), batch)
    shown = page(practice_lms)
    assert "a group of 1" in shown
    assert "a statement of its own" in shown
    assert "statement 0b7c2f5e" in shown
    assert "score 1<" in shown


def test_page__only_what_was_received(practice_lms: PracticeLMS) -> None:
    post_statements(practice_lms.url(), sample_statement())
    fragment = page(practice_lms, "/default/received")
    assert fragment in page(practice_lms)
    assert "<html" not in fragment


def test_stores__each_with_its_address(practice_lms: PracticeLMS) -> None:
    post_statements(practice_lms.url("northwind"), sample_statement())
    shown = page(practice_lms, "/")
    assert f"<code>{practice_lms.url()}</code>" in shown
    assert f"<code>{practice_lms.url('northwind')}</code>" in shown
    assert "<title>Practice LMS</title>" in shown


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("practice.css", "text/css"), ("practice.js", "text/javascript"), ("practice.svg", "image/svg+xml")],
)
def test_file__served_with_its_type(practice_lms: PracticeLMS, name: str, content_type: str) -> None:
    answer = ask(f"{practice_lms.address}/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)


@pytest.mark.parametrize("path", ["/default", "/default/nothing", "/favicon.ico", "/../page.py", "/UPPER/", "/-x/"])
def test_page__unknown(practice_lms: PracticeLMS, path: str) -> None:
    assert ask(f"{practice_lms.address}{path}").status == 404


@pytest.mark.parametrize("path", ["/", "/default/", "/practice.css", "/nothing"])
def test_page__security_headers(practice_lms: PracticeLMS, path: str) -> None:
    headers = ask(f"{practice_lms.address}{path}").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_page__has_no_inline_script_or_style(practice_lms: PracticeLMS) -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src)", page(practice_lms))


# What is changed


def test_form__fault_until_changed(practice_lms: PracticeLMS) -> None:
    answer = submit(practice_lms, "/default/faults", kind="429", value="7", times="")
    assert (answer.status, answer.headers["Location"]) == (303, "/default/")
    assert practice_lms.store().always == Fault("429", "7")


def test_form__fault_for_some_requests(practice_lms: PracticeLMS) -> None:
    submit(practice_lms, "/default/faults", kind="503", value="", times="3", stores="on")
    store = practice_lms.store()
    assert (store.script_left, store.always) == ([Fault("503", stores=True)] * 3, Fault("ok"))


def test_form__value_left_over_from_another_kind(practice_lms: PracticeLMS) -> None:
    submit(practice_lms, "/default/faults", kind="500", value="7")
    assert practice_lms.store().always == Fault("500")


def test_form__answers_as_it_should_again(practice_lms: PracticeLMS) -> None:
    practice_lms.fail("503")
    practice_lms.script(["500"])
    submit(practice_lms, "/default/faults", kind="ok")
    assert (practice_lms.store().always, practice_lms.store().script_left) == (Fault("ok"), [])


def test_form__known_ids(practice_lms: PracticeLMS) -> None:
    submit(practice_lms, "/default/faults", known_ids="409")
    assert practice_lms.store().refuses_known_ids
    assert '<option value="409" selected>' in page(practice_lms)


def test_form__credentials(practice_lms: PracticeLMS) -> None:
    submit(practice_lms, "/default/credentials", key="k", secret="s", api_key="a")
    assert practice_lms.store().credentials == Credentials("k", "s", "a")


def test_form__key_with_a_colon(practice_lms: PracticeLMS) -> None:
    assert submit(practice_lms, "/default/credentials", key="k:k").status == 400


def test_form__forget(practice_lms: PracticeLMS) -> None:
    post_statements(practice_lms.url(), sample_statement())
    submit(practice_lms, "/default/forget")
    assert (practice_lms.store().statements, practice_lms.store().requests) == ([], [])


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.by_form])
def test_form__offers_every_kind(practice_lms: PracticeLMS, kind: str) -> None:
    assert f'<option value="{kind}"' in page(practice_lms)


@pytest.mark.parametrize(
    "fields",
    [{}, {"kind": "nonsense"}, {"kind": "slow"}, {"kind": "503", "times": "0"}, {"kind": "503", "times": "many"}],
)
def test_form__nonsense(practice_lms: PracticeLMS, fields: dict[str, str]) -> None:
    assert submit(practice_lms, "/default/faults", **fields).status == 400
    assert practice_lms.store().always == Fault("ok")


def test_json__fault_script_and_more(practice_lms: PracticeLMS) -> None:
    content = {"always": "401", "script": ["503:7", {"kind": "ok"}], "known_ids": "409", "credentials": {"key": "k"}}
    answer = tell(practice_lms, content)
    store = practice_lms.store()
    assert (store.always, store.script_left) == (Fault("401"), [Fault("503", "7"), Fault("ok")])
    assert (store.refuses_known_ids, store.credentials.key) == (True, "k")
    assert json.loads(answer.body) == json.loads(ask(f"{practice_lms.address}/default/faults").body)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"fault": "503"},
        {"always": "nonsense"},
        {"script": "503"},
        {"script": [7]},
        {"credentials": []},
        {"credentials": {"key": 1}},
        {"credentials": {"user": "x"}},
    ],
)
def test_json__nonsense_changes_nothing(practice_lms: PracticeLMS, content: object) -> None:
    assert tell(practice_lms, content).status == 400
    assert (practice_lms.store().always, practice_lms.store().script_left) == (Fault("ok"), [])


def test_json__at_another_address(practice_lms: PracticeLMS) -> None:
    headers = {"Content-Type": "application/json"}
    assert ask(f"{practice_lms.address}/default/forget", "POST", b"{}", headers).status == 400


@pytest.mark.parametrize("path", ["/", "/default/", "/practice.css", "/default/received"])
def test_page__posted_to(practice_lms: PracticeLMS, path: str) -> None:
    assert submit(practice_lms, path).status == 405


@pytest.mark.parametrize("path", ["/default/forget", "/default/credentials"])
def test_change__by_get(practice_lms: PracticeLMS, path: str) -> None:
    assert ask(f"{practice_lms.address}{path}").status == 405


# Who may ask


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.2:1"},
        {"Origin": "http://[", "X": "1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_form__sent_by_another_site(practice_lms: PracticeLMS, headers: dict[str, str]) -> None:
    answer = ask(f"{practice_lms.address}/default/faults", "POST", b"kind=503", {"Content-Type": FORM} | headers)
    assert (answer.status, practice_lms.store().always) == (403, Fault("ok"))


def test_form__sent_by_our_own_page(practice_lms: PracticeLMS) -> None:
    headers = {"Content-Type": FORM, "Origin": practice_lms.address, "Sec-Fetch-Site": "same-origin"}
    assert ask(f"{practice_lms.address}/default/faults", "POST", b"kind=503", headers).status == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.2.evil.example:8100", "", "[", "evil.example:x"])
def test_page__under_somebody_elses_name(practice_lms: PracticeLMS, host: str) -> None:
    assert ask(f"{practice_lms.address}/default/", headers={"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost:8100", "practice.localhost", "[::1]:8100", "192.0.2.1"])
def test_page__under_a_plain_name(practice_lms: PracticeLMS, host: str) -> None:
    assert ask(f"{practice_lms.address}/default/", headers={"Host": host}).status == 200
