"""Sending mails: each arrives once, however the mail server behaves."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from integrations import alerts
from integrations.models import Contact, LMSConfiguration, Mail
from tests import make
from tests.outage import MINUTE
from tests.servers import free_port
from tests.smtp import HANG, FakeSMTP, use

pytestmark = [pytest.mark.django_db, pytest.mark.catalogue("R55")]


@pytest.fixture
def configuration(db: None) -> Any:
    return make.configuration(make.organization("Northwind"), "Moodle")


def send() -> int:
    """One task's work."""
    return alerts.send_mails(time.monotonic() + 30)


def later(minutes: float) -> None:
    """Let so many minutes be over for all that waits."""
    Mail.objects.update(send_at=F("send_at") - timedelta(minutes=minutes))


def only() -> Mail:
    """The only mail."""
    return Mail.objects.get()


# It goes -----------------------------------------------------------------------------------------------------------


def test_mail__is_sent_once_and_marked(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    assert send() == 1
    assert send() == 0
    assert (only().state, only().lease_token, only().attempts) == ("sent", None, 1)
    assert only().sent_at is not None
    assert smtp.message_ids() == [only().message_id]


def test_mail__says_who_it_is_from_and_that_a_machine_wrote_it(configuration: Any, smtp: FakeSMTP) -> None:
    make.mail(configuration, subject="Moodle: “Server Error” – ščřž", body="Zażółć gęślą jaźń.\n.\n..two dots\n")
    send()
    letter = smtp.letters[0]
    assert letter.recipients == ("it@example.com",)
    assert letter.sender == "lms-bridge@testserver"
    assert letter.subject == "Moodle: “Server Error” – ščřž"
    assert letter.text == "Zażółć gęślą jaźń.\n.\n..two dots\n"
    assert letter.message.get_content_type() == "text/plain"
    assert letter.message["Auto-Submitted"] == "auto-generated"


def test_mail__that_is_dropped__is_not_sent(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration, state="dropped")
    assert send() == 0


def test_mail__whose_time_has_not_come__waits(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration, send_at=timezone.now() + MINUTE)
    assert send() == 0


def test_news_of_one_lms__go_in_their_order(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration, subject="It broke", send_at=timezone.now() + MINUTE)
    make.mail(configuration, subject="It works again")
    assert send() == 0
    later(1)
    assert send() == 2
    assert smtp.subjects() == ["It broke", "It works again"]


def test_sending__past_its_time__leaves_the_rest(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    assert alerts.send_mails(time.monotonic()) == 0
    assert only().state == "queued"


# Two hands ---------------------------------------------------------------------------------------------------------


@pytest.mark.database
def test_mail__that_another_worker_is_sending__is_left_alone(configuration: Any, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    Mail.objects.update(lease_until=Now() + MINUTE)
    assert send() == 0


@pytest.mark.database
def test_mail__whose_worker_died__goes_again_under_its_message_id(configuration: Any, smtp: FakeSMTP) -> None:
    make.mail(configuration, lease_until=timezone.now() - MINUTE, attempts=1)
    assert send() == 1
    assert smtp.message_ids() == [only().message_id]


@pytest.mark.database
def test_mail__whose_answer_was_lost__goes_again_under_its_message_id(configuration: Any, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    smtp.script("MESSAGE", ["451 Lost my memory"])
    assert send() == 0
    later(1)
    assert send() == 1
    assert smtp.message_ids() == [only().message_id]


# It does not go ----------------------------------------------------------------------------------------------------


def test_mail_server_down_for_two_hours__each_mail_arrives_once_later(configuration: Any, settings: Any) -> None:
    port = free_port()
    use(settings, port)
    other = make.configuration(make.organization("Contoso"))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for one in (configuration, other, configuration):
            make.mail(one)
        for _minute in range(120):
            assert send() == 0
            clock.shift(MINUTE)
        assert set(Mail.objects.values_list("state", flat=True)) == {"queued"}
        assert "could not be reached" in Mail.objects.order_by("pk")[0].sentence
        with FakeSMTP(port) as smtp:
            for _minute in range(60):
                send()
                clock.shift(MINUTE)
    assert sorted(smtp.message_ids()) == sorted(Mail.objects.values_list("message_id", flat=True))
    assert set(Mail.objects.values_list("state", flat=True)) == {"sent"}


def test_mail_server_down__is_tried_after_1_5_15_and_60_minutes(configuration: Any, settings: Any) -> None:
    use(settings, free_port())
    make.mail(configuration)
    waits = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _turn in range(6):
            send()
            waits.append((only().send_at - timezone.now()) // MINUTE)
            clock.move_to(only().send_at)
    assert waits == [1, 5, 15, 60, 60, 60]


@pytest.mark.parametrize("place", ["CONNECT", "MAIL", "RCPT", "MESSAGE"])
def test_mail_server_that_defers__gets_the_mail_again_later(configuration: Any, smtp: FakeSMTP, place: str) -> None:
    make.mail(configuration)
    smtp.script(place, ["421 Too busy, come again"])
    assert send() == 0
    assert only().state == "queued"
    assert "421 Too busy, come again" in only().sentence
    later(1)
    assert send() == 1
    assert len(smtp.letters) == 1


def test_deferred_recipient__holds_up_nobody_else(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    make.mail(make.configuration(configuration.organization), to="other@example.com")
    smtp.script("RCPT", ["450 Greylisted, come again"])
    assert send() == 1
    assert [letter.recipients for letter in smtp.letters] == [("other@example.com",)]


def test_refused_recipient__is_never_written_to_again(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    make.mail(configuration)
    smtp.answers["RCPT"] = "550 No such user here"
    assert send() == 0
    first, second = Mail.objects.order_by("pk")
    assert (first.state, first.sentence) == ("refused", "Refused: 550 No such user here")
    assert (second.state, smtp.asked["RCPT"]) == ("dropped", 1)
    contact = Contact.objects.get()
    assert (contact.refusal, contact.refused_at is not None) == ("550 No such user here", True)


def test_refused_text__is_not_the_addresses_fault(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    smtp.answers["MESSAGE"] = "554 This looks like spam"
    send()
    assert (only().state, only().sentence) == ("refused", "Refused: 554 This looks like spam")
    assert not Contact.objects.exists()


def test_refused_sender__is_our_own_fault_and_tried_again(configuration: LMSConfiguration, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    smtp.script("MAIL", ["550 You may not send from here"])
    assert send() == 0
    assert only().state == "queued"
    later(1)
    assert send() == 1


@pytest.mark.parametrize("place", ["CONNECT", "EHLO", "RCPT", "DATA", "MESSAGE"])
def test_mail_server_that_hangs__costs_one_timeout_and_no_mail(
    configuration: Any, smtp: FakeSMTP, settings: Any, place: str
) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    for _number in range(3):
        make.mail(make.configuration(configuration.organization))
    smtp.answers[place] = HANG
    assert send() == 0
    assert smtp.asked["CONNECT"] == 1
    assert set(Mail.objects.values_list("state", "lease_token")) == {("queued", None)}
    del smtp.answers[place]
    later(1)
    assert send() == 3


def test_words_of_the_mail_server__are_kept_on_one_line_and_short(configuration: Any, smtp: FakeSMTP) -> None:
    make.mail(configuration)
    smtp.answers["RCPT"] = "550-No\r\n550 <script>" + "x" * 500
    send()
    assert "\n" not in only().sentence
    assert len(only().sentence) < 250
