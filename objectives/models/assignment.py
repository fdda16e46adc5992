"""Objectives asked of participants."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.models.objective import Objective
from objectives.models.participant import Participant
from objectives.models.result import Result
from objectives.scoping import TenantModel, TenantQuerySet

# Sent inside the transaction in which these ``assignments`` were made, changed or withdrawn.
assignments_changed = Signal()
# Pairs of a participant and an objective that are looked up in one query.
CHUNK = 500


class AssignmentQuerySet(TenantQuerySet):
    """Assignments, and asking much of many at once."""

    def open(self) -> Self:
        """Assignments that are not withdrawn."""
        return self.filter(withdrawn_at__isnull=True)

    def with_fulfilled(self) -> Self:
        """With ``fulfilled``: whether there is a result by which the objective was completed or passed."""
        return self.annotate(fulfilled=Exists(_fulfilling()))

    def unfulfilled(self) -> Self:
        """Assignments to which no result answers yet."""
        return self.filter(~Exists(_fulfilling()))

    def assign(
        self, objectives: Collection[Objective], people: Collection[Participant], due_at: datetime | None = None
    ) -> list[Assignment]:
        """Ask these objectives of these people; what is asked anew, or until another time.

        An assignment that was withdrawn is made again. Whoever was erased, or is of another organization than the
        objective, is left out.
        """
        pks = sorted(one.pk for one in people)
        changed: list[Assignment] = []
        with transaction.atomic():
            # One after the other, so that nobody is asked the same twice.
            locked = Objective.objects.filter(pk__in=[one.pk for one in objectives]).order_by("pk")
            for objective in locked.select_for_update(of=("self",), no_key=True):
                for first in range(0, len(pks), CHUNK):
                    changed += self._assign(objective, pks[first : first + CHUNK], due_at)
            assignments_changed.send(Assignment, assignments=changed)
        return changed

    def _assign(self, objective: Objective, pks: Collection[int], due_at: datetime | None) -> list[Assignment]:
        kept = Participant.objects.kept(pks).values()
        people = [one for one in kept if one.organization_id == objective.organization_id and not one.is_erased]
        own = Assignment.objects.filter(objective=objective, participant__in=people)
        known = {one.participant_id: one for one in own.select_for_update(of=("self",))}
        again = [one for one in known.values() if one.is_to_change(due_at)]
        for one in again:
            one.assigned_at = one.assigned_at if one.withdrawn_at is None else clock.now()
            one.due_at, one.withdrawn_at = due_at, None
        Assignment.objects.bulk_update(again, ["assigned_at", "due_at", "withdrawn_at"])
        new = [one for one in people if one.pk not in known]
        values = {"organization_id": objective.organization_id, "objective": objective, "due_at": due_at}
        made = Assignment.objects.bulk_create([Assignment(participant=one, **values) for one in new])
        return [*again, *made]

    def withdraw(self) -> list[Assignment]:
        """Ask no more; those that were not withdrawn before."""
        with transaction.atomic():
            rows = list(self.open().select_related("participant", "objective"))
            now = clock.now()
            Assignment.objects.filter(pk__in=[one.pk for one in rows]).update(withdrawn_at=now)
            for one in rows:
                one.withdrawn_at = now
            assignments_changed.send(Assignment, assignments=rows)
        return rows


def _fulfilling() -> models.QuerySet[Result]:
    return Result.objects.filter(
        participant=OuterRef("participant"), objective=OuterRef("objective"), completion=True
    ).exclude(success=False)


class Assignment(TenantModel):
    """An objective asked of a participant, until it is withdrawn."""

    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="assignments", verbose_name=_("participant")
    )
    objective = models.ForeignKey(
        Objective, on_delete=models.PROTECT, related_name="assignments", verbose_name=_("objective")
    )
    assigned_at = models.DateTimeField(_("assigned"), default=clock.now, editable=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "objective"],
                name="assigned_once",
                violation_error_message=_("This objective is assigned to this participant already."),
            )
        ]

    def __str__(self) -> str:
        # Opaque on purpose: the admin's log keeps this text after a learner was erased.
        return _("Assignment %(id)s") % {"id": self.pk}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.objective.organization_id
        self.check_organization()
        super().save(*args, **kwargs)

    def is_to_change(self, due_at: datetime | None) -> bool:
        """Whether asking it until then changes something."""
        return self.withdrawn_at is not None or self.due_at != due_at
