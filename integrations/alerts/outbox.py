"""The outbox: a mail is written with what it tells, and an address gets only so many."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.alerts.wording import Text
from integrations.models import Contact, Incident, LMSConfiguration, Mail

# Mails to one address, whichever organizations they come from.
PER_HOUR = 5
PER_DAY = 20


def put(
    contact: Contact,
    kind: Mail.Kind,
    text: Text,
    now: datetime,
    obstacle: str = "",
    *,
    configuration: LMSConfiguration | None = None,
    incident: Incident | None = None,
    days: int | None = None,
) -> Mail:
    """A row of the outbox: waiting to be sent, or, with an ``obstacle``, not sent."""
    return Mail.objects.create(
        organization_id=contact.organization_id,
        configuration=configuration,
        incident=incident,
        kind=kind,
        to=contact.email,
        subject=text.subject,
        body=text.body,
        message_id=Mail.new_message_id(urlsplit(settings.PUBLIC_URL).hostname or "localhost"),
        state=Mail.State.DROPPED if obstacle else Mail.State.QUEUED,
        sentence=obstacle,
        created_at=now,
        send_at=now,
        days=days,
    )


def limit_reached(contact: Contact, now: datetime) -> str:
    """Why this address gets no mail just now; empty if it may."""
    hold(contact)
    written = Mail.objects.filter(to=contact.email).exclude(state=Mail.State.DROPPED)
    if written.filter(created_at__gt=now - timedelta(hours=1)).count() >= PER_HOUR:
        return _("Not sent: this address was sent %(count)s mails within an hour.") % {"count": PER_HOUR}
    if written.filter(created_at__gt=now - timedelta(days=1)).count() >= PER_DAY:
        return _("Not sent: this address was sent %(count)s mails within a day.") % {"count": PER_DAY}
    return ""


def hold(contact: Contact) -> None:
    """Until the transaction ends, nobody else counts the mails to this address."""
    rows = Contact.objects.select_for_update().filter(email=contact.email).order_by("pk")
    list(rows.values_list("pk", flat=True))
