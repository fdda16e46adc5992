"""Scripting the practice LMS from tests."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterable, Mapping
from email.message import Message
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from lmsbridge.practice.faults import Fault
from lmsbridge.practice.server import DEFAULT_STORE, LARGEST_BODY, PracticeServer
from lmsbridge.practice.store import Store

# The one address that the tests' settings open for requests of ours.
HOST = "127.0.0.2"

XAPI_HEADERS = {
    "Authorization": "Bearer practice-api-key",
    "X-Experience-API-Version": "1.0.3",
    "Content-Type": "application/json",
}


class Told(NamedTuple):
    """One answer as a client sees it."""

    status: int
    headers: Message[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def ask(url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Told:
    """One request over a connection of its own, with these headers only."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Told(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def post_statements(endpoint: str, content: Any, **headers: str) -> Told:
    """Posts statements (or raw bytes) to an xAPI endpoint with the practice LMS's own API key."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(f"{endpoint}statements", "POST", body, XAPI_HEADERS | headers)


def sample_statement(**changes: Any) -> dict[str, Any]:
    """A valid statement with an id of its own; ``changes`` replace whole properties."""
    return {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "name": "Ann", "mbox": "mailto:ann@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed", "display": {"en": "passed"}},
        "object": {"id": "https://product.example/objectives/42", "definition": {"name": {"en": "Fire safety"}}},
        "result": {"score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10}, "success": True, "completion": True},
        "timestamp": "2025-11-21T10:11:12.123Z",
    } | changes


class PracticeLMS:
    """A practice LMS in a thread, for the length of a ``with`` block, at a port of its own."""

    def __init__(self, host: str = HOST, port: int = 0, *, largest_body: int = LARGEST_BODY) -> None:
        self.server = PracticeServer(host, port, largest_body=largest_body)

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    @property
    def address(self) -> str:
        """Where its pages are, without a slash at the end."""
        return self.server.address

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where to connect a bare socket."""
        return self.server.host, self.server.server_address[1]

    def url(self, store: str = DEFAULT_STORE) -> str:
        """The xAPI endpoint of a store, with a slash at the end."""
        prefix = "" if store == DEFAULT_STORE else f"/{store}"
        return f"{self.address}{prefix}/xapi/"

    def store(self, name: str = DEFAULT_STORE) -> Store:
        """A store: what it received (``statements``, ``requests``), its ``credentials`` and its faults."""
        found = self.server.stores.get(name)
        if found is None:
            raise ValueError(f"{name!r} can be no store's name.")
        return found

    def fail(self, fault: Fault | str, value: str = "", *, store: str = DEFAULT_STORE) -> None:
        """From now on every request runs into this fault: ``fail("503")``, ``fail("slow", "2")``."""
        self.store(store).fail(fault, value)

    def script(self, faults: Iterable[Fault | str], *, store: str = DEFAULT_STORE) -> None:
        """The next requests run into these, one each: ``script(["503", "429:7", "ok"])``."""
        self.store(store).script(faults)

    def heal(self, *, store: str = DEFAULT_STORE) -> None:
        """Answers as it should from now on."""
        self.store(store).heal()
