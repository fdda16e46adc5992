"""Stories in catalogues: shared with an LMS they are offered there by their link, as long as learners may begin."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import RemoteContent
from stories import publishing
from stories.models import Share, Story
from tests import make
from tests.catalogues import Catalogue
from tests.scene import pump

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(stackone: Catalogue) -> Story:
    """A published story about the objective."""
    return make.story(
        stackone.organization, "The alarm", objective=stackone.objective, estimated_minutes=5, description="Play it."
    )


def row(stackone: Catalogue) -> dict[str, Any]:
    pump()
    [found] = stackone.account.contents.values()
    return found


def test_sharing__offers_the_story_by_its_link(stackone: Catalogue, story: Story) -> None:
    share = make.share(story, stackone.configuration)
    there = row(stackone)
    assert (there["title"], there["description"], there["active"]) == ("The alarm", "Play it.", True)
    assert there["content_url"] == share.link()
    assert there["external_reference"] == "fire-01"


def test_sharing__with_no_lms__offers_nothing(stackone: Catalogue, story: Story) -> None:
    make.share(story)
    assert not RemoteContent.objects.exists()


def test_sharing__with_an_lms_without_a_catalogue__offers_nothing(stackone: Catalogue, story: Story) -> None:
    make.share(story, make.configuration(stackone.organization))
    assert not RemoteContent.objects.exists()


def test_issuing_anew__changes_the_link(stackone: Catalogue, story: Story) -> None:
    share = make.share(story, stackone.configuration)
    row(stackone)
    share.reissue()
    assert row(stackone)["content_url"] == share.link()


def test_revoking__takes_it_out(stackone: Catalogue, story: Story) -> None:
    share = make.share(story, stackone.configuration)
    row(stackone)
    share.revoke()
    assert row(stackone)["active"] is False


def test_revoking__of_an_attached_objective__leaves_the_objective(stackone: Catalogue, story: Story) -> None:
    stackone.attach()
    share = make.share(story, stackone.configuration)
    row(stackone)
    share.revoke()
    there = row(stackone)
    assert (there["title"], there["active"], "content_url" in there) == ("Fire safety", True, False)


def test_revoking__the_newer_of_two__offers_the_older(stackone: Catalogue, story: Story) -> None:
    older, newer = make.share(story, stackone.configuration), make.share(story, stackone.configuration)
    assert row(stackone)["content_url"] == newer.link()
    newer.revoke()
    assert row(stackone)["content_url"] == older.link()


def test_archiving__takes_it_out_and_restoring_brings_it_back(stackone: Catalogue, story: Story) -> None:
    make.share(story, stackone.configuration)
    row(stackone)
    publishing.archive(story)
    assert row(stackone)["active"] is False
    publishing.restore(story)
    assert row(stackone)["active"] is True


def test_publishing_anew__says_what_is_new(stackone: Catalogue, story: Story) -> None:
    make.share(story, stackone.configuration)
    row(stackone)
    Story.objects.filter(pk=story.pk).update(title="The second alarm")
    assert row(stackone)["title"] == "The alarm"
    publishing.publish(Story.objects.get(pk=story.pk))
    assert row(stackone)["title"] == "The second alarm"


def test_publish_and_share__of_a_draft__brings_it_in(stackone: Catalogue) -> None:
    draft = make.draft(stackone.organization, "First aid", scenes=1)
    share = publishing.share(draft, stackone.configuration)
    assert row(stackone)["content_url"] == Share.objects.get(pk=share.pk).link()
