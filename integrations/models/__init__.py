"""LMS configurations and what is sent through them."""

from __future__ import annotations

from integrations.models.configuration import Attachment, LMSConfiguration, attachments_changed
from integrations.models.delivery import Attempt, Delivery, Difference
from integrations.models.incident import Contact, Incident, LastRun, Mail
from integrations.models.lane import Lane
from integrations.models.launch import Launch
from integrations.models.remote import CatalogueItem, RemoteContent, RemoteProgress, RemoteUser

__all__ = [
    "Attachment",
    "Attempt",
    "CatalogueItem",
    "Contact",
    "Delivery",
    "Difference",
    "Incident",
    "LMSConfiguration",
    "Lane",
    "LastRun",
    "Launch",
    "Mail",
    "RemoteContent",
    "RemoteProgress",
    "RemoteUser",
    "attachments_changed",
]
