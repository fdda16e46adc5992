"""Users, as operators see them. Everybody else meets people only as members of their own organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from objectives.access import OPERATOR, role_of
from objectives.admin.base import BridgeModelAdmin
from objectives.scoping import OPERATORS

if TYPE_CHECKING:
    StockUserAdmin = UserAdmin[User]
else:
    StockUserAdmin = UserAdmin

_PERSON: tuple[Any, Any] = (_("Person"), {"fields": ("first_name", "last_name", "email")})
_DATES: tuple[Any, Any] = (_("Important dates"), {"fields": ("last_login", "date_joined")})


@admin.register(User)
class OperatorsUserAdmin(BridgeModelAdmin, StockUserAdmin):
    """Users for operators. Only superusers decide who is an operator, and only they touch an operator's account."""

    list_display = ("username", "email", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All users, for operators: to others a user's key must look like one that does not exist."""
        rows = super().get_queryset(request)
        return rows if role_of(request) == OPERATOR else rows.none()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rights for superusers alone; the password's summary only for those who may change it."""
        if obj is None:
            return self.add_fieldsets
        account = ["username", "password"] if self.has_change_permission(request, obj) else ["username"]
        rights = ["is_active", "is_staff", "is_superuser", "groups"] if _is_superuser(request) else ["is_active"]
        return [(None, {"fields": account}), _PERSON, (_("Rights"), {"fields": rights}), _DATES]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Operators only."""
        return role_of(request) == OPERATOR

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operators only."""
        return role_of(request) == OPERATOR

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators only."""
        return role_of(request) == OPERATOR

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operators, but an operator's or superuser's account only superusers."""
        if role_of(request) != OPERATOR:
            return False
        return obj is None or _is_superuser(request) or not _is_privileged(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a user is deactivated, so that the log keeps its names."""
        return False


def _is_superuser(request: HttpRequest) -> bool:
    return role_of(request) == OPERATOR and bool(getattr(request.user, "is_superuser", False))


def _is_privileged(user: Any) -> bool:
    return bool(user.is_superuser or user.groups.filter(name=OPERATORS).exists())
