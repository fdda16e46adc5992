"""Organizations, and who belongs to them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.scoping import TenantModel, TenantQuerySet


def default_plan() -> str:
    """The plan of a new organization, as the operator set it."""
    return str(settings.DEFAULT_PLAN)


class Organization(models.Model):
    """A tenant: a customer of the provider, with its own people, objectives and LMS configurations."""

    class Plan(models.TextChoices):
        FREE = "free", _("Free")
        TEAM = "team", _("Team")
        ENTERPRISE = "enterprise", _("Enterprise")

    name = models.CharField(_("name"), max_length=120, unique=True)
    plan = models.CharField(_("plan"), max_length=20, choices=Plan, default=default_plan)
    is_active = models.BooleanField(_("active"), default=True)
    open_stories = models.BooleanField(
        _("open stories"),
        default=False,
        help_text=_("Learners may play without an LMS by giving their e-mail address."),
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints = [
            models.CheckConstraint(
                condition=Q(plan__in=["free", "team", "enterprise"]), name="organization_plan_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A user's role in an organization. Having one lets the user enter the admin."""

    class Role(models.TextChoices):
        ADMIN = "admin", _("Admin")
        EDITOR = "editor", _("Editor")
        VIEWER = "viewer", _("Viewer")

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", editable=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(_("since"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["user__username"]
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"],
                name="one_membership_per_person",
                violation_error_message=_("This person is a member already."),
            ),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "editor", "viewer"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        if not self.user.is_staff:
            type(self.user).objects.filter(pk=self.user.pk).update(is_staff=True)
            self.user.is_staff = True
