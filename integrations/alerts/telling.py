"""Telling the contact of a configuration something, if it may be told."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from integrations.alerts import contacts, outbox
from integrations.alerts.wording import Text
from integrations.models import Incident, LMSConfiguration, Mail


def tell(
    configuration: LMSConfiguration,
    kind: Mail.Kind,
    text: Text,
    now: datetime,
    *,
    incident: Incident | None = None,
    days: int | None = None,
    quietly: bool = False,
) -> bool:
    """Put a mail to the configuration's contact into the outbox; whether it will be sent.

    A mail that may not go is kept as *not sent* with the reason, or with ``quietly`` not kept at all. Whoever was
    never asked to confirm the address is asked now.
    """
    with transaction.atomic():
        contact = contacts.contact_of(configuration)
        contacts.ask(configuration, now)
        obstacle = contacts.obstacle(contact) or outbox.limit_reached(contact, now)
        if not (obstacle and quietly):
            outbox.put(contact, kind, text, now, obstacle, configuration=configuration, incident=incident, days=days)
    return not obstacle
