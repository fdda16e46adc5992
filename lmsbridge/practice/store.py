"""What the practice LMS holds in memory: stores, each with its statements, its requests, its keys and its faults."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from lmsbridge.practice.cmi5.courses import Courses
from lmsbridge.practice.faults import OK, Fault, fault_from
from lmsbridge.practice.launches import Sessions
from lmsbridge.practice.statements import essence

FULL_STATEMENTS = 20_000  # beyond these the oldest keep their id and a digest only
KNOWN_IDS = 1_000_000
REQUESTS = 5_000
REQUEST_BYTES = 64 * 1024 * 1024
MOST_STORES = 200
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class AlreadyKnown(Exception):
    """The statement at ``index`` of a batch has an id that is taken, and nothing of the batch was stored."""

    def __init__(self, index: int, *, same: bool) -> None:
        super().__init__(index)
        self.index = index
        self.same = same


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """What a store accepts: key and secret by Basic, or one ready-made API key by Bearer or Basic."""

    key: str = "practice-key"
    secret: str = "practice-secret"  # noqa: S105 - printed on the store's page; it guards nothing
    api_key: str = "practice-api-key"

    def accept(self, authorization: str | None) -> bool:
        """Whether this ``Authorization`` header opens the store."""
        pair = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        scheme, _, given = (authorization or "").partition(" ")
        good = {"basic": (pair, self.api_key), "bearer": (self.api_key,)}.get(scheme.lower(), ())
        return any(one and hmac.compare_digest(one.encode(), given.strip().encode()) for one in good)


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """One request as it came, and what was answered: ``status`` is ``None`` where the connection was cut instead.

    ``statements`` is how many it carried, ``seconds`` how long the answer took, ``fault`` what it ran into.
    """

    number: int
    at: datetime
    method: str
    path: str
    query: str
    headers: Message[str, str]
    body: bytes
    status: int | None
    statements: int
    seconds: float
    fault: Fault


@dataclasses.dataclass(slots=True)
class Kept:
    """One stored statement: its bytes as received, or only a digest of its essence once it is old."""

    number: int
    stored: datetime
    version: str
    authority: str
    content: bytes
    digest: bytes = b""

    def is_same(self, content: bytes) -> bool:
        """Whether the content says what the stored one says (see ``essence``)."""
        if self.content:
            return self.content == content or _digest(self.content) == _digest(content)
        return self.digest == _digest(content)

    def shrink(self) -> None:
        """Forgets the content but not what it said."""
        self.digest, self.content = _digest(self.content), b""

    def read(self, home_page: str) -> dict[str, Any]:
        """The statement as a store gives it back: with what a store sets (xAPI 1.0.3, part two, 2.4.7 to 2.4.10)."""
        moment = self.stored.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        authority = {"objectType": "Agent", "account": {"homePage": home_page, "name": self.authority}}
        sent = json.loads(self.content)
        added = {"stored": moment, "authority": authority, "version": sent.get("version", self.version)}
        return {"timestamp": moment, **sent, **added}


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(json.dumps(essence(json.loads(content)), sort_keys=True).encode()).digest()


class Store:
    """One customer's record store. Every method may be called from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.credentials = Credentials()
        self.sessions = Sessions()
        self.courses = Courses()
        self.refuses_known_ids = False
        self.statement_count = 0
        self.request_count = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._full: deque[Kept] = deque()
        self._requests: deque[Received] = deque()
        self._request_bytes = 0
        self._always = OK
        self._script: deque[Fault] = deque()
        self._changed = threading.Condition()

    # Statements

    def add(self, batch: Sequence[tuple[str, bytes]], *, version: str, authority: str) -> list[str]:
        """Stores all of the batch (ids and contents) and returns the ids that were new, in the order given.

        Raises ``AlreadyKnown`` and stores nothing if an id is taken by other content, or taken at all where
        ``refuses_known_ids`` is set.
        """
        with self._changed:
            fresh = [(id, content) for index, (id, content) in enumerate(batch) if self._is_new(index, id, content)]
            now = datetime.now(UTC)
            for id, content in fresh:
                self.statement_count += 1
                kept = Kept(self.statement_count, now, version, authority, content)
                self._kept[id.lower()] = kept
                self._full.append(kept)
            self._bound_statements()
            self._changed.notify_all()
        return [id for id, _ in fresh]

    def _is_new(self, index: int, id: str, content: bytes) -> bool:
        kept = self._kept.get(id.lower())
        if kept is None:
            return True
        same = kept.is_same(content)
        if self.refuses_known_ids or not same:
            raise AlreadyKnown(index, same=same)
        return False

    def _bound_statements(self) -> None:
        while len(self._full) > FULL_STATEMENTS:
            self._full.popleft().shrink()
        while len(self._kept) > KNOWN_IDS:
            self._kept.popitem(last=False)

    def find(self, id: str) -> Kept | None:
        """The statement of this id if it is kept in full."""
        with self._changed:
            kept = self._kept.get(id.lower())
        return kept if kept and kept.content else None

    def newest(self, *, before: int | None = None) -> list[Kept]:
        """The statements kept in full, newest first; only those with a lower number if ``before`` is given."""
        with self._changed:
            return [kept for kept in reversed(self._full) if before is None or kept.number < before]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements kept in full, as they were sent, oldest first."""
        return [json.loads(kept.content) for kept in reversed(self.newest())]

    def wait_for_statements(self, count: int, timeout: float = 30) -> bool:
        """Waits until so many were stored; whether they were within ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.statement_count >= count, timeout)

    # Requests

    def note(self, received: Received) -> None:
        """Remembers one answered request; the oldest ones are dropped beyond a number and a total size."""
        with self._changed:
            self.request_count += 1
            self._requests.append(dataclasses.replace(received, number=self.request_count))
            self._request_bytes += len(received.body)
            while len(self._requests) > REQUESTS or self._request_bytes > REQUEST_BYTES:
                self._request_bytes -= len(self._requests.popleft().body)
            self._changed.notify_all()

    @property
    def requests(self) -> list[Received]:
        """The requests remembered, oldest first."""
        with self._changed:
            return list(self._requests)

    def wait_for_requests(self, count: int, timeout: float = 30) -> bool:
        """Waits until so many were answered; whether they were within ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.request_count >= count, timeout)

    def forget(self) -> None:
        """Empties the store of statements, requests and registrations; its keys, courses and faults stay."""
        with self._changed:
            self._kept.clear()
            self._full.clear()
            self._requests.clear()
            self._request_bytes = self.statement_count = self.request_count = 0
        self.courses.forget()

    # Faults

    @property
    def always(self) -> Fault:
        """What every request runs into once the script is used up."""
        return self._always

    @property
    def script_left(self) -> list[Fault]:
        """What the next requests run into, one each."""
        with self._changed:
            return list(self._script)

    def fail(self, fault: Fault | str, value: str = "") -> None:
        """From now on every request runs into this fault, until ``heal`` or another one."""
        self._always = Fault(fault, value) if isinstance(fault, str) and value else fault_from(fault)

    def script(self, faults: Iterable[Fault | str]) -> None:
        """The next requests run into these faults, one each, in place of an earlier script; then ``always`` holds."""
        made = deque(fault_from(fault) for fault in faults)
        with self._changed:
            self._script = made

    def heal(self) -> None:
        """Answers as it should from now on, whatever was scripted."""
        self.script([])
        self._always = OK

    def accepts(self, authorization: str | None) -> bool:
        """Whether this ``Authorization`` header opens the store: by its credentials, or by a session's token."""
        return self.credentials.accept(authorization) or self.sessions.accept(authorization)

    def next_fault(self) -> Fault:
        """What the request at hand runs into; takes it off the script."""
        with self._changed:
            return self._script.popleft() if self._script else self._always


class Stores:
    """The stores of one server, made when first named."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = frozenset(reserved)
        self._stores: dict[str, Store] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Store | None:
        """The store of this name; ``None`` if it can be none (lower-case letters, digits and hyphens, 40 at most)."""
        with self._lock:
            if name in self._stores:
                return self._stores[name]
            if not NAME.fullmatch(name) or name in self._reserved or len(self._stores) >= MOST_STORES:
                return None
            return self._stores.setdefault(name, Store(name))

    def all(self) -> list[Store]:
        """Every store, by name."""
        with self._lock:
            return [self._stores[name] for name in sorted(self._stores)]
