"""Learner pages as learners see them: light and dark, wide and on a phone, with a keyboard, without JavaScript."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import translation
from django.utils.translation import gettext as _
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page, expect
from pytest_django.live_server_helper import LiveServer

from objectives.models import Organization, Result
from stories import publishing
from stories.models import Play, Share, StoryVersion
from tests import make
from tests.course import Course, course
from tests.e2e.test_look import NARROW, WIDE, faults
from tests.scene import Scene, pump

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[..., Any]
PICTURE = "stories/0123456789abcdef0123456789abcdef.webp"
LAUNCH = urlencode({"actor": '{"mbox": "mailto:ann@example.com"}', "activityId": "https://lms.example.com/course/1"})


@pytest.fixture
def organization(transactional_db: None, settings: Any, tmp_path: Any) -> Organization:
    """One whose stories are open, with a picture that scenes may show."""
    settings.MEDIA_ROOT = str(tmp_path)
    cache.clear()
    file = io.BytesIO()
    Image.new("RGB", (160, 90), (51, 70, 196)).save(file, "WEBP")
    default_storage.save(PICTURE, ContentFile(file.getvalue()))
    return make.organization("Northwind Training", open_stories=True)


def story(organization: Organization, **values: Any) -> StoryVersion:
    """Scenes of every kind: with a picture, a video, questions of both kinds, and bare."""
    found = make.draft(organization, "The smell of smoke", description="Ninety seconds.\n\nWhat do you do?", **values)
    make.scene(found, "Ten past two", text="It is **late**.\n\n> Who is there?\n\n- one\n- two")
    make.question(found, "Run", "Film it", text="Flames!", heading="What comes first?")
    make.question(found, "The floor", right=("The gate", "The cardboard"), heading="What feeds it?")
    make.scene(found, "Watch", video_url="https://tube.example.com/watch/1")
    make.scene(found, "Out", text="See the [guide](https://example.com/guide).\n\n## What stays\n\nAlarm first.")
    version = publishing.publish(found)
    picture = {"name": PICTURE, "alt": "Boxes in a warehouse", "width": 160, "height": 90}
    version.content["cover"] = version.content["scenes"][0]["image"] = picture
    version.content["scenes"][2]["image"] = picture
    version.save()
    return version


@pytest.fixture
def share(organization: Organization) -> Share:
    return make.share(story(organization, pass_mark=60, estimated_minutes=5).story)


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Visit:
    """A window of its own; options as Playwright's contexts have."""

    @contextmanager
    def opened(share: Share | None = None, **options: Any) -> Iterator[Page]:
        settings = {"viewport": WIDE, "reduced_motion": "reduce", "locale": "en-US"}
        context = browser.new_context(base_url=live_server.url, **{**settings, **options})
        page = context.new_page()
        if share is not None:
            page.goto(f"/s/{share.token()}/")
        yield page
        assert context.cookies() == []
        context.close()

    return opened


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def heading(page: Page, text: str) -> None:
    """Wait for the page with this heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def enter(page: Page, email: str = "ann@example.com") -> None:
    page.get_by_label(_("Your e-mail address")).fill(email)
    press(page, _("Start"))


def every_page(page: Page) -> Iterator[str]:
    """Play from the cover to the end, by way of every mistake; the name of each page when it is there."""
    yield "cover"
    enter(page, "nobody")
    expect(page.get_by_text("Enter a complete e-mail address")).to_be_visible()
    yield "no address"
    enter(page)
    heading(page, "Ten past two")
    yield "scene"
    press(page, "Continue")
    heading(page, "What comes first?")
    yield "question"
    press(page, "Check my answer")
    expect(page.get_by_text("Choose an answer first.")).to_be_visible()
    yield "no answer"
    page.get_by_label("Run").check()
    press(page, "Check my answer")
    expect(page.get_by_role("heading", name="Not quite")).to_be_visible()
    yield "wrong answer"
    press(page, "Continue")
    heading(page, "What feeds it?")
    page.get_by_label("The gate").check()
    page.get_by_label("The cardboard").check()
    yield "choices"
    press(page, "Check my answer")
    expect(page.get_by_role("heading", name="That is right")).to_be_visible()
    yield "right answer"
    press(page, "Continue")
    heading(page, "Watch")
    yield "video"
    press(page, "Continue")
    heading(page, "Out")
    yield "last scene"
    press(page, "Finish")
    heading(page, "Not passed this time")
    yield "end"


# How they look ------------------------------------------------------------------------------------------------------


# Dark pages are laid out like light ones, so their colors are looked at in one width.
LOOKS = [("light", WIDE), ("light", NARROW), ("dark", NARROW)]


def wrongs(page: Page, name: str) -> Iterator[str]:
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
        yield from (f"{name}, {scheme}, {size['width']} wide: {text}" for text in faults(page, size))
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # width and height


# axe is a script itself, so pages without JavaScript are those whose own script never came.
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_pages__are_sound(visit: Visit, share: Share, script: bool) -> None:
    said: list[str] = []
    with visit() as page:
        page.on("pageerror", lambda problem: said.append(str(problem)))
        page.on("console", lambda message: said.append(message.text) if "Security" in message.text else None)
        if not script:
            page.route("**/learner*.js", lambda route: route.abort())
        page.goto(f"/s/{share.token()}/")
        found = [wrong for name in every_page(page) for wrong in wrongs(page, name)]
    assert [*said, *found] == []
    assert Result.objects.get().success is False


@pytest.mark.parametrize("how", ["elsewhere", "expired", "unknown", "bad launch"])
def test_notices__are_sound(visit: Visit, share: Share, how: str) -> None:
    address = f"/s/{share.token()}/"
    if how == "elsewhere":
        Organization.objects.update(open_stories=False)
    elif how == "expired":
        share.revoke()
    address = {"unknown": "/s/nothing/", "bad launch": f"{address}?actor=x"}.get(how, address)
    with visit() as page:
        page.goto(address)
        for summary in page.locator("summary").all():
            summary.click()
        assert list(wrongs(page, how)) == []


def test_pages__in_a_language_from_right_to_left__are_mirrored_and_sound(
    visit: Visit, organization: Organization
) -> None:
    with visit(make.share(story(organization, language="ar").story)) as page, translation.override("ar"):
        assert list(wrongs(page, "cover")) == []
        enter(page)
        press(page, _("Continue"))
        heading(page, "What comes first?")
        assert list(wrongs(page, "question")) == []
        back, check = (page.locator(f"[value={do}]").bounding_box() for do in ("back", "answer"))
        assert back
        assert check
        assert back["x"] > check["x"]


def test_story__that_runs_the_other_way_than_the_words__is_sound(visit: Visit, organization: Organization) -> None:
    with visit(make.share(story(organization, language="he").story)) as page:
        wrong = list(wrongs(page, "cover"))
        enter(page)
        press(page, "Continue")
        heading(page, "What comes first?")
        page.get_by_label("Run").check()
        press(page, "Check my answer")
        expect(page.get_by_role("heading", name="Not quite")).to_be_visible()
        assert [*wrong, *wrongs(page, "question")] == []
        radio, answer = (page.locator(f".option {part}").first.bounding_box() for part in ("input", "span"))
        assert radio
        assert answer
        assert radio["x"] > answer["x"]


def test_touch__targets_of_a_phone_are_large_enough(visit: Visit, share: Share) -> None:
    small = []
    with visit(share, viewport=NARROW, has_touch=True) as page:
        for name in every_page(page):
            targets = page.locator(
                "button:visible, .option:visible, summary:visible, input[type=email]:visible"
            ).all()
            small += [f"{name}: {box}" for one in targets if (box := one.bounding_box()) and box["height"] < 44]
    assert small == []


def test_motion__reduced__is_next_to_none(visit: Visit, share: Share) -> None:
    moving = "(one) => getComputedStyle(one).animationName !== 'none'"
    with visit(share, reduced_motion="no-preference") as page:
        assert page.locator("h1").evaluate(moving)
    with visit(share) as page:
        assert not page.locator("h1").evaluate(moving)


# How they are used --------------------------------------------------------------------------------------------------


def test_keyboard__plays_from_the_cover_to_the_end(visit: Visit, share: Share) -> None:
    with visit(share) as page:
        page.keyboard.press("Tab")
        page.keyboard.type("ann@example.com")
        page.keyboard.press("Enter")
        heading(page, "Ten past two")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        heading(page, "What comes first?")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.locator("#feedback")).to_be_focused()
        press(page, "Continue")
        heading(page, "What feeds it?")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.locator("#feedback")).to_be_focused()


@pytest.mark.catalogue("R48")
def test_reload__goes_on_where_it_was(visit: Visit, share: Share) -> None:
    with visit(share) as page:
        enter(page)
        press(page, "Continue")
        heading(page, "What comes first?")
        page.reload()
        heading(page, "What comes first?")
        assert page.evaluate("location.search") == ""
    assert Play.objects.count() == 1


@pytest.mark.catalogue("R48")
def test_back_button__of_the_browser__shows_the_scene_before(visit: Visit, share: Share) -> None:
    with visit(share) as page:
        enter(page)
        press(page, "Continue")
        heading(page, "What comes first?")
        page.get_by_label("Leave").check()
        press(page, "Check my answer")
        expect(page.get_by_role("heading", name="That is right")).to_be_visible()
        page.go_back()
        heading(page, "Ten past two")
        page.go_forward()
        heading(page, "What comes first?")
        expect(page.get_by_role("heading", name="That is right")).to_be_visible()


@pytest.mark.catalogue("R48")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_double_click__on_every_button__is_one_result(visit: Visit, organization: Organization, script: bool) -> None:
    share = make.share(make.story(organization))
    with visit(share, java_script_enabled=script) as page:
        page.get_by_label("Your e-mail address").fill("ann@example.com")
        page.get_by_role("button", name="Start").dblclick()
        heading(page, "Scene 1")
        page.get_by_role("button", name="Continue").dblclick()
        heading(page, "Your turn")
        page.get_by_label("Leave").check()
        page.get_by_role("button", name="Check my answer").dblclick()
        page.get_by_role("button", name="Finish").dblclick()
        heading(page, "You have finished")
    share.refresh_from_db()
    assert (Play.objects.count(), Result.objects.count()) == (1, 1)
    assert (share.starts, share.completions) == (1, 1)


def test_connection__lost_for_a_moment__loses_nothing(visit: Visit, share: Share) -> None:
    with visit(share) as page:
        enter(page)
        heading(page, "Ten past two")
        page.context.set_offline(True)
        press(page, "Continue")
        expect(page.get_by_role("alert")).to_contain_text("nothing is lost")
        page.context.set_offline(False)
        press(page, "Continue")
        heading(page, "What comes first?")
        expect(page.get_by_role("alert")).to_be_hidden()


def test_storage__forbidden__leaves_the_query_for_reloads(visit: Visit, scene: Scene) -> None:
    share = make.share(make.story(scene.organization), scene.configuration)
    with visit() as page:
        page.add_init_script("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error(); }})")
        page.goto(f"/s/{share.token()}/?{LAUNCH}")
        press(page, "Start")
        press(page, "Continue")
        heading(page, "Your turn")
        page.reload()
        expect(page.get_by_text("You are at scene 2 of 2.")).to_be_visible()
        press(page, "Go on")
        heading(page, "Your turn")


# In an LMS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_end__turns_from_sending_to_recorded(visit: Visit, scene: Scene, script: bool) -> None:
    share = make.share(make.story(scene.organization), scene.configuration)
    with visit(java_script_enabled=script) as page:
        page.goto(f"/s/{share.token()}/?{LAUNCH}")
        for name in ("Start", "Continue"):
            press(page, name)
        page.get_by_label("Leave").check()
        for name in ("Check my answer", "Finish"):
            press(page, name)
        expect(page.get_by_role("status")).to_contain_text("is being sent")
        pump()
        if not script:
            press(page, "Look again")
        expect(page.get_by_role("status")).to_contain_text("is recorded in your learning management system")
    assert len(scene.lms_ids()) == 1


@pytest.mark.catalogue("S38")
def test_launch__leaves_nothing_in_the_address_and_the_history(visit: Visit, scene: Scene) -> None:
    share = make.share(make.story(scene.organization), scene.configuration)
    with visit() as page:
        page.goto(f"/s/{share.token()}/?{LAUNCH}")
        assert page.evaluate("location.search") == ""
        press(page, "Start")
        heading(page, "Scene 1")
        page.reload()
        heading(page, "Scene 1")
        assert page.evaluate("location.href").endswith(f"/s/{share.token()}/")
        assert page.evaluate("document.referrer") == ""


def framed(page: Page, shown_by: Course, address: str) -> FrameLocator:
    """The frame in which a course page shows this address."""
    shown_by.framed = address
    page.goto(f"{shown_by.origin}/course")
    return page.frame_locator("iframe")


@pytest.mark.catalogue("S36")
def test_frame__shows_a_story_to_the_lms_that_it_is_shared_with_alone(
    visit: Visit, organization: Organization, live_server: LiveServer
) -> None:
    with course("127.0.0.2") as lms, course("127.0.0.3") as foreign, visit() as page:
        configuration = make.configuration(organization, account_home_page=lms.origin)
        address = f"{live_server.url}/s/{make.share(make.story(organization), configuration).token()}/"

        title = framed(page, lms, address).get_by_role("heading", name="Fire in the warehouse")
        expect(title).to_be_visible()
        expect(framed(page, foreign, address).locator("body")).to_contain_text("refused to connect")


@pytest.mark.catalogue("S36")
def test_frame__never_shows_the_admin(visit: Visit, organization: Organization, live_server: LiveServer) -> None:
    with course() as lms, visit() as page:
        make.configuration(organization, account_home_page=lms.origin)
        frame = framed(page, lms, f"{live_server.url}/admin/login/")

        expect(frame.locator("body")).to_contain_text("refused to connect")


@pytest.mark.catalogue("S20")
def test_texts_of_authors__run_nothing_in_the_browser(visit: Visit, organization: Organization) -> None:
    evil = "<img src=x onerror=marked()><script>marked()</script>"
    Organization.objects.update(name=f"Northwind {evil}")
    found = make.draft(organization, f"Title {evil}", description=evil)
    make.question(
        found,
        evil,
        right=(f"Right {evil}",),
        heading=f"Heading {evil}",
        text=f"{evil}\n\n[click](javascript:marked()) <svg onload=marked()>\n\n<style>body {{ color: red }}</style>",
        question=evil,
        feedback_right=evil,
    )
    publishing.publish(found)
    said: list[str] = []
    with visit() as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda problem: said.append(str(problem)))
        page.expose_function("marked", lambda: said.append("a script ran"))
        page.goto(f"/s/{make.share(found).token()}/")
        enter(page)
        page.locator(".option").filter(has_text="Right").click()
        press(page, "Check my answer")
        expect(page.get_by_role("heading", name="That is right")).to_be_visible()
        press(page, "Finish")
        heading(page, "You have finished")
    assert said == []
