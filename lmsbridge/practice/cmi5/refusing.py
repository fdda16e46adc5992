"""Refusals: the answer to the unit, and the line in the session's log."""

from __future__ import annotations

from typing import Any

from lmsbridge.practice.cmi5.sessions import Session
from lmsbridge.practice.exchange import Reply, sentence


def refused(session: Session, id: str, detail: str = "", statement: dict[str, Any] | None = None) -> Reply:
    """The answer to a request that breaks the requirement with this id; it is written into the session's log."""
    requirement = session.refuse(id, detail, statement)
    return sentence(requirement.status, f"{id}: {detail or requirement.sentence}")


def noted(session: Session, reply: Reply) -> Reply:
    """The reply of plain xAPI, written into the log if it says that the request was wrong."""
    if reply.status == 409:
        session.refuse("xapi-id-unique", reply.body.decode())
    elif reply.status in {400, 405}:
        session.refuse("xapi-request", reply.body.decode())
    return reply
