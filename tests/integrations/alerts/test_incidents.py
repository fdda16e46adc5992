"""Incidents: when one opens, is confirmed, told and over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from integrations.models import Incident, LMSConfiguration, Mail
from tests import make
from tests.outage import DAY, HOUR, MINUTE, START, Outage

pytestmark = pytest.mark.django_db


# Opening and confirming --------------------------------------------------------------------------------------------


def test_first_failure__opens_an_incident_and_writes_nothing(outage: Outage) -> None:
    outage.fails()
    assert (outage.incident().opened_at, outage.incident().confirmed_at) == (START, None)
    assert outage.kinds() == []


def test_second_failure__within_a_minute__confirms_nothing(outage: Outage) -> None:
    outage.fails()
    outage.after(timedelta(seconds=59)).fails()
    assert outage.incident().confirmed_at is None


def test_second_failure__a_minute_later__confirms_and_writes_one_opening_mail(outage: Outage) -> None:
    outage.breaks()
    assert outage.incident().confirmed_at == outage.now
    assert outage.kinds() == ["opening"]


def test_further_failures__write_no_other_mail(outage: Outage) -> None:
    outage.breaks()
    for _number in range(20):
        outage.after(MINUTE).fails()
    assert outage.kinds() == ["opening"]
    assert Incident.objects.count() == 1


def test_one_failure_and_silence__is_confirmed_after_five_minutes(outage: Outage) -> None:
    outage.fails()
    outage.passes(4 * MINUTE)
    assert outage.kinds() == []
    outage.after(MINUTE).watch()
    assert outage.kinds() == ["opening"]


def test_failure_in_passing__is_over_without_a_mail(outage: Outage) -> None:
    outage.fails()
    outage.after(timedelta(seconds=5)).works()
    outage.passes(HOUR)
    assert outage.incident().closed_at == START + timedelta(seconds=5)
    assert not Mail.objects.exists()


def test_server_error_that_becomes_cannot_connect__updates_the_incident(outage: Outage) -> None:
    outage.breaks()
    outage.after(MINUTE).fails("cannot_connect", "Nobody listens at lms.example.com port 443.")
    incident = Incident.objects.get()
    assert (incident.status, incident.sentence) == ("cannot_connect", "Nobody listens at lms.example.com port 443.")
    assert outage.kinds() == ["opening"]


def test_failure__that_is_rolled_back__leaves_neither_incident_nor_mail(outage: Outage) -> None:
    outage.fails()
    with transaction.atomic():
        outage.after(MINUTE).fails()
        transaction.set_rollback(True)
    assert outage.incident().confirmed_at is None
    assert outage.kinds() == []


def test_success__without_an_incident__does_one_query(outage: Outage, django_assert_num_queries: object) -> None:
    lane = outage.configuration.lane
    with django_assert_num_queries(1):  # type: ignore[operator]  # the fixture is a context manager
        outage.works()
    assert lane is not None


def test_paused_configuration__is_not_confirmed_by_age(outage: Outage) -> None:
    outage.fails()
    LMSConfiguration.objects.update(paused=True)
    outage.passes(HOUR)
    assert outage.kinds() == []


# Recovery ----------------------------------------------------------------------------------------------------------


def test_success_after_an_outage__writes_one_recovery_mail_and_no_other(outage: Outage) -> None:
    outage.breaks()
    outage.after(HOUR).works()
    outage.after(MINUTE).works()
    outage.passes(2 * DAY, step=HOUR)
    assert outage.kinds() == ["opening", "recovery"]
    assert "1 hour, 1 minute" in outage.mail().body


def test_second_outage__has_an_incident_and_mails_of_its_own(outage: Outage) -> None:
    for _number in range(2):
        outage.breaks()
        outage.after(2 * HOUR).works()
        outage.after(DAY)
    assert outage.kinds() == ["opening", "recovery"] * 2
    assert Incident.objects.count() == 2


@pytest.mark.catalogue("R29")
def test_outage_of_23_hours__writes_one_mail_at_each_end(outage: Outage) -> None:
    outage.breaks()
    outage.passes(23 * HOUR, step=10 * MINUTE)
    outage.works()
    outage.passes(DAY, step=10 * MINUTE)
    assert outage.kinds() == ["opening", "recovery"]


@pytest.mark.catalogue("R16", "R17")
def test_refused_key__that_is_corrected__is_told_once(outage: Outage) -> None:
    sentence = "The LMS does not accept the credentials (401). Check key and secret."
    outage.fails(sentence=sentence)
    outage.passes(30 * MINUTE)
    assert outage.kinds() == ["opening"]
    assert sentence in outage.mail().body
    outage.works()
    assert outage.kinds() == ["opening", "recovery"]


# Reminders ---------------------------------------------------------------------------------------------------------


def test_outage_of_three_days__is_reminded_of_once_a_day_with_counts(outage: Outage) -> None:
    outage.waiting(3)
    outage.breaks()
    outage.passes(3 * DAY + HOUR, step=10 * MINUTE)
    assert outage.kinds() == ["opening", "reminder", "reminder", "reminder"]
    assert "3 results" in outage.mail().body
    assert "3 days" in outage.mail().body


def test_outage__while_nothing_waits__is_not_reminded_of(outage: Outage) -> None:
    outage.breaks()
    outage.passes(3 * DAY, step=HOUR)
    assert outage.kinds() == ["opening"]
    outage.waiting(1)
    outage.passes(2 * HOUR, step=HOUR)
    assert outage.kinds() == ["opening", "reminder"]


def test_reminder__that_could_not_be_sent__is_not_followed_by_another_and_tells_how_things_are(
    outage: Outage,
) -> None:
    outage.waiting(1)
    outage.breaks()
    outage.passes(DAY + HOUR, step=HOUR)
    outage.mail_server_is_down = True
    outage.passes(2 * DAY, step=HOUR)
    outage.waiting(2)
    outage.passes(HOUR, step=HOUR)
    assert outage.kinds() == ["opening", "reminder", "reminder"]
    assert "3 results" in outage.mail().body


def test_opening__that_could_not_be_sent__is_not_followed_by_a_reminder(outage: Outage) -> None:
    outage.waiting(1)
    outage.mail_server_is_down = True
    outage.breaks()
    outage.passes(3 * DAY, step=HOUR)
    assert outage.kinds() == ["opening"]


def test_reminder__after_a_mail_that_went_late__waits_a_day(outage: Outage) -> None:
    outage.waiting(1)
    outage.breaks()
    outage.mail_server_is_down = True
    outage.passes(DAY - HOUR, step=HOUR)
    Mail.objects.update(state="sent", sent_at=outage.now)
    outage.passes(DAY - HOUR, step=HOUR)
    assert outage.kinds() == ["opening"]
    outage.passes(2 * HOUR, step=HOUR)
    assert outage.kinds() == ["opening", "reminder"]


def test_two_sweeps_at_once__remind_once(outage: Outage) -> None:
    outage.waiting(1)
    outage.breaks()
    outage.after(DAY).watch()
    outage.watch()
    assert outage.kinds() == ["opening", "reminder"]


def test_paused_configuration__is_not_reminded_of(outage: Outage) -> None:
    outage.breaks()
    LMSConfiguration.objects.update(paused=True)
    outage.passes(3 * DAY, step=HOUR)
    assert outage.kinds() == ["opening"]


# Coming and going --------------------------------------------------------------------------------------------------


def flap(outage: Outage, times: int) -> None:
    """Fail a minute and work a minute, so many times."""
    for _number in range(times):
        outage.fails()
        outage.after(MINUTE).watch()
        outage.works()
        outage.after(MINUTE).watch()


@pytest.mark.catalogue("R31")
def test_lms_that_fails_every_other_minute_for_a_day__is_called_unstable_once(outage: Outage) -> None:
    flap(outage, 24 * 30)
    assert outage.kinds() == ["unstable"]


def test_third_outage_within_an_hour__is_told_as_unstable_and_then_nothing(outage: Outage) -> None:
    for _number in range(8):
        outage.breaks()
        outage.after(MINUTE).works()
        outage.after(MINUTE).watch()
    assert outage.kinds() == ["opening", "recovery", "opening", "recovery", "unstable"]


def test_third_outage__with_an_hour_since_the_first__is_an_outage_like_any(outage: Outage) -> None:
    for _number in range(4):
        outage.breaks()
        outage.after(30 * MINUTE).works()
    assert outage.kinds() == ["opening", "recovery"] * 4


def test_failures_in_passing__are_never_called_unstable(outage: Outage) -> None:
    for _number in range(50):
        outage.fails()
        outage.after(timedelta(seconds=5)).works()
        outage.after(MINUTE).watch()
    assert not Mail.objects.exists()


def test_unstable_lms__that_is_steady_for_an_hour__is_told_to_work_again(outage: Outage) -> None:
    flap(outage, 5)
    outage.passes(50 * MINUTE)
    assert outage.kinds() == ["unstable"]
    outage.passes(20 * MINUTE)
    assert outage.kinds() == ["unstable", "recovery"]
    outage.passes(DAY, step=HOUR)
    assert outage.kinds() == ["unstable", "recovery"]


def test_unstable_lms__that_stays_down_for_an_hour__is_told_to_be_down(outage: Outage) -> None:
    flap(outage, 5)
    outage.breaks()
    outage.passes(50 * MINUTE)
    assert outage.kinds() == ["unstable"]
    outage.passes(20 * MINUTE)
    assert outage.kinds() == ["unstable", "opening"]
    outage.works()
    assert outage.kinds() == ["unstable", "opening", "recovery"]


def test_third_outage__that_lasts__is_told_as_an_outage_after_an_hour(outage: Outage) -> None:
    outage.waiting(1)
    for _number in range(2):
        outage.breaks()
        outage.after(MINUTE).works()
    outage.breaks()
    outage.passes(70 * MINUTE)
    assert outage.kinds()[-2:] == ["unstable", "opening"]
    outage.passes(DAY, step=HOUR)
    outage.works()
    assert outage.kinds()[-3:] == ["opening", "reminder", "recovery"]


def test_unstable_lms__whose_mail_was_kept_back__is_told_of_it_later(outage: Outage) -> None:
    for _number in range(5):
        make.mail(outage.configuration, created_at=outage.now)
    flap(outage, 60)
    assert outage.kinds(incident__isnull=False) == ["unstable"]
