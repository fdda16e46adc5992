"""Outages of LMS configurations, and the mails that tell the contact about them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.models.configuration import LMSConfiguration
from integrations.models.lane import Lane
from objectives import clock
from objectives.scoping import TenantModel, TenantQuerySet


class IncidentQuerySet(TenantQuerySet):
    """Incidents, open and over."""

    def open(self) -> Self:
        """Outages that are not over."""
        return self.filter(closed_at__isnull=True)


class Incident(TenantModel):
    """One outage of one LMS configuration, from the first failure to recovery."""

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="incidents", verbose_name=_("LMS configuration")
    )
    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="incidents", db_index=False)
    status = models.CharField(_("status"), max_length=20, choices=Lane.Status)
    sentence = models.TextField(_("last answer"), blank=True)
    opened_at = models.DateTimeField(_("since"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    closed_at = models.DateTimeField(_("over"), null=True)
    announced = models.BooleanField(_("contact told"), default=False)
    next_mail_at = models.DateTimeField(
        _("next mail"), null=True, help_text=_("When the contact is told next: a reminder, or what was kept back.")
    )
    unstable = models.BooleanField(
        _("unstable"), default=False, help_text=_("Its end showed that the LMS comes and goes, until it is steady.")
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(fields=["lane"], condition=Q(closed_at__isnull=True), name="one_open_incident"),
            models.CheckConstraint(
                condition=Q(status__in=["cannot_connect", "server_error"]), name="incident_status_is_a_failure"
            ),
        ]
        indexes = [
            models.Index(fields=["next_mail_at"], name="incident_next_mail", condition=Q(next_mail_at__isnull=False)),
            models.Index(fields=["lane", "-id"], name="incident_of_lane"),
        ]

    def __str__(self) -> str:
        return f"{self.configuration}: {self.get_status_display()}"


class Contact(TenantModel):
    """An address that alerts may go to, once its owner has confirmed it."""

    email = models.EmailField(_("e-mail"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    asked_at = models.DateTimeField(_("asked to confirm"), null=True)
    refused_at = models.DateTimeField(_("refused"), null=True)
    refusal = models.CharField(_("the mail server's words"), max_length=300, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["email"]
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            models.UniqueConstraint(fields=["organization", "email"], name="contact_once_per_organization")
        ]

    def __str__(self) -> str:
        return self.email


class MailQuerySet(TenantQuerySet):
    """Mails, and how a worker takes one."""

    def due(self, now: datetime) -> Self:
        """Mails that may be sent now and that no worker is sending.

        News of one LMS go in their order: none overtakes an older one that still waits.
        """
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        older = Mail.objects.filter(
            configuration=OuterRef("configuration"), to=OuterRef("to"), pk__lt=OuterRef("pk"), state=Mail.State.QUEUED
        )
        return self.filter(free, ~Exists(older), state=Mail.State.QUEUED, send_at__lte=now)

    def being_sent(self) -> Self:
        """Mails that a worker is sending just now, by the database's clock."""
        return self.filter(state=Mail.State.QUEUED, lease_until__gte=Now())


class Mail(TenantModel):
    """The outbox: a mail to a contact, written in the transaction of what it tells."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm", _("Please confirm")
        OPENING = "opening", _("It broke")
        REMINDER = "reminder", _("Still broken")
        RECOVERY = "recovery", _("It works again")
        UNSTABLE = "unstable", _("It comes and goes")
        EXPIRY = "expiry", _("About to expire")
        ORIGIN = "origin", _("Launches lead to a server")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        SENT = "sent", _("Sent")
        REFUSED = "refused", _("Refused")
        DROPPED = "dropped", _("Not sent")

    configuration = models.ForeignKey(
        LMSConfiguration,
        on_delete=models.CASCADE,
        null=True,
        related_name="mails",
        verbose_name=_("LMS configuration"),
    )
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, related_name="mails")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    to = models.EmailField(_("to"), db_index=True)
    subject = models.CharField(_("subject"), max_length=300)
    body = models.TextField(_("text"))
    message_id = models.CharField(max_length=200, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    sentence = models.CharField(_("what happened"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("written"), default=clock.now)
    send_at = models.DateTimeField(_("next attempt"), default=clock.now)
    sent_at = models.DateTimeField(_("sent"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    days = models.PositiveSmallIntegerField(
        null=True, editable=False, help_text=_("Of a warning: how many days before the results expire.")
    )
    lease_token = models.UUIDField(null=True, default=None, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        indexes = [models.Index(fields=["send_at"], name="mail_queued", condition=Q(state="queued"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "sent", "refused", "dropped"]), name="mail_state_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.subject

    def reword(self, subject: str, body: str) -> None:
        """Say it as things are now, unless it was sent or is being sent."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        own = Mail.objects.filter(free, pk=self.pk, state=Mail.State.QUEUED)
        own.update(subject=subject, body=body)

    @staticmethod
    def new_message_id(host: str) -> str:
        """An id that stays the same however often the mail is tried (RFC 5322, 3.6.4)."""
        return f"<{uuid.uuid4()}@{host}>"


class LastRun(models.Model):
    """When something that runs by itself last ran, and what it counted."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("last run")
        verbose_name_plural = _("last runs")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def note(cls, name: str, **facts: Any) -> None:
        """Remember that it ran just now."""
        cls.objects.update_or_create(name=name, defaults={"at": clock.now(), "facts": facts})

    @classmethod
    def beat(cls, name: str, every: timedelta) -> None:
        """Remember that it runs: written only if the last time was written longer ago than ``every``."""
        now = clock.now()
        stale = Q(at__lt=now - every) | Q(at__gt=now + every)
        if not cls.objects.filter(stale, name=name).update(at=now):
            cls.objects.get_or_create(name=name, defaults={"at": now})
