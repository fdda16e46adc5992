"""The statements resource of an xAPI 1.0.3 and 2.0 record store (xAPI 1.0.3, part three, sections 2.1 and 2.8)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lmsbridge.practice import values
from lmsbridge.practice.exchange import Api, Reply, Request, as_json, media_type, not_allowed, sentence
from lmsbridge.practice.statements import IDENTIFIERS, VOIDED, agent, check_statement
from lmsbridge.practice.store import AlreadyKnown, Kept, Store
from lmsbridge.practice.strictjson import frozen, parse
from lmsbridge.practice.values import Invalid

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")
PAGE = 500
_VERSION = re.compile(r"1\.0(\.[0-9]+)?|2\.0\.0")


class Refused(Exception):
    """A request that gets an answer other than success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.reply = sentence(status, text)


def answer(store: Store, request: Request, resource: str) -> Reply:
    """What a healthy record store answers."""
    if resource == "about":
        return as_json(200, {"version": list(VERSIONS)}) if request.method in READ else not_allowed(*READ)
    if resource != "statements":
        return sentence(404, "This record store has statements and about only.")
    if not store.accepts(request.headers["Authorization"]):
        text = "Key or secret is missing or wrong."
        return sentence(401, text, (("WWW-Authenticate", f'Basic realm="{store.name}"'),))
    try:
        edition = edition_of(request)
        reply = _METHODS.get(request.method, _no_method)(store, request, edition)
    except Refused as refused:
        return refused.reply
    return with_headers(reply, edition)


def edition_of(request: Request) -> str:
    """The edition of xAPI that the request speaks, 1.0.3 or 2.0.0; raises ``Refused`` where it names none."""
    version = (request.headers["X-Experience-API-Version"] or "").strip()
    if not version:
        raise Refused(400, "The header X-Experience-API-Version is missing.")
    if not _VERSION.fullmatch(version):
        raise Refused(400, "X-Experience-API-Version must be 1.0, 1.0 with a patch number, or 2.0.0.")
    return "2.0.0" if version == "2.0.0" else "1.0.3"


def with_headers(reply: Reply, edition: str) -> Reply:
    """The reply with the headers that every answer of a record store has."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    added = (("X-Experience-API-Version", edition), ("X-Experience-API-Consistent-Through", now))
    return Reply(reply.status, reply.body, reply.content_type, (*reply.headers, *added))


def _no_method(store: Store, request: Request, edition: str) -> Reply:
    return not_allowed(*_METHODS)


def parameters(request: Request, allowed: frozenset[str]) -> dict[str, str]:
    """The query's parameters; raises ``Refused`` for one that is not allowed or comes twice."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(400, "A query parameter is given twice.")
    unknown = sorted(found.keys() - allowed)
    if unknown:
        raise Refused(400, f"The query parameter {values.shown(unknown[0])} is not known here.")
    return found


# Writing -----------------------------------------------------------------------------------------------------------


def _read_body(request: Request) -> Any:
    if media_type(request.headers) != "application/json":
        raise Refused(400, "The content type must be application/json.")
    try:
        return parse(request.body)
    except Invalid as problem:
        raise Refused(400, str(problem)) from None


def _checked(index: int, statement: Any, edition: str, now: datetime) -> tuple[str, bytes]:
    try:
        check_statement(statement, now=now, second_edition=edition == "2.0.0")
        statement.setdefault("id", str(uuid.uuid4()))
        content = frozen(statement)
    except Invalid as problem:
        raise Refused(400, f"Statement at index {index}: {problem}") from None
    if statement["verb"]["id"] == VOIDED:
        raise Refused(403, f"Statement at index {index}: this key may not void statements.")
    return statement["id"], content


def _store(store: Store, statements: list[Any], edition: str) -> list[str]:
    now = datetime.now(UTC)
    batch = [_checked(index, statement, edition, now) for index, statement in enumerate(statements)]
    if len({id.lower() for id, _ in batch}) != len(batch):
        raise Refused(400, "The same statement id is in the request twice.")
    version = "2.0.0" if edition == "2.0.0" else "1.0.0"
    try:
        return store.add(batch, version=version, authority=store.credentials.key)
    except AlreadyKnown as known:
        how = "with the same content" if known.same else "with other content"
        raise Refused(409, f"Statement at index {known.index}: its id is already known {how}.") from None


def _post(store: Store, request: Request, edition: str) -> Reply:
    parameters(request, frozenset())
    body = _read_body(request)
    if body == []:
        raise Refused(400, "The list of statements is empty.")
    new = _store(store, body if isinstance(body, list) else [body], edition)
    return as_json(200, new) if new else Reply(204)


def _put(store: Store, request: Request, edition: str) -> Reply:
    id = parameters(request, frozenset({"statementId"})).get("statementId")
    if id is None:
        raise Refused(400, "PUT needs the query parameter statementId.")
    _check(values.uuid, id, "statementId")
    body = _read_body(request)
    if isinstance(body, dict) and str(body.setdefault("id", id)).lower() != id.lower():
        raise Refused(400, "The statement's id is not the one in the address.")
    _store(store, [body], edition)
    return Reply(204)


