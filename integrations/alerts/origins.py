"""Telling the contact to which server the launches of a configuration without an address lead."""

from __future__ import annotations

from datetime import datetime

from integrations.alerts import wording
from integrations.alerts.telling import tell
from integrations.models import LMSConfiguration, Mail


def trusted(configuration: LMSConfiguration, origin: str, now: datetime) -> None:
    """The first server that gave a token is trusted from now on: tell the contact, inside the same transaction."""
    tell(configuration, Mail.Kind.ORIGIN, wording.trusted(configuration, origin), now)
