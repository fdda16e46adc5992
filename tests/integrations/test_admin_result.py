"""A result's page tells where it went."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Delivery
from objectives.models import Result
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db


def page(result: Result | None) -> str:
    assert result is not None
    return f"/admin/objectives/result/{result.pk}/change/"


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_page__shows_each_delivery_with_its_state_and_a_link(cast: Cast, role: str) -> None:
    delivery = Delivery.objects.get(organization=cast.northwind.organization)
    html = cast.client(role).get(page(delivery.result)).content.decode()
    assert "</span> Held</span>" in html
    assert f'href="/admin/integrations/delivery/{delivery.pk}/change/"' in html


def test_page__of_what_is_being_sent__says_sending(cast: Cast) -> None:
    organization = cast.northwind.organization
    delivery = make.delivery(make.result(organization), make.configuration(organization))
    make.attempt(delivery, outcome="open", closed_at=None)
    assert "</span> Sending</span>" in cast.client("viewer").get(page(delivery.result)).content.decode()


def test_page__offers_no_way_to_add_or_delete_a_delivery(cast: Cast) -> None:
    html = cast.client("admin").get(page(cast.northwind.row(Delivery).result)).content.decode()
    assert "deliveries-0-DELETE" not in html
    assert "deliveries-__prefix__" not in html


def test_page__to_add_a_result__has_no_deliveries(cast: Cast) -> None:
    response = cast.client("editor").get("/admin/objectives/result/add/")
    assert response.context["inline_admin_formsets"] == []


def test_list__tells_how_many_lmss_have_it(cast: Cast) -> None:
    organization = cast.northwind.organization
    result = make.result(organization)
    make.delivery(result, make.configuration(organization), "delivered")
    make.delivery(result, make.configuration(organization))
    assert "1 of 2 delivered" in cast.client("viewer").get("/admin/objectives/result/").content.decode()


@pytest.mark.parametrize(
    ("participant_id", "said"),
    [
        ("ann@example.com", "Result of ann@example.com for First aid was recorded and goes to 1 LMS."),
        (
            "ann",
            "Result of ann for First aid was recorded. It is held for “Spare”: Participant id is no e-mail address.",
        ),
    ],
)
def test_add__says_where_it_goes(cast: Cast, participant_id: str, said: str) -> None:
    organization = cast.northwind.organization
    make.participant(organization, participant_id)
    objective = make.objective(organization, "First aid")
    make.attachment(objective, make.configuration(organization, "Spare"))
    typed = {"who": participant_id, "objective": objective.pk, "completion": "on", "success": "true"}
    when = {"occurred_at_0": "2026-01-02", "occurred_at_1": "03:04:05"}
    response = cast.client("editor").post("/admin/objectives/result/add/", typed | when, follow=True)
    assert [str(message) for message in response.context["messages"]] == [said]


@pytest.mark.database
def test_page__with_more_deliveries__asks_as_many_questions(cast: Cast) -> None:
    organization, client = cast.northwind.organization, cast.client("viewer")
    result = make.result(organization)
    make.delivery(result, make.configuration(organization))
    few = questions(client, page(result))
    for _number in range(6):
        make.delivery(result, make.configuration(organization))
    assert questions(client, page(result)) == few


def questions(client: object, url: str) -> int:
    assert hasattr(client, "get")
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return len(asked)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"verified": True}, "Verified"), ({}, "Unverified"), ({"flagged": True}, "Unknown learner")],
)
def test_page__of_a_result_by_a_launch__says_what_proves_it(cast: Cast, values: dict[str, bool], words: str) -> None:
    organization = cast.northwind.organization
    result = make.result(organization)
    make.launch(make.configuration(organization), participant=result.participant, result=result, **values)
    html = cast.client("viewer").get(page(result)).content.decode()
    assert f"</span> {words}</span>" in html
