"""The admin of LMS configurations and deliveries, and what these add to the pages of objectives and results."""

from __future__ import annotations

from integrations.admin import (
    assignment,
    catalogue,
    comparing,
    configuration,
    contact,
    content,
    delivery,
    incident,
    launch,
    mail,
    objective,
    participant,
    result,
)

__all__ = [
    "assignment",
    "catalogue",
    "comparing",
    "configuration",
    "contact",
    "content",
    "delivery",
    "incident",
    "launch",
    "mail",
    "objective",
    "participant",
    "result",
]
