"""Incidents, and the mails that tell the contact about them: one when an LMS breaks, one when it works again."""

from __future__ import annotations

from integrations.alerts.contacts import ask, ask_again, confirm, contact_of, is_confirmed, read_token
from integrations.alerts.incidents import failed, watch, worked
from integrations.alerts.origins import trusted
from integrations.alerts.sending import send_mails

__all__ = [
    "ask",
    "ask_again",
    "confirm",
    "contact_of",
    "failed",
    "is_confirmed",
    "read_token",
    "send_mails",
    "trusted",
    "watch",
    "worked",
]
