"""What was achieved."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.models.objective import Objective
from objectives.models.participant import Participant
from objectives.scoping import TenantModel, TenantQuerySet

LONGEST = timedelta(days=3653)

# Sent inside the transaction that records results, with ``results``: a list of the new rows, all at once.
results_recorded = Signal()


class ResultQuerySet(TenantQuerySet):
    """Results, and the one way to record them."""

    def record(
        self, results: Iterable[Result], *, first: Callable[[list[Result]], None] = lambda _saved: None
    ) -> list[Result]:
        """Save new results and announce them, in one transaction: all or none.

        ``first`` is done with them before they are announced. Every result is validated before anything. Raises
        ``ValidationError`` for the first that is not sound.
        """
        rows = list(results)
        for row in rows:
            row.prepare()
        with transaction.atomic():
            saved: list[Result] = self.bulk_create(rows, batch_size=500)
            first(saved)
            results_recorded.send(sender=Result, results=saved)
        return saved


def _score(label: Any, **kwargs: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(label, max_digits=12, decimal_places=4, null=True, blank=True, **kwargs)


class Result(TenantModel):
    """What a participant achieved on an objective. Immutable once recorded."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="results", verbose_name=_("participant")
    )
    objective = models.ForeignKey(
        Objective, on_delete=models.PROTECT, related_name="results", verbose_name=_("objective")
    )
    completion = models.BooleanField(_("completed"), default=True)
    success = models.BooleanField(
        _("passed"), null=True, blank=True, help_text=_("Unknown where the objective is not graded.")
    )
    score_raw = _score(_("score"))
    score_min = _score(_("lowest possible score"))
    score_max = _score(_("highest possible score"))
    score_scaled = _score(
        _("scaled score"),
        validators=[MinValueValidator(-1), MaxValueValidator(1)],
        help_text=_("From -1 to 1. Left empty, it is worked out from the score and its limits."),
    )
    duration = models.DurationField(
        _("time spent"), null=True, blank=True, help_text=_("Hours, minutes and seconds: 0:25:00")
    )
    occurred_at = models.DateTimeField(_("when"), default=clock.now)
    recorded_at = models.DateTimeField(_("recorded"), default=clock.now, editable=False, db_index=True)

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("result")
        verbose_name_plural = _("results")
        constraints = [
            models.CheckConstraint(
                condition=Q(score_scaled__isnull=True) | Q(score_scaled__gte=-1, score_scaled__lte=1),
                name="scaled_score_in_range",
            ),
            models.CheckConstraint(
                condition=Q(score_raw__isnull=True) | Q(score_min__isnull=True) | Q(score_raw__gte=F("score_min")),
                name="score_not_below_its_minimum",
            ),
            models.CheckConstraint(
                condition=Q(score_raw__isnull=True) | Q(score_max__isnull=True) | Q(score_raw__lte=F("score_max")),
                name="score_not_above_its_maximum",
            ),
            models.CheckConstraint(
                condition=Q(score_min__isnull=True) | Q(score_max__isnull=True) | Q(score_min__lt=F("score_max")),
                name="score_limits_in_order",
            ),
        ]

    def __str__(self) -> str:
        # Opaque on purpose: the admin's log keeps this text after a learner was erased.
        return _("Result %(id)s") % {"id": str(self.uuid)[:8]}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValidationError(_("A recorded result cannot be changed. Record a new one instead."))
        super().save(*args, **kwargs)

    def prepare(self) -> None:
        """Fill in the organization and the scaled score, then validate what the database cannot."""
        if not self.organization_id:
            self.organization_id = self.objective.organization_id
        if self.score_scaled is None:
            self.score_scaled = self._scaled()
        self.clean_fields(exclude=["participant", "objective", "organization"])
        self.clean()

    def clean(self) -> None:
        super().clean()
        problems: dict[str, Any] = {}
        low, high = self.score_min, self.score_max
        if self.score_raw is not None and (low is None or high is None) and self.score_scaled is None:
            problems["score_raw"] = _("Enter the lowest and the highest possible score too.")
        if low is not None and high is not None and low >= high:
            problems["score_max"] = _("The highest possible score must be above the lowest.")
        elif self.score_raw is not None and not self._raw_in_range():
            problems["score_raw"] = _("The score must lie between the lowest and the highest possible score.")
        if self.duration is not None and self.duration.total_seconds() < 0:
            problems["duration"] = _("The time spent cannot be negative.")
        if self.duration is not None and self.duration > LONGEST:
            problems["duration"] = _("That is more than ten years. Enter hours, minutes and seconds.")
        if self.occurred_at is not None and self.occurred_at > clock.now():
            now = clock.now().astimezone(UTC).strftime("%H:%M")
            said = _("This lies in the future: times are UTC, and it is now %(now)s.")
            problems["occurred_at"] = said % {"now": now}
        if problems:
            raise ValidationError(problems)

    def _raw_in_range(self) -> bool:
        raw, low, high = self.score_raw, self.score_min, self.score_max
        return raw is None or ((low is None or raw >= low) and (high is None or raw <= high))

    def _scaled(self) -> Decimal | None:
        raw, low, high = self.score_raw, self.score_min, self.score_max
        if raw is None or low is None or high is None or not low < high or not low <= raw <= high:
            return None
        return ((Decimal(raw) - Decimal(low)) / (Decimal(high) - Decimal(low))).quantize(Decimal("0.0001"))


def outcome_of(completion: bool, success: bool | None) -> str:
    """The outcome in the words of the product: passed, failed, completed or started."""
    if success is not None:
        return "passed" if success else "failed"
    return "completed" if completion else "started"
