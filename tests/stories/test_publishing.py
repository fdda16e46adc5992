"""From draft to published to archived: the check, the frozen version, and what learners' plays keep."""

from __future__ import annotations

from typing import Any

import pytest

from objectives.models import Objective, Organization
from stories import publishing
from stories.models import Option, Scene, Share, Story, StoryVersion
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def organization() -> Organization:
    return make.organization()


def lacking(story: Story) -> set[tuple[str, str]]:
    """Where something is missing: the scene's heading, or nothing for the story itself, and the field."""
    return {(one.scene.heading if one.scene else "", one.field) for one in publishing.missing(story)}


# The check -------------------------------------------------------------------------------------------------------


def test_check__of_a_story_without_scenes__asks_for_one(organization: Organization) -> None:
    assert lacking(make.draft(organization)) == {("", "scenes")}


def test_check__of_a_sound_story__finds_nothing(organization: Organization) -> None:
    story = make.draft(organization, scenes=1, pass_mark=100)
    make.question(story)
    make.question(story, "Wait", right=("Leave", "Warn others"), heading="Several")
    assert publishing.missing(story) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        pytest.param({"text": " "}, "text", id="empty"),
        pytest.param({"image": "stories/a.webp"}, "image_alt", id="image-without-words"),
        pytest.param(
            {"image": "stories/a.webp", "image_alt": "A door", "video_url": "https://example.com/a.mp4"},
            "video_url",
            id="image-and-video",
        ),
        pytest.param({"question": "Where to?"}, "question_kind", id="question-without-kind"),
    ],
)
def test_check__of_a_scene__names_the_field(organization: Organization, values: dict[str, Any], field: str) -> None:
    story = make.draft(organization)
    scene = make.scene(story)
    # With its size, so that nobody looks into a file that is not there.
    Scene.objects.filter(pk=scene.pk).update(image_width=4, image_height=3, **values)
    assert lacking(story) == {("The alarm", field)}


def test_check__of_a_cover_without_words__asks_for_them(organization: Organization) -> None:
    story = make.draft(organization, scenes=1)
    Story.objects.filter(pk=story.pk).update(cover="stories/a.webp", cover_width=4, cover_height=3)
    assert lacking(Story.objects.get(pk=story.pk)) == {("", "cover_alt")}


def test_check__of_a_pass_mark_without_a_question__asks_for_one(organization: Organization) -> None:
    assert lacking(make.draft(organization, scenes=2, pass_mark=80)) == {("", "pass_mark")}


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        pytest.param([("Leave", True)], "single", id="one-answer"),
        pytest.param([("Leave", False), ("Wait", False)], "single", id="none-right"),
        pytest.param([("Leave", False), ("Wait", False)], "multiple", id="none-of-several-right"),
        pytest.param([("Leave", True), ("Wait", True)], "single", id="two-right"),
        pytest.param([("Leave", True), (" leave", False)], "single", id="twice-the-same"),
    ],
)
def test_check__of_a_question__looks_at_its_answers(
    organization: Organization, answers: list[tuple[str, bool]], kind: str
) -> None:
    story = make.draft(organization)
    scene = make.scene(story, question="What now?", question_kind=kind)
    for text, is_right in answers:
        Option.objects.create(scene=scene, text=text, is_right=is_right)
    assert lacking(story) == {("The alarm", "options")}


def test_check__of_answers_without_a_question__asks_for_the_kind(organization: Organization) -> None:
    story = make.draft(organization)
    Option.objects.create(scene=make.scene(story), text="Leave", is_right=True)
    assert lacking(story) == {("The alarm", "question_kind")}


def test_check__of_a_question_without_words__asks_for_them(organization: Organization) -> None:
    story = make.draft(organization)
    make.question(story, question=" ")
    assert lacking(story) == {("Your turn", "question")}


# Publishing ------------------------------------------------------------------------------------------------------


def test_publishing__of_what_lacks_something__changes_nothing(organization: Organization) -> None:
    story = make.draft(organization)
    with pytest.raises(publishing.NotReady) as refused:
        publishing.publish(story)
    assert [one.field for one in refused.value.missing] == ["scenes"]
    story.refresh_from_db()
    assert (story.state, story.versions.count(), Objective.objects.count()) == ("draft", 0, 0)


def test_publishing__without_an_objective__makes_one(organization: Organization) -> None:
    story = make.draft(organization, "Feuer im Lager", scenes=1, description="Was tun?", language="de")
    publishing.publish(story)
    made = Objective.objects.get()
    assert (made.organization, made.name, made.description, made.language) == (
        organization,
        "Feuer im Lager",
        "Was tun?",
        "de",
    )
    story.refresh_from_db()
    assert story.objective == made


def test_publishing__with_an_objective__keeps_it(organization: Organization) -> None:
    objective = make.objective(organization)
    story = make.draft(organization, scenes=1, objective=objective)
    publishing.publish(story)
    assert (Objective.objects.count(), story.objective) == (1, objective)


