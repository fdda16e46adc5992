"""The practice LMS's page in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from lmsbridge.practice.faults import Fault
from tests.lms import PracticeLMS, post_statements, sample_statement

pytestmark = pytest.mark.browser


def test_page__shows_what_comes_while_it_is_open(practice_lms: PracticeLMS, page: Page) -> None:
    page.goto(f"{practice_lms.address}/default/")
    post_statements(
        practice_lms.url(), sample_statement(actor={"name": "<b>Bo</b>", "mbox": "mailto:bo@example.com"})
    )
    expect(page.get_by_text("<b>Bo</b> (bo@example.com)")).to_be_visible(timeout=30_000)


def test_page__runs_no_script_it_received(practice_lms: PracticeLMS, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    post_statements(practice_lms.url(), sample_statement(actor={"name": script, "mbox": "mailto:bo@example.com"}))
    page.goto(f"{practice_lms.address}/default/")
    expect(page.get_by_text(script).first).to_be_visible()
    assert problems == []


def test_page__form_works_in_a_browser(practice_lms: PracticeLMS, page: Page) -> None:
    page.goto(f"{practice_lms.address}/default/")
    page.get_by_label("What it does").select_option("429")
    page.get_by_label("Value").fill("9")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("Retry-After “9”").first).to_be_visible()
    assert practice_lms.store().always == Fault("429", "9")


def test_page__refreshing_can_be_paused(practice_lms: PracticeLMS, page: Page) -> None:
    page.goto(f"{practice_lms.address}/default/")
    page.get_by_role("button", name="Pause refreshing").click()
    expect(page.get_by_role("button", name="Refresh again")).to_be_visible()
