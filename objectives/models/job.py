"""Long actions: begun by a person, done by the worker, watched on a page of their own."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.scoping import TenantModel, TenantQuerySet

# Longer than one step of a job may take; a worker that died loses the job after it.
LEASE = timedelta(seconds=60)


class JobQuerySet(TenantQuerySet):
    """Jobs, and how a worker takes one."""

    def open(self) -> Self:
        """Jobs that are not over."""
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def free(self) -> Self:
        """Open jobs that no worker has, oldest first; by the database's clock."""
        return self.open().filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now())).order_by("pk")

    def take(self, pk: int) -> uuid.UUID | None:
        """A lease token if the job was free and is now ours."""
        token = uuid.uuid4()
        taken = self.free().order_by().filter(pk=pk).update(lease_token=token, lease_until=Now() + LEASE)
        return token if taken else None

    def holding(self, pk: int, token: uuid.UUID) -> Self:
        """The open job as long as the lease with this token is in force, by the database's clock; else nothing."""
        return self.open().filter(pk=pk, lease_token=token, lease_until__gte=Now())

    def give_back(self, pk: int, token: uuid.UUID) -> None:
        """Let the next worker go on with it."""
        self.filter(pk=pk, lease_token=token).update(lease_token=None, lease_until=None)


class Job(TenantModel):
    """A long action with progress, result and cancel. Its work is done in steps that are safe to repeat."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("kind"), max_length=40, editable=False)
    title = models.CharField(_("what"), max_length=300)
    reason = models.CharField(_("why"), max_length=300, blank=True)
    parameters = models.JSONField(default=dict, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    total = models.PositiveIntegerField(_("of"), null=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    cursor = models.BigIntegerField(default=0, editable=False, help_text=_("Up to which row the steps have come."))
    sentence = models.TextField(_("result"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("begun"), default=clock.now, editable=False)
    finished_at = models.DateTimeField(_("ended"), null=True, editable=False)
    cancel_asked = models.BooleanField(default=False, editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(fields=["id"], name="job_open", condition=Q(state__in=["queued", "running"])),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "cancelled", "failed"]), name="job_state_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do or to cancel."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    def cancel(self) -> bool:
        """Ask the worker to stop after its step, or end the job if no worker has it; whether it was still open."""
        with transaction.atomic():
            # The job is locked by this, so that no step begins in between.
            if not Job.objects.open().filter(pk=self.pk).update(cancel_asked=True):
                return False
            free = Job.objects.free().filter(pk=self.pk).first()
            if free is not None:
                Job.objects.filter(pk=self.pk).update(**free.finish(Job.State.CANCELLED, free.cancelled_words()))
        return True

    def cancelled_words(self) -> str:
        """What became of a job that was cancelled."""
        if not self.done:
            return gettext("Cancelled before anything was done.")
        return gettext("Cancelled. What was done until then stays done: %(done)s.") % {"done": f"{self.done:,}"}

    def finish(self, state: str, sentence: str) -> dict[str, Any]:
        """The columns that change when the job is over."""
        return {
            "state": state,
            "sentence": sentence,
            "finished_at": clock.now(),
            "lease_token": None,
            "lease_until": None,
        }
