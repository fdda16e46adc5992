"""The course page of the practice LMS: importing, launching, and what is shown."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import urlencode

import pytest

from lmsbridge.practice.cmi5.course import LARGEST
from lmsbridge.practice.faults import Fault
from tests.cmi5.player import Player
from tests.cmi5.structure import COURSE, UNIT, structure, unit, zipped
from tests.lms import PracticeLMS, Told, ask

SCRIPT = "<script>alert(1)</script>"
CHOICES = {"course": COURSE, "unit": UNIT, "learner": "1625378", "window": "same"}


def page(lms: PracticeLMS, path: str = "/default/course") -> str:
    answer = ask(f"{lms.address}{path}")
    assert answer.status == 200
    return answer.text


def upload(lms: PracticeLMS, document: bytes = b"", url: str = "", store: str = "default") -> Told:
    """Sends the form as a browser does."""
    parts = [('name="file"; filename="cmi5.xml"', document), ('name="url"', url.encode())]
    body = b"".join(
        b"--b0undary\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b0undary"}
    return ask(f"{lms.address}/{store}/course/import", "POST", body + b"--b0undary--\r\n", headers)


def launch(lms: PracticeLMS, **fields: str) -> Told:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(f"{lms.address}/default/course/launch", "POST", urlencode(CHOICES | fields).encode(), headers)


def imported(lms: PracticeLMS, document: bytes = b"") -> None:
    lms.store().courses.add(document or structure())


def launched_link(lms: PracticeLMS, **fields: str) -> str:
    told = launch(lms, **fields)
    assert told.status == 303
    return str(told.headers["Location"])


def home_of(lms: PracticeLMS) -> str:
    """The page of the newest registration."""
    return f"/default/course/{lms.store().courses.all()[1][0].id}"


# Importing


@pytest.mark.parametrize("document", [structure(), zipped(structure())])
def test_import__of_a_file(practice_lms: PracticeLMS, document: bytes) -> None:
    told = upload(practice_lms, document)
    assert (told.status, told.headers["Location"]) == (303, "/default/course")
    shown = page(practice_lms)
    assert all(words in shown for words in ("Fire safety", "Run.", "CompletedAndPassed", "masteryScore 0.8"))


def test_import__of_an_address(practice_lms: PracticeLMS) -> None:
    practice_lms.store("other").fail(Fault("answer", status=200, body=structure()))
    assert upload(practice_lms, url=f"{practice_lms.url('other')}statements").status == 303
    assert "Fire safety" in page(practice_lms)


def test_import__of_an_address_with_something_else(practice_lms: PracticeLMS) -> None:
    assert "This is not XML" in upload(practice_lms, url=f"{practice_lms.address}/default/").text


@pytest.mark.parametrize(
    "url", ["ftp://a.example/cmi5.xml", "cmi5.xml", "http://127.0.0.1:1/cmi5.xml", "http://127.0.0.1:99999/"]
)
def test_import__of_an_address_without_an_answer(practice_lms: PracticeLMS, url: str) -> None:
    assert upload(practice_lms, url=url).status == 400


def test_import__of_an_address_with_another_status(practice_lms: PracticeLMS) -> None:
    assert "answers 404" in upload(practice_lms, url=f"{practice_lms.address}/nothing").text


def test_import__of_too_much(practice_lms: PracticeLMS) -> None:
    assert "has more than" in upload(practice_lms, b" " * LARGEST).text
    practice_lms.store("other").fail(Fault("answer", status=200, body=b" " * (LARGEST + 1)))
    assert "has more than" in upload(practice_lms, url=f"{practice_lms.url('other')}statements").text


def test_import__of_nothing(practice_lms: PracticeLMS) -> None:
    assert upload(practice_lms).text == "Choose a file, or give its address."


def test_import__of_what_is_no_course__changes_nothing(practice_lms: PracticeLMS) -> None:
    assert upload(practice_lms, structure(unit(moveOn="Sometimes"))).status == 400
    assert "No course is here yet." in page(practice_lms)


def test_import__once_more__takes_the_place_of_the_first(practice_lms: PracticeLMS) -> None:
    upload(practice_lms, structure())
    upload(practice_lms, structure(unit(url="https://stories.example.com/s/new/")))
    shown = page(practice_lms)
    assert (shown.count("<h2>Fire safety</h2>"), "/s/new/" in shown) == (1, True)


def test_import__by_another_form(practice_lms: PracticeLMS) -> None:
    assert ask(f"{practice_lms.address}/default/course/import", "POST", b"file=1").status == 400


# Launching


def test_launch__leads_to_the_unit(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    player = Player(launched_link(practice_lms, name="Ann", mode="Review")).start("initialized", "terminated")
    assert player.actor["account"] == {"homePage": practice_lms.address, "name": "1625378"}
    assert (player.actor["name"], player.launch_data["launchMode"]) == ("Ann", "Review")


def test_launch__with_preferences_and_a_score(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    chosen = {"language": "de,en-US", "audio": "off", "mastery_score": "0.5"}
    player = Player(launched_link(practice_lms, **chosen)).start()
    assert player.launch_data["masteryScore"] == 0.5
    assert json.loads(player.preferences().body) == {"languagePreference": "de,en-US", "audioPreference": "off"}


def test_launch__in_a_frame__shows_the_unit_there_and_nothing_else(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    answer = ask(f"{practice_lms.address}{launched_link(practice_lms, window='frame')}")
    policy = str(answer.headers["Content-Security-Policy"])
    assert "frame-src 'self' https://stories.example.com;" in policy
    (framed,) = re.findall(r'<iframe [^>]*src="([^"]+)"', answer.text)
    assert Player(unescape(framed)).start().launch_data["launchMode"] == "Normal"


def test_page__lets_forms_lead_to_the_units_only(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    policy = str(ask(f"{practice_lms.address}/default/course").headers["Content-Security-Policy"])
    assert "form-action 'self' https://stories.example.com;" in policy
    assert "frame-src" not in policy


def test_launch__again__stays_in_the_registration(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    launched_link(practice_lms)
    first = home_of(practice_lms)
    launched_link(practice_lms, registration=first.rpartition("/")[2])
    told = json.loads(page(practice_lms, f"{first}.json"))
    assert [one["state"] for one in told["sessions"]] == ["abandoned", "launched"]


@pytest.mark.parametrize(
    "fields",
    [
        {"course": "https://a.example/"},
        {"unit": "https://a.example/"},
        {"mode": "Test"},
        {"mastery_score": "2"},
        {"language": "no language"},
        {"window": "kiosk"},
    ],
)
def test_launch__with_nonsense__is_refused(practice_lms: PracticeLMS, fields: dict[str, str]) -> None:
    imported(practice_lms)
    assert launch(practice_lms, **fields).status == 400


# What is shown


def test_registration__shows_statements_and_violations(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    player = Player(launched_link(practice_lms)).start("initialized", "passed")
    player.send(player.statement("passed"))
    shown = page(practice_lms, home_of(practice_lms))
    assert "refused: cmi5-9.3.4-passed-once" in shown
    assert "The course is not satisfied yet." in shown
    assert shown.index("initialized</strong>") < shown.index("passed</strong>")


def test_registration__is_refreshed_by_its_own_part(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    launched_link(practice_lms)
    part = page(practice_lms, f"{home_of(practice_lms)}/received")
    assert part in page(practice_lms, home_of(practice_lms))
    assert "<html" not in part


def test_return_address__tells_how_the_session_ended(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    player = Player(launched_link(practice_lms)).start("initialized", "terminated")
    answer = ask(player.launch_data["returnURL"])
    assert "Its session is terminated." in answer.text
    assert "frame-ancestors 'self'" in str(answer.headers["Content-Security-Policy"])
    (session,) = json.loads(page(practice_lms, f"{home_of(practice_lms)}.json"))["sessions"]
    assert (session["returned"], session["clean"]) == (True, True)


def test_pages__escape_what_they_show(practice_lms: PracticeLMS) -> None:
    document = structure(unit(url="https://stories.example.com/?&quot;&gt;&lt;script&gt;")).replace(
        b"Fire", b"&lt;script&gt;alert(1)&lt;/script&gt;"
    )
    imported(practice_lms, document)
    framed = launched_link(practice_lms, name=SCRIPT, learner=SCRIPT, window="frame")
    shown = [page(practice_lms, path) for path in ("/default/course", home_of(practice_lms), framed)]
    assert all("<script>alert" not in one and 'src="/practice.js"' in one for one in shown)
    assert not any(re.search(r"<style|\sstyle=|\son\w+=|<script(?! src)", one) for one in shown)


def test_store_page__leads_to_the_courses(practice_lms: PracticeLMS) -> None:
    assert 'href="/default/course"' in page(practice_lms, "/default/")


def test_courses__of_the_default_store__answer_without_its_name_too(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    assert "Fire safety" in page(practice_lms, "/course")


@pytest.mark.parametrize("path", ["nothing", "nothing/frame/1", "nothing.json", "import/more"])
def test_page__unknown(practice_lms: PracticeLMS, path: str) -> None:
    assert ask(f"{practice_lms.address}/default/course/{path}").status == 404


def test_page__of_no_session(practice_lms: PracticeLMS) -> None:
    imported(practice_lms)
    launched_link(practice_lms)
    below = [f"{home_of(practice_lms)}/{rest}" for rest in ("frame/nothing", "returned/nothing", "other/nothing")]
    assert [ask(f"{practice_lms.address}{one}").status for one in below] == [404] * 3


@pytest.mark.parametrize(("path", "method"), [("", "POST"), ("/import", "GET"), ("/launch", "GET")])
def test_page__asked_in_another_way(practice_lms: PracticeLMS, path: str, method: str) -> None:
    assert ask(f"{practice_lms.address}/default/course{path}", method, b"").status == 405


def test_launch__sent_by_another_site(practice_lms: PracticeLMS) -> None:
    headers = {"Origin": "https://evil.example"}
    assert ask(f"{practice_lms.address}/default/course/launch", "POST", b"", headers).status == 403
