"""Finding one's way through the addresses of the admin, and judging what came back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from objectives.scoping import TenantModel
from tests.fixtures_cast import SECRET, Cast, Tenant, tenant_models

# Their own pages, open to everybody; they show no rows.
OPEN = {"login", "logout"}


def admin_patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    """Every address below a resolver."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from admin_patterns(pattern)
        else:
            yield pattern


def admin_resolver() -> URLResolver:
    """What answers below /admin/."""
    found = [one for one in get_resolver().url_patterns if isinstance(one, URLResolver) and one.namespace == "admin"]
    return found[0]


def names() -> list[str]:
    """The names of all addresses of the admin that ask who is there."""
    return sorted({one.name for one in admin_patterns(admin_resolver()) if one.name} - OPEN)


def model_of(name: str) -> type[models.Model] | None:
    """The model that an address is about, if it is about one."""
    for model in sorted(admin.site._registry, key=lambda one: -len(one._meta.model_name or "")):
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return None


def address(name: str, row: Any) -> str:
    """The address of this name; about ``row`` if it is about one. Fails for a parameter that it does not know."""
    pattern = next(one for one in admin_patterns(admin_resolver()) if one.name == name)
    values = {"object_id": row.pk, "id": row.pk, "pk": row.pk, "app_label": "objectives"} if row is not None else {}
    wanted = pattern.pattern.regex.groupindex
    known = values | {"app_label": "objectives"}
    return reverse(f"admin:{name}", kwargs={one: known[one] for one in wanted})


def is_about_a_row(name: str) -> bool:
    """Whether the address of this name holds the key of a row."""
    pattern = next(one for one in admin_patterns(admin_resolver()) if one.name == name)
    return bool({"object_id", "id", "pk"} & set(pattern.pattern.regex.groupindex))


def outcome(response: Any) -> str:
    """What became of a request: ``login``, ``denied``, ``missing`` or ``in``."""
    if response.status_code == 302:
        target = response.headers["Location"]
        if target.startswith(reverse("admin:login")):
            return "login"
        return "missing" if target == reverse("admin:index") else "in"
    return {403: "denied", 404: "missing", 405: "denied", 200: "in"}.get(
        response.status_code, str(response.status_code)
    )


def row_of(tenant: Tenant, cast: Cast, name: str) -> Any:
    """The row that an address is about in one organization."""
    model = model_of(name)
    if model is None or not is_about_a_row(name):
        return None
    if not issubclass(model, TenantModel):
        return tenant.organization if model._meta.label == "objectives.Organization" else cast.users["viewer"]
    return tenant.row(model)


def snapshot(tenant: Tenant) -> dict[str, list[Any]]:
    """All rows of one organization, to compare."""
    return {
        model._meta.label: list(
            model._default_manager.filter(organization=tenant.organization).order_by("pk").values()
        )
        for model in tenant_models()
    }


def leaks(cast: Cast, role: str, response: Any) -> list[str]:
    """What this role must not have been shown."""
    content = response.content.decode(errors="replace")
    found = [text for tenant in cast.foreign_to(role) for text in tenant.names(content)]
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    raw = [mark for mark in ("<b>nw7f3a", "<b>ct9b2e") if is_page and mark in content]
    return found + raw + ([SECRET] if SECRET in content else [])


def ask(client: Client, method: str, url: str) -> Any:
    """One request without any data."""
    return client.get(url) if method == "get" else client.post(url, {})
