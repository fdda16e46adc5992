"""A story from the course page of an LMS to the statement in its store, as learners meet it: in a frame of another
origin, in a browser that lets nobody but the page's own site keep a cookie."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from integrations.models import Launch
from integrations.models.configuration import Approval
from tests import make
from tests.course import Course, course
from tests.fixtures_browser import ARGUMENTS
from tests.processes import Processes
from tests.scene import Scene

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

# A page of a third party that tries to keep one finds nothing.
COOKIE = "() => { document.cookie = 'a=b'; return document.cookie; }"
COURSE = "https://lms.example.com/course/1"


@pytest.fixture
def lms_page() -> Iterator[Course]:
    """The course page, on another site than the story's."""
    with course() as found:
        yield found


@pytest.fixture
def strict_page(browser: Browser, chromium_path: str) -> Iterator[Page]:
    """A page in a browser that blocks the cookies of third parties."""
    strict = browser.browser_type.launch(
        executable_path=chromium_path,
        args=[*ARGUMENTS, "--test-third-party-cookie-phaseout"],
        chromium_sandbox=os.geteuid() != 0,
    )
    yield strict.new_page()
    strict.close()


@pytest.mark.catalogue("S37", "S38")
def test_story__in_a_frame_of_its_lms__ends_in_the_lms(
    strict_page: Page, lms_page: Course, scene: Scene, processes: Processes
) -> None:
    scene.configuration.set_approval(lms_page.origin, Approval.APPROVED, timezone.now())
    scene.configuration.save()
    share = make.share(make.story(scene.organization), scene.configuration)
    web, address = processes.web({"GUNICORN_CMD_ARGS": "--access-logfile -"})
    worker = processes.manage("run_worker")
    launch = urlencode(
        {
            "actor": json.dumps({"objectType": "Agent", "account": {"name": "1625378", "marked7f3a": True}}),
            "activityId": COURSE,
            "registration": "marked7f3a",
        }
    )
    lms_page.framed = f"{address}/s/{share.token()}/?{launch}"
    strict_page.goto(f"{lms_page.origin}/course?session=marked7f3a")
    frame = strict_page.frame_locator("iframe")
    expect(frame.get_by_role("button", name="Start")).to_be_visible()
    assert frame.locator("h1").evaluate(COOKIE) == ""

    for name in ("Start", "Continue"):
        frame.get_by_role("button", name=name).click()
    frame.get_by_label("Leave").check()
    for name in ("Check my answer", "Finish"):
        frame.get_by_role("button", name=name).click()

    status = frame.get_by_role("status")
    expect(status).to_contain_text("is recorded in your learning management system", timeout=60_000)
    [statement] = scene.lms.store().statements
    assert (statement["object"]["id"], statement["result"]["completion"]) == (COURSE, True)
    assert Launch.objects.get().result is not None
    assert strict_page.context.cookies() == []
    for output in (web.output(), worker.output()):
        assert "marked7f3a" not in output
        assert share.token() not in output
