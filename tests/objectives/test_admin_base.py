"""The base of every admin class: choices, labels and filters of one organization, whatever a subclass asks for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpRequest

from objectives.admin.base import TenantModelAdmin, TenantTabularInline
from objectives.admin.paginator import CAP, CappedPaginator
from objectives.models import Membership, Objective, Participant, Result
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db


class ResultInline(TenantTabularInline):
    model = Result
    raw_id_fields = ("participant",)
    fields = ("participant", "objective")
    roles_add = roles_change = roles_delete = ("admin",)


class AnyAdmin(TenantModelAdmin):
    roles_add = roles_change = roles_delete = ("admin",)


class RawAdmin(AnyAdmin):
    raw_id_fields = ("participant", "objective")
    fields = ("participant", "objective")
    list_filter = ("objective", ("participant", admin.RelatedFieldListFilter), "success")


class AutocompleteAdmin(AnyAdmin):
    autocomplete_fields = ("participant", "objective")
    fields = ("participant", "objective")


class MemberAdmin(AnyAdmin):
    fields = ("user", "role")


class InlineAdmin(AnyAdmin):
    inlines = (ResultInline,)
    fields = ("participant_id",)


@pytest.fixture
def site() -> admin.AdminSite:
    site = admin.AdminSite()
    site.register([Objective, Participant], AnyAdmin)
    return site


def request_of(cast: Cast, role: str) -> HttpRequest:
    response: Any = cast.client(role).get("/admin/")
    request: HttpRequest = response.wsgi_request
    return request


def form_of(model_admin: TenantModelAdmin, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
    return model_admin.get_form(request, obj, change=obj is not None)(instance=obj, **kwargs)


@pytest.mark.parametrize("kind", [AnyAdmin, RawAdmin, AutocompleteAdmin])
@pytest.mark.parametrize("field", ["participant", "objective"])
def test_choices__own_rows_only(cast: Cast, site: admin.AdminSite, kind: type[TenantModelAdmin], field: str) -> None:
    form = form_of(kind(Result, site), request_of(cast, "admin"))
    assert [one.organization for one in form.fields[field].queryset] == [cast.northwind.organization]


@pytest.mark.parametrize("kind", [AnyAdmin, RawAdmin, AutocompleteAdmin])
def test_choices__foreign_key_posted(cast: Cast, site: admin.AdminSite, kind: type[TenantModelAdmin]) -> None:
    foreign = cast.contoso.row(Result)
    data = {"participant": str(foreign.participant_id), "objective": str(foreign.objective_id)}
    form = form_of(kind(Result, site), request_of(cast, "admin"), data=data)
    assert {"participant", "objective"} <= set(form.errors)
    assert cast.contoso.names(str(form)) == []


@pytest.mark.parametrize("value", ["x", "", "9" * 30, "\x00"])
def test_raw_id__value_that_is_no_key(cast: Cast, site: admin.AdminSite, value: str) -> None:
    form = form_of(RawAdmin(Result, site), request_of(cast, "admin"), data={"participant": value})
    assert "participant" in form.errors
    assert cast.contoso.names(str(form)) == []


def test_raw_id__own_row_is_named(cast: Cast, site: admin.AdminSite) -> None:
    own = cast.northwind.row(Result)
    form = form_of(RawAdmin(Result, site), request_of(cast, "admin"), data={"participant": str(own.participant_id)})
    assert cast.northwind.names(str(form["participant"])) != []


def test_choices__operator_who_sees_all__row_of_one(cast: Cast, site: admin.AdminSite) -> None:
    form = form_of(AnyAdmin(Result, site), request_of(cast, "operator"), cast.contoso.row(Result))
    assert [one.organization for one in form.fields["objective"].queryset] == [cast.contoso.organization]


def test_choices__people_are_never_listed(cast: Cast, site: admin.AdminSite) -> None:
    form = form_of(MemberAdmin(Membership, site), request_of(cast, "superuser"))
    assert list(form.fields["user"].queryset) == []


def test_filters__own_rows_only(cast: Cast, site: admin.AdminSite) -> None:
    request = request_of(cast, "viewer")
    changelist = RawAdmin(Result, site).get_changelist_instance(request)
    names = [str(choice["display"]) for spec in changelist.filter_specs for choice in spec.choices(changelist)]
    assert cast.contoso.names(" ".join(names)) == []


def test_filters__operators_see_all(cast: Cast, site: admin.AdminSite) -> None:
    changelist = RawAdmin(Result, site).get_changelist_instance(request_of(cast, "operator"))
    names = " ".join(
        str(choice["display"]) for spec in changelist.filter_specs for choice in spec.choices(changelist)
    )
    assert cast.contoso.names(names) != []
    assert cast.northwind.names(names) != []


def test_inline__choices_are_those_of_the_row_above(cast: Cast, site: admin.AdminSite) -> None:
    request, above = request_of(cast, "operator"), cast.contoso.row(Participant)
    formset: Any = ResultInline(Participant, site).get_formset(request, above)(instance=above)
    choices = formset.empty_form.fields["objective"].queryset
    assert [one.organization for one in choices] == [cast.contoso.organization]
    assert {one.organization for one in formset.queryset} == {cast.contoso.organization}


@pytest.mark.parametrize("role", ["anonymous", "deactivated"])
def test_rows__nobody_there(cast: Cast, site: admin.AdminSite, role: str) -> None:
    request = request_of(cast, role)
    model_admin = AnyAdmin(Result, site)
    assert not model_admin.get_queryset(request).exists()
    assert not model_admin.has_view_permission(request)


def test_may__operators_count_as_admins(cast: Cast, site: admin.AdminSite) -> None:
    model_admin, request = AnyAdmin(Result, site), request_of(cast, "operator")
    found = [model_admin.may(request, roles) for roles in (("admin",), ("editor",), ())]
    assert found == [True, False, False]


def test_permission__for_a_foreign_row(cast: Cast, site: admin.AdminSite) -> None:
    model_admin, request, row = AnyAdmin(Result, site), request_of(cast, "admin"), cast.contoso.row(Result)
    checks = (model_admin.has_view_permission, model_admin.has_change_permission, model_admin.has_delete_permission)
    assert [check(request, row) for check in checks] == [False, False, False]


def test_paginator__counts_no_further_than_its_cap(django_assert_num_queries: Any) -> None:
    paginator = CappedPaginator(Participant.objects.all(), 100)
    with django_assert_num_queries(1) as seen:
        assert (paginator.count, paginator.is_capped) == (0, False)
    assert f"LIMIT {CAP}" in seen.captured_queries[0]["sql"]


def test_paginator__of_a_list() -> None:
    assert CappedPaginator(range(CAP + 5), 100).count == CAP
