"""Published stories in LMSs' catalogues: the newest open link to one, as long as there is any."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from integrations import launches
from integrations.models import LMSConfiguration
from objectives.models import Objective
from objectives.secrets import Unreadable
from stories.models import Share, Story, StoryVersion


@receiver(post_save, sender=Share)
def share_saved(instance: Share, **_kwargs: Any) -> None:
    """A link was made, closed or changed."""
    if instance.configuration is not None and instance.story.objective is not None:
        offer(instance.configuration, instance.story.objective)


@receiver(post_save, sender=StoryVersion)
def version_saved(instance: StoryVersion, **_kwargs: Any) -> None:
    """A story says something else from now on."""
    story_saved(instance.story)


@receiver(post_save, sender=Story)
def story_saved(instance: Story, **_kwargs: Any) -> None:
    """A story was published, archived or brought back."""
    if instance.objective is None:
        return
    shared = Share.objects.filter(story=instance).values("configuration")
    for configuration in LMSConfiguration.objects.filter(pk__in=shared).select_related("lane", "organization"):
        offer(configuration, instance.objective)


def offer(configuration: LMSConfiguration, objective: Objective) -> None:
    """Let the LMS offer the story about this objective that was shared with it last, if learners may begin it."""
    shares = Share.objects.filter(
        configuration=configuration, story__objective=objective, story__state=Story.State.PUBLISHED
    )
    found = shares.filter(revoked_at__isnull=True).select_related("story").order_by("-pk")
    usable = (one for one in found if one.standing() == Share.Standing.OPEN)
    launches.offer_story(configuration, objective, next((made for one in usable if (made := _offer(one))), None))


def _offer(share: Share) -> launches.Offer | None:
    version = share.story.latest_version
    try:
        link = share.link()
    except Unreadable:
        return None
    if version is None:
        return None
    content = version.content
    cover = content.get("cover") or {}
    return launches.Offer(
        title=content["title"],
        url=link,
        description=content["description"],
        language=content["language"],
        minutes=content["estimated_minutes"],
        cover_url=f"{settings.PUBLIC_URL}{settings.MEDIA_URL}{cover['name']}" if cover else "",
    )
