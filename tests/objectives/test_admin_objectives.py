"""Objectives and participants in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from objectives.models import Objective, Organization, Participant
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

OBJECTIVES = "/admin/objectives/objective/"
PARTICIPANTS = "/admin/objectives/participant/"
NEW = {"name": "Ladders", "language": "en", "external_reference": "ladders", "description": "", "activity_iri": ""}


@pytest.fixture
def own(cast: Cast) -> Organization:
    return cast.northwind.organization


def post(client: Client, url: str, values: dict[str, str]) -> Any:
    """Post a form with the management data of whatever inlines its page has."""
    page = client.get(url)
    for wrapped in page.context["inline_admin_formsets"]:
        prefix = wrapped.formset.prefix
        values = {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"} | values
    return client.post(url, values)


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["adminform"].form.errors.items()}


def test_objective__added_to_the_active_organization(cast: Cast, own: Organization) -> None:
    foreign = str(cast.contoso.organization.pk)
    post(cast.client("editor"), f"{OBJECTIVES}add/", NEW | {"organization": foreign, "organization_id": foreign})
    assert Objective.objects.get(external_reference="ladders").organization == own


def test_objective__gets_an_activity_iri(cast: Cast) -> None:
    post(cast.client("editor"), f"{OBJECTIVES}add/", NEW)
    assert Objective.objects.get(external_reference="ladders").activity_iri.startswith(
        "http://testserver/objectives/"
    )


@pytest.mark.parametrize("field", ["external_reference", "activity_iri"])
def test_objective__twice_in_one_organization(cast: Cast, own: Organization, field: str) -> None:
    make.objective(own, external_reference="taken", activity_iri="https://example.com/taken")
    value = {"external_reference": "taken", "activity_iri": "https://example.com/taken"}[field]
    found = errors(post(cast.client("editor"), f"{OBJECTIVES}add/", NEW | {field: value}))
    assert "exists already" in found["__all__"][0]


def test_objective__same_reference_in_two_organizations(cast: Cast, own: Organization) -> None:
    make.objective(cast.contoso.organization, external_reference="ladders")
    post(cast.client("editor"), f"{OBJECTIVES}add/", NEW)
    assert Objective.objects.filter(external_reference="ladders", organization=own).exists()


def test_objective__what_others_call_it_stays(cast: Cast, own: Organization) -> None:
    objective = make.objective(own, external_reference="kept", activity_iri="https://example.com/kept")
    changes = NEW | {"external_reference": "other", "activity_iri": "https://example.com/other"}
    post(cast.client("editor"), f"{OBJECTIVES}{objective.pk}/change/", changes)
    objective.refresh_from_db()
    found = (objective.name, objective.external_reference, objective.activity_iri)
    assert found == ("Ladders", "kept", "https://example.com/kept")


def test_participant__twice_in_one_organization(cast: Cast, own: Organization) -> None:
    make.participant(own, "ann@example.com")
    response = post(cast.client("editor"), f"{PARTICIPANTS}add/", {"participant_id": "ann@example.com", "name": ""})
    assert errors(response) == {"__all__": ["A participant with this id exists already."]}


def test_participant__renamed_to_one_that_exists(cast: Cast, own: Organization) -> None:
    make.participant(own, "ann@example.com")
    bob = make.participant(own, "bob@example.com")
    response = post(cast.client("editor"), f"{PARTICIPANTS}{bob.pk}/change/", {"participant_id": "ann@example.com"})
    assert errors(response) == {"__all__": ["A participant with this id exists already."]}


def test_participants__by_e_mail_address(cast: Cast, own: Organization) -> None:
    Participant.objects.of(own).filter(results__isnull=True).delete()
    make.participant(own, "4711")
    client = cast.client("viewer")
    found = [client.get(PARTICIPANTS, {"email": value}).context["cl"].result_count for value in ("yes", "no")]
    assert found == [1, 1]


def test_participants__search_takes_whole_ids_only(cast: Cast, own: Organization) -> None:
    make.participant(own, "ann@example.com")
    client = cast.client("viewer")
    found = [client.get(PARTICIPANTS, {"q": text}).context["cl"].result_count for text in ("ann@example.com", "ann")]
    assert found == [1, 0]
