"""The cast: two organizations full of texts that betray whose they are, and the eight roles that look at them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.test import Client

from integrations.models import Lane
from objectives.access import SESSION_KEY
from objectives.models import Membership, Organization
from objectives.scoping import TenantModel
from tests import make

ROLES = ("anonymous", "viewer", "editor", "admin", "other_admin", "deactivated", "operator", "superuser")
MEMBERS = ("viewer", "editor", "admin")

SECRET = "sEcReT"  # part of every stored credential: shown to nobody, whatever their role

# Columns whose text is no free text: the language tag, ids that the code reads, the frozen body of a delivery.
_KEPT = {"language", "delivery_ids", "content", "plan", "type"}


@dataclass
class Tenant:
    """One organization, a row of every model in it, and the mark that all its texts carry."""

    organization: Organization
    mark: str
    rows: dict[type[models.Model], models.Model] = field(default_factory=dict)

    def row(self, model: type[models.Model]) -> Any:
        """This organization's row of ``model``."""
        return self.rows[model]

    def names(self, content: str) -> list[str]:
        """Every text of this organization in ``content``, with a little of what stands around it."""
        return re.findall(rf".{{0,40}}{self.mark}.{{0,40}}", content, re.IGNORECASE)


@dataclass
class Cast:
    """Northwind and Contoso, and the people who look at them. Roles are meant in Northwind."""

    northwind: Tenant
    contoso: Tenant
    users: dict[str, User]

    def client(self, role: str, organization: Organization | None = None) -> Client:
        """A browser with the person of this role logged in, in the organization if one is given."""
        client = Client()
        if role != "anonymous":
            client.force_login(self.users[role])
        if organization is not None:
            session = client.session
            session[SESSION_KEY] = organization.pk
            session.save()
        return client

    def foreign_to(self, role: str) -> list[Tenant]:
        """The organizations of which this role must never see a text."""
        if role in MEMBERS:
            return [self.contoso]
        if role == "other_admin":
            return [self.northwind]
        return [] if role in ("operator", "superuser") else [self.northwind, self.contoso]


@pytest.fixture
def cast(db: None) -> Cast:
    """Everybody, in a database of their own."""
    northwind, contoso = tenant("Northwind", "nw7f3a"), tenant("Contoso", "ct9b2e")
    organization = northwind.organization
    users = {role: make.member(organization, role, f"{northwind.mark}-{role}") for role in MEMBERS}
    users["other_admin"] = make.member(contoso.organization, "admin", f"{contoso.mark}-admin")
    users["deactivated"] = make.member(organization, "admin", f"{northwind.mark}-gone", is_active=False)
    users["operator"] = make.operator()
    users["superuser"] = make.superuser()
    return Cast(northwind, contoso, users)


@pytest.fixture
def client_for(cast: Cast) -> Callable[..., Client]:
    """A logged-in browser by role."""
    return cast.client


def tenant(name: str, mark: str) -> Tenant:
    """An organization with at least one row of every model, and its mark in every text of them."""
    organization = make.organization(f"{name} {mark}")
    make.member(organization, Membership.Role.VIEWER, f"{mark}-member", email=f"{mark}-member@example.com")
    objective = make.objective(organization, f"Fire safety {mark}")
    result = make.result(organization, objective=objective)
    configuration = make.configuration(
        organization, url=f"https://127.0.0.1/{mark}/xapi/", key=f"key-{mark}", secret=f"{mark}-{SECRET}-0123456789"
    )
    make.attachment(objective, configuration)
    held = make.delivery(result, configuration, "held", content=f'{{"actor": "{mark}"}}')
    make.attempt(held, outcome="refused")
    incident = make.incident(configuration)
    make.contact(organization, f"{mark}-contact@example.com")
    make.mail(configuration, incident=incident)
    make.job(organization)
    make.launch(configuration, participant=result.participant, token="kept")
    make.assignment(objective, result.participant)
    make.remote_progress(make.remote_content(configuration, f"content-{mark}"), f"{mark}-learner@example.com")
    make.difference(held)
    make.remote_user(configuration, result.participant)
    make.catalogue_item(configuration)
    story = make.story(organization, objective=objective)
    make.play(make.share(story, configuration), result.participant)
    found = Tenant(organization, mark)
    mark_rows(Lane.objects.filter(configuration=configuration), mark)
    for model in tenant_models():
        rows = model._default_manager.filter(organization=organization)
        mark_rows(rows, mark)
        row = rows.all().first()
        assert row is not None, f"Let tests/fixtures_cast.py make a {model._meta.label} too."
        found.rows[model] = row
    return found


def tenant_models() -> list[type[models.Model]]:
    """Every model whose rows belong to an organization."""
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def mark_rows(rows: models.QuerySet[Any], mark: str) -> None:
    """Put the mark into every text column of the rows that does not carry it yet."""
    for row in rows:
        changes = {
            column.attname: found
            for column in _text_columns(rows.model)
            if mark not in str(getattr(row, column.attname))
            for found in [next(_candidates(column, mark, row.pk), None)]
            if found is not None
        }
        if changes:
            rows.model._base_manager.filter(pk=row.pk).update(**changes)


def _text_columns(model: type[models.Model]) -> Iterator[models.Field[Any, Any]]:
    for column in model._meta.concrete_fields:
        is_text = isinstance(column, models.CharField | models.TextField) and not column.choices
        if is_text and column.name not in _KEPT:
            yield column


def _candidates(column: models.Field[Any, Any], mark: str, pk: int) -> Iterator[str]:
    tag = f"{mark}-{column.name}-{pk}"
    forms = [f"<b>{tag}</b>", tag, f"{tag}@example.com", f"https://example.com/{tag}"]
    if column.name == "participant_id":
        forms = forms[2:]
    for text in forms:
        try:
            column.run_validators(text)
        except ValidationError:
            continue
        yield text
