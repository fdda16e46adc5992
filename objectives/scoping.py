"""Tenancy: whose rows a person sees. Explicit everywhere, kept in no thread or global.

Every model that belongs to an organization inherits ``TenantModel``. ``.of(organization)`` narrows to one
organization, ``.visible_to(user)`` to those in which the user is a member; operators see all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from objectives.models import Organization

OPERATORS = "Operators"  # the group whose members, like superusers, see all organizations


def is_operator(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether ``user`` is the provider's staff: an active superuser or member of the group *Operators*."""
    if not user.is_active or isinstance(user, AnonymousUser) or not getattr(user, "is_staff", False):
        return False
    if getattr(user, "is_superuser", False):
        return True
    known: bool | None = getattr(user, "_is_operator", None)
    if known is None:
        known = bool(user.groups.filter(name=OPERATORS).exists())  # type: ignore[attr-defined]  # Django's own User
        user._is_operator = known  # type: ignore[attr-defined]  # kept for this request's user object only
    return known


class TenantQuerySet(models.QuerySet[Any]):
    """Rows that belong to organizations."""

    def of(self, organization: Organization | None) -> Self:
        """Rows of this one organization; none without one."""
        return self.none() if organization is None else self.filter(organization=organization)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Rows of the organizations that ``user`` is a member of; all rows for operators."""
        if is_operator(user):
            return self
        if not user.is_active or user.pk is None:
            return self.none()
        return self.filter(organization__memberships__user=user, organization__is_active=True)


class TenantModel(models.Model):
    """A row of one organization. Everything it points to must be of the same organization."""

    organization = models.ForeignKey(
        "objectives.Organization", on_delete=models.PROTECT, editable=False, verbose_name=_("organization")
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        self.check_organization()

    def check_organization(self) -> None:
        """``ValidationError`` if a foreign key leads to another organization's row."""
        for name in foreign_to_tenants(type(self)):
            other = getattr(self, name, None) if getattr(self, f"{name}_id") is not None else None
            if other is not None and self.organization_id and other.organization_id != self.organization_id:
                # The same words as for a row that does not exist, so that nothing is learned about other tenants.
                refused = _("Select a valid choice. That choice is not one of the available choices.")
                raise ValidationError({name: refused})


def foreign_to_tenants(model: type[models.Model]) -> list[str]:
    """The names of the foreign keys of ``model`` that lead to rows of an organization."""
    return [
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and isinstance(field.related_model, type)
        and issubclass(field.related_model, TenantModel)
    ]
