"""A TCP relay in front of a server such as PostgreSQL or Redis: it can cut its connections, go away, or stall."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

CHUNK = 65536


@dataclasses.dataclass(frozen=True, slots=True)
class Trap:
    """A connection ends with these words of its client, if it sent certain others before."""

    words: bytes
    after: bytes
    reaches: bool


class _Pair:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self.relay, self.client, self.server = relay, client, server
        self.armed: Trap | None = None
        self.trapped = False
        threading.Thread(target=self._carry, args=(client, server, self.passes_on), daemon=True).start()
        threading.Thread(target=self._carry, args=(server, client, self.passes_back), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, passes: Callable[[bytes], bool]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self.relay.flowing.wait()
                if not passes(data):
                    break
                target.sendall(data)
        self.cut()

    def passes_on(self, data: bytes) -> bool:
        """Whether the server may have what the client says."""
        trap = self.relay.trap
        if trap is not None and trap.after in data:
            self.armed = trap
        if self.armed is None or self.armed.words not in data or not self.relay.springs(self.armed):
            return True
        self.trapped = True
        return self.armed.reaches

    def passes_back(self, _data: bytes) -> bool:
        """Whether the client may have what the server says."""
        return not self.trapped

    def cut(self) -> None:
        """End both connections, whatever is under way."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.relay.forget(self)


class Relay:
    """A relay on a port of its own, for the length of a ``with`` block."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        self._listener: socket.socket | None = None
        self.trap: Trap | None = None
        self.port = 0
        self.cuts = 0
        self.flowing = threading.Event()
        self.flowing.set()

    def __enter__(self) -> Self:
        self.back()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flow()
        self.away()

    def back(self) -> None:
        """Take connections, at the same port as before."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = listener.accept()
                try:
                    server = socket.create_connection(self._target, timeout=10)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                with self._lock:
                    self._pairs.add(_Pair(self, client, server))

    def forget(self, pair: _Pair) -> None:
        """A pair that ended."""
        with self._lock:
            self._pairs.discard(pair)

    def cut(self) -> int:
        """Cut all connections; new ones are taken at once. How many were cut."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.cut()
        self.cuts += len(pairs)
        return len(pairs)

    def away(self) -> None:
        """Cut all connections and refuse new ones until ``back``."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                # Wakes the thread that waits in accept; closing alone would not.
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def stall(self) -> None:
        """Pass nothing on in either direction until ``flow``; connections stay."""
        self.flowing.clear()

    def flow(self) -> None:
        """Pass on what was held back, and all that comes."""
        self.flowing.set()

    def set_trap(self, words: bytes, *, after: bytes, reaches: bool) -> None:
        """Once, end the connection of the next client that sends these words after those others.

        With ``reaches`` the words reach the server, whose answer is lost; without, they are lost themselves.
        """
        self.trap = Trap(words, after, reaches)

    def springs(self, trap: Trap) -> bool:
        """Whether this trap is still set; from now on it is not."""
        with self._lock:
            found = self.trap is trap
            self.trap = None if found else self.trap
        return found


@contextlib.contextmanager
def relay_to(url: str) -> Iterator[tuple[Relay, str]]:
    """A relay to the server of this URL, and the URL that leads through it."""
    parts = urlsplit(url)
    port = parts.port or {"redis": 6379}.get(parts.scheme, 5432)
    with Relay(parts.hostname or "127.0.0.1", port) as relay:
        yield relay, _through(relay, parts)


def _through(relay: Relay, parts: SplitResult) -> str:
    who, at, _host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who}{at}127.0.0.1:{relay.port}"))
