"""Plan, claim, send, settle: the only place where rows meet connectors."""

from __future__ import annotations

from integrations.dispatch.plan import earlier, plan, plan_earlier, plan_missing
from integrations.dispatch.releasing import hold_what_cannot_go, recheck, release, reschedule, retry
from integrations.dispatch.routes import decision, unapproved
from integrations.dispatch.send import serve_next
from integrations.dispatch.sessions import end_silent

__all__ = [
    "decision",
    "earlier",
    "end_silent",
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
