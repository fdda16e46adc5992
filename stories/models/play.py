"""A learner's way through one story."""

from __future__ import annotations

import base64
import uuid
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from integrations.models import Launch
from objectives import clock
from objectives.models import Participant, Result
from objectives.scoping import TenantModel, TenantQuerySet
from stories.models.share import Share, hash_of
from stories.models.story import StoryVersion


class PlayQuerySet(TenantQuerySet):
    """Plays, and finding one by what the learner's page holds."""

    def find(self, token: str) -> Play | None:
        """The play with this token, with all that its pages show; ``None`` for any other text."""
        rows = self.select_related("version", "participant", "share__story", "share__organization")
        found: Play | None = (
            rows.select_related("share__configuration", "launch").filter(token_hash=hash_of(token)).first()
        )
        return found

    def unfinished(self) -> Self:
        """Plays that can go on."""
        return self.filter(finished_at__isnull=True)


class Play(TenantModel):
    """One learner's way through one story, from its share to its result; it can be resumed until it is finished."""

    share = models.ForeignKey(Share, on_delete=models.PROTECT, related_name="plays", verbose_name=_("share"))
    version = models.ForeignKey(
        StoryVersion, on_delete=models.PROTECT, related_name="plays", verbose_name=_("version")
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, null=True, related_name="plays", verbose_name=_("participant")
    )
    launch = models.ForeignKey(
        Launch, on_delete=models.PROTECT, null=True, related_name="plays", verbose_name=_("launch")
    )
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    answers = models.JSONField(
        _("answers"), default=dict, editable=False, help_text=_("Per scene id: the chosen options' ids.")
    )
    position = models.PositiveIntegerField(
        _("furthest scene"), default=0, help_text=_("Counted from 0, in the order of the version.")
    )
    opened_at = models.DateTimeField(_("opened"), default=clock.now, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    active_at = models.DateTimeField(_("last active"), default=clock.now, editable=False)
    seconds = models.PositiveIntegerField(_("seconds spent"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True)
    looks = models.BooleanField(
        _("looks only"), default=False, editable=False, help_text=_("The LMS wants no result of it.")
    )
    completion = models.BooleanField(_("completed"), default=False)
    success = models.BooleanField(_("passed"), null=True)
    score_raw = models.PositiveIntegerField(_("questions answered right"), null=True)
    score_max = models.PositiveIntegerField(_("questions"), null=True)
    result = models.OneToOneField(
        Result, on_delete=models.PROTECT, null=True, related_name="play", verbose_name=_("result")
    )

    objects = PlayQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("play")
        verbose_name_plural = _("plays")
        indexes = [
            models.Index(
                fields=["share", "participant"], name="play_unfinished", condition=Q(finished_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        # Opaque on purpose: the admin's log keeps this text after a learner was erased.
        return _("Play %(id)s") % {"id": self.pk}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.share.organization_id
        self.check_organization()
        if not self.token_hash:
            self.token_hash = hash_of(self.token())
        super().save(*args, **kwargs)

    def token(self) -> str:
        """What the learner's page proves itself with: 256 bits, the same in every tab, kept nowhere."""
        digest = salted_hmac("stories.play", self.uuid.hex, algorithm="sha256").digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def score_scaled(self) -> Decimal | None:
        """The part of the questions that were answered right, from 0 to 1; none without questions."""
        if self.score_raw is None or not self.score_max:
            return None
        return (Decimal(self.score_raw) / self.score_max).quantize(Decimal("0.0001"))
