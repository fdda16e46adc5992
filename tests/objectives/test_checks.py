"""No admin class gets onto the site without its base."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session

from objectives.admin.base import TenantModelAdmin, TenantTabularInline
from objectives.checks import check_admin, problems_of
from objectives.models import Objective, Result


class PlainAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # what a forgetful person writes
    pass


class PlainInline(admin.TabularInline):  # type: ignore[type-arg]  # what a forgetful person writes
    model = Result


class GoodInline(TenantTabularInline):
    model = Result


class PlainForm(forms.ModelForm):  # type: ignore[type-arg]  # what a forgetful person writes
    pass


class BadInline(TenantTabularInline):
    model = Result
    form = PlainForm


def found(model: Any, base: type[Any] = TenantModelAdmin, **attributes: Any) -> list[str | None]:
    site = admin.AdminSite()
    site.register(model, type("Made", (base,), attributes))
    return [problem.id for problem in problems_of(site)]


def test_site__of_the_product_is_sound() -> None:
    assert check_admin(None) == []


def test_check__sound_admin() -> None:
    assert found(Objective, inlines=(GoodInline,), list_filter=("language",)) == []


@pytest.mark.parametrize("model", [Group, Session])
def test_check__model_of_no_organization(model: Any) -> None:
    assert found(model) == ["objectives.E001"]


@pytest.mark.parametrize("model", [Objective, User])
def test_check__admin_without_the_base(model: Any) -> None:
    assert found(model, PlainAdmin) == ["objectives.E002"]


def test_check__inline_without_the_base() -> None:
    assert found(Objective, inlines=(PlainInline,)) == ["objectives.E003"]


def test_check__date_hierarchy() -> None:
    assert found(Objective, date_hierarchy="created_at") == ["objectives.E004"]


@pytest.mark.parametrize("attributes", [{"form": PlainForm}, {"inlines": (BadInline,)}])
def test_check__form_without_the_base(attributes: dict[str, Any]) -> None:
    assert found(Objective, **attributes) == ["objectives.E005"]


def test_check__filter_across_a_relation() -> None:
    assert found(Result, list_filter=("objective__name",)) == ["objectives.E006"]


def test_check__filter_across_a_relation_with_fixed_choices() -> None:
    assert found(Result, list_filter=("objective__created_at",)) == []
