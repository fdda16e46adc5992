"""Objectives asked of participants."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.models.objective import Objective
from objectives.models.participant import Participant
from objectives.scoping import TenantModel, TenantQuerySet


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

    objects = TenantQuerySet.as_manager()

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
