"""What LMSs have of ours: contents in their catalogues, people among their users, and their own catalogues."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.connectors.base import RemoteItem
from integrations.models.configuration import LMSConfiguration
from objectives import clock
from objectives.models import Participant
from objectives.scoping import TenantModel, TenantQuerySet


class RemoteContent(TenantModel):
    """What an objective or a story is called in one LMS, and how what is there compares with what is here.

    Known by its external reference alone: whatever that belongs to is none of this row's business.
    """

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="contents", verbose_name=_("LMS configuration")
    )
    external_reference = models.CharField(_("external reference"), max_length=200, editable=False)
    remote_id = models.TextField(
        _("id in the LMS"), blank=True, help_text=_("Given by the LMS, where it gives one at all.")
    )
    name = models.TextField(_("name in the LMS"), blank=True, editable=False)
    active = models.BooleanField(
        _("active"), default=True, editable=False, help_text=_("Whether the LMS is to offer it.")
    )
    adopted = models.BooleanField(
        _("mapped by a person"), default=False, editable=False, help_text=_("It was in the LMS already.")
    )
    wanted = models.JSONField(
        default=dict,
        editable=False,
        help_text=_("What the LMS is to have: title, description, language, address."),
    )
    offer = models.JSONField(
        default=dict,
        editable=False,
        help_text=_("What a shared story adds to what is wanted: its title, address, length and cover."),
    )
    synced_at = models.DateTimeField(_("last synced"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    drift = models.TextField(
        _("differs there"), blank=True, editable=False, help_text=_("What was found to be different in the LMS.")
    )
    compared_at = models.DateTimeField(_("last compared"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["external_reference"]
        verbose_name = _("remote content")
        verbose_name_plural = _("remote contents")
        constraints = [
            models.UniqueConstraint(fields=["configuration", "external_reference"], name="content_once_per_lms"),
            models.UniqueConstraint(
                fields=["configuration", "remote_id"],
                condition=~Q(remote_id=""),
                name="remote_id_stands_for_one_content",
            ),
        ]

    def __str__(self) -> str:
        return self.external_reference

    @property
    def title(self) -> str:
        """What it is to be called there."""
        return str(self.wanted.get("title", ""))

    @property
    def begins_at(self) -> str:
        """Where a learner begins; empty where the LMS is given no address."""
        return str(self.wanted.get("url", ""))

    def as_item(self) -> RemoteItem:
        """For connectors."""
        return RemoteItem(self.remote_id, self.name, self.active)


class RemoteUser(TenantModel):
    """Who a participant is in one LMS; looked up there and kept until it proves wrong or grows old."""

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="users", verbose_name=_("LMS configuration")
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.CASCADE, related_name="remote_users", verbose_name=_("participant")
    )
    remote_id = models.TextField(_("id in the LMS"))
    found_at = models.DateTimeField(_("found"), default=clock.now)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("remote user")
        verbose_name_plural = _("remote users")
        constraints = [
            models.UniqueConstraint(fields=["configuration", "participant"], name="user_once_per_lms"),
        ]

    def __str__(self) -> str:
        # Opaque: the admin's log keeps this text after a learner was erased.
        return _("User %(id)s") % {"id": self.pk}


class CatalogueItem(TenantModel):
    """Something in an LMS's own catalogue, as it was when the catalogue was last read."""

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="catalogue", verbose_name=_("LMS configuration")
    )
    remote_id = models.TextField(_("id in the LMS"), editable=False)
    name = models.TextField(_("name"), blank=True, editable=False)
    kind = models.CharField(_("type"), max_length=100, blank=True, editable=False)
    reference = models.TextField(_("external reference"), blank=True, editable=False)
    active = models.BooleanField(_("active"), default=True, editable=False)
    seen_at = models.DateTimeField(_("last seen"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("catalogue item")
        verbose_name_plural = _("catalogue items")
        constraints = [
            models.UniqueConstraint(fields=["configuration", "remote_id"], name="catalogue_item_once_per_lms"),
        ]

    def __str__(self) -> str:
        return self.name or self.remote_id


class RemoteProgress(TenantModel):
    """How far somebody was with something in an LMS when that was last asked."""

    class Status(models.TextChoices):
        NONE = "none", _("Not assigned")
        NOT_STARTED = "not_started", _("Not started")
        STARTED = "started", _("Started")
        COMPLETED = "completed", _("Completed")
        PASSED = "passed", _("Passed")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Unknown")

    content = models.ForeignKey(
        RemoteContent, on_delete=models.CASCADE, related_name="progress", verbose_name=_("content")
    )
    learner = models.TextField(_("learner"), help_text=_("The e-mail address, or else the id in the LMS."))
    status = models.CharField(_("status"), max_length=12, choices=Status)
    score = models.DecimalField(_("score in percent"), max_digits=9, decimal_places=4, null=True)
    completed_at = models.DateTimeField(_("completed"), null=True)
    read_at = models.DateTimeField(_("read"), default=clock.now)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["learner", "id"]
        verbose_name = _("progress in an LMS")
        verbose_name_plural = _("progress in LMSs")

    def __str__(self) -> str:
        # Opaque: the admin's log keeps this text after a learner was erased.
        return _("Progress %(id)s") % {"id": self.pk}
