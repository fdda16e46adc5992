"""The xAPI endpoint as units use it: with a session's token every request is judged, without one it is plain xAPI."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lmsbridge.practice import xapi
from lmsbridge.practice.cmi5 import documents
from lmsbridge.practice.cmi5.case import Case, name_of
from lmsbridge.practice.cmi5.refusing import noted, refused
from lmsbridge.practice.cmi5.rules import judge
from lmsbridge.practice.cmi5.sessions import OVER, Session, State
from lmsbridge.practice.cmi5.vocabulary import LAUNCH_DATA, PREFERENCES
from lmsbridge.practice.exchange import Api, Reply, Request
from lmsbridge.practice.statements import check_statement
from lmsbridge.practice.store import Store
from lmsbridge.practice.strictjson import parse
from lmsbridge.practice.values import Invalid

WRITING = frozenset({"POST", "PUT"})


def answer(store: Store, request: Request, resource: str) -> Reply:
    """What the endpoint answers to whoever asks."""
    authorization = request.headers["Authorization"]
    session = store.courses.session(store.sessions.code_of(authorization))
    if session is None:
        return xapi.answer(store, request, resource)
    with store.courses.lock:
        return _answer(store, session, request, resource)


def _answer(store: Store, session: Session, request: Request, resource: str) -> Reply:
    if not store.sessions.accept(request.headers["Authorization"]):
        return refused(session, "cmi5-8.2.1-basic")
    broken = _over(session, request, resource)
    if broken:
        return refused(session, broken)
    found = RESOURCES.get(resource)
    return found(store, session, request) if found else xapi.answer(store, request, resource)


def _over(session: Session, request: Request, resource: str) -> str:
    if session.state is State.ABANDONED:
        return "cmi5-9.3.6-abandoned"
    if session.state not in OVER:
        return ""
    is_statement = resource == "statements" and request.method in WRITING
    return "cmi5-9.3.8-terminated-last" if is_statement else "cmi5-8.2.1-session-only"


# Statements --------------------------------------------------------------------------------------------------------


def _statements(store: Store, session: Session, request: Request) -> Reply:
    for id, document in UNREAD.items():
        if document not in session.has_read:
            return refused(session, id)
    if request.method in WRITING:
        return _write(store, session, request)
    return noted(session, xapi.answer(store, request, "statements"))


UNREAD = {"cmi5-10.2.1-launch-data-read": LAUNCH_DATA, "cmi5-11-preferences-read": PREFERENCES}


def _write(store: Store, session: Session, request: Request) -> Reply:
    try:
        batch = _batch(request)
    except Invalid as problem:
        return refused(session, "xapi-statement", str(problem))
    if not _is_compact(request.body):
        return refused(session, "seen-compact-json")
    broken = _broken(session, batch)
    if broken:
        return broken
    reply = noted(session, xapi.answer(store, request, "statements"))
    if reply.status in {200, 204}:
        _record(session, batch)
    return reply


def _batch(request: Request) -> list[dict[str, Any]]:
    body = parse(request.body)
    batch = body if isinstance(body, list) else [body]
    is_second_edition = request.headers["X-Experience-API-Version"] == "2.0.0"
    for one in batch:
        check_statement(one, now=datetime.now(UTC), second_edition=is_second_edition)
    id = dict(parse_qsl(request.query)).get("statementId")
    if id and len(batch) == 1:
        batch[0].setdefault("id", id)
    return batch


def _broken(session: Session, batch: list[dict[str, Any]]) -> Reply | None:
    """The answer to the first requirement broken in the batch; every one of them is written down."""
    before, recorded = list(session.statements), set(session.registration.verbs.get(session.unit.id, ()))
    replies = []
    for statement in batch:
        case = Case(statement, session.terms, tuple(before), frozenset(recorded), len(batch))
        replies += [refused(session, id, statement=statement) for id in judge(case)]
        before.append(statement)
        recorded |= {name_of(statement)}
    return replies[0] if replies else None


def _record(session: Session, batch: list[dict[str, Any]]) -> None:
    known = {one["id"].lower() for one in session.statements}
    for statement in batch:
        if statement["id"].lower() not in known:
            session.record(statement)


# Compact JSON ------------------------------------------------------------------------------------------------------


def _is_compact(body: bytes) -> bool:
    again = json.dumps(_as_javascript(json.loads(body)), ensure_ascii=False, separators=(",", ":"))
    return len(again.encode()) == len(body)


def _as_javascript(value: Any) -> Any:
    """The value with whole numbers written as JavaScript writes them: 1 and not 1.0."""
    if isinstance(value, dict):
        return {key: _as_javascript(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_javascript(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


RESOURCES: dict[str, Callable[[Store, Session, Request], Reply]] = {
    "statements": _statements,
    "activities/state": documents.state,
    "agents/profile": documents.profile,
}
API = Api(answer, xapi.items)
