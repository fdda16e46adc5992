"""Image files in the long run: what something shows stays, and nothing else does."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from objectives import clock, retention
from stories import images, publishing
from stories.models import Scene, Story
from tests import make
from tests.stories.test_images import picture

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def story(settings: Any, tmp_path: Any) -> Story:
    """A draft with one scene, beside an empty folder for images."""
    settings.MEDIA_ROOT = str(tmp_path)
    return make.draft(make.organization(), scenes=1)


def stored(letter: str) -> str:
    """The name of a new image file."""
    return default_storage.save(f"stories/{letter * 32}.webp", ContentFile(picture("WEBP")))


def kept(*names: str, after: timedelta = timedelta(days=2), seconds: float = 60) -> list[str]:
    """Which of the files are left by a daily run so long from now."""
    while retention.drop_elsewhere(clock.now() + after, time.monotonic() + seconds):
        pass
    return [name for name in names if default_storage.exists(name)]


def test_image__that_nothing_shows__is_deleted_after_a_day(story: Story) -> None:
    name = stored("a")
    assert kept(name, after=timedelta(hours=23)) == [name]
    assert kept(name, after=timedelta(hours=25)) == []


def test_images__of_scenes_and_covers__stay(story: Story) -> None:
    image, cover, unused = stored("a"), stored("b"), stored("c")
    Scene.objects.update(image=image)
    Story.objects.update(cover=cover)
    assert kept(image, cover, unused) == [image, cover]


def test_images__that_only_a_version_shows__stay(story: Story) -> None:
    image, cover = stored("a"), stored("b")
    Scene.objects.update(image=image, image_alt="A gate")
    Story.objects.update(cover=cover, cover_alt="A yard")
    publishing.publish(story)
    Scene.objects.update(image="")
    Story.objects.update(cover="")
    publishing.publish(story)
    assert kept(image, cover) == [image, cover]


def test_images__of_a_draft_that_was_deleted__go(story: Story) -> None:
    image = stored("a")
    Scene.objects.update(image=image)
    Story.objects.all().delete()
    assert kept(image) == []


def test_images__more_than_one_turn_takes__go_in_the_next(story: Story) -> None:
    names = [stored(letter) for letter in "abc"]
    assert retention.drop_elsewhere(clock.now() + timedelta(days=2), time.monotonic())
    assert kept(*names, seconds=0) == []


def test_images__without_a_folder__are_none(story: Story) -> None:
    assert images.stored_before(clock.now()) == set()


def test_scenes__are_asked_before_versions__so_that_publishing_hides_nothing(story: Story) -> None:
    stored("a")
    with CaptureQueriesContext(connection) as asked:
        kept()
    tables = [
        table
        for query in asked.captured_queries
        for table in ("stories_scene", "stories_story", "stories_storyversion")
        if f'FROM "{table}"' in query["sql"]
    ]
    assert sorted(tables[:2]) == ["stories_scene", "stories_story"]
    assert tables[2] == "stories_storyversion"


@pytest.mark.database(only="postgresql")
def test_publishing__holds_the_scenes_until_the_version_is_there(story: Story) -> None:
    with CaptureQueriesContext(connection) as asked:
        publishing.publish(story)
    locked = next(query["sql"] for query in asked.captured_queries if 'FROM "stories_scene"' in query["sql"])
    assert locked.endswith("FOR UPDATE")
