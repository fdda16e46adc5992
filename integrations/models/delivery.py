"""What is to be told to an LMS, and each exchange in which it was tried."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.configuration import LMSConfiguration
from integrations.models.lane import Lane
from integrations.models.launch import Launch
from integrations.models.remote import RemoteContent
from objectives import clock
from objectives.models import Assignment, Objective, Participant, Result
from objectives.scoping import TenantModel, TenantQuerySet

# Priorities: what is recorded now goes before what was recorded before the configuration was attached.
NEW, EARLIER = 0, 1


def default_expiry() -> datetime:
    """Until when a delivery made now is tried."""
    return clock.now() + timedelta(days=settings.DELIVERY_EXPIRES_DAYS)


def erased() -> dict[str, Any]:
    """What becomes of a delivery that was not sent when its person was erased."""
    return {
        "state": Delivery.State.ERASED,
        "reason": "",
        "sentence": _("The person it told about was erased, so it is never sent."),
        "content": "",
        "dropped_at": clock.now(),
        "next_attempt_at": None,
    }


class DeliveryQuerySet(TenantQuerySet):
    """Deliveries by what is to become of them."""

    def due(self, now: datetime, *priorities: int) -> Self:
        """Queued deliveries whose next attempt has come, of all priorities where none is named."""
        # Always by name: with them the partial index (lane, priority, next attempt) answers in one step each.
        wanted = priorities or (NEW, EARLIER)
        return self.filter(state=Delivery.State.QUEUED, priority__in=wanted, next_attempt_at__lte=now)

    def held(self) -> Self:
        """Deliveries that wait for a person or a missing fact."""
        return self.filter(state=Delivery.State.HELD)

    def retryable(self) -> Self:
        """Deliveries that a person may have tried again.

        What is queued or refused, what is held since its sending breaks off or since the LMS could not be asked
        whether it has it, and what expired and kept its content.
        """
        asked = [Delivery.Reason.CRASHES, Delivery.Reason.UNSUPPORTED]
        crashed = Q(state=Delivery.State.HELD, reason__in=asked) & ~Q(content="")
        expired = Q(state=Delivery.State.EXPIRED) & ~Q(content="")
        return self.filter(Q(state__in=[Delivery.State.QUEUED, Delivery.State.REJECTED]) | crashed | expired)

    def hold(self, why: str) -> int:
        """Keep queued deliveries back until a person releases them; how many."""
        return self.filter(state=Delivery.State.QUEUED).update(
            state=Delivery.State.HELD, reason=Delivery.Reason.BY_PERSON, sentence=why, next_attempt_at=None
        )

    def with_facts(self) -> Self:
        """With everything at hand that their content is made of."""
        return self.select_related(
            "configuration",
            "launch__relaunched_as",
            "launch__participant",
            "lane__launch__relaunched_as",
            "result__participant",
            "result__objective",
            "assignment__participant",
            "assignment__objective",
            "remote_content",
        )

    def about(self, participant: Participant | int) -> Self:
        """Deliveries that tell something of this person."""
        # Each by an index of its own: for an OR the whole table would be read.
        rows = self.model._default_manager.order_by().values("pk")
        of_results = rows.filter(result__in=Result.objects.filter(participant=participant).order_by())
        of_launches = rows.filter(launch__in=Launch.objects.filter(participant=participant).order_by())
        of_assignments = rows.filter(assignment__in=Assignment.objects.filter(participant=participant).order_by())
        return self.filter(pk__in=of_results.union(of_launches, of_assignments))


class Delivery(TenantModel):
    """One thing to tell one LMS: its frozen content, its state, its next attempt.

    ``id`` in the LMS is ``uuid``: made with the row, never changed, so that a repeat does no harm.
    """

    class Kind(models.TextChoices):
        RESULT = "result", _("Result")
        LAUNCH = "launch", _("What happened in a session")
        CONTENT = "content", _("Content")
        ASSIGNMENT = "assignment", _("Assignment")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        DELIVERED = "delivered", _("Delivered")
        HELD = "held", _("Held")
        REJECTED = "rejected", _("Rejected")
        EXPIRED = "expired", _("Expired")
        ERASED = "erased", _("Erased")

    class Reason(models.TextChoices):
        NO_EMAIL = "no_email", _("Participant id is no e-mail address")
        NOT_READY = "not_ready", _("The LMS configuration has no URL or key")
        NOT_VALID = "not_valid", _("Cannot be said in valid xAPI")
        NOT_APPROVED = "not_approved", _("Destination not approved")
        RELAUNCH = "relaunch", _("The learner must launch again")
        SESSION = "session", _("The LMS has not told about the session yet")
        UNKNOWN_USER = "unknown_user", _("Unknown user there")
        AMBIGUOUS_USER = "ambiguous_user", _("Several users there")
        UNKNOWN_CONTENT = "unknown_content", _("Unknown content there")
        AMBIGUOUS_CONTENT = "ambiguous_content", _("Several contents of that name there")
        UNSUPPORTED = "unsupported", _("The LMS cannot do this")
        CRASHES = "crashes", _("Its sending was cut short three times")
        BY_PERSON = "by_person", _("Held by a person")

    # Without an index of its own: delivery_of_organization begins with it, and each index makes settling slower.
    organization = models.ForeignKey(
        "objectives.Organization",
        on_delete=models.PROTECT,
        editable=False,
        verbose_name=_("organization"),
        db_index=False,
    )
    uuid = models.UUIDField(_("id in the LMS"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.RESULT, editable=False)
    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.PROTECT, related_name="deliveries", verbose_name=_("LMS configuration")
    )
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    result = models.ForeignKey(
        Result,
        on_delete=models.PROTECT,
        null=True,
        related_name="deliveries",
        verbose_name=_("result"),
        db_index=False,
    )
    remote_content = models.ForeignKey(
        RemoteContent,
        on_delete=models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("content"),
        db_index=False,
    )
    assignment = models.ForeignKey(
        Assignment,
        on_delete=models.PROTECT,
        null=True,
        related_name="deliveries",
        verbose_name=_("assignment"),
        db_index=False,
    )
    event = models.CharField(
        _("event"), max_length=24, blank=True, editable=False, help_text=_("What happened in the session.")
    )
    launch = models.ForeignKey(
        Launch, on_delete=models.PROTECT, null=True, related_name="deliveries", verbose_name=_("launch")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(_("held because"), max_length=20, choices=Reason, blank=True)
    sentence = models.TextField(_("what happened"), blank=True)
    content = models.TextField(_("what is sent"), blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    priority = models.PositiveSmallIntegerField(default=0, help_text=_("Smaller goes first; earlier results are 1."))
    server_errors = models.PositiveSmallIntegerField(default=0, help_text=_("How often the LMS answered 500 to it."))
    refused = models.BooleanField(default=False, help_text=_("The LMS refused it while it took others."))
    doubtful = models.BooleanField(default=False, help_text=_("Sent, and nobody knows whether it arrived."))
    alone = models.BooleanField(
        default=False, help_text=_("Sent by itself, since an exchange it was in was cut short.")
    )
    cut_short = models.PositiveSmallIntegerField(default=0, help_text=_("Attempts alone that were never closed."))
    # A constraint, and SET_NULL, would read this table for each attempt deleted: keeping.retention empties both.
    first_attempt = models.ForeignKey(
        "integrations.Attempt",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    last_attempt = models.ForeignKey(
        "integrations.Attempt",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, default=clock.now)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    expires_at = models.DateTimeField(
        _("expires"), default=default_expiry, help_text=_("Given up if unsent by then.")
    )
    dropped_at = models.DateTimeField(
        _("content dropped"), null=True, help_text=_("When what was sent was deleted: kept long enough, or erased.")
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(
                fields=["lane", "priority", "next_attempt_at", "id"],
                name="delivery_queued",
                condition=Q(state="queued"),
            ),
            # What counts and lists by state reads has the state in it, or SQLite reads each row for the state's sake.
            models.Index(fields=["lane", "state", "created_at"], name="delivery_oldest", condition=Q(state="queued")),
            models.Index(
                fields=["lane", "state", "-id"],
                name="delivery_failing",
                condition=Q(state="queued", attempts__gt=0),
            ),
            models.Index(fields=["organization", "-id"], name="delivery_of_organization"),
            # Of few rows: an index of them all would make settling results slower.
            models.Index(
                fields=["remote_content", "-id"],
                name="delivery_of_content",
                condition=Q(remote_content__isnull=False),
            ),
            models.Index(
                fields=["assignment", "configuration"],
                name="delivery_of_assignment",
                condition=Q(assignment__isnull=False),
            ),
            models.Index(fields=["configuration", "state", "-id"], name="delivery_held", condition=Q(state="held")),
            models.Index(
                fields=["configuration", "state", "-id"], name="delivery_rejected", condition=Q(state="rejected")
            ),
            models.Index(
                fields=["configuration", "state", "delivered_at"],
                name="delivery_delivered",
                condition=Q(state="delivered"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["result", "configuration"], name="one_delivery_per_result_and_lms"),
            models.UniqueConstraint(
                fields=["launch", "event"], condition=Q(kind="launch"), name="one_delivery_per_event_of_a_launch"
            ),
            models.CheckConstraint(
                condition=Q(kind="result", result__isnull=False)
                | (Q(kind="launch", launch__isnull=False) & ~Q(event=""))
                | Q(kind="content", remote_content__isnull=False)
                | Q(kind="assignment", assignment__isnull=False),
                name="delivery_is_about_something",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "delivered", "held", "rejected", "expired", "erased"]),
                name="delivery_state_is_known",
            ),
            models.CheckConstraint(condition=~Q(state="held") | ~Q(reason=""), name="held_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(state="queued") | (Q(next_attempt_at__isnull=False) & ~Q(content="")),
                name="queued_has_content_and_a_next_attempt",
            ),
            models.CheckConstraint(
                condition=~Q(state="delivered") | Q(delivered_at__isnull=False), name="delivered_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return _("Delivery %(id)s") % {"id": str(self.uuid)[:8]}

    @property
    def participant(self) -> Participant | None:
        """Whom it tells about; ``None`` for contents."""
        for source in (self.result, self.assignment, self.launch):
            if source is not None:
                return source.participant
        return None

    @property
    def objective(self) -> Objective | None:
        """The objective it is about, where it is about one."""
        for source in (self.result, self.assignment):
            if source is not None:
                return source.objective
        return None


class AttemptQuerySet(TenantQuerySet):
    """Attempts, open and closed."""

    def open(self) -> Self:
        """Attempts that were begun and not finished: under way, or left behind by a worker that died."""
        return self.filter(closed_at__isnull=True)

    def under_way(self, lanes: Iterable[int]) -> set[int]:
        """The ids of the deliveries that are in a request just now, over the lanes with these ids."""
        lists = self.open().filter(lane__in=set(lanes)).values_list("delivery_ids", flat=True)
        return {pk for text in lists for pk in Attempt.split_ids(text)}

    def of_delivery(self, delivery: Delivery) -> Self:
        """The exchanges a delivery was part of, newest first."""
        if delivery.last_attempt_id is None:
            return self.none()
        # The first may be gone already: attempts are not kept for ever.
        return self.filter(
            lane_id=delivery.lane_id,
            id__range=(delivery.first_attempt_id or 0, delivery.last_attempt_id),
            delivery_ids__contains=f",{delivery.pk},",
        ).order_by("-id")


class Attempt(TenantModel):
    """One exchange with an LMS. Opened, with the ids of its deliveries, before the request; closed after it."""

    class Outcome(models.TextChoices):
        OPEN = "open", _("Under way")
        DELIVERED = "delivered", _("Delivered")
        REFUSED = "refused", _("Refused")
        UNPROVEN = "unproven", _("Not proven")
        CANNOT_CONNECT = "cannot_connect", _("Can't Connect")
        SERVER_ERROR = "server_error", _("Server Error")
        SLOW_DOWN = "slow_down", _("Slow down")
        TOO_LARGE = "too_large", _("Too large")
        CUT_SHORT = "cut_short", _("Cut short")
        TOKEN = "token", _("Token received")
        SESSION = "session", _("Launch data received")
        HELD = "held", _("Something has to come first")
        MIXED = "mixed", _("Partly delivered")

    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    delivery_ids = models.TextField()
    size = models.PositiveIntegerField(_("deliveries"))
    opened_at = models.DateTimeField(_("begun"), default=clock.now)
    closed_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, default=Outcome.OPEN)
    sentence = models.TextField(_("in words"), blank=True)
    url = models.TextField(_("address"), blank=True)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    answer = models.TextField(_("what came back"), blank=True)
    requests = models.PositiveSmallIntegerField(default=1, help_text=_("Two where a record was read back."))
    elapsed_ms = models.PositiveIntegerField(_("took (ms)"), null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        indexes = [
            models.Index(fields=["lane", "-id"], name="attempt_of_lane"),
            models.Index(fields=["lane"], name="attempt_open", condition=Q(closed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return _("Attempt %(id)s") % {"id": self.pk}

    @staticmethod
    def join_ids(ids: Iterable[int]) -> str:
        """The ids as they are stored, so that one of them can be found."""
        return f",{','.join(map(str, ids))},"

    @staticmethod
    def split_ids(text: str) -> list[int]:
        """The ids that ``join_ids`` was given."""
        return [int(part) for part in text.strip(",").split(",") if part]

    @property
    def delivery_pks(self) -> list[int]:
        """The ids of the deliveries in this exchange."""
        return self.split_ids(self.delivery_ids)


class Difference(TenantModel):
    """A delivery of which the LMS says something else than we do, since they were last compared."""

    class Found(models.TextChoices):
        ABSENT = "absent", _("Not there")
        DIFFERENT = "different", _("Different there")
        FORBIDDEN = "forbidden", _("The LMS does not tell")

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="differences", verbose_name=_("LMS configuration")
    )
    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, related_name="difference", verbose_name=_("delivery")
    )
    found = models.CharField(_("found"), max_length=10, choices=Found)
    seen_at = models.DateTimeField(_("compared"), default=clock.now)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("difference")
        verbose_name_plural = _("differences")

    def __str__(self) -> str:
        return _("Difference %(id)s") % {"id": self.pk}
