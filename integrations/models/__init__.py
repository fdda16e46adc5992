"""LMS configurations and what is sent through them."""

from __future__ import annotations

from integrations.models.configuration import Attachment, LMSConfiguration
from integrations.models.delivery import Attempt, Delivery
from integrations.models.incident import Contact, Incident, LastRun, Mail
from integrations.models.lane import Lane
from integrations.models.launch import Launch
from integrations.models.remote import CatalogueItem, RemoteContent, RemoteUser

__all__ = [
    "Attachment",
    "Attempt",
    "CatalogueItem",
    "Contact",
    "Delivery",
    "Incident",
    "LMSConfiguration",
    "Lane",
    "LastRun",
    "Launch",
    "Mail",
    "RemoteContent",
    "RemoteUser",
]
