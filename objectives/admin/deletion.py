"""What deleting rows would take along, shown without naming anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import NestedObjects, get_deleted_objects
from django.db import models, router
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from objectives.access import OPERATOR, active_organization, role_of
from objectives.models import Organization
from objectives.scoping import TenantModel

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

Deletion = tuple[list[Any], dict[str, int], set[str], list[Any]]


def sees(request: HttpRequest, obj: Any) -> bool:
    """Whether ``obj`` is of the active organization, or belongs to none; operators who chose none see all."""
    if isinstance(obj, Organization):
        owner = obj.pk
    elif isinstance(obj, TenantModel):
        owner = obj.organization_id
    else:
        return True
    organization = active_organization(request)
    if organization is None:
        return role_of(request) == OPERATOR
    return owner in (organization.pk, None)


def deletion_of(model_admin: ModelAdmin[Any], objs: Any, request: HttpRequest) -> Deletion:
    """Django's four answers about deleting ``objs``: what goes, how many, missing rights, what stands against it.

    Rows that protect ``objs`` are counted rather than listed: there may be a million of them.
    """
    against = _protectors(model_admin.model, objs)
    if not against and not _all_own(objs, request):
        against = [_("Something outside your organization depends on this. Ask your provider.")]
    if against:
        return [], {}, set(), against
    return get_deleted_objects(objs, request, model_admin.admin_site)


def _protectors(model: type[models.Model], objs: Any) -> list[str]:
    found = []
    for relation in model._meta.related_objects:
        if relation.on_delete is models.PROTECT:
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": list(objs)})
            number = rows[:1001].count()
            name = capfirst(str(relation.related_model._meta.verbose_name_plural))
            found += [f"{name}: {'1000+' if number > 1000 else number}"] if number else []
    return found


def _all_own(objs: Any, request: HttpRequest) -> bool:
    rows = list(objs)
    collector = NestedObjects(using=router.db_for_write(type(rows[0])) if rows else "default", origin=rows)
    collector.collect(rows)
    return all(sees(request, row) for group in collector.data.values() for row in group)
