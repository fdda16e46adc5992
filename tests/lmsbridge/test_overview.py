"""The start page: what to do next, how the LMSs are doing, what went out last."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Lane
from objectives.models import Organization
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def northwind() -> Organization:
    """An organization in which nothing was done yet."""
    return make.organization("Northwind")


def shown(client: Client) -> str:
    return client.get("/admin/").content.decode()


def client_of(organization: Organization, role: str) -> Client:
    client = Client()
    client.force_login(make.member(organization, role))
    return client


@pytest.mark.parametrize(("role", "told"), [("admin", True), ("editor", True), ("viewer", False)])
def test_steps__of_a_new_organization(northwind: Organization, role: str, told: bool) -> None:
    assert ("Next steps" in shown(client_of(northwind, role))) is told


def test_steps__connecting_is_for_admins(northwind: Organization) -> None:
    page = shown(client_of(northwind, "editor"))
    assert "An admin of your organization does this." in page
    assert "/lmsconfiguration/add/" not in page


def test_steps__what_is_done_asks_for_nothing(northwind: Organization) -> None:
    make.objective(northwind)
    page = shown(client_of(northwind, "admin"))
    assert "/admin/objectives/objective/add/" not in page
    assert "/admin/objectives/result/add/" in page


def test_steps__go_when_all_are_done(northwind: Organization) -> None:
    objective = make.objective(northwind)
    make.attachment(objective, make.configuration(northwind))
    make.result(northwind, objective=objective)
    assert "Next steps" not in shown(client_of(northwind, "admin"))


def test_lmss__those_in_trouble_come_first(northwind: Organization) -> None:
    make.configuration(northwind, "A quiet one")
    broken = make.configuration(northwind, "Broken one")
    Lane.objects.filter(configuration=broken).update(
        status="cannot_connect", status_since=timezone.now(), sentence="Nobody answers there."
    )
    page = shown(client_of(northwind, "viewer"))
    assert page.index("Broken one") < page.index("A quiet one")
    assert "Nobody answers there." in page


def test_lmss__counts_lead_to_the_list(northwind: Organization) -> None:
    configuration = make.configuration(northwind)
    make.delivery(make.result(northwind), configuration, "held")
    link = f"/admin/integrations/delivery/?configuration={configuration.pk}&amp;state__exact=held"
    assert link in shown(client_of(northwind, "viewer"))


def test_lmss__operators_are_told_of_trouble_everywhere(cast: Cast) -> None:
    broken = make.configuration(cast.contoso.organization, "Broken one")
    Lane.objects.filter(configuration=broken).update(status="server_error", status_since=timezone.now())
    make.configuration(cast.northwind.organization, "A quiet one")
    page = shown(cast.client("operator"))
    assert "Broken one" in page
    assert "A quiet one" not in page


def test_overview__costs_the_same_for_many_rows(northwind: Organization) -> None:
    client = client_of(northwind, "admin")
    counts = []
    for _round in range(2):
        for _number in range(3):
            configuration = make.configuration(northwind)
            make.delivery(make.result(northwind), configuration, "held")
        client.get("/admin/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/admin/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("role", "shown"), [("operator", True), ("viewer", False)])
def test_deliveries__name_the_organization_to_those_who_see_all(cast: Cast, role: str, shown: bool) -> None:
    html = cast.client(role).get("/admin/").content.decode()
    assert ('<th scope="col">Organization</th>' in html) is shown
