"""System checks: no admin class of an organization's rows can be registered without its base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import models

from objectives.scoping import TenantModel

if TYPE_CHECKING:
    from objectives.admin.base import TenantModelAdmin

# The models without an organization that the admin shows: what an organization is, and who may enter.
SHARED = {"objectives.Organization", "auth.User"}


@register(Tags.admin)
def check_admin(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every admin class on the site keeps organizations apart."""
    return problems_of(admin.site)


def problems_of(site: admin.AdminSite) -> list[CheckMessage]:
    """What is wrong with the admin classes registered on ``site``."""
    return [problem for model, model_admin in site._registry.items() for problem in _of_admin(model, model_admin)]


def _of_admin(model: type[models.Model], model_admin: Any) -> Iterator[CheckMessage]:
    from objectives.admin.base import BridgeModelAdmin, TenantModelAdmin

    cls = type(model_admin)
    if not issubclass(model, TenantModel):
        if model._meta.label not in SHARED:
            hint = "Leave it out of the admin, or name it in objectives.checks.SHARED."
            yield Error(f"{model._meta.label} belongs to no organization.", hint=hint, obj=cls, id="objectives.E001")
        elif not isinstance(model_admin, BridgeModelAdmin):
            yield Error("It must inherit BridgeModelAdmin.", obj=cls, id="objectives.E002")
        return
    if not isinstance(model_admin, TenantModelAdmin):
        yield Error("Rows of an organization need a TenantModelAdmin.", obj=cls, id="objectives.E002")
        return
    yield from _of_tenant_admin(model_admin)


def _of_tenant_admin(model_admin: TenantModelAdmin) -> Iterator[CheckMessage]:
    from objectives.admin.base import TenantTabularInline
    from objectives.admin.forms import TenantForm

    cls = type(model_admin)
    forms: list[Any] = [model_admin.form]
    for inline in model_admin.inlines:
        if issubclass(inline, TenantTabularInline):
            forms.append(inline.form)
        else:
            yield Error(f"{inline.__name__} must inherit TenantTabularInline.", obj=cls, id="objectives.E003")
    if model_admin.date_hierarchy:
        hint = "It names dates of all organizations and reads the whole table; offer a list filter."
        yield Error("date_hierarchy is not allowed.", hint=hint, obj=cls, id="objectives.E004")
    for form in forms:
        if not issubclass(form, TenantForm):
            yield Error(f"{form.__name__} must inherit TenantForm.", obj=cls, id="objectives.E005")
    for item in model_admin.list_filter:
        if isinstance(item, str) and "__" in item and not _has_choices(model_admin.model, item):
            hint = "Its choices would be those of all organizations; write a filter class."
            yield Error(f"list_filter {item} crosses a relation.", hint=hint, obj=cls, id="objectives.E006")


def _has_choices(model: type[models.Model], path: str) -> bool:
    from django.contrib.admin.utils import get_fields_from_path

    field = get_fields_from_path(model, path)[-1]
    return bool(getattr(field, "choices", None)) or isinstance(field, models.BooleanField | models.DateField)
