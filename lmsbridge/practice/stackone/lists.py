"""What all resources of the practice StackOne share: envelopes, refusals, filters and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lmsbridge.practice import values
from lmsbridge.practice.exchange import Headers, Reply, Request, as_json, media_type
from lmsbridge.practice.stackone.account import LinkedAccount, Row, moment
from lmsbridge.practice.strictjson import parse
from lmsbridge.practice.values import Invalid

PAGE_SIZE, LARGEST_PAGE = 25, 100
_PAGING = {"page_size", "next", "fields", "raw", "include", "expand", "page", "proxy", "updated_after"}
_ROUND = "round-and-round"


class Refused(Exception):
    """A request that gets an answer other than success."""

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.reply = envelope(status, message, headers=headers)


def envelope(status: int, message: str, *, told: int = 0, headers: Headers = (), **more: Any) -> Reply:
    """What every answer but a list is wrapped in; ``told`` is the status in the body where it is another one."""
    body = {"statusCode": told or status, "message": message, "timestamp": moment(datetime.now(UTC)), **more}
    return as_json(status, body, headers)


def read_body(request: Request) -> Any:
    """The JSON value that came; ``Refused`` if there is none."""
    if media_type(request.headers) != "application/json":
        raise Refused(400, "The content type must be application/json.")
    try:
        return parse(request.body)
    except Invalid as problem:
        raise Refused(400, str(problem)) from None


def parameters(request: Request, allowed: Iterable[str]) -> dict[str, str]:
    """What the query asks for: paging and these filters, nothing else."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    unknown = {name for name, _value in pairs} - _PAGING - set(allowed)
    if unknown:
        raise Refused(400, f"The query parameter {values.shown(min(unknown))} is not known here.")
    return dict(pairs)


def equal(rows: Iterable[Row], name: str, wanted: str | None) -> list[Row]:
    """The rows with this value in a field; all of them if none is wanted."""
    return [row for row in rows if wanted is None or row.get(name) == wanted]


def after(rows: Iterable[Row], moment: str | None) -> list[Row]:
    """The rows that were changed since."""
    try:
        since = None if not moment else values.moment(moment)
    except ValueError:
        raise Refused(400, "updated_after must be a date and time.") from None
    return [row for row in rows if since is None or values.moment(row["updated_at"]) > since]


def page(account: LinkedAccount, given: Mapping[str, str], rows: Sequence[Row]) -> Reply:
    """One page of a list."""
    size = given.get("page_size", str(PAGE_SIZE))
    if not (size.isascii() and size.isdigit()) or not 1 <= int(size[:5]) <= LARGEST_PAGE:
        raise Refused(400, f"page_size must be between 1 and {LARGEST_PAGE}.")
    cursor, paging = given.get("next", ""), account.reading("pages")
    if cursor and cursor != _ROUND and not cursor.removeprefix("empty-").isdigit():
        raise Refused(400, "The cursor is not one of ours.")
    if paging == "may_be_empty" and not cursor.startswith("empty-"):
        return as_json(200, {"data": [], "next": f"empty-{cursor or 0}"})
    begin = 0 if cursor == _ROUND else int(cursor.removeprefix("empty-") or 0)
    end = begin + int(size)
    following = str(end) if end < len(rows) else None
    if paging == "go_round" and following is None:
        following = _ROUND
    return as_json(200, {"data": list(rows[begin:end]), "next": following})


def single(rows: Mapping[str, Row], id: str) -> Reply:
    """The one row of this id, StackOne's or the LMS's own."""
    row = rows.get(id) or next((one for one in rows.values() if one["remote_id"] == id), None)
    if row is None:
        raise Refused(404, "There is nothing of this id.")
    return as_json(200, {"data": row})
