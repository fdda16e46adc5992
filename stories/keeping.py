"""How long plays and image files are kept, and what becomes of the plays of a person who is erased."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.dispatch import receiver

from objectives.models import Participant, participant_erased
from objectives.retention import retention_due
from stories import images
from stories.content import names_of_images
from stories.models import Play, Scene, Story, StoryVersion
from stories.models.share import hash_of

CHUNK = 500
# So long an image may be without anything that shows it: it came with a form that is being saved.
UPLOAD = timedelta(days=1)


@receiver(participant_erased)
def empty_plays(participant: Participant, **_kwargs: Any) -> None:
    """Nothing of a person's plays is left but the figures of their results, and no page of theirs works any more."""
    plays = Play.objects.filter(participant=participant)
    plays.unfinished().delete()
    for play in plays:
        play.uuid, play.answers = uuid.uuid4(), {}
        play.token_hash = hash_of(play.token())
        play.save(update_fields=["uuid", "token_hash", "answers"])


@receiver(retention_due)
def drop_plays(now: datetime, until: float, **_kwargs: Any) -> bool:
    """Delete plays that nobody went on with, and answers whose result was recorded long ago; whether more are left.

    What was only opened goes like contents do; what was begun can be resumed for as long as exchanges are on record.
    """
    unfinished = Play.objects.unfinished()
    opened_before = now - timedelta(days=settings.RETENTION_CONTENT_DAYS)
    active_before = now - timedelta(days=settings.RETENTION_ATTEMPT_DAYS)
    steps = (
        (unfinished.filter(started_at__isnull=True, active_at__lt=opened_before), _delete),
        (unfinished.filter(active_at__lt=active_before), _delete),
        (Play.objects.filter(finished_at__lt=opened_before).exclude(answers={}), _forget_answers),
    )
    for old, drop in steps:
        while pks := list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
            drop(old.filter(pk__in=pks))
            if time.monotonic() > until:
                return True
    return False


def _delete(plays: QuerySet[Any]) -> None:
    plays.delete()


def _forget_answers(plays: QuerySet[Any]) -> None:
    plays.update(answers={})


@receiver(retention_due)
def drop_images(now: datetime, until: float, **_kwargs: Any) -> bool:
    """Delete the files of images that no scene, cover or version shows any more; whether more are left.

    Scenes and covers are asked before the versions: while a version is made, what it is to show stays with them.
    """
    old = images.stored_before(now - UPLOAD)
    unused = old - _shown() - _frozen() if old else old
    for name in sorted(unused):
        default_storage.delete(name)
        if time.monotonic() > until:
            return True
    return False


def _shown() -> set[str]:
    covers = Story.objects.exclude(cover="").values_list("cover", flat=True)
    return {*covers, *Scene.objects.exclude(image="").values_list("image", flat=True)}


def _frozen() -> set[str]:
    contents = StoryVersion.objects.order_by().values_list("content", flat=True).iterator(chunk_size=CHUNK)
    return {name for content in contents for name in names_of_images(content)}
