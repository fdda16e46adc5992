"""Objectives."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.display import moment
from objectives.models import Objective


@admin.register(Objective)
class ObjectiveAdmin(TenantModelAdmin):
    """Activities with a result. What other systems call them is fixed once they are saved."""

    list_display = ("name", "external_reference", "created")
    search_fields = ("name", "external_reference")
    fields = ("name", "description", "language", "external_reference", "activity_iri")
    roles_add = roles_change = roles_delete = EDITORS

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, objective: Objective) -> SafeString | str:
        """When it was added."""
        return moment(objective.created_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """External reference and activity IRI, once the objective exists."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "external_reference", "activity_iri") if obj else fixed
