"""Contacts: who may be written to, how often, and how an address is confirmed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import alerts
from integrations.models import Contact, LMSConfiguration, Mail
from tests import make
from tests.fixtures_cast import Cast
from tests.outage import DAY, HOUR, MINUTE, START, Outage
from tests.smtp import FakeSMTP

pytestmark = pytest.mark.django_db

STRANGER = "stranger@elsewhere.example"


@pytest.fixture
def strangers(outage: Outage) -> Outage:
    """A configuration whose contact is nobody of the organization."""
    LMSConfiguration.objects.update(contact_email=STRANGER)
    outage.configuration.refresh_from_db()
    return outage


def link_in(mail: Mail) -> str:
    """The path of the link in a request for confirmation."""
    found = re.search(rf"{re.escape(settings.PUBLIC_URL)}(/contacts/\S+)", mail.body)
    assert found is not None
    return found[1]


def reach(configuration: Any, email: str) -> Any:
    """The configuration with another contact."""
    configuration.contact_email = email
    configuration.save()
    return configuration


# Strangers ---------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S42")
def test_stranger_in_a_hundred_configurations__gets_one_request_and_nothing_else(cast: Cast, smtp: FakeSMTP) -> None:
    Mail.objects.all().delete()
    client = cast.client("admin", cast.northwind.organization)
    for number in range(100):
        values = {"name": f"LMS {number}", "contact_email": STRANGER.title(), "type": "xapi"}
        client.post(reverse("admin:integrations_lmsconfiguration_add"), values)
    own = LMSConfiguration.objects.filter(contact_email__iexact=STRANGER).select_related("lane")
    assert own.count() == 100
    for configuration in own:
        for wait in (timedelta(0), MINUTE):
            alerts.failed(configuration.lane, "cannot_connect", "Nobody listens.", START + wait)
    alerts.send_mails(float("inf"))
    assert [letter.recipients for letter in smtp.letters] == [(STRANGER,)]
    assert smtp.subjects()[0].startswith("Please confirm")


@pytest.mark.catalogue("S42")
def test_stranger_in_many_organizations__gets_three_requests_a_day(db: None) -> None:
    for _number in range(30):
        alerts.ask(reach(make.configuration(make.organization()), STRANGER), START)
    assert Mail.objects.filter(state__in=["queued", "sent"]).count() == 3
    assert "asked 3 times" in Mail.objects.filter(state="dropped")[0].sentence


def test_request__asked_for_by_two_configurations__is_sent_once(strangers: Outage) -> None:
    second = reach(make.configuration(strangers.organization), STRANGER.upper())
    assert alerts.ask(strangers.configuration, START)
    assert not alerts.ask(second, START + DAY)


def test_request__holds_no_text_that_a_tenant_chooses(strangers: Outage) -> None:
    LMSConfiguration.objects.update(name="Buy at https://spam.example")
    strangers.configuration.refresh_from_db()
    alerts.ask(strangers.configuration, START)
    assert "spam" not in strangers.mail().subject + strangers.mail().body


def test_members_address__is_never_asked(outage: Outage) -> None:
    assert not alerts.ask(reach(outage.configuration, "IT@Example.com"), START)
    assert not Mail.objects.exists()


def test_address_of_a_deactivated_member__counts_no_more(outage: Outage) -> None:
    outage.member.is_active = False
    outage.member.save()
    outage.breaks()
    assert outage.kinds() == ["confirm"]


def test_alert_to_a_stranger__is_not_sent_and_says_why(strangers: Outage) -> None:
    strangers.breaks()
    assert strangers.kinds() == ["confirm"]
    dropped = Mail.objects.get(state="dropped")
    assert (dropped.kind, dropped.sentence) == ("opening", "Not sent: nobody has confirmed this address yet.")


def test_month_of_outage_at_a_stranger__leaves_one_row_for_what_was_not_sent(strangers: Outage) -> None:
    strangers.breaks()
    strangers.passes(30 * DAY, step=HOUR)
    assert Mail.objects.count() == 2


def test_recovery__of_an_outage_nobody_was_told_of__is_not_told(strangers: Outage) -> None:
    strangers.breaks()
    strangers.after(HOUR).works()
    assert strangers.kinds() == ["confirm"]


# Confirming --------------------------------------------------------------------------------------------------------


def test_link__opened_and_pressed__confirms_and_the_outage_is_told(strangers: Outage, client: Client) -> None:
    with time_machine.travel(START, tick=False) as clock:
        strangers.breaks()
        path = link_in(Mail.objects.get(kind="confirm"))
        clock.shift(DAY)
        page = client.get(path)
        assert "Yes, send alerts to this address" in page.content.decode()
        assert Contact.objects.get().confirmed_at is None
        assert "Thank you" in client.post(path).content.decode()
        assert Contact.objects.get().confirmed_at == START + DAY
    strangers.after(DAY).watch()
    assert strangers.kinds() == ["confirm", "opening"]


def test_link__pressed_in_a_browser_without_cookies__works(strangers: Outage) -> None:
    alerts.ask(strangers.configuration, timezone.now())
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link_in(strangers.mail())).status_code == 200
    assert not strict.cookies


def test_link__a_second_time__says_thank_you(strangers: Outage, client: Client) -> None:
    alerts.ask(strangers.configuration, timezone.now())
    path = link_in(strangers.mail())
    first = client.post(path) and Contact.objects.get().confirmed_at
    assert "Thank you" in client.post(path).content.decode()
    assert Contact.objects.get().confirmed_at == first


@pytest.mark.parametrize("method", ["get", "post"])
def test_link__after_a_week__says_so_and_confirms_nothing(strangers: Outage, client: Client, method: str) -> None:
    with time_machine.travel(START, tick=False) as clock:
        alerts.ask(strangers.configuration, START)
        clock.shift(7 * DAY + MINUTE)
        answer = getattr(client, method)(link_in(strangers.mail()))
    assert answer.status_code == 404
    assert "This link does not work any more" in answer.content.decode()
    assert Contact.objects.get().confirmed_at is None


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "..%2f", "x" * 3000, "é"])
def test_link__that_is_none__gets_the_same_page(client: Client, db: None, token: str) -> None:
    answer = client.get(f"/contacts/confirm/{token}/")
    assert answer.status_code == 404


def test_link__signed_for_something_else__confirms_nothing(strangers: Outage, client: Client) -> None:
    from django.core import signing

    alerts.ask(strangers.configuration, timezone.now())
    token = signing.dumps([Contact.objects.get().pk, STRANGER], salt="another")
    assert client.post(f"/contacts/confirm/{token}/").status_code == 404


def test_page__may_be_kept_by_nobody_and_tells_no_other_site_its_address(strangers: Outage, client: Client) -> None:
    alerts.ask(strangers.configuration, timezone.now())
    answer = client.get(link_in(strangers.mail()))
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


# Asking again ------------------------------------------------------------------------------------------------------


def test_asking_again__within_an_hour__is_refused_with_the_minutes_to_wait(strangers: Outage) -> None:
    alerts.ask(strangers.configuration, START)
    contact = Contact.objects.get()
    assert "Wait 50 minutes" in alerts.ask_again(contact, START + 10 * MINUTE)
    assert alerts.ask_again(contact, START + HOUR) == ""
    assert Mail.objects.count() == 2


def test_asking_again__forgets_a_refusal(strangers: Outage) -> None:
    contact = make.contact(strangers.organization, STRANGER, refused_at=START, refusal="550 No such user")
    assert alerts.ask_again(contact, START + DAY) == ""
    contact.refresh_from_db()
    assert (contact.refused_at, contact.refusal) == (None, "")


def test_asking_again__who_has_confirmed__does_nothing(strangers: Outage) -> None:
    contact = make.contact(strangers.organization, STRANGER, confirmed_at=START)
    assert "already" in alerts.ask_again(contact, START)
    assert not Mail.objects.exists()


def test_refused_address__gets_no_further_mail(outage: Outage) -> None:
    make.contact(outage.organization, "it@example.com", refused_at=START)
    outage.breaks()
    assert outage.kinds() == []
    assert outage.kinds(state="dropped") == ["opening"]


# Caps --------------------------------------------------------------------------------------------------------------


def test_address__of_many_organizations__gets_five_mails_an_hour(db: None) -> None:
    stories = [Outage(make.organization()) for _number in range(8)]
    for one in stories:
        one.breaks()
    assert Mail.objects.filter(state__in=["queued", "sent"]).count() == 5
    assert {one.sentence for one in Mail.objects.filter(state="dropped")} == {
        "Not sent: this address was sent 5 mails within an hour."
    }


def test_kept_back_news__is_told_once_there_is_room(db: None) -> None:
    stories = [Outage(make.organization()) for _number in range(8)]
    for one in stories:
        one.breaks()
    stories[0].passes(3 * HOUR, step=5 * MINUTE)
    assert Mail.objects.filter(state__in=["queued", "sent"], kind="opening").count() == 8
    assert Mail.objects.filter(state="dropped").count() == 3


def test_address__gets_twenty_mails_a_day(db: None) -> None:
    one = Outage()
    for number in range(20):
        make.mail(one.configuration, created_at=START - timedelta(hours=number + 2))
    one.breaks()
    assert one.mail().sentence == "Not sent: this address was sent 20 mails within a day."


def test_recovery_kept_back__is_told_later_unless_it_broke_again(outage: Outage) -> None:
    outage.breaks()
    for _number in range(4):
        make.mail(outage.configuration, created_at=outage.now, kind="reminder")
    outage.after(MINUTE).works()
    assert "recovery" not in outage.kinds()
    outage.passes(2 * HOUR)
    assert outage.kinds()[-1] == "recovery"


# What the mails say ------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S21")
def test_name_with_line_breaks__makes_one_mail_with_clean_headers(outage: Outage, smtp: FakeSMTP) -> None:
    evil = "Moodle\r\nBcc: victim@example.com\r\n\r\nHello\u2028\u202e"
    LMSConfiguration.objects.update(name=evil)
    outage.configuration.refresh_from_db()
    outage.breaks()
    alerts.send_mails(float("inf"))
    letter = smtp.letters[0]
    assert len(smtp.letters) == 1
    assert letter.recipients == ("it@example.com",)
    assert letter.message["Bcc"] is None
    assert letter.subject == "Northwind, Moodle Bcc: victim@example.com Hello: Server Error"
    assert "\nBcc" not in letter.text


def test_opening__says_what_since_when_how_many_and_what_to_do(outage: Outage) -> None:
    outage.waiting(2)
    outage.breaks()
    mail = outage.mail()
    page = reverse("admin:integrations_lmsconfiguration_change", args=[outage.configuration.pk])
    assert mail.subject == "Northwind, Moodle: Server Error"
    for part in (
        "November 22, 2026, 03:04 UTC",
        "The LMS has a fault of its own (503).",
        "2 results",
        "Test connection",
        f"http://testserver{page}",
    ):
        assert part in mail.body


def test_mails__name_no_learner_and_no_secret(outage: Outage) -> None:
    outage.waiting(1)
    participant = outage.organization.pk and make.participant(outage.organization, "learner@example.org")
    make.delivery(make.result(outage.organization, participant=participant), outage.configuration, "held")
    outage.breaks()
    outage.passes(2 * DAY, step=HOUR)
    outage.works()
    text = " ".join(Mail.objects.values_list("body", flat=True))
    assert "person" not in text
    assert "learner@example.org" not in text
    assert make.KEY_SECRET not in text
    assert text.count("http") == Mail.objects.count()
