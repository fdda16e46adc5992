"""Organizations: operators keep them; their admins see their own and say how its learners may play."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from objectives.access import OPERATOR, active_organization, may, role_of
from objectives.admin.base import ADMINS, BridgeModelAdmin
from objectives.admin.deletion import sees
from objectives.models import Organization


@admin.register(Organization)
class OrganizationAdmin(BridgeModelAdmin):
    """Name and plan. An organization is deactivated, never deleted: its deliveries are its records."""

    list_display = ("name", "plan", "is_active", "created_at")
    list_filter = ("plan", "is_active")
    search_fields = ("name",)
    fields = ("name", "plan", "is_active", "open_stories")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All organizations for operators; their own for everybody else."""
        rows = super().get_queryset(request)
        if role_of(request) == OPERATOR:
            return rows
        organization = active_organization(request)
        return rows.none() if organization is None else rows.filter(pk=organization.pk)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whether an organization is active is the operators' business."""
        return self.fields if role_of(request) == OPERATOR else ("name", "plan", "open_stories")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Name and plan are the operators' business; how learners may play is the organization's own."""
        return () if role_of(request) == OPERATOR else ("name", "plan")

    def get_list_display(self, request: HttpRequest) -> Any:
        """Name and plan, and for operators also whether it is active and since when it exists."""
        return self.list_display if role_of(request) == OPERATOR else ("name", "plan")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Filters make sense only where there is more than one."""
        return self.list_filter if role_of(request) == OPERATOR else ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Admins and operators."""
        return may(request, ADMINS)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins may see their own organization, operators all."""
        if role_of(request) == OPERATOR:
            return True
        return may(request, ADMINS) and (obj is None or sees(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators only."""
        return role_of(request) == OPERATOR

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see it, each their own fields."""
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False
