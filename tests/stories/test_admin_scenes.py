"""Scenes in the admin: added to a story, with answers in their order, moved and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from objectives.models import Organization
from stories.models import Option, Scene, Story
from tests import make
from tests.stories.test_images import picture

pytestmark = pytest.mark.django_db

SCENES = "/admin/stories/scene/"
NEW = {
    "heading": "The alarm",
    "text": "",
    "image_alt": "",
    "video_url": "",
    "question": "",
    "question_kind": "none",
    "feedback_right": "",
    "feedback_wrong": "",
    "options-TOTAL_FORMS": "0",
    "options-INITIAL_FORMS": "0",
}


@pytest.fixture
def story(db: None) -> Story:
    return make.draft(make.organization())


@pytest.fixture
def editor(story: Story) -> Client:
    return logged_in(make.member(story.organization, "editor"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def add_to(story: Story) -> str:
    return f"{SCENES}add/?story={story.pk}"


def page_of(scene: Scene, name: str = "change") -> str:
    return f"{SCENES}{scene.pk}/{name}/"


def answers(*rows: tuple[str, bool, str], of: Scene | None = None) -> dict[str, str]:
    """Posted answers: text, whether right, and the number typed beside it; those of a scene come first."""
    there = list(of.options.all()) if of is not None else []
    data = {"options-TOTAL_FORMS": str(len(rows)), "options-INITIAL_FORMS": str(len(there))}
    for number, (text, is_right, order) in enumerate(rows):
        data |= {f"options-{number}-text": text, f"options-{number}-position": order}
        data |= {f"options-{number}-is_right": "on"} if is_right else {}
        if number < len(there):
            data |= {f"options-{number}-id": str(there[number].pk), f"options-{number}-scene": str(of and of.pk)}
    return data


def errors(response: Any) -> list[str]:
    return list(response.context["adminform"].form.errors)


def headings(story: Story) -> list[str]:
    return [scene.heading for scene in story.scenes.all()]


# Adding ----------------------------------------------------------------------------------------------------------


def test_scene__added__comes_last_in_its_story(editor: Client, story: Story) -> None:
    make.scene(story, "First")
    response = editor.post(add_to(story), NEW | {"heading": "Second"}, follow=True)
    assert headings(story) == ["First", "Second"]
    assert response.redirect_chain[-1][0] == f"/admin/stories/story/{story.pk}/change/#scenes"


def test_scene__after_one_was_deleted__still_comes_last(editor: Client, story: Story) -> None:
    first, *_others = [make.scene(story, heading) for heading in ("First", "Second", "Third")]
    first.delete()
    editor.post(add_to(story), NEW | {"heading": "Fourth"})
    assert headings(story) == ["Second", "Third", "Fourth"]


def test_scene__saved_to_add_another__stays_with_the_story(editor: Client, story: Story) -> None:
    response = editor.post(add_to(story), NEW | {"_addanother": "1"})
    assert response.headers["Location"] == add_to(story)


def test_scene__of_a_story_without_organization_chosen__can_be_added_by_operators(story: Story) -> None:
    logged_in(make.operator()).post(add_to(story), NEW)
    assert Scene.objects.get().organization == story.organization


@pytest.mark.parametrize("key", ["", "0", "x", "9" * 30, "foreign"])
def test_scene__of_no_story_of_ones_own__is_not_added(editor: Client, key: str) -> None:
    foreign = make.draft(make.organization())
    address = f"{SCENES}add/?story={foreign.pk if key == 'foreign' else key}"
    for response in (editor.get(address), editor.post(address, NEW)):
        assert response.headers["Location"] == "/admin/stories/story/"
    assert not Scene.objects.exists()


def test_list_of_all_scenes__is_the_list_of_stories(editor: Client) -> None:
    assert editor.get(SCENES).headers["Location"] == "/admin/stories/story/"


# Image and video -------------------------------------------------------------------------------------------------


def test_scene__with_an_image__asks_what_it_shows(editor: Client, story: Story) -> None:
    file = {"image": SimpleUploadedFile("a.png", picture())}
    assert errors(editor.post(add_to(story), NEW | file)) == ["image_alt"]


def test_scene__with_an_image_and_its_words__is_saved(editor: Client, story: Story) -> None:
    editor.post(add_to(story), NEW | {"image": SimpleUploadedFile("a.png", picture()), "image_alt": "A red square"})
    scene = Scene.objects.get()
    assert (scene.image_alt, scene.image_width) == ("A red square", 40)
    assert f"/media/{scene.image.name}" in editor.get(page_of(scene)).content.decode()


def test_image__removed__is_gone_from_the_scene(editor: Client, story: Story) -> None:
    editor.post(add_to(story), NEW | {"image": SimpleUploadedFile("a.png", picture()), "image_alt": "A red square"})
    scene = Scene.objects.get()
    editor.post(page_of(scene), NEW | {"image-clear": "on"})
    assert not Scene.objects.get().image


def test_scene__with_image_and_video__is_asked_to_choose(editor: Client, story: Story) -> None:
    both = {
        "image": SimpleUploadedFile("a.png", picture()),
        "image_alt": "A red square",
        "video_url": "https://example.com/a.mp4",
    }
    assert errors(editor.post(add_to(story), NEW | both)) == ["video_url"]


@pytest.mark.catalogue("S20")
@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a.mp4",
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com/a.mp4",
        "https://user@example.com/a.mp4",
        "https://example.com/a b.mp4",
        "https:\\\\example.com",
    ],
)
def test_video__that_is_no_https_link__is_refused(editor: Client, story: Story, address: str) -> None:
    assert errors(editor.post(add_to(story), NEW | {"video_url": address})) == ["video_url"]


# Answers ---------------------------------------------------------------------------------------------------------


def test_answers__come_in_the_order_typed(editor: Client, story: Story) -> None:
    asked = {"question_kind": "single", "question": "What now?"}
    editor.post(add_to(story), NEW | asked | answers(("Leave", True, ""), ("Wait", False, ""), ("Shout", False, "1")))
    found = Option.objects.order_by("position").values_list("text", "is_right", "position")
    assert list(found) == [("Shout", False, 1), ("Leave", True, 2), ("Wait", False, 3)]


def test_answers__are_put_in_another_order_by_their_numbers(editor: Client, story: Story) -> None:
    scene = make.question(story, "Wait")
    posted = answers(("Leave", True, "2"), ("Wait", False, "1"), of=scene)
    editor.post(page_of(scene), NEW | {"question_kind": "single", "question": "What now?"} | posted)
    assert list(scene.options.values_list("text", flat=True)) == ["Wait", "Leave"]


def test_answers__left_empty__are_none(editor: Client, story: Story) -> None:
    editor.post(add_to(story), NEW | answers(("", False, ""), ("", False, "3")))
    assert (Scene.objects.count(), Option.objects.count()) == (1, 0)


def test_new_question__has_room_for_four_answers_without_javascript(editor: Client, story: Story) -> None:
    page = editor.get(add_to(story)).content.decode()
    assert 'name="options-3-text"' in page


# Order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moved", "way", "order"),
    [
        ("B", "up", ["B", "A", "C"]),
        ("B", "down", ["A", "C", "B"]),
        ("A", "up", ["A", "B", "C"]),
        ("C", "down", ["A", "B", "C"]),
    ],
)
def test_scene__moved__changes_places(editor: Client, story: Story, moved: str, way: str, order: list[str]) -> None:
    scenes = {heading: make.scene(story, heading) for heading in "ABC"}
    editor.post(page_of(scenes[moved], way))
    assert headings(story) == order


def test_scene__moved_where_numbers_are_twice_there__changes_places(editor: Client, story: Story) -> None:
    _first, second = make.scene(story, "A", position=0), make.scene(story, "B", position=0)
    editor.post(page_of(second, "up"))
    assert headings(story) == ["B", "A"]


def test_scene__of_others__is_not_moved(story: Story) -> None:
    stranger = logged_in(make.member(make.organization(), "admin"))
    _first, second = make.scene(story, "A"), make.scene(story, "B")
    stranger.post(page_of(second, "up"))
    assert headings(story) == ["A", "B"]


# Deleting --------------------------------------------------------------------------------------------------------


def test_scene__deleted__leads_back_to_its_story(editor: Client, story: Story) -> None:
    scene = make.scene(story)
    response = editor.post(page_of(scene, "delete"), {"post": "yes"})
    assert response.headers["Location"] == f"/admin/stories/story/{story.pk}/change/#scenes"
    assert not Scene.objects.exists()


def test_scene__of_a_published_story__deleted__stays_in_its_version(story: Story) -> None:
    published = make.story(Organization.objects.get(pk=story.organization_id))
    editor = logged_in(make.member(published.organization, "admin"))
    editor.post(page_of(published.scenes.all()[0], "delete"), {"post": "yes"})
    version = published.latest_version
    assert version is not None
    assert len(version.content["scenes"]) == 2
