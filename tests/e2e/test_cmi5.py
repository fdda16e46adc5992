"""cmi5 from end to end: our package in a strict LMS, launched from its course page and played in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from lmsbridge.practice.cmi5.sessions import Session
from stories import packages
from tests import make
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    # What depends on the database in this is tested without a browser, on both.
    pytest.mark.database(only="sqlite"),
    pytest.mark.django_db(transaction=True),
]

PASSED = ["initialized", "progressed", "completed", "passed", "terminated"]


class Course:
    """A course of the practice LMS with a story of ours as its one unit, open in the browser."""

    def __init__(self, scene: Scene, processes: Processes, page: Page, settings: Any) -> None:
        self.scene, self.page = scene, page
        _web, settings.PUBLIC_URL = processes.web({})
        processes.manage("run_worker")
        story = make.story(scene.organization, objective=scene.objective, pass_mark=50)
        share = make.share(story, scene.configuration)
        self.open()
        self.page.get_by_label("cmi5.xml, or a zip with one").set_input_files(
            {"name": "story.zip", "mimeType": "application/zip", "buffer": packages.course_zip(share)}
        )
        self.page.get_by_role("button", name="Import").click()

    def open(self) -> None:
        """The LMS's course page."""
        self.page.goto(f"{self.scene.lms.address}/default/course")

    def launch(self, how: str = "in this window", mode: str = "") -> None:
        """Launch the unit for the first time."""
        self.open()
        if mode:
            self.page.get_by_label("Mode").select_option(mode)
        self.page.get_by_role("button", name=f"Launch {how}").click()

    def launch_again(self) -> None:
        """Launch it again in the same enrollment."""
        registration = self.session.registration
        self.page.goto(f"{self.scene.lms.address}/default/course/{registration.id}")
        self.page.get_by_role("button", name="Launch in this window").click()

    @property
    def session(self) -> Session:
        """The latest session."""
        [*_others, registration] = self.scene.lms.store().courses.registrations.values()
        return registration.sessions[-1]

    def told(self) -> list[str]:
        """What the LMS took in the latest session, once that is over; its log has to be clean."""
        session = self.session
        until(lambda: session.state.value == "terminated", "the session to be over")
        assert [entry.what for entry in session.violations] == []
        return [one["verb"]["id"].rpartition("/")[2] for one in session.statements]


@pytest.fixture
def course(scene: Scene, processes: Processes, page: Page, settings: Any) -> Course:
    return Course(scene, processes, page, settings)


def play(page: Page | FrameLocator, answer: str = "Leave", first: str = "Start") -> None:
    """From the cover to the end."""
    page.get_by_role("button", name=first).click()
    page.get_by_role("button", name="Continue").click()
    finish(page, answer)


def finish(page: Page | FrameLocator, answer: str) -> None:
    """From the question to the end."""
    page.get_by_label(answer).check()
    for name in ("Check my answer", "Finish"):
        page.get_by_role("button", name=name).click()


def test_story__in_a_frame__is_passed_and_leads_back_to_the_course(course: Course) -> None:
    course.launch("in a frame")
    frame = course.page.frame_locator("iframe")
    play(frame)
    expect(frame.get_by_role("status")).to_contain_text(
        "is recorded in your learning management system", timeout=60_000
    )
    assert course.told() == PASSED
    frame.get_by_role("link", name="Back to your course").click()
    expect(frame.get_by_role("link", name="What came of it")).to_be_visible()
    assert course.session.registration.is_satisfied


def test_story__failed__is_passed_when_it_is_launched_again(course: Course) -> None:
    course.launch()
    play(course.page, "Wait")
    assert course.told() == ["initialized", "progressed", "completed", "failed", "terminated"]
    course.launch_again()
    play(course.page)
    assert course.told() == ["initialized", "passed", "terminated"]
    assert course.session.registration.is_satisfied


def test_story__left_half_way_in_a_new_window__is_resumed(course: Course) -> None:
    with course.page.context.expect_page() as opened:
        course.launch("in a new window")
    story = opened.value
    for name in ("Start", "Continue"):
        story.get_by_role("button", name=name).click()
    expect(story.get_by_role("heading", name="Your turn")).to_be_visible()
    story.get_by_role("button", name="Save and exit").click()
    expect(story.get_by_role("heading", name="Your place is kept")).to_be_visible()
    assert course.told() == ["initialized", "progressed", "terminated"]
    course.launch_again()
    course.page.get_by_role("button", name="Go on").click()
    finish(course.page, "Leave")
    assert course.told() == ["initialized", "completed", "passed", "terminated"]


@pytest.mark.parametrize("mode", ["Browse", "Review"])
def test_story__opened_to_look_only__records_nothing(course: Course, mode: str) -> None:
    course.launch(mode=mode)
    # Who is quicker than the LMS's answer plays as if it wanted to know.
    until(lambda: course.session.statements, "the session to be open")
    play(course.page)
    expect(course.page.get_by_role("status")).to_contain_text("nothing is recorded")
    assert course.told() == ["initialized", "terminated"]
