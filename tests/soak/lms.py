"""The customers' LMSs of a soak, in a process of their own: the practice LMS, with faults drawn at random.

``python -m tests.soak.lms SEED SHARE`` serves until it is told to end and says on standard output where. Beside the
faults it notes what a store that honors ids would hide: every version in which an id was told, and every repeat.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from lmsbridge.practice.exchange import Reply, Request, as_json
from lmsbridge.practice.faults import Fault
from lmsbridge.practice.server import Handler, PracticeServer
from lmsbridge.practice.store import Store, Stores
from tests.lms import HOST
from tests.soak.faults import WIRE, Repertoire, name

# Where the soak itself asks and tells; no LMS of a customer has this.
CONTROL = "/soak/"
DRIP_EVERY, DRIP_FOR = 0.25, 10.0


class FaultyStore(Store):
    """A store that draws a fault for each request."""

    def __init__(self, name: str, repertoire: Repertoire, ran_into: Counter[str]) -> None:
        super().__init__(name)
        self.repertoire = repertoire
        self.refuses_known_ids = repertoire.refuses_known_ids
        self._ran_into = ran_into
        self._drawing = threading.Lock()

    def next_fault(self) -> Fault:
        """The fault of the request at hand, noted."""
        with self._drawing:
            fault = self.repertoire.next()
            self._ran_into[name(fault)] += 1
        return fault


class FaultyStores(Stores):
    """Makes each store faulty."""

    def __init__(self, seed: str, share: float) -> None:
        super().__init__()
        self._seed = seed
        self.share = share
        self.ran_into: Counter[str] = Counter()

    def get(self, name: str) -> Store | None:
        """The store of this name, made when first named."""
        with self._lock:
            if name not in self._stores:
                repertoire = Repertoire(f"{self._seed} {name}", self.share)
                self._stores[name] = FaultyStore(name, repertoire, self.ran_into)
        return self._stores[name]

    def heal(self) -> None:
        """From now on every store answers as it should."""
        self.share = 0.0
        for store in self.all():
            assert isinstance(store, FaultyStore)
            store.repertoire.share = 0.0


class RoughHandler(Handler):
    """One connection, on which answers can go wrong on their way."""

    def _send(self, reply: Reply) -> None:
        how = dict(reply.headers).get(WIRE)
        if how is None:
            super()._send(reply)
            return
        self.close_connection = True
        WIRE_FAULTS[how](self)


def _truncated(handler: RoughHandler) -> None:
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4711\r\n\r\n["')


def _reset_in_the_body(handler: RoughHandler) -> None:
    _truncated(handler)
    # Given to the other side before the reset makes the kernel drop what was not sent.
    time.sleep(0.05)
    handler._reset()


def _drip(handler: RoughHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4711\r\n\r\n")
    give_up = time.monotonic() + DRIP_FOR
    while time.monotonic() < give_up and not handler.server.stopping.wait(DRIP_EVERY):
        handler.wfile.write(b" ")


def _garbage(handler: RoughHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\x00\xff\xfe" + bytes(range(256)))


WIRE_FAULTS = {
    "truncated": _truncated,
    "reset in the body": _reset_in_the_body,
    "drip": _drip,
    "garbage": _garbage,
}


class FaultyLMS(PracticeServer):
    """Every store of the soak, on one address."""

    def __init__(self, seed: str, share: float) -> None:
        super().__init__(HOST)
        self.RequestHandlerClass = RoughHandler
        self.stores: FaultyStores = FaultyStores(seed, share)
        self._noting = threading.Lock()
        self._told: dict[str, set[str]] = {}
        self._repeats = 0
        self._last_request: float | None = None
        self._standstill = 0.0

    def answer(self, request: Request) -> Reply:
        """What to say to this request; what it tells is noted before any fault."""
        if request.path.startswith(CONTROL):
            return as_json(200, CONTROLS[request.path.removeprefix(CONTROL)](self))
        with self._noting:
            now = time.monotonic()
            self._standstill = max(self._standstill, now - (self._last_request or now))
            self._last_request = now
            for id, text in members(request.body):
                versions = self._told.setdefault(id, set())
                self._repeats += bool(versions)
                versions.add(text)
        return super().answer(request)

    def figures(self) -> dict[str, Any]:
        """Requests, the faults they ran into, repeats, and the longest time in seconds without any request."""
        return {
            "faults": {kind: count for kind, count in self.stores.ran_into.items() if kind != "ok"},
            "requests": self.stores.ran_into.total(),
            "repeats": self._repeats,
            "standstill": self._standstill,
        }

    def heal(self) -> dict[str, Any]:
        """From now on nothing goes wrong; what the figures were by then."""
        with self._noting:
            found = self.figures()
        self.stores.heal()
        return found

    def contents(self) -> dict[str, Any]:
        """By store the ids that it has, one for each time it stored something; and by id what was told."""
        stored = {store.name: [kept["id"] for kept in store.statements] for store in self.stores.all()}
        with self._noting:
            told = {id: sorted(versions) for id, versions in self._told.items()}
        return {"stored": stored, "told": told}


CONTROLS = {"figures": FaultyLMS.figures, "heal": FaultyLMS.heal, "contents": FaultyLMS.contents}


def members(body: bytes) -> list[tuple[str, str]]:
    """The id and the very text of each statement in a posted list."""
    text, decoder, place = body.decode(), json.JSONDecoder(), 1
    found: list[tuple[str, str]] = []
    while place < len(text):
        statement, end = decoder.raw_decode(text, place)
        found.append((statement["id"], text[place:end]))
        place = end + 1
    return found


def main(seed: str, share: str) -> None:
    """Serve until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_signal: ended.set())
    server = FaultyLMS(seed, float(share))
    server.start()
    sys.stdout.write(f"Serving at {server.address} .\n")
    sys.stdout.flush()
    ended.wait()
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