# Reading -----------------------------------------------------------------------------------------------------------


def _check(check: values.Check, value: Any, name: str) -> None:
    try:
        check(value, name)
    except Invalid as problem:
        raise Refused(400, f"Query parameter {problem}") from None


def _get(store: Store, request: Request, edition: str) -> Reply:
    given = parameters(request, frozenset(FILTERS) | OTHERS)
    if given.get("attachments", "false") != "false" or given.get("format", "exact") != "exact":
        raise Refused(400, "This record store gives statements exactly as received and without attachments.")
    if "statementId" not in given:
        return _list(store, request, given)
    if given.keys() - {"statementId", "format", "attachments"}:
        raise Refused(400, "statementId goes with no other query parameter than format and attachments.")
    _check(values.uuid, given["statementId"], "statementId")
    kept = store.find(given["statementId"])
    return as_json(200, kept.read(_home(request))) if kept else sentence(404, "There is no statement of this id.")


def _home(request: Request) -> str:
    return f"http://{request.headers['Host'] or 'practice-lms'}/"


def _whole(given: dict[str, str], name: str) -> int | None:
    if name not in given:
        return None
    if not (given[name].isascii() and given[name].isdigit()) or len(given[name]) > 12:
        raise Refused(400, f"Query parameter {name} must be a whole number.")
    return int(given[name])


def _list(store: Store, request: Request, given: dict[str, str]) -> Reply:
    if given.get("ascending", "false") not in {"true", "false"}:
        raise Refused(400, "Query parameter ascending must be true or false.")
    limit = min(_whole(given, "limit") or PAGE, PAGE)
    tests = [FILTERS[name](value) for name, value in given.items() if name in FILTERS]
    chosen = (kept for kept in _in_order(store, given) if all(test(kept, json.loads(kept.content)) for test in tests))
    page = list(islice(chosen, limit + 1))
    more = ""
    if len(page) > limit:
        more = f"{request.path}?{urlencode({**given, 'from': page[limit].number})}"
    return as_json(200, {"statements": [kept.read(_home(request)) for kept in page[:limit]], "more": more})


def _in_order(store: Store, given: dict[str, str]) -> list[Kept]:
    start = _whole(given, "from")
    if given.get("ascending") == "true":
        return [kept for kept in reversed(store.newest()) if kept.number >= (start or 0)]
    return store.newest(before=None if start is None else start + 1)


Test = Callable[[Kept, dict[str, Any]], bool]


def _since(value: str) -> Test:
    _check(values.timestamp, value, "since")
    return lambda kept, statement: kept.stored > values.moment(value)


def _until(value: str) -> Test:
    _check(values.timestamp, value, "until")
    return lambda kept, statement: kept.stored <= values.moment(value)


def _verb(value: str) -> Test:
    _check(values.iri, value, "verb")
    return lambda kept, statement: bool(statement["verb"]["id"] == value)


def _activity(value: str) -> Test:
    _check(values.iri, value, "activity")
    return lambda kept, statement: bool(statement["object"].get("id") == value)


def _registration(value: str) -> Test:
    _check(values.uuid, value, "registration")
    return lambda kept, statement: bool(statement.get("context", {}).get("registration", "").lower() == value.lower())


def _agent(value: str) -> Test:
    try:
        wanted = parse(value.encode("utf-8", "replace"))
        agent(wanted, "agent")
    except Invalid as problem:
        raise Refused(400, f"Query parameter agent: {problem}") from None
    key = next(key for key in IDENTIFIERS if key in wanted)
    return lambda kept, statement: any(
        who.get(key) == wanted[key] for who in (statement["actor"], statement["object"])
    )


FILTERS: dict[str, Callable[[str], Test]] = {
    "since": _since,
    "until": _until,
    "verb": _verb,
    "activity": _activity,
    "registration": _registration,
    "agent": _agent,
}
OTHERS = frozenset({"statementId", "limit", "ascending", "format", "attachments", "from"})
READ = ("GET", "HEAD")
_METHODS: dict[str, Callable[[Store, Request, str], Reply]] = {"GET": _get, "HEAD": _get, "POST": _post, "PUT": _put}


# For the faults ----------------------------------------------------------------------------------------------------


def items(request: Request) -> list[str]:
    """Activity and actor of each statement in the request, as one text; nothing if it carries none."""
    if request.method not in {"POST", "PUT"}:
        return []
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return []
    return [_about(one) for one in (body if isinstance(body, list) else [body])]


def _about(statement: Any) -> str:
    if not isinstance(statement, dict):
        return ""
    target = statement.get("object")
    about = [statement.get("actor"), target.get("id") if isinstance(target, dict) else None]
    return json.dumps(about, ensure_ascii=False)


API = Api(answer, items)
