"""One destination's traffic: who may send just now, how the LMS is doing, and what was learned about it."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from integrations.cluster import WORKER_ID
from integrations.models.configuration import LMSConfiguration
from objectives import clock

# A nudge that nobody took up in this time is taken for lost and another may be sent.
NUDGE_LIFE = timedelta(seconds=30)
# How many lanes a worker that looks for the next one tries to take.
TRIED = 10
# What ``slowness`` begins with: nobody knows yet whether the LMS answers at all.
UNKNOWN = 1
# What one slow exchange sets it to. Each quick one counts it down, so that it tells whether one in twenty was slow.
SLOW = 20
OWNER_LENGTH = 64


class LaneQuerySet(models.QuerySet["Lane"]):
    """Lanes, and the conditional updates by which workers take turns."""

    def ready(self, now: datetime) -> Self:
        """Lanes with something due that may be sent and that nobody is working, oldest served first.

        And failing lanes in which nothing waits: they are asked how they are, or nobody would learn of a recovery.
        """
        from integrations.models.delivery import EARLIER, NEW, Delivery

        own = Delivery.objects.filter(lane=OuterRef("pk"))
        queued = own.filter(state=Delivery.State.QUEUED).order_by("created_at")
        new, earlier = (own.due(now, priority).order_by("next_attempt_at") for priority in (NEW, EARLIER))
        # What a launch failed with is tried with the launch's own results, or not at all.
        idle = Q(failures__gt=0, launch__isnull=True) & _none(queued)
        return (
            self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()), resting=False)
            .filter(Q(not_before__isnull=True) | Q(not_before__lte=now))
            .filter(configuration__paused=False, configuration__organization__is_active=True)
            .filter(Q(token_wanted=True) | ~_none(new) | ~_none(earlier) | idle)
            .order_by(F("last_served_at").asc(nulls_first=True), "pk")
        )

    def quick(self) -> Self:
        """Lanes whose LMS is known to answer quickly."""
        return self.filter(slowness=0)

    def take(self, pk: int, owner: str = "") -> uuid.UUID | None:
        """A lease token if the lane was free and is now ours; ``None`` if another worker has it."""
        token = uuid.uuid4()
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        taken = self.filter(free, pk=pk).update(
            lease_token=token, lease_until=lease_end(), lease_owner=owner, last_served_at=clock.now()
        )
        return token if taken else None

    def give_back(self, pk: int, token: uuid.UUID) -> None:
        """End the lease with this token, if it is still the lane's."""
        self.filter(pk=pk, lease_token=token).update(lease_token=None, lease_until=None, lease_owner="")

    def take_next(self, now: datetime) -> tuple[int, uuid.UUID] | None:
        """Take the oldest-served ready lane, a slow one only while the slow pool has room: its id and lease token."""
        for pk, slow in self._in_turn(now):
            token = self.take_slow(pk) if slow else self.quick().take(pk, own_cluster())
            if token is not None:
                return pk, token
        return None

    def _in_turn(self, now: datetime) -> Iterator[tuple[int, bool]]:
        ready = self.ready(now)
        first = [(pk, slowness > 0) for pk, slowness in ready.values_list("pk", "slowness")[:TRIED]]
        any_slow = any(slow for _pk, slow in first)
        room = any_slow and self.slow_pool_has_room()
        yield from ((pk, slow) for pk, slow in first if room or not slow)
        if any_slow:
            # More slow ones than were looked at may stand before the quick.
            yield from ((pk, False) for pk in ready.quick().values_list("pk", flat=True)[:TRIED])

    def waiting_for(self, lane: Lane, now: datetime) -> Self:
        """The lanes that a worker could take if it gave this one back."""
        ready = self.ready(now)
        return ready if self.exclude(pk=lane.pk).slow_pool_has_room() else ready.quick()

    def slow_pool_has_room(self) -> bool:
        """Whether a worker of this cluster may take a slow lane: they have at most half of its workers.

        So one worker in two or more is always there for LMSs that answer.
        """
        busy = self.filter(slowness__gt=0, lease_owner=own_cluster(), lease_until__gte=Now())
        most: int = max(1, settings.Q_CLUSTER["workers"] // 2)
        return busy.count() < most

    def take_slow(self, pk: int) -> uuid.UUID | None:
        """A lease token if the lane was free and the slow pool has room, however many workers come at once."""
        with transaction.atomic():
            _lock_slow_pool()
            return self.take(pk, own_cluster()) if self.slow_pool_has_room() else None

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
        with transaction.atomic():
            return self.locked().update(not_before=None, asked_at=clock.now(), resting=False)

    def wake(self) -> int:
        """Something is about to be planned for these lanes of launches: they do not rest before that is through."""
        return self.filter(launch__isnull=False).update(resting=False)

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


def lease_length() -> timedelta:
    """How long a lease is in force that is not renewed."""
    return timedelta(seconds=settings.DELIVERY_LEASE)


def lease_end(length: Any = None) -> Any:
    """The end of a lease taken now, on the database's clock, which is the same for all workers."""
    return Now() + (length or lease_length())


def _none(rows: models.QuerySet[Any]) -> IsNull:
    """Whether a correlated query with an order finds nothing.

    For its order it goes by an index. By ``Exists`` PostgreSQL reads the whole table for each lane without such rows
    where one lane has most of them.
    """
    return IsNull(Subquery(rows.values("pk")[:1]), True)


def own_cluster() -> str:
    """The name under which the workers of this cluster lease lanes; processes without a cluster share one."""
    return os.environ.get(WORKER_ID, "shared")[:OWNER_LENGTH]


def _lock_slow_pool() -> None:
    """Until the end of the transaction no other worker of this cluster takes a slow lane.

    On SQLite the transaction itself, which is immediate, sees to that.
    """
    if connection.vendor == "postgresql":
        name = hashlib.blake2b(f"slow pool of {own_cluster()}".encode(), digest_size=8).digest()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(name, signed=True)])


