"""A small stage for alerts: one configuration whose LMS fails and works, and a clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from integrations import alerts
from integrations.models import Incident, LMSConfiguration, Mail
from objectives.models import Organization
from tests import make

START = datetime(2026, 11, 22, 3, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Outage:
    """What happens to one LMS configuration whose contact is a member of the organization."""

    def __init__(self, organization: Organization | None = None, email: str = "it@example.com") -> None:
        self.organization = organization or make.organization("Northwind")
        self.member = make.member(self.organization, "admin", email=email)
        self.configuration: Any = make.configuration(self.organization, "Moodle")
        LMSConfiguration.objects.filter(pk=self.configuration.pk).update(contact_email=email)
        self.configuration.refresh_from_db()
        self.now = START
        self.mail_server_is_down = False

    def fails(self, status: str = "server_error", sentence: str = "The LMS has a fault of its own (503).") -> None:
        """The LMS fails now."""
        alerts.failed(self.configuration.lane, status, sentence, self.now)

    def works(self) -> None:
        """The LMS takes something now."""
        alerts.worked(self.configuration.lane, self.now)

    def watch(self) -> None:
        """The sweep looks now. Mails written before were sent at once, unless ``mail_server_is_down``."""
        if not self.mail_server_is_down:
            Mail.objects.filter(state="queued").update(state="sent", sent_at=F("created_at"))
        alerts.watch(self.now)

    def after(self, wait: timedelta) -> Outage:
        """Let time pass."""
        self.now += wait
        return self

    def passes(self, wait: timedelta, *, step: timedelta = MINUTE) -> None:
        """Let time pass with the sweep looking at each step."""
        until = self.now + wait
        while self.now < until:
            self.after(step).watch()

    def breaks(self) -> None:
        """An outage that is confirmed."""
        self.fails()
        self.after(MINUTE).fails()

    def kinds(self, **filters: Any) -> list[str]:
        """The kinds of the mails that were sent or will be, oldest first."""
        written = Mail.objects.filter(**filters)
        found = written if "state" in filters else written.filter(state__in=["queued", "sent"])
        return list(found.order_by("pk").values_list("kind", flat=True))

    def mail(self) -> Mail:
        """The newest mail."""
        found: Mail = Mail.objects.order_by("-pk")[0]
        return found

    def incident(self) -> Incident:
        """The newest incident."""
        found: Incident = Incident.objects.order_by("-pk")[0]
        return found

    def waiting(self, count: int, **values: Any) -> None:
        """So many results that wait to be delivered."""
        for _number in range(count):
            result = make.result(self.organization)
            make.delivery(result, self.configuration, **values)


@pytest.fixture
def outage(db: None) -> Outage:
    """A configuration that has not failed yet."""
    return Outage()
