"""Links to published stories."""

from __future__ import annotations

import hashlib
import secrets as random
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from integrations.models import LMSConfiguration
from objectives import clock, secrets
from objectives.scoping import TenantModel, TenantQuerySet
from stories.models.story import Story

TOKEN_BYTES = 20  # 160 bits


def hash_of(token: str) -> str:
    """What the database keeps to find a token by."""
    return hashlib.sha256(token.encode()).hexdigest()


class ShareQuerySet(TenantQuerySet):
    """Shares: finding one by its link, and counting what happens to it."""

    def find(self, token: str) -> Share | None:
        """The share with this token, whatever its standing; ``None`` for any other text."""
        found: Share | None = (
            self.select_related("story", "organization", "configuration").filter(token_hash=hash_of(token)).first()
        )
        return found

    def count_open(self, pk: int) -> None:
        """One more time the link was opened."""
        self.filter(pk=pk).update(opens=F("opens") + 1)

    def count_start(self, pk: int) -> bool:
        """One more play begun; ``False``, and nothing is counted, if it is too late or as many began as may."""
        free = Q(most_starts__isnull=True) | Q(starts__lt=F("most_starts"))
        in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
        return bool(self.filter(free, in_time, pk=pk).update(starts=F("starts") + 1))

    def count_completion(self, pk: int) -> None:
        """One more play finished."""
        self.filter(pk=pk).update(completions=F("completions") + 1)


class Share(TenantModel):
    """A link to a story for one LMS configuration, or for none. The token is found by its hash and kept sealed."""

    class Standing(models.TextChoices):
        OPEN = "open", _("Open")
        REVOKED = "revoked", _("Revoked")
        EXPIRED = "expired", _("Expired")
        FULL = "full", _("Used up")
        ARCHIVED = "archived", _("Story not published")

    SEALED = ("sealed_token",)  # what reseal_secrets seals anew

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    story = models.ForeignKey(
        Story, on_delete=models.PROTECT, related_name="shares", editable=False, verbose_name=_("story")
    )
    configuration = models.ForeignKey(
        LMSConfiguration,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shares",
        verbose_name=_("LMS configuration"),
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    sealed_token = models.TextField(editable=False)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("Nobody can begin after this moment (UTC).")
    )
    most_starts = models.PositiveIntegerField(
        _("at most so many starts"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    opens = models.PositiveIntegerField(_("opened"), default=0, editable=False)
    starts = models.PositiveIntegerField(_("started"), default=0, editable=False)
    completions = models.PositiveIntegerField(_("completed"), default=0, editable=False)
    created_at = models.DateTimeField(_("shared"), default=clock.now, editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("share")
        verbose_name_plural = _("shares")

    def __str__(self) -> str:
        return _("%(story)s for %(lms)s") % {"story": self.story, "lms": self.configuration or _("no LMS")}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.story.organization_id
        self.check_organization()
        if not self.token_hash:
            self.issue()
        super().save(*args, **kwargs)

    # The link --------------------------------------------------------------------------------------------------

    def _context(self) -> str:
        return f"{self.organization_id}|{self.uuid}|share"

    def issue(self) -> str:
        """Give the share a new token, which is returned; a link with the old one leads nowhere once saved."""
        token = random.token_urlsafe(TOKEN_BYTES)
        self.token_hash = hash_of(token)
        self.sealed_token = secrets.seal(token, context=self._context())
        return token

    def reissue(self) -> str:
        """Give the share a new token and open it again; nobody gets in by the old one. The new token."""
        token = self.issue()
        self.revoked_at = None
        self.save(update_fields=["token_hash", "sealed_token", "revoked_at"])
        return token

    def revoke(self) -> bool:
        """Close the link for everybody; ``False`` if it was closed by a person before."""
        if self.revoked_at is not None:
            return False
        self.revoked_at = clock.now()
        self.save(update_fields=["revoked_at"])
        return True

    def token(self) -> str:
        """The token in the clear; ``secrets.Unreadable`` if its key left the ring."""
        return secrets.unseal(self.sealed_token, context=self._context())

    def link(self) -> str:
        """The full address to hand out; ``secrets.Unreadable`` if the token's key left the ring."""
        return f"{settings.PUBLIC_URL}/s/{self.token()}/"

    def reseal(self) -> bool:
        """Seal the token under the newest key; ``True`` if it was not. Raises ``secrets.Unreadable``."""
        if secrets.is_current(self.sealed_token):
            return False
        self.sealed_token = secrets.seal(self.token(), context=self._context())
        return True

    # Who may begin ---------------------------------------------------------------------------------------------

    def standing(self, at: datetime | None = None) -> Share.Standing:
        """Whether learners may begin by this link now, and if not, why."""
        if self.story.state != Story.State.PUBLISHED:
            return self.Standing.ARCHIVED
        if self.revoked_at is not None:
            return self.Standing.REVOKED
        if self.expires_at is not None and self.expires_at <= (at or clock.now()):
            return self.Standing.EXPIRED
        if self.most_starts is not None and self.starts >= self.most_starts:
            return self.Standing.FULL
        return self.Standing.OPEN
