"""What passes between the socket and the parts that answer: one request, one reply."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Sequence
from email.message import Message
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

Headers = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: ``path`` and ``query`` undecoded, ``headers`` looked up in any letter case."""

    method: str
    path: str
    query: str
    headers: Message[str, str]
    body: bytes = b""


class Ending(enum.Enum):
    """What happens to the connection instead of an answer, or after it."""

    KEEP = "keep"
    CLOSE = "close"  # closed in order, nothing is answered
    RESET = "reset"  # closed with a TCP reset, nothing is answered


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Unless ``ending`` is ``KEEP`` none of it reaches the client."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = ()
    ending: Ending = Ending.KEEP


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """One interface that a store speaks.

    ``answer`` gets the store, the request and the path below the interface's own. ``items`` gives one text for each
    thing in the request that would be stored, holding what it is about and for whom; faults look into it.
    """

    answer: Callable[[Store, Request, str], Reply]
    items: Callable[[Request], Sequence[str]]


def sentence(status: int, text: str, headers: Headers = ()) -> Reply:
    """An answer in one plain sentence."""
    return Reply(status, text.encode("utf-8", "replace"), headers=headers)


def as_json(status: int, value: Any, headers: Headers = ()) -> Reply:
    """An answer in JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, body, "application/json", headers)


def not_allowed(*methods: str) -> Reply:
    """405, naming the methods that are."""
    allowed = ", ".join(methods)
    return sentence(405, f"This address answers {allowed} only.", (("Allow", allowed),))


def media_type(headers: Message[str, str]) -> str:
    """The content type without its parameters, in lower case; empty if there is none."""
    return str(headers["Content-Type"] or "").partition(";")[0].strip().lower()
