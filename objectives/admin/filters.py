"""List filters that name only what the person may see."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import FieldListFilter, ModelAdmin, RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest

from objectives.access import active_organization, role_of
from objectives.scoping import TenantModel


class TenantRelatedFilter(RelatedFieldListFilter):
    """Filters by a related row. Only rows of the active organization are offered."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Key and name of each related row to choose from."""
        if role_of(request) is None or not issubclass(field.related_model, TenantModel):
            return []
        organization = active_organization(request)
        limit = {} if organization is None else {"organization": organization}
        ordering = self.field_admin_ordering(field, request, model_admin)
        choices: list[tuple[str, Any]] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to=limit
        )
        return choices


class BridgeChangeList(ChangeList):
    """A change list that sends a parameter it does not offer the same way as one it cannot read."""

    def get_filters(self, request: HttpRequest) -> Any:
        """As Django's; ``IncorrectLookupParameters`` where it would answer 400."""
        try:
            return super().get_filters(request)
        except DisallowedModelAdminLookup as problem:
            raise IncorrectLookupParameters from problem


def narrowed(item: Any, model: type[models.Model]) -> Any:
    """A ``list_filter`` item whose choices, if it is about related rows, are those of ``TenantRelatedFilter``."""
    name, kind = item if isinstance(item, list | tuple) else (item, None)
    if not isinstance(name, str) or kind not in (None, RelatedFieldListFilter):
        return item
    try:
        field = get_fields_from_path(model, name)[-1]
    except FieldDoesNotExist:
        return item
    return (name, TenantRelatedFilter) if field.is_relation else item


def parameters_of(item: Any, model: type[models.Model]) -> set[str]:
    """The names of the query parameters that a ``list_filter`` item reads."""
    if isinstance(item, type) and issubclass(item, SimpleListFilter):
        return {str(item.parameter_name)}
    name, kind = item if isinstance(item, list | tuple) else (item, None)
    if kind is not None and hasattr(kind, "parameter_names"):
        return set(kind.parameter_names)
    field = get_fields_from_path(model, name)[-1]
    ends = ["", "__exact", "__isnull", "__isempty"]
    if isinstance(field, models.DateField):
        ends += ["__gte", "__lt"]
    if isinstance(field, models.ForeignKey):
        ends += [f"__{field.target_field.name}__exact"]
    return {f"{name}{end}" for end in ends}


__all__ = ["BridgeChangeList", "FieldListFilter", "TenantRelatedFilter", "narrowed", "parameters_of"]
