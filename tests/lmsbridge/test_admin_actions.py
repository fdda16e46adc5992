"""Actions and deletions reach the rows that the person sees, and no others, whatever is posted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import models
from django.test import Client
from django.urls import reverse

from objectives.models import Membership, Objective, Participant, Result
from objectives.scoping import TenantModel
from tests import make
from tests.fixtures_cast import Cast
from tests.walk import leaks, outcome, snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.catalogue("S25")]

TENANT_ADMINS: dict[type[models.Model], Any] = {
    model: one for model, one in admin.site._registry.items() if issubclass(model, TenantModel)
}


def page_of(model: type[models.Model], view: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def act(client: Client, model: type[models.Model], action: str, *pks: Any, **posted: str) -> Any:
    return client.post(page_of(model), {"action": action, "_selected_action": [str(pk) for pk in pks]} | posted)


def said(response: Any) -> list[str]:
    return [str(one) for one in get_messages(response.wsgi_request)]


def actions_of(client: Client, model: type[models.Model]) -> list[str]:
    request: Any = client.get(page_of(model)).wsgi_request
    return list(TENANT_ADMINS[model].get_actions(request))


@pytest.mark.parametrize(
    "posted", [{}, {"post": "yes"}, {"select_across": "1"}, {"select_across": "1", "post": "yes"}]
)
@pytest.mark.parametrize("model", TENANT_ADMINS)
def test_actions__with_foreign_keys(cast: Cast, model: type[models.Model], posted: dict[str, str]) -> None:
    client, wrong, before = cast.client("admin"), [], snapshot(cast.contoso)
    for action in actions_of(client, model):
        response = act(client, model, action, cast.contoso.row(model).pk, **posted)
        wrong += [f"{action} shows {text}" for text in leaks(cast, "admin", response)]
    assert not wrong, "\n".join(wrong)
    assert snapshot(cast.contoso) == before


@pytest.mark.parametrize("keys", [["x"], ["9" * 30], [""], ["\x00"], ["1", "x"]])
def test_actions__with_keys_that_are_none(cast: Cast, keys: list[str]) -> None:
    response = act(cast.client("editor"), Participant, "delete_selected", *keys, post="yes")
    assert response.status_code in (200, 302)
    assert Participant.objects.of(cast.northwind.organization).exists()


def test_actions__counts_own_rows_only(cast: Cast) -> None:
    own, foreign = make.participant(cast.northwind.organization), make.participant(cast.contoso.organization)
    response = act(cast.client("editor"), Participant, "delete_selected", own.pk, foreign.pk, post="yes")
    assert said(response) == ["Successfully deleted 1 participant."]
    assert Participant.objects.filter(pk=foreign.pk).exists()


def test_actions__viewer_has_none_that_change(cast: Cast) -> None:
    assert [actions_of(cast.client("viewer"), model) for model in TENANT_ADMINS if model is not Membership] == [
        [] for model in TENANT_ADMINS if model is not Membership
    ]


def test_delete__something_with_results(cast: Cast) -> None:
    objective = cast.northwind.row(Objective)
    client = cast.client("editor")
    assert "Results: 1" in client.get(page_of(Objective, "delete", objective.pk)).content.decode()
    client.post(page_of(Objective, "delete", objective.pk), {"post": "yes"})
    assert Objective.objects.filter(pk=objective.pk).exists()


def test_delete_selected__something_with_results(cast: Cast) -> None:
    objective = cast.northwind.row(Objective)
    response = act(cast.client("editor"), Objective, "delete_selected", objective.pk, post="yes")
    assert "Results: 1" in response.content.decode()
    assert Objective.objects.filter(pk=objective.pk).exists()


def test_delete__something_free(cast: Cast) -> None:
    objective = make.objective(cast.northwind.organization)
    cast.client("editor").post(page_of(Objective, "delete", objective.pk), {"post": "yes"})
    assert not Objective.objects.filter(pk=objective.pk).exists()


def test_delete__foreign_rows_hang_on_it(cast: Cast) -> None:
    objective = make.objective(cast.northwind.organization)
    attachment = cast.contoso.rows[next(one for one in cast.contoso.rows if one.__name__ == "Attachment")]
    type(attachment)._default_manager.filter(pk=attachment.pk).update(objective=objective)
    response = cast.client("editor").get(page_of(Objective, "delete", objective.pk))
    assert leaks(cast, "editor", response) == []
    cast.client("editor").post(page_of(Objective, "delete", objective.pk), {"post": "yes"})
    assert Objective.objects.filter(pk=objective.pk).exists()


def test_delete__results_never(cast: Cast) -> None:
    result = cast.northwind.row(Result)
    for role in ("admin", "superuser"):
        assert outcome(cast.client(role).post(page_of(Result, "delete", result.pk), {"post": "yes"})) == "denied"
    assert Result.objects.filter(pk=result.pk).exists()


def test_inlines__posted_with_foreign_keys(cast: Cast) -> None:
    own, before = cast.northwind.row(Objective), snapshot(cast.contoso)
    client = cast.client("admin")
    page = client.get(page_of(Objective, "change", own.pk)).context
    values: dict[str, Any] = {"name": own.name, "language": "en", "description": ""}
    foreign = next(cast.contoso.rows[one] for one in cast.contoso.rows if one.__name__ == "LMSConfiguration")
    attached = next(cast.contoso.rows[one] for one in cast.contoso.rows if one.__name__ == "Attachment")
    for wrapped in page["inline_admin_formsets"]:
        prefix = wrapped.formset.prefix
        values |= {
            f"{prefix}-TOTAL_FORMS": "2",
            f"{prefix}-INITIAL_FORMS": "1",
            f"{prefix}-0-id": str(attached.pk),
            f"{prefix}-0-objective": str(own.pk),
            f"{prefix}-0-DELETE": "on",
            f"{prefix}-1-objective": str(own.pk),
            f"{prefix}-1-configuration": str(foreign.pk),
        }
    response = client.post(page_of(Objective, "change", own.pk), values)
    assert leaks(cast, "admin", response) == []
    assert snapshot(cast.contoso) == before
    assert not type(attached)._default_manager.filter(objective=own, configuration=foreign.pk).exists()
