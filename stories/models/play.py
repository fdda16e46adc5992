"""A learner's way through one story."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.models import Participant, Result
from objectives.scoping import TenantModel, TenantQuerySet
from stories.models.share import Share
from stories.models.story import StoryVersion


class Play(TenantModel):
    """One learner's way through one story, from its share to its result; it can be resumed until it is finished."""

    share = models.ForeignKey(Share, on_delete=models.PROTECT, related_name="plays", verbose_name=_("share"))
    version = models.ForeignKey(
        StoryVersion, on_delete=models.PROTECT, related_name="plays", verbose_name=_("version")
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, null=True, related_name="plays", verbose_name=_("participant")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    answers = models.JSONField(
        _("answers"), default=dict, editable=False, help_text=_("Per scene id: the chosen options' ids.")
    )
    position = models.PositiveIntegerField(
        _("furthest scene"), default=0, help_text=_("Counted from 0, in the order of the version.")
    )
    started_at = models.DateTimeField(_("started"), default=clock.now, editable=False)
    active_at = models.DateTimeField(_("last active"), default=clock.now, editable=False)
    seconds = models.PositiveIntegerField(_("seconds spent"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True)
    completion = models.BooleanField(_("completed"), default=False)
    success = models.BooleanField(_("passed"), null=True)
    score_raw = models.PositiveIntegerField(_("questions answered right"), null=True)
    score_max = models.PositiveIntegerField(_("questions"), null=True)
    result = models.OneToOneField(
        Result, on_delete=models.PROTECT, null=True, related_name="play", verbose_name=_("result")
    )

    objects = TenantQuerySet.as_manager()

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
        super().save(*args, **kwargs)

    @property
    def score_scaled(self) -> Decimal | None:
        """The part of the questions that were answered right, from 0 to 1; none without questions."""
        if self.score_raw is None or not self.score_max:
            return None
        return (Decimal(self.score_raw) / self.score_max).quantize(Decimal("0.0001"))
