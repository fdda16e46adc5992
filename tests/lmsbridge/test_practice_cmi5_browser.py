"""The course page of the practice LMS in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.cmi5.player import Player
from tests.cmi5.structure import structure, unit
from tests.course import Course, course
from tests.lms import PracticeLMS

pytestmark = pytest.mark.browser


@pytest.fixture
def server() -> Iterator[Course]:
    """Where the unit is: a page on an origin of its own."""
    with course("127.0.0.3") as found:
        yield found


@pytest.fixture
def problems(page: Page) -> list[str]:
    """What the browser complains about, breaches of the pages' policy among it."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: found.append(str(problem)))
    return found


def open_courses(lms: PracticeLMS, server: Course, page: Page) -> None:
    """Imports the course by the form."""
    page.goto(f"{lms.address}/default/course")
    document = structure(unit(url=f"{server.origin}/unit"))
    page.get_by_label("cmi5.xml, or a zip with one").set_input_files(
        {"name": "cmi5.xml", "mimeType": "text/xml", "buffer": document}
    )
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Fire safety")).to_be_visible()


def test_unit__launched_in_this_window(
    practice_lms: PracticeLMS, server: Course, page: Page, problems: list[str]
) -> None:
    open_courses(practice_lms, server, page)
    page.get_by_role("button", name="Launch in this window").click()
    page.wait_for_url(f"{server.origin}/unit?**")
    player = Player(page.url).start("initialized", "completed", "passed", "terminated")
    page.goto(player.launch_data["returnURL"])
    page.get_by_role("link", name="What came of it").click()
    expect(page.get_by_text("The course is satisfied.")).to_be_visible()
    expect(page.get_by_text("terminated, nothing refused")).to_be_visible()
    assert problems == []


def test_unit__launched_in_a_new_window(
    practice_lms: PracticeLMS, server: Course, page: Page, problems: list[str]
) -> None:
    open_courses(practice_lms, server, page)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Launch in a new window").click()
    opened.value.wait_for_url(f"{server.origin}/unit?**")
    assert opened.value.evaluate("window.opener") is None
    assert problems == []


def test_unit__launched_in_a_frame__comes_back_in_it(
    practice_lms: PracticeLMS, server: Course, page: Page, problems: list[str]
) -> None:
    open_courses(practice_lms, server, page)
    page.get_by_role("button", name="Launch in a frame").click()
    page.wait_for_url("**/frame/**")
    frame = page.frame(name="unit")
    assert frame is not None
    frame.wait_for_url(f"{server.origin}/unit?**")
    player = Player(frame.url).start("initialized", "terminated")
    frame.evaluate("address => location.assign(address)", player.launch_data["returnURL"])
    page.frame_locator("iframe").get_by_role("link", name="What came of it").click()
    page.wait_for_url(f"**/course/{player.given['registration']}")
    assert problems == []


def test_session__is_seen_while_it_goes_on(practice_lms: PracticeLMS, server: Course, page: Page) -> None:
    open_courses(practice_lms, server, page)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Launch in a new window").click()
    opened.value.wait_for_url(f"{server.origin}/unit?**")
    page.reload()
    page.get_by_role("link", name="1625378").click()
    player = Player(opened.value.url).start("initialized")
    player.send(player.statement("initialized"))
    expect(page.get_by_text("refused: cmi5-9.3-verb-once")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages__on_a_phone__are_readable(practice_lms: PracticeLMS, server: Course, page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_courses(practice_lms, server, page)
    shown = [page.url]
    page.get_by_role("button", name="Launch in a frame").click()
    page.wait_for_url("**/frame/**")
    shown += [page.url, page.url.partition("/frame/")[0]]
    for url in shown:
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, urlsplit(url).path
        assert Axe().run(page, options={"iframes": False}).response["violations"] == []
