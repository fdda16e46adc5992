"""What is there once the demo has started: a course to launch, and LMSs that know people and objectives."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.acting import ANN, PATIENCE
from tests.e2e.running_demo import Demo, start
from tests.processes import Processes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    # What depends on the database in this is tested without a browser, on both.
    pytest.mark.database(only="sqlite"),
    pytest.mark.django_db(transaction=True),
]

TYPES = ("open_elms", "stackone")


def received(page: Page, demo: Demo, kind: str) -> None:
    """An LMS of Northwind's knows Ann, and both objectives that are attached to it."""
    page.goto(f"{demo.practice}/northwind/lms/{kind}")
    expect(page.locator("#received")).to_contain_text(ANN)
    expect(page.locator("#received")).to_contain_text("2 learning objects", timeout=PATIENCE)


def test_demo__has_a_course_to_launch(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.practice}/northwind/course")
    page.get_by_role("button", name="Launch in this window").click()
    expect(page.get_by_role("heading", name="When the alarm rings")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Save and exit").click()
    page.goto(f"{demo.practice}/northwind/course")
    page.get_by_role("link", name="1625378").first.click()
    expect(page.locator("#received")).to_contain_text("terminated, nothing refused", timeout=PATIENCE)


def test_demo__started_again_elsewhere__fills_lmss_that_forgot_everything(processes: Processes, page: Page) -> None:
    first = start(processes)
    for kind in TYPES:
        received(page, first, kind)
    assert first.process.stop() == 0
    second = start(processes)
    assert second.address != first.address
    for kind in TYPES:
        received(page, second, kind)
    assert second.process.stop() == 0
