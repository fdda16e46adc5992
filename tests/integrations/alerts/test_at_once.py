"""Several workers come to the same incident, address or mail at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from integrations import alerts
from integrations.models import Incident, Mail
from tests import make
from tests.outage import MINUTE, START, Outage
from tests.smtp import FakeSMTP

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def at_once(*calls: Callable[[], object]) -> None:
    """Make these calls in threads that begin together."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            ready.wait()
            call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result()


def fail(outage: Outage, wait: object = MINUTE) -> Callable[[], None]:
    """A failure so long after the start."""
    lane = outage.configuration.lane
    return lambda: alerts.failed(lane, "server_error", "It failed.", START + wait)  # type: ignore[operator]  # a span


def test_first_failures__open_one_incident() -> None:
    outage = Outage()
    at_once(*[fail(outage, 0 * MINUTE)] * 6)
    assert Incident.objects.count() == 1


def test_second_failures_and_sweeps__write_one_opening_mail() -> None:
    outage = Outage()
    outage.fails()
    late = START + 6 * MINUTE
    at_once(*[fail(outage, 6 * MINUTE)] * 3, *[lambda: alerts.watch(late)] * 3)
    assert Mail.objects.count() == 1


def test_successes__write_one_recovery_mail() -> None:
    outage = Outage()
    outage.breaks()
    lane = outage.configuration.lane
    at_once(*[lambda: alerts.worked(lane, START + 5 * MINUTE)] * 6)
    assert outage.kinds() == ["opening", "recovery"]


@pytest.mark.catalogue("S42")
def test_one_address_of_many_organizations__gets_no_mail_above_the_cap() -> None:
    outages = [Outage(make.organization()) for _number in range(8)]
    for outage in outages:
        outage.fails()
        make.contact(outage.organization, "it@example.com")
    at_once(*[fail(outage) for outage in outages])
    assert Mail.objects.filter(state="queued").count() == 5


@pytest.mark.catalogue("R55")
def test_senders__send_each_mail_once(smtp: FakeSMTP) -> None:
    organization = make.organization()
    for _number in range(10):
        make.mail(make.configuration(organization))
    at_once(*[lambda: alerts.send_mails(time.monotonic() + 30)] * 4)
    alerts.send_mails(time.monotonic() + 30)
    assert len(smtp.letters) == 10
    assert len(set(smtp.message_ids())) == 10
