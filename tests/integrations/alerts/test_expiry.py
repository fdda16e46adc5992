"""Warnings before results expire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Delivery, LMSConfiguration, Mail
from tests.outage import DAY, HOUR, START, Outage

pytestmark = [pytest.mark.django_db, pytest.mark.catalogue("R30")]


def warnings() -> list[int | None]:
    """How many days before the end each warning came, oldest first."""
    return list(
        Mail.objects.filter(kind="expiry", state__in=["queued", "sent"]).order_by("pk").values_list("days", flat=True)
    )


def test_outage_of_a_month__is_warned_of_a_week_and_a_day_before(outage: Outage) -> None:
    outage.waiting(3, expires_at=START + 30 * DAY)
    outage.passes(22 * DAY, step=6 * HOUR)
    assert warnings() == []
    outage.passes(2 * DAY, step=6 * HOUR)
    assert warnings() == [7]
    outage.passes(6 * DAY - HOUR, step=6 * HOUR)
    assert warnings() == [7, 1]
    assert "3 results" in outage.mail().body
    assert outage.mail().subject == "Northwind, Moodle: results expire in 1 day"


def test_results_of_each_hour__are_warned_of_together(outage: Outage) -> None:
    for hours in range(24):
        outage.waiting(1, expires_at=START + 30 * DAY + timedelta(hours=hours))
    outage.passes(30 * DAY, step=6 * HOUR)
    assert warnings() == [7, 1]


def test_results_recorded_after_a_warning__have_warnings_of_their_own(outage: Outage) -> None:
    outage.waiting(1, expires_at=START + 30 * DAY)
    outage.waiting(1, expires_at=START + 60 * DAY)
    outage.passes(60 * DAY, step=12 * HOUR)
    assert warnings() == [7, 1, 7, 1]


def test_worker_that_was_down_for_the_first__warns_once(outage: Outage) -> None:
    outage.waiting(1, expires_at=START + 30 * DAY)
    outage.after(29 * DAY + HOUR).watch()
    outage.passes(DAY, step=2 * HOUR)
    assert warnings() == [1]


def test_delivered_in_time__is_not_warned_of(outage: Outage) -> None:
    outage.waiting(1, expires_at=START + 30 * DAY)
    Delivery.objects.update(state="delivered", delivered_at=START, next_attempt_at=None)
    outage.passes(30 * DAY, step=12 * HOUR)
    assert warnings() == []


def test_paused_configuration__is_warned_of_too(outage: Outage) -> None:
    outage.waiting(1, expires_at=START + 30 * DAY)
    LMSConfiguration.objects.update(paused=True)
    outage.passes(30 * DAY, step=12 * HOUR)
    assert warnings() == [7, 1]
    assert "Paused" in outage.mail().body


def test_warning_that_may_not_go__leaves_a_row_a_day_at_most(outage: Outage) -> None:
    LMSConfiguration.objects.update(contact_email="stranger@elsewhere.example")
    outage.waiting(1, expires_at=START + 30 * DAY)
    outage.passes(29 * DAY, step=3 * HOUR)
    assert 1 <= Mail.objects.filter(kind="expiry", state="dropped").count() <= 7


def test_look__is_taken_once_an_hour(outage: Outage) -> None:
    outage.watch()
    outage.waiting(1, expires_at=START + HOUR)
    outage.after(HOUR / 2).watch()
    assert warnings() == []
    outage.after(HOUR / 2).watch()
    assert warnings() == [1]
