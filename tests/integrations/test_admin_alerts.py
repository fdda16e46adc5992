"""The admin of incidents, mails and contacts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import alerts
from integrations.models import Contact, Incident, LMSConfiguration, Mail
from tests import make
from tests.fixtures_cast import Cast
from tests.outage import HOUR, Outage

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(cast: Cast) -> Contact:
    """The contact of Northwind's configuration: nobody of the organization, asked a while ago."""
    configuration = cast.northwind.row(LMSConfiguration)
    alerts.ask(configuration, timezone.now() - 2 * HOUR)
    return Contact.objects.get(email=configuration.contact_email.lower())


def page_of(cast: Cast, role: str) -> str:
    """The configuration's page as this role sees it."""
    url = reverse("admin:integrations_lmsconfiguration_change", args=[cast.northwind.row(LMSConfiguration).pk])
    return str(cast.client(role).get(url).content.decode())


def press(client: Client, contact: Contact, **values: Any) -> Any:
    """Press the button that asks again."""
    return client.post(reverse("admin:integrations_contact_ask", args=[contact.pk]), values, follow=True)


def test_page__of_a_configuration_with_a_stranger__offers_to_ask_again(cast: Cast, stranger: Contact) -> None:
    page = page_of(cast, "admin")
    assert "not confirmed" in page
    assert "Ask to confirm again" in page


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_page__for_those_who_only_look__shows_no_button(cast: Cast, stranger: Contact, role: str) -> None:
    page = page_of(cast, role)
    assert "not confirmed" in page
    assert "Ask to confirm again" not in page


def test_page__once_the_address_is_confirmed__says_so(cast: Cast, stranger: Contact) -> None:
    alerts.confirm(stranger, timezone.now())
    page = page_of(cast, "admin")
    assert "not confirmed" not in page
    assert "Ask to confirm again" not in page


def test_page__of_a_refused_address__shows_the_mail_servers_words(cast: Cast, stranger: Contact) -> None:
    Contact.objects.filter(pk=stranger.pk).update(refused_at=timezone.now(), refusal="550 No such user")
    page = page_of(cast, "admin")
    assert "550 No such user" in page
    assert "Ask to confirm again" in page


def test_page__shows_the_newest_incidents(cast: Cast) -> None:
    assert "still going on" in page_of(cast, "viewer")


def test_button__pressed__asks_again_and_goes_back(cast: Cast, stranger: Contact) -> None:
    configuration = cast.northwind.row(LMSConfiguration)
    answer = press(cast.client("admin"), stranger, configuration=configuration.pk)
    assert answer.redirect_chain[-1][0] == reverse(
        "admin:integrations_lmsconfiguration_change", args=[configuration.pk]
    )
    assert "is asked to confirm" in answer.content.decode()
    assert Mail.objects.filter(kind="confirm", to=stranger.email).count() == 2


def test_button__pressed_twice__asks_once(cast: Cast, stranger: Contact) -> None:
    client = cast.client("admin")
    press(client, stranger)
    assert "Wait 60 minutes" in press(client, stranger).content.decode()
    assert Mail.objects.filter(kind="confirm", to=stranger.email).count() == 2


@pytest.mark.parametrize("given", ["", "x", "999999999999999999999999", "-1", "²"])
def test_button__with_a_configuration_that_is_none__leads_to_the_contact(
    cast: Cast, stranger: Contact, given: str
) -> None:
    answer = press(cast.client("admin"), stranger, configuration=given)
    assert answer.redirect_chain[-1][0] == reverse("admin:integrations_contact_change", args=[stranger.pk])


@pytest.mark.catalogue("S42")
@pytest.mark.parametrize("role", ["admin", "operator", "superuser"])
def test_mail__that_asks_to_confirm__shows_its_link_to_nobody_else(cast: Cast, stranger: Contact, role: str) -> None:
    mail = Mail.objects.get(kind="confirm", to=stranger.email)
    page = cast.client(role).get(reverse("admin:integrations_mail_change", args=[mail.pk])).content.decode()
    assert mail.subject in page
    assert "/contacts/confirm/" not in page


def test_mail__about_an_outage__is_shown_whole_and_escaped(cast: Cast) -> None:
    mail = cast.northwind.row(Mail)
    Mail.objects.filter(pk=mail.pk).update(body="<script>alert(1)</script>\nSecond line")
    page = cast.client("viewer").get(reverse("admin:integrations_mail_change", args=[mail.pk])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nSecond line" in page


def test_incidents__filtered_by_those_over__shows_them_alone(cast: Cast) -> None:
    outage = Outage(cast.northwind.organization, "somebody@example.com")
    outage.fails()
    outage.after(HOUR).works()
    client, url = cast.client("admin"), reverse("admin:integrations_incident_changelist")
    over = client.get(url, {"over": "yes"}).context["cl"].result_list
    going_on = client.get(url, {"over": "no"}).context["cl"].result_list
    assert [one.pk for one in over] == [outage.incident().pk]
    assert [one.pk for one in going_on] == [cast.northwind.row(Incident).pk]


@pytest.mark.parametrize("model", ["incident", "mail", "contact"])
def test_list__with_many_rows__takes_as_many_queries_as_with_few(
    cast: Cast, model: str, django_assert_max_num_queries: Any
) -> None:
    for _number in range(20):
        configuration = make.configuration(cast.northwind.organization)
        make.mail(configuration, incident=make.incident(configuration))
        make.contact(cast.northwind.organization, f"{configuration.pk}@example.com")
    client, url = cast.client("admin"), reverse(f"admin:integrations_{model}_changelist")
    with django_assert_max_num_queries(12):
        assert client.get(url).status_code == 200
