"""How stories and shares are shown in lists and panels."""

from __future__ import annotations

import html
from typing import Any

from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from objectives.admin.display import badge
from stories import images, markdown
from stories.models import Scene, Share, Story
from stories.publishing import Missing

LONGEST_EXCERPT = 90
STORY_TONES = {
    Story.State.DRAFT: "wait",
    Story.State.PUBLISHED: "good",
    Story.State.ARCHIVED: "none",
}
STANDING_TONES = {
    Share.Standing.OPEN: "good",
    Share.Standing.REVOKED: "bad",
    Share.Standing.EXPIRED: "none",
    Share.Standing.FULL: "none",
    Share.Standing.ARCHIVED: "none",
}


def state_badge(story: Story) -> SafeString:
    """Draft, published or archived."""
    return badge(story.get_state_display(), STORY_TONES[Story.State(story.state)])


def standing_badge(share: Share) -> SafeString:
    """Whether learners may begin by the link."""
    standing = share.standing()
    return badge(str(standing.label), STANDING_TONES[standing])


def address_of(row: Story | Scene | Share) -> str:
    """The page of a row in the admin."""
    return reverse(f"admin:stories_{row._meta.model_name}_change", args=[row.pk])


def thumbnail(row: Story | Scene, name: str) -> str:
    """The address of an image; empty without one."""
    file = getattr(row, name)
    return images.address(file.name) if file else ""


def excerpt(scene: Scene) -> str:
    """The beginning of a scene's question or else of its text, without the signs of Markdown."""
    if scene.question:
        return _("Asks: %(question)s") % {"question": Truncator(scene.question).chars(LONGEST_EXCERPT)}
    words = html.unescape(strip_tags(markdown.render(scene.text[:2000])))
    return Truncator(" ".join(words.split())).chars(LONGEST_EXCERPT) or "–"


def to_mend(story: Story, missing: list[Missing]) -> list[dict[str, Any]]:
    """What a story lacks, each with the address of the field where it is mended."""
    return [{"sentence": one.sentence, "scene": one.scene, "address": _where(story, one)} for one in missing]


def _where(story: Story, one: Missing) -> str:
    if one.field == "scenes":
        return f"{reverse('admin:stories_scene_add')}?story={story.pk}"
    if one.field == "options" and one.scene is not None:
        return f"{address_of(one.scene)}#options-group"
    return f"{address_of(one.scene or story)}#id_{one.field}"
