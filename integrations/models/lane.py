"""One destination's traffic: who may send just now, how the LMS is doing, and what was learned about it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.configuration import LMSConfiguration

# A nudge that nobody took up in this time is taken for lost and another may be sent.
NUDGE_LIFE = timedelta(seconds=30)


class LaneQuerySet(models.QuerySet["Lane"]):
    """Lanes, and the conditional updates by which workers take turns."""

    def ready(self, now: datetime) -> Self:
        """Lanes with something due that may be sent and that nobody is working, oldest served first.

        And failing lanes in which nothing waits: they are asked how they are, or nobody would learn of a recovery.
        """
        from integrations.models.delivery import Delivery

        own = Delivery.objects.filter(lane=OuterRef("pk"))
        idle = Q(failures__gt=0) & ~Exists(own.filter(state=Delivery.State.QUEUED))
        return (
            self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()))
            .filter(Q(not_before__isnull=True) | Q(not_before__lte=now))
            .filter(
                Exists(own.due(now)) | idle, configuration__paused=False, configuration__organization__is_active=True
            )
            .order_by(F("last_served_at").asc(nulls_first=True), "pk")
        )

    def take(self, pk: int) -> uuid.UUID | None:
        """A lease token if the lane was free and is now ours; ``None`` if another worker has it."""
        token = uuid.uuid4()
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        taken = self.filter(free, pk=pk).update(
            lease_token=token, lease_until=lease_end(), last_served_at=timezone.now()
        )
        return token if taken else None

    def holding(self, pk: int, token: uuid.UUID) -> Self:
        """The lane as long as the lease with this token is in force, by the database's clock; else nothing."""
        return self.filter(pk=pk, lease_token=token, lease_until__gte=Now())

    def locked(self) -> LaneQuerySet:
        """These lanes, locked to the end of the transaction, in one order for everybody.

        Who changes both takes lanes before deliveries, as a worker does when it settles.
        """
        pks = list(self.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        return Lane.objects.filter(pk__in=pks)

    def ask_now(self) -> int:
        """Let these lanes be tried at once, whatever they wait for."""
        return self.locked().update(not_before=None, asked_at=timezone.now())

    def touch(self) -> int:
        """Before deliveries are held or erased: what a worker has read of these lanes is out of date from now on.

        Afterwards, in the same transaction, an open attempt tells which of them are under way already.
        """
        return self.locked().update(touched=F("touched") + 1)

    def nudge_taken_up(self) -> None:
        """A worker looks at all lanes from now on: what is committed later needs a nudge of its own."""
        self.filter(nudged_at__isnull=False).update(nudged_at=None)

    def wanting_nudge(self, pks: set[int], now: datetime) -> int:
        """Mark these lanes as nudged; how many had no nudge under way, so that one must be sent."""
        stale = Q(nudged_at__isnull=True) | Q(nudged_at__lt=now - NUDGE_LIFE) | Q(nudged_at__gt=now + NUDGE_LIFE)
        return self.filter(stale, pk__in=pks).update(nudged_at=now)


def lease_end() -> Any:
    """The end of a lease taken now, on the database's clock, which is the same for all workers."""
    return Now() + timedelta(seconds=settings.DELIVERY_LEASE)


class Lane(models.Model):
    """The traffic to one LMS. At most one worker holds its lease, so the LMS hears one voice, in order."""

    class Status(models.TextChoices):
        NOT_TESTED = "not_tested", _("Not tested")
        OK = "ok", _("OK")
        CANNOT_CONNECT = "cannot_connect", _("Can't Connect")
        SERVER_ERROR = "server_error", _("Server Error")

    configuration = models.OneToOneField(LMSConfiguration, on_delete=models.CASCADE, related_name="lane")
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.NOT_TESTED)
    status_since = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True, help_text=_("What the last exchange showed, in words."))
    checked_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True, help_text=_("The first failure since it last worked."))
    failures = models.PositiveIntegerField(default=0, help_text=_("Failed exchanges in a row."))
    not_before = models.DateTimeField(null=True, help_text=_("No request before this moment."))
    batch_limit = models.PositiveIntegerField(null=True, help_text=_("Learned: the most statements in one request."))
    batch_limit_at = models.DateTimeField(null=True, help_text=_("When that was learned; tried higher a day later."))
    refusals = models.PositiveIntegerField(default=0, help_text=_("Records refused one after the other."))
    touched = models.PositiveIntegerField(default=0, help_text=_("How often deliveries were taken from under it."))
    asked_at = models.DateTimeField(null=True, help_text=_("When a person last wanted it tried at once."))
    recheck_at = models.DateTimeField(null=True, help_text=_("Since when what is held is to be examined again."))
    recheck_after = models.BigIntegerField(default=0, help_text=_("Up to which delivery that has come."))
    last_success_at = models.DateTimeField(null=True)
    slow_since = models.DateTimeField(null=True, help_text=_("Since when the LMS only asks to slow down."))
    last_served_at = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = LaneQuerySet.as_manager()

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["not_tested", "ok", "cannot_connect", "server_error"]),
                name="lane_status_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.configuration}: {self.get_status_display()}"