def test_version__holds_everything_a_player_needs(organization: Organization) -> None:
    story = make.draft(organization, "Fire", pass_mark=50, estimated_minutes=5)
    scene = make.question(story)
    leave, wait = scene.options.all()
    version = publishing.publish(story)
    assert version.content == {
        "title": "Fire",
        "description": "",
        "language": "en",
        "cover": None,
        "estimated_minutes": 5,
        "pass_mark": 50,
        "scenes": [
            {
                "id": scene.pk,
                "heading": "Your turn",
                "text": "Everybody **leaves** by the nearest exit.",
                "image": None,
                "video_url": "",
                "question": {
                    "kind": "single",
                    "text": "What do you do?",
                    "feedback_right": "Yes.",
                    "feedback_wrong": "No.",
                    "options": [
                        {"id": leave.pk, "text": "Leave", "is_right": True},
                        {"id": wait.pk, "text": "Wait", "is_right": False},
                    ],
                },
            }
        ],
    }


def test_version__without_a_question__holds_none(organization: Organization) -> None:
    version = publishing.publish(make.draft(organization, scenes=1))
    assert version.content["scenes"][0]["question"] is None


def test_publishing__again_without_changes__makes_no_version(organization: Organization) -> None:
    story = make.story(organization)
    assert not publishing.has_changes(story)
    assert publishing.publish(story) == StoryVersion.objects.get()


def test_publishing__after_a_change__leaves_the_older_version_to_its_plays(organization: Organization) -> None:
    story = make.story(organization)
    play = make.play(make.share(story))
    scene = story.scenes.order_by("position")[0]
    scene.heading = "Another beginning"
    scene.save()
    assert publishing.has_changes(story)
    assert publishing.publish(story).number == 2
    play.refresh_from_db()
    headings = [one.content["scenes"][0]["heading"] for one in (play.version, story.latest_version) if one]
    assert headings == ["Scene 1", "Another beginning"]


def test_publishing__with_an_image_whose_file_is_lost__goes_on(organization: Organization) -> None:
    story = make.draft(organization, scenes=1)
    lost = {"cover": "stories/lost.webp", "cover_width": 4, "cover_height": 3, "cover_alt": "A door"}
    Story.objects.filter(pk=story.pk).update(**lost)
    cover = publishing.publish(Story.objects.get(pk=story.pk)).content["cover"]
    assert cover == {"name": "stories/lost.webp", "alt": "A door", "width": 4, "height": 3}


def test_publishing__of_a_story_that_lost_its_scenes__leaves_learners_the_last_version(
    organization: Organization,
) -> None:
    story = make.story(organization)
    story.scenes.all().delete()
    with pytest.raises(publishing.NotReady):
        publishing.publish(story)
    story.refresh_from_db()
    assert (story.state, story.versions.count()) == ("published", 1)


# Archiving -------------------------------------------------------------------------------------------------------


def test_archiving__hides_the_story_and_keeps_its_records(organization: Organization) -> None:
    story = make.story(organization)
    share = make.share(story)
    play = make.play(share)
    assert publishing.archive(story)
    share.refresh_from_db()
    assert share.standing() == Share.Standing.ARCHIVED
    play.refresh_from_db()
    assert play.version == story.latest_version


def test_archiving__twice__changes_nothing(organization: Organization) -> None:
    story = make.story(organization)
    assert [publishing.archive(story), publishing.archive(story)] == [True, False]


def test_restoring__of_what_was_published__is_published_as_it_was(organization: Organization) -> None:
    story = make.story(organization)
    publishing.archive(story)
    make.scene(story, "Written in the archive")
    assert publishing.restore(story)
    story.refresh_from_db()
    assert (story.state, story.versions.count(), publishing.has_changes(story)) == ("published", 1, True)


def test_restoring__of_what_never_was_published__is_a_draft(organization: Organization) -> None:
    story = make.draft(organization)
    publishing.archive(story)
    publishing.restore(story)
    story.refresh_from_db()
    assert story.state == "draft"


def test_restoring__of_what_is_not_archived__changes_nothing(organization: Organization) -> None:
    assert not publishing.restore(make.story(organization))


# Sharing ---------------------------------------------------------------------------------------------------------


def test_sharing__of_a_draft__publishes_it(organization: Organization) -> None:
    story = make.draft(organization, scenes=1)
    share = publishing.share(story, None)
    assert (share.standing(), story.versions.count()) == (Share.Standing.OPEN, 1)


def test_sharing__of_a_published_story_with_changes__does_not_publish_them(organization: Organization) -> None:
    story = make.story(organization)
    make.scene(story, "Not yet")
    publishing.share(story, None)
    assert story.versions.count() == 1


def test_sharing__of_what_lacks_something__makes_no_link(organization: Organization) -> None:
    with pytest.raises(publishing.NotReady):
        publishing.share(make.draft(organization), None)
    assert not Share.objects.exists()
