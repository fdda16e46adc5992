"""The admin as people see it: light and dark, wide and on a phone, with a keyboard, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from integrations.models import Lane
from objectives.models import Membership, Organization
from tests import make
from tests.lms import PracticeLMS

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1360, "height": 850}, {"width": 390, "height": 844}
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    # Loading style sheets anew would trip over our own Content-Security-Policy.
    "preload": False,
}
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
LONG = "Southgate University Learning Record Store for All Faculties"
Stage = dict[str, str]


@pytest.fixture
def stage(transactional_db: None) -> Stage:
    """An organization with something of everything; the addresses of its pages by name."""
    organization = make.organization("Northwind Training")
    configuration, broken = (
        make.configuration(organization, "Harbor City LMS"),
        make.configuration(organization, LONG),
    )
    now = timezone.now()
    Lane.objects.filter(configuration=configuration).update(status="ok", status_since=now, checked_at=now)
    Lane.objects.filter(configuration=broken).update(
        status="server_error", status_since=now, checked_at=now, sentence="The LMS answered 503."
    )
    objective = make.objective(organization)
    rows = {
        state: make.delivery(make.result(organization, objective=objective), broken, state)
        for state in ("held", "delivered", "rejected")
    }
    make.attachment(objective, broken)
    answer = '{"error": "result.score.scaled must be at most 1"}' * 20
    make.attempt(rows["rejected"], outcome="refused", status_code=400, answer=answer)
    make.attempt(rows["delivered"])
    draft = make.draft(organization, "Lifting without pain", pass_mark=50)
    scene, story = make.question(draft, "Wait", text=""), make.story(organization)
    share, closed = make.share(story, configuration), make.share(story)
    closed.revoke()
    elsewhere = {"endpoint": "https://lrs.example.org/xapi/", "endpoint_origin": "https://lrs.example.org"}
    loose, held = make.launch(configuration), make.launch(configuration, **elsewhere)
    viewer = make.member(organization, Membership.Role.VIEWER)
    member, admin = Membership.objects.get(user=viewer), "/admin/integrations"
    return {
        "overview": "/admin/",
        "configurations": f"{admin}/lmsconfiguration/",
        "add configuration": f"{admin}/lmsconfiguration/add/",
        "configuration": f"{admin}/lmsconfiguration/{broken.pk}/change/",
        "delete configuration": f"{admin}/lmsconfiguration/{broken.pk}/delete/",
        "deliveries": f"{admin}/delivery/",
        "held deliveries": f"{admin}/delivery/?state__exact=held",
        "no participants": "/admin/objectives/participant/?q=nobody",
        **{f"{state} delivery": f"{admin}/delivery/{one.pk}/change/" for state, one in rows.items()},
        "objectives": "/admin/objectives/objective/",
        "objective": f"/admin/objectives/objective/{objective.pk}/change/",
        "objective's history": f"/admin/objectives/objective/{objective.pk}/history/",
        "add result": "/admin/objectives/result/add/",
        "result": f"/admin/objectives/result/{rows['held'].result_id}/change/",
        "stories": "/admin/stories/story/",
        "add story": "/admin/stories/story/add/",
        "draft": f"/admin/stories/story/{draft.pk}/change/",
        "story": f"/admin/stories/story/{story.pk}/change/",
        "publish and share": f"/admin/stories/story/{story.pk}/share/",
        "share what lacks something": f"/admin/stories/story/{draft.pk}/share/",
        "scene": f"/admin/stories/scene/{scene.pk}/change/",
        "add scene": f"/admin/stories/scene/add/?story={draft.pk}",
        "shares": "/admin/stories/share/",
        "share": f"/admin/stories/share/{share.pk}/change/",
        "revoked share": f"/admin/stories/share/{closed.pk}/change/",
        "launches": f"{admin}/launch/",
        "launch": f"{admin}/launch/{loose.pk}/change/",
        "launch to an unknown server": f"{admin}/launch/{held.pk}/change/",
        "servers": f"{admin}/lmsconfiguration/{configuration.pk}/servers/",
        "memberships": "/admin/objectives/membership/",
        "add membership": "/admin/objectives/membership/add/",
        "membership": f"/admin/objectives/membership/{member.pk}/change/",
        "password": "/admin/password_change/",
    }


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer, stage: Stage) -> Callable[..., Any]:
    """Opens a window in which an admin of the organization is logged in; options as Playwright's contexts have."""

    @contextmanager
    def opened(**options: Any) -> Iterator[Page]:
        client = Client()
        client.force_login(make.member(Organization.objects.get(name="Northwind Training"), "admin", "nora"))
        name = settings.SESSION_COOKIE_NAME
        context = browser.new_context(base_url=live_server.url, **options)
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        yield context.new_page()
        context.close()

    return opened