class Lane(models.Model):
    """The traffic to one LMS. At most one worker holds its lease, so the LMS hears one voice, in order."""

    class Status(models.TextChoices):
        NOT_TESTED = "not_tested", _("Not tested")
        OK = "ok", _("OK")
        CANNOT_CONNECT = "cannot_connect", _("Can't Connect")
        SERVER_ERROR = "server_error", _("Server Error")

    configuration = models.ForeignKey(LMSConfiguration, on_delete=models.CASCADE, related_name="lanes")
    own = models.OneToOneField(
        LMSConfiguration,
        on_delete=models.CASCADE,
        null=True,
        related_name="lane",
        help_text=_("The configuration again where this is its own lane, and not that of one launch."),
    )
    launch = models.OneToOneField(
        "integrations.Launch",
        on_delete=models.CASCADE,
        null=True,
        related_name="lane",
        help_text=_("The launch whose own destination this is."),
    )
    token_wanted = models.BooleanField(default=False, help_text=_("The launch's token is to be asked for first."))
    resting = models.BooleanField(
        default=False, help_text=_("Of a launch: there is nothing to do until something is planned.")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.NOT_TESTED)
    status_since = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True, help_text=_("What the last exchange showed, in words."))
    checked_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True, help_text=_("The first failure since it last worked."))
    failures = models.PositiveIntegerField(default=0, help_text=_("Failed exchanges in a row."))
    not_before = models.DateTimeField(null=True, help_text=_("No request before this moment."))
    batch_limit = models.PositiveIntegerField(null=True, help_text=_("Learned: the most statements in one request."))
    batch_limit_at = models.DateTimeField(null=True, help_text=_("When that was learned; tried higher a day later."))
    learned = models.JSONField(default=dict, help_text=_("Learned: what the LMS can and cannot do, by name."))
    refusals = models.PositiveIntegerField(default=0, help_text=_("Records refused one after the other."))
    touched = models.PositiveIntegerField(default=0, help_text=_("How often deliveries were taken from under it."))
    asked_at = models.DateTimeField(null=True, help_text=_("When a person last wanted it tried at once."))
    recheck_at = models.DateTimeField(null=True, help_text=_("Since when what is held is to be examined again."))
    recheck_after = models.BigIntegerField(default=0, help_text=_("Up to which delivery that has come."))
    last_success_at = models.DateTimeField(null=True)
    slow_since = models.DateTimeField(null=True, help_text=_("Since when the LMS only asks to slow down."))
    slowness = models.PositiveSmallIntegerField(
        default=UNKNOWN, help_text=_("How many quick exchanges are missing until the LMS counts as quick.")
    )
    last_served_at = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=OWNER_LENGTH, blank=True, help_text=_("The cluster that serves it."))

    # While a worker serves it: what the requests took since an exchange was last counted, and how many were.
    took: float | None = None
    exchanges = 0

    objects = LaneQuerySet.as_manager()

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["not_tested", "ok", "cannot_connect", "server_error"]),
                name="lane_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(own__isnull=False, launch__isnull=True, own=F("configuration"), resting=False)
                | Q(own__isnull=True, launch__isnull=False),
                name="lane_of_a_configuration_or_a_launch",
            ),
        ]
        indexes = [
            models.Index(fields=["last_served_at"], name="lane_awake", condition=Q(resting=False)),
            models.Index(fields=["lease_owner"], name="lane_leased", condition=Q(lease_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.configuration}: {self.get_status_display()}"

    @property
    def answers_slowly(self) -> bool:
        """Whether the LMS was slow lately, so that its lane is served by the slow pool."""
        return self.slowness > UNKNOWN

    def slowness_after(self, took: float | None) -> int:
        """What ``slowness`` becomes by an exchange of so many seconds, if there was one."""
        if took is None:
            return self.slowness
        return SLOW if took >= settings.SLOW_AFTER else max(0, self.slowness - 1)

    def pace(self, took: float) -> dict[str, int]:
        """Count an exchange of so many seconds: the change to the row, if there is one."""
        before, self.slowness = self.slowness, self.slowness_after(took)
        return {} if self.slowness == before else {"slowness": self.slowness}
