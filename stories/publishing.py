"""From draft to published to archived: what a story lacks, and the version that is frozen at publishing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.models import LMSConfiguration
from objectives.models import Objective
from stories.models import Option, Scene, Share, Story, StoryVersion

Words = str | Promise


@dataclass(frozen=True)
class Missing:
    """One thing to mend before a story can be published; on the story itself if there is no scene."""

    sentence: Words
    field: str
    scene: Scene | None = None


class NotReady(Exception):
    """The story lacks something; ``missing`` says what."""

    def __init__(self, missing: list[Missing]) -> None:
        super().__init__("; ".join(str(one.sentence) for one in missing))
        self.missing = missing


# What is missing ----------------------------------------------------------------------------------------------


def missing(story: Story) -> list[Missing]:
    """Everything that keeps the story from being published, in the order of its pages."""
    scenes = _scenes(story)
    found = list(_of_story(story, scenes))
    for scene in scenes:
        found += [Missing(sentence, field, scene) for sentence, field in _of_scene(scene)]
    return found


def _scenes(story: Story) -> list[Scene]:
    return list(story.scenes.prefetch_related("options"))


def _of_story(story: Story, scenes: list[Scene]) -> Iterator[Missing]:
    if story.cover and not story.cover_alt.strip():
        yield Missing(_("Say in the alternative text what the cover shows."), "cover_alt")
    if not scenes:
        yield Missing(_("Add at least one scene."), "scenes")
    if story.pass_mark is not None and scenes and not any(_asks(scene) for scene in scenes):
        yield Missing(_("A pass mark needs a question: ask one in a scene, or clear the pass mark."), "pass_mark")


def _asks(scene: Scene) -> bool:
    return scene.question_kind != Scene.QuestionKind.NONE


def _of_scene(scene: Scene) -> Iterator[tuple[Words, str]]:
    if not (scene.text.strip() or scene.image or scene.video_url or _asks(scene)):
        yield _("Add a text, an image, a video link or a question; the scene is empty."), "text"
    if scene.image and not scene.image_alt.strip():
        yield _("Say in the alternative text what the image shows."), "image_alt"
    if scene.image and scene.video_url:
        yield _("Keep the image or the video link, not both."), "video_url"
    options = list(scene.options.all())
    if _asks(scene):
        yield from _of_question(scene, options)
    elif scene.question.strip() or options:
        yield _("Choose the kind of question, or remove the question and its answers."), "question_kind"


def _of_question(scene: Scene, options: list[Option]) -> Iterator[tuple[Words, str]]:
    if not scene.question.strip():
        yield _("Write the question."), "question"
    if len(options) < 2:
        yield _("Give the question at least two answers."), "options"
    elif len({option.text.strip().casefold() for option in options}) < len(options):
        yield _("Two answers are the same; change one of them."), "options"
    right = sum(option.is_right for option in options)
    if options and not right:
        yield _("Mark the answer that is right."), "options"
    if right > 1 and scene.question_kind == Scene.QuestionKind.SINGLE:
        yield _("Mark only one answer as right, or let several answers be right."), "options"


# What is frozen -----------------------------------------------------------------------------------------------


def content_of(story: Story) -> dict[str, Any]:
    """Everything a player needs of the story as it stands, in the form in which versions keep it."""
    return {
        "title": story.title,
        "description": story.description,
        "language": story.language,
        "cover": _image(story, "cover"),
        "estimated_minutes": story.estimated_minutes,
        "pass_mark": story.pass_mark,
        "scenes": [_scene(scene) for scene in _scenes(story)],
    }


def _image(row: Story | Scene, name: str) -> dict[str, Any] | None:
    file = getattr(row, name)
    if not file:
        return None
    return {
        "name": file.name,
        "alt": getattr(row, f"{name}_alt"),
        "width": getattr(row, f"{name}_width"),
        "height": getattr(row, f"{name}_height"),
    }


def _scene(scene: Scene) -> dict[str, Any]:
    return {
        "id": scene.pk,
        "heading": scene.heading,
        "text": scene.text,
        "image": _image(scene, "image"),
        "video_url": scene.video_url,
        "question": _question(scene) if _asks(scene) else None,
    }


def _question(scene: Scene) -> dict[str, Any]:
    return {
        "kind": scene.question_kind,
        "text": scene.question,
        "feedback_right": scene.feedback_right,
        "feedback_wrong": scene.feedback_wrong,
        "options": [
            {"id": option.pk, "text": option.text, "is_right": option.is_right} for option in scene.options.all()
        ],
    }


def has_changes(story: Story) -> bool:
    """Whether learners would see something else if the story were published again."""
    latest = story.latest_version
    return latest is None or latest.content != content_of(story)


# The way of a story -------------------------------------------------------------------------------------------


@transaction.atomic
def publish(story: Story) -> StoryVersion:
    """Let learners play the story as it stands; ``NotReady`` if it lacks something.

    A new version is made only if something changed. Plays that are under way keep theirs.
    """
    current = _locked(story)
    # Held until the version is there, so that no image that it shows is taken for one that nothing shows.
    list(current.scenes.select_for_update())
    if lacking := missing(current):
        raise NotReady(lacking)
    if current.objective is None:
        current.objective = _objective(current)
    _move(story, current, Story.State.PUBLISHED)
    latest = current.latest_version
    content = content_of(current)
    if latest is not None and latest.content == content:
        return latest
    number = latest.number + 1 if latest else 1
    made: StoryVersion = StoryVersion.objects.create(story=current, number=number, content=content)
    return made


@transaction.atomic
def archive(story: Story) -> bool:
    """Hide the story from learners; its records stay. ``False`` if it was hidden already."""
    current = _locked(story)
    if current.state == Story.State.ARCHIVED:
        return False
    _move(story, current, Story.State.ARCHIVED)
    return True


@transaction.atomic
def restore(story: Story) -> bool:
    """Bring an archived story back: published in its latest version, or a draft if it never was published."""
    current = _locked(story)
    if current.state != Story.State.ARCHIVED:
        return False
    _move(story, current, Story.State.PUBLISHED if current.latest_version else Story.State.DRAFT)
    return True


@transaction.atomic
def share(story: Story, configuration: LMSConfiguration | None, **limits: Any) -> Share:
    """A link to the story as it stands, which is published for it; ``NotReady`` if it lacks something.

    A story that is published stays as it is: changes that nobody asked to publish do not go out with a link.
    """
    if _locked(story).state != Story.State.PUBLISHED:
        publish(story)
    made: Share = Share.objects.create(story=story, configuration=configuration, **limits)
    return made


def _locked(story: Story) -> Story:
    # Read anew rather than refreshed: that would open each image to measure it.
    found: Story = Story.objects.select_for_update().get(pk=story.pk)
    return found


def _move(story: Story, current: Story, state: Story.State) -> None:
    current.state = state
    current.save(update_fields=["objective", "state"])
    story.objective, story.state = current.objective, current.state


def _objective(story: Story) -> Objective:
    return Objective.objects.create(
        organization_id=story.organization_id,
        external_reference=f"story-{uuid.uuid4().hex[:12]}",
        name=story.title,
        description=story.description,
        language=story.language,
    )