def faults(page: Page, size: Any) -> list[str]:
    """What axe finds in a window of this size, and whether the page scrolls sideways."""
    page.set_viewport_size(size)
    found = [
        f"{fault['id']}: {' | '.join(str(node['target'][0]) for node in fault['nodes'][:3])}"
        for fault in Axe().run(page, options=RULES).response["violations"]
    ]
    return [*found, "wider than the window"] if page.evaluate(TOO_WIDE) else found


# Dark pages are laid out like light ones, so their colors are looked at in one width.
@pytest.mark.parametrize(("scheme", "sizes"), [("light", (WIDE, NARROW)), ("dark", (WIDE,))])
def test_pages__are_sound(visit: Callable[..., Any], stage: Stage, scheme: str, sizes: tuple[Any, ...]) -> None:
    said: list[str] = []
    wrong: list[str] = []
    with visit(color_scheme=scheme) as page:
        page.on(
            "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda problem: said.append(str(problem)))
        for name, path in stage.items():
            page.goto(path)
            assert "Django" not in page.title() + page.inner_text("body")
            wrong += [f"{name}: {text}" for text in said]
            wrong += [f"{name}, {size['width']} wide: {text}" for size in sizes for text in faults(page, size)]
            said.clear()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_question_before_servers_are_approved__is_sound(visit: Callable[..., Any], stage: Stage, scheme: str) -> None:
    with visit(color_scheme=scheme) as page:
        page.goto(stage["launches"])
        page.locator(".action-select").first.check()
        page.locator("select[name=action]").select_option("approve")
        page.get_by_role("button", name="Go", exact=True).click()
        expect(page.get_by_text("lrs.example.org")).to_be_visible()
        assert [fault for size in (WIDE, NARROW) for fault in faults(page, size)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_launch_page_of_the_practice_lms__is_sound(
    browser: Browser, practice_lms: PracticeLMS, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{practice_lms.address}/default/launch?link=https://stories.example.com/s/abc/")
    expect(page.get_by_role("link", name="Launch").first).to_be_visible()
    wrong = [fault for size in (WIDE, NARROW) for fault in faults(page, size)]
    context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_log_in_and_lost_pages__are_sound(browser: Browser, live_server: LiveServer, scheme: str) -> None:
    context = browser.new_context(base_url=live_server.url, color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    page, wrong = context.new_page(), []
    for path in ("/admin/login/", "/nothing/here/"):
        page.goto(path)
        wrong += [f"{path}, {size['width']} wide: {text}" for size in (WIDE, NARROW) for text in faults(page, size)]
    context.close()
    assert not wrong, "\n".join(wrong)


def test_pages__without_javascript(visit: Callable[..., Any], stage: Stage) -> None:
    with visit(java_script_enabled=False, viewport=WIDE) as page:
        for name in ("overview", "configurations", "deliveries", "objective", "rejected delivery"):
            page.goto(stage[name])
            expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Deliveries")).to_be_visible()
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_text("Northwind Training").first).to_be_visible()


def test_menu_and_filters__on_a_phone_without_javascript(visit: Callable[..., Any], stage: Stage) -> None:
    with visit(java_script_enabled=False, viewport=NARROW) as page:
        page.goto(stage["overview"])
        page.get_by_text("Menu", exact=True).click()
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Deliveries").click()
        page.get_by_text("Filters", exact=True).click()
        page.get_by_role("navigation", name="Filters").get_by_role("link", name="Rejected").click()
        expect(page.get_by_role("row")).to_have_count(2)


def test_keyboard__reaches_content_search_and_menu(visit: Callable[..., Any], stage: Stage) -> None:
    with visit(viewport=NARROW) as page:
        page.goto(stage["deliveries"])
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to main content")).to_be_focused()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.get_by_text("Menu", exact=True).click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("navigation", name="Menu")).to_be_hidden()


def test_touch__targets_of_a_phone_are_large_enough(visit: Callable[..., Any], stage: Stage) -> None:
    with visit(viewport=NARROW, has_touch=True) as page:
        page.goto(stage["configuration"])
        small = [
            f"{one.inner_text() or one.get_attribute('name')}: {box['height']}"
            for one in page.locator(
                "button:visible, summary:visible, select:visible, .button:visible, "
                "input[type=text]:visible, input[type=password]:visible, input[type=submit]:visible"
            ).all()
            if (box := one.bounding_box()) and box["height"] < 44
        ]
        assert small == []
