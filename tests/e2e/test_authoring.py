"""Writing and sharing a story in a real browser: from nothing to a link, and what hostile texts can do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import FilePayload, Page, expect
from pytest_django.live_server_helper import LiveServer

from integrations.models import Launch
from objectives.models import Organization
from stories import publishing
from stories.models import Option, Share, Story
from tests import make
from tests.stories.test_images import picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><svg onload='window.ran = 1'></svg>"
    "<style>body { display: none }</style><iframe srcdoc='<script>parent.ran = 1</script>'></iframe>"
    "[press](javascript:window.ran=1) <a href='javascript:window.ran=1'>press</a> {{ 7|add:7 }} \u202e\ufffd&#0;"
)


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return make.organization("Northwind Training")


@pytest.fixture
def author(page: Page, live_server: LiveServer, organization: Organization) -> Page:
    """A browser in which an editor of the organization is logged in."""
    enter(page, live_server, make.member(organization, "editor", "edda"))
    return page


def enter(page: Page, live_server: LiveServer, user: Any) -> None:
    """Log ``user`` in and go to the list of stories."""
    client, name = Client(), settings.SESSION_COOKIE_NAME
    client.force_login(user)
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.goto(f"{live_server.url}/admin/stories/story/")


def test_story__from_nothing_to_a_link(author: Page, organization: Organization) -> None:
    make.configuration(organization, "Harbor City LMS")
    author.get_by_role("link", name="Add story").last.click()
    author.get_by_label("Title").fill("When the alarm rings")
    author.get_by_role("button", name="Continue").click()

    author.get_by_role("link", name="Add a scene").click()
    author.get_by_label("Heading").fill("Smoke")
    author.get_by_label("Kind of question").select_option(label="One answer is right")
    author.get_by_label("Question:", exact=True).fill("What comes first?")
    image = FilePayload(name="hall.png", mimeType="image/png", buffer=picture())
    author.locator("#id_image").set_input_files(image)
    author.get_by_label("Alternative text").fill("Smoke in a hall")
    for number, text in enumerate(("The alarm", "The extinguisher")):
        author.locator(f"#id_options-{number}-text").fill(text)
    author.get_by_role("button", name="Save", exact=True).click()

    author.get_by_role("link", name=re.compile("Mark the answer that is right")).click()
    author.locator("#id_options-0-is_right").check()
    author.get_by_role("button", name="Save", exact=True).click()

    author.get_by_role("link", name="Publish and share…").click()
    author.get_by_label("LMS configuration").select_option(label="Harbor City LMS")
    author.get_by_role("button", name="Publish and make the link").click()
    share = Share.objects.get()
    expect(author.locator("code.share-link")).to_have_text(share.link())
    expect(author.get_by_role("img", name="QR code of the link")).to_be_visible()
    assert (share.story.state, str(share.configuration)) == ("published", "Harbor City LMS")


def test_link__copied__is_in_the_clipboard_and_the_button_says_so(
    author: Page, organization: Organization, live_server: LiveServer
) -> None:
    share = make.share(make.story(organization))
    author.context.grant_permissions(["clipboard-read", "clipboard-write"])
    author.goto(f"{live_server.url}/admin/stories/share/{share.pk}/change/")
    author.get_by_role("button", name="Copy", exact=True).click()
    expect(author.get_by_role("button", name="Copied")).to_be_visible()
    expect(author.get_by_role("status")).to_have_text("Copied")
    assert author.evaluate("navigator.clipboard.readText()") == share.link()


def test_scenes__are_moved_by_their_buttons(
    author: Page, organization: Organization, live_server: LiveServer
) -> None:
    story = make.draft(organization, scenes=3)
    author.goto(f"{live_server.url}/admin/stories/story/{story.pk}/change/")
    author.get_by_role("button", name="Move “Scene 3” up").click()
    expect(author.locator(".scene-words a")).to_have_text(["Scene 1", "Scene 3", "Scene 2"])


def hostile(organization: Organization) -> Story:
    """A published story that holds hostile text wherever a person can type."""
    story = make.draft(organization, HOSTILE[:200], description=HOSTILE, cover_alt=HOSTILE[:300])
    scene = make.question(
        story,
        HOSTILE[:400],
        heading=HOSTILE[:200],
        text=f"{HOSTILE}\n\n```\n{HOSTILE}\n```\n\n> {HOSTILE}",
        question=HOSTILE,
        feedback_right=HOSTILE,
        feedback_wrong=HOSTILE,
    )
    Option.objects.create(scene=scene, position=9, text=f"<b>{HOSTILE[:300]}</b>")
    publishing.publish(story)
    return story


@pytest.mark.catalogue("S20")
def test_hostile_texts__run_nowhere(page: Page, live_server: LiveServer) -> None:
    organization = make.organization(HOSTILE[:120], open_stories=True)
    story = hostile(organization)
    scene, share = story.scenes.get(), make.share(story)
    enter(page, live_server, make.member(organization, "admin", "ada", first_name=HOSTILE[:150]))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda problem: said.append(str(problem)))
    admin, right = "/admin/stories", scene.options.filter(is_right=False).order_by("pk")[0].pk
    preview = f"{admin}/story/{story.pk}/preview/"
    for path in (
        "/admin/",
        f"{admin}/story/",
        f"{admin}/story/{story.pk}/change/",
        f"{admin}/story/{story.pk}/share/",
        f"{admin}/story/{story.pk}/history/",
        f"{admin}/scene/{scene.pk}/change/",
        f"{admin}/share/",
        f"{admin}/share/{share.pk}/change/",
        preview,
        f"{preview}?do=begin&scene=0",
        f"{preview}?do=answer&scene=0&option={right}",
        f"{preview}?do=finish&scene=0",
        f"/s/{share.token()}/",
    ):
        page.goto(f"{live_server.url}{path}")
        assert page.evaluate("window.ran") is None, path
        assert page.locator("a[href^='javascript:' i], a[href^='data:text' i], iframe").count() == 0, path
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        assert said == [], path


@pytest.mark.catalogue("S20")
def test_hostile_name_of_a_learner__runs_nowhere(page: Page, live_server: LiveServer) -> None:
    organization = make.organization("Northwind", open_stories=True)
    share = make.share(make.story(organization), make.configuration(organization))
    actor = {"name": HOSTILE[:150], "account": {"homePage": "https://lms.example.com", "name": HOSTILE[:150]}}
    launched = Client().get(f"/s/{share.token()}/", {"actor": json.dumps(actor), "activityId": "https://x.example/1"})
    assert launched.status_code == 200
    launch = Launch.objects.get()
    enter(page, live_server, make.member(organization, "admin", "ada"))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda problem: said.append(str(problem)))
    for path in (
        "/admin/integrations/launch/",
        f"/admin/integrations/launch/{launch.pk}/change/",
        "/admin/objectives/participant/",
        f"/admin/objectives/participant/{launch.participant_id}/change/",
    ):
        page.goto(f"{live_server.url}{path}")
        expect(page.get_by_text("window.ran").first).to_be_attached()
        assert page.evaluate("window.ran") is None, path
        assert said == [], path


@pytest.mark.catalogue("S20")
def test_hostile_texts__run_nowhere_while_a_learner_plays(page: Page, live_server: LiveServer) -> None:
    organization = make.organization(HOSTILE[:120], open_stories=True)
    share = make.share(hostile(organization))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.goto(f"{live_server.url}/s/{share.token()}/")
    page.get_by_label("Your e-mail address").fill("ann@example.com")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#feedback")).to_be_visible()
    assert page.evaluate("window.ran") is None
    assert said == []
