"""Plan, claim, send, settle: the only place where rows meet connectors."""

from __future__ import annotations

from integrations.dispatch.plan import (
    earlier,
    hold_what_cannot_go,
    plan,
    plan_earlier,
    plan_missing,
    recheck,
    release,
    reschedule,
    retry,
)
from integrations.dispatch.routes import decision, unapproved
from integrations.dispatch.send import serve_next

__all__ = [
    "decision",
    "earlier",
    "hold_what_cannot_go",
    "plan",
    "plan_earlier",
    "plan_missing",
    "recheck",
    "release",
    "reschedule",
    "retry",
    "serve_next",
    "unapproved",
]
