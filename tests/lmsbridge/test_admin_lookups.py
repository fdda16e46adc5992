"""What the lists of the admin can be asked: parameters of every kind find no way round the organization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.urls import reverse

from objectives.scoping import TenantModel
from tests.fixtures_cast import Cast
from tests.walk import leaks

pytestmark = [pytest.mark.django_db, pytest.mark.catalogue("S27")]

NASTY = ["", "0", "-1", "1.-2.3", "²", "x", "9" * 30, "\x00", "'\"<b>", "a=b&c=d", "%", "é" * 300]
PARAMETERS = ["_to_field", "_popup", "_changelist_filters", "_facets", "o", "p", "q", "e", "all"]


def lists() -> list[str]:
    """The list pages of all models on the site."""
    return [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]


def columns(model: type[models.Model]) -> Iterator[str]:
    """The columns of a model and what they lead to, as one would write them in an address."""
    for column in model._meta.concrete_fields:
        yield column.name
        if isinstance(column, models.ForeignKey):
            yield from (f"{column.name}__{other.name}" for other in column.related_model._meta.concrete_fields)


@pytest.mark.parametrize("name", lists())
def test_lists__nasty_parameters(cast: Cast, name: str) -> None:
    client, wrong = cast.client("admin"), []
    for parameter in PARAMETERS:
        for value in NASTY:
            response = client.get(f"{reverse(f'admin:{name}_changelist')}?{urlencode({parameter: value})}")
            if response.status_code not in (200, 302, 400, 403):
                wrong.append(f"{parameter}={value!r}: {response.status_code}")
            wrong += [f"{parameter}={value!r} shows {text}" for text in leaks(cast, "admin", response)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", lists())
def test_forms__nasty_parameters(cast: Cast, name: str) -> None:
    client, wrong = cast.client("admin"), []
    model = next(one for one in admin.site._registry if f"{one._meta.app_label}_{one._meta.model_name}" == name)
    own = cast.northwind.rows.get(model, cast.northwind.organization)
    for url in (reverse(f"admin:{name}_add"), reverse(f"admin:{name}_change", args=[own.pk])):
        for parameter in PARAMETERS[:3]:
            for value in NASTY:
                response = client.get(f"{url}?{urlencode({parameter: value})}")
                if response.status_code not in (200, 302, 400, 403):
                    wrong.append(f"{parameter}={value!r}: {response.status_code}")
                wrong += [f"{parameter}={value!r} shows {text}" for text in leaks(cast, "admin", response)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("end", ["", "__startswith", "__regex", "__gt", "__isnull", "__in"])
@pytest.mark.parametrize("name", lists())
def test_lists__lookups_that_no_filter_offers(cast: Cast, name: str, end: str) -> None:
    client, url, wrong = cast.client("admin"), reverse(f"admin:{name}_changelist"), []
    model_admin = next(
        one
        for model, one in admin.site._registry.items()
        if f"{model._meta.app_label}_{model._meta.model_name}" == name
    )
    request: Any = client.get(url).wsgi_request
    for column in columns(model_admin.model):
        lookup = f"{column}{end}"
        if not model_admin.lookup_allowed(lookup, "a", request):
            answers = {
                (response.status_code, response.headers.get("Location"))
                for response in (client.get(url, {lookup: value}) for value in ("a", "1"))
            }
            if answers not in ({(302, f"{url}?e=1")}, {(403, None)}):
                wrong.append(f"{lookup}: {answers}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("secret", ["sealed", "sealed__startswith", "sealed__regex", "options", "uuid__startswith"])
def test_configurations__stored_secrets_cannot_be_guessed(cast: Cast, secret: str) -> None:
    model_admin = admin.site._registry[apps.get_model("integrations", "LMSConfiguration")]
    request: Any = cast.client("admin").get(reverse("admin:index")).wsgi_request
    assert not model_admin.lookup_allowed(secret, "v1", request)


@pytest.mark.catalogue("S26")
def test_autocomplete__every_field_of_every_model(cast: Cast) -> None:
    client, wrong = cast.client("viewer"), []
    for model in apps.get_models():
        for column in model._meta.get_fields():
            asked: dict[str, Any] = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": column.name,
            }
            response = client.get(reverse("admin:autocomplete"), asked | {"term": ""})
            if response.status_code not in (200, 403, 404):
                wrong.append(f"{asked}: {response.status_code}")
            wrong += [f"{asked} shows {text}" for text in leaks(cast, "viewer", response)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.catalogue("S26")
def test_autocomplete__own_rows_only(cast: Cast) -> None:
    asked = {"app_label": "integrations", "model_name": "attachment", "field_name": "objective", "term": "fire"}
    found = cast.client("viewer").get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [one["id"] for one in found] == [str(cast.northwind.row(apps.get_model("objectives.Objective")).pk)]


@pytest.mark.catalogue("S26")
@pytest.mark.parametrize("field", ["nonsense", "role", "id", "user"])
def test_autocomplete__fields_that_lead_nowhere(cast: Cast, field: str) -> None:
    asked = {"app_label": "objectives", "model_name": "membership", "field_name": field, "term": ""}
    assert cast.client("admin").get(reverse("admin:autocomplete"), asked).status_code == 403


@pytest.mark.catalogue("S26")
@pytest.mark.parametrize("model", [one for one in admin.site._registry if issubclass(one, TenantModel)])
def test_popups__own_rows_only(cast: Cast, model: type[models.Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert leaks(cast, "admin", cast.client("admin").get(url, {"_popup": "1", "_to_field": "id"})) == []
