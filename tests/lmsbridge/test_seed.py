"""The demo's rows, and that nobody else's are touched."""

from __future__ import annotations

import pytest

from integrations.models import LMSConfiguration
from lmsbridge import seed_story
from lmsbridge.seed import NotADemo, seed
from stories.models import Share, Story
from tests import make

pytestmark = pytest.mark.django_db

HERE, THERE = "http://127.0.0.1:8100", "http://127.0.0.1:8300"


def test_demo__started_on_another_port__takes_its_own_configurations_along() -> None:
    seed(HERE)
    seed(THERE)
    moved = LMSConfiguration.objects.get(name="Northwind LMS")
    assert moved.options["url"] == f"{THERE}/northwind/xapi/"
    assert moved.connection().secrets["key_secret"].value == "practice-secret"


def test_demo__started_again__leaves_what_people_connected() -> None:
    seed(HERE)
    own = make.configuration(
        LMSConfiguration.objects.get(name="Northwind LMS").organization,
        "Acme LMS",
        url="https://lms.acme.example/xapi/",
    )
    seed(HERE)
    seed(THERE)
    own.refresh_from_db()
    assert own.options["url"] == "https://lms.acme.example/xapi/"
    assert own.connection().secrets["key_secret"].value == make.KEY_SECRET


def test_demo__on_a_database_of_somebody_else__is_refused() -> None:
    make.organization("Acme")
    with pytest.raises(NotADemo):
        seed(HERE)


@pytest.mark.parametrize("with_lms", [True, False])
def test_demo__has_a_story_to_play(with_lms: bool) -> None:
    seed(HERE)
    share = Share.objects.find(seed_story.link(with_lms=with_lms).split("/")[-2])
    assert share is not None
    version = share.story.latest_version
    assert version is not None
    scenes = version.content["scenes"]
    assert (share.standing(), (share.configuration is not None)) == (Share.Standing.OPEN, with_lms)
    assert (len(scenes), sum(scene["question"] is not None for scene in scenes)) == (6, 2)
    assert all(scene["image"]["alt"] and scene["image"]["width"] == 1280 for scene in scenes)


def test_demo__whose_story_was_renamed__has_no_link_to_offer() -> None:
    seed(HERE)
    Story.objects.update(title="Ours now")
    assert seed_story.link(with_lms=True) == ""
