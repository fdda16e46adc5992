"""The admin of LMS configurations and deliveries, and what these add to the pages of objectives and results."""

from __future__ import annotations

from integrations.admin import (
    configuration,
    contact,
    delivery,
    incident,
    launch,
    mail,
    objective,
    participant,
    result,
)

__all__ = ["configuration", "contact", "delivery", "incident", "launch", "mail", "objective", "participant", "result"]
