"""Plan, claim, send, settle: the only place where rows meet connectors."""

from __future__ import annotations

from integrations.dispatch.assignments import tell_assignments, tell_open_assignments
from integrations.dispatch.catalogue import forget_lms, keep_catalogue, map_item, unmap
from integrations.dispatch.comparing import send_again
from integrations.dispatch.contents import follow, follow_everywhere, mend, offer, release_waiting
from integrations.dispatch.plan import earlier, plan, plan_earlier, plan_missing
from integrations.dispatch.releasing import hold_what_cannot_go, recheck, release, reschedule, retry
from integrations.dispatch.routes import decision, unapproved
from integrations.dispatch.send import serve_next
from integrations.dispatch.sessions import end_silent

__all__ = [
    "decision",
    "earlier",
    "end_silent",
    "follow",
    "follow_everywhere",
    "hold_what_cannot_go",
    "forget_lms",
    "keep_catalogue",
    "map_item",
    "mend",
    "offer",
    "plan",
    "plan_earlier",
    "plan_missing",
    "recheck",
    "release",
    "release_waiting",
    "reschedule",
    "retry",
    "send_again",
    "serve_next",
    "tell_assignments",
    "tell_open_assignments",
    "unapproved",
    "unmap",
]
