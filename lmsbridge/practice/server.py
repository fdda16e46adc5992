"""The practice LMS's HTTP/1.1 server: threads, connections kept alive, and the one table of interfaces.

A new interface is one module with an ``Api`` and one line in ``APIS``. Store ``northwind`` answers under
``/northwind/xapi/``; ``/xapi/`` is the store ``default``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from lmsbridge.practice import faults, launches, open_elms, page, stackone
from lmsbridge.practice.cmi5 import endpoint
from lmsbridge.practice.exchange import Api, Ending, Reply, Request, sentence
from lmsbridge.practice.smtp import Inbox
from lmsbridge.practice.store import Received, Store, Stores

APIS: Mapping[str, Api] = {
    "xapi": endpoint.API,
    "fetch": launches.API,
    "stackone": stackone.API,
    "open_elms": open_elms.API,
}

DEFAULT_STORE = "default"
LARGEST_BODY = 2 * 1024 * 1024
# So much of a too large body is still read, so that the client gets to see the answer.
LARGEST_SKIP = 32 * 1024 * 1024
IDLE_SECONDS = 300


class PracticeServer(ThreadingTCPServer):
    """The practice LMS on one address; port 0 takes a free one. ``OSError`` if the address cannot be had."""

    allow_reuse_address = True
    request_queue_size = 128
    block_on_close = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, largest_body: int = LARGEST_BODY) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.host = host
        self.largest_body = largest_body
        self.stores = Stores(reserved={*APIS, "mails", "course"})
        self.inbox = Inbox()
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._serving: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it answers, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_address[1]}"

    def start(self) -> None:
        """Answers from now on, in threads of its own."""
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="practice-lms", daemon=True)
        self._serving.start()

    def stop(self) -> None:
        """Ends every connection, answered or not, and waits until all threads are gone."""
        self.stopping.set()
        if self._serving:
            self.shutdown()
            self._serving.join()
        with self._lock:
            for connection in self._connections:
                _shut(connection)
        self.server_close()

    def opened(self, connection: socket.socket) -> None:
        """Remembers a connection, so that ``stop`` can end it."""
        with self._lock:
            self._connections.add(connection)
            if self.stopping.is_set():
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forgets a connection."""
        with self._lock:
            self._connections.discard(connection)

    def answer(self, request: Request) -> Reply:
        """What to say to this request; requests to an interface are noted in their store."""
        found = self._interface(request.path)
        if found is None:
            return page.answer(self.stores, self.inbox, self.host, request)
        name, api, rest = found
        store = self.stores.get(name)
        if store is None:
            return sentence(404, "A store's name has lower-case letters, digits and hyphens, 40 at most.")
        return self._answer_interface(store, APIS[api], request, rest)

    @staticmethod
    def _interface(path: str) -> tuple[str, str, str] | None:
        first, _, rest = path[1:].partition("/")
        if first in APIS:
            return DEFAULT_STORE, first, rest
        api, _, below = rest.partition("/")
        return (first, api, below) if api in APIS else None

    def _answer_interface(self, store: Store, api: Api, request: Request, rest: str) -> Reply:
        began = time.monotonic()
        moment = datetime.now(UTC)
        fault = store.next_fault()
        call = faults.Call(
            answer=lambda: self._healthy(store, api, request, rest),
            items=lambda: api.items(request),
            wait=self.stopping.wait,
        )
        reply = faults.apply(fault, call)
        store.note(
            Received(
                number=0,
                at=moment,
                method=request.method,
                path=request.path,
                query=request.query,
                headers=request.headers,
                body=request.body,
                status=reply.status if reply.ending is Ending.KEEP else None,
                statements=len(api.items(request)),
                seconds=time.monotonic() - began,
                fault=fault,
            )
        )
        return reply

    def _healthy(self, store: Store, api: Api, request: Request, rest: str) -> Reply:
        if len(request.body) > self.largest_body:
            return sentence(413, f"The request has more than {self.largest_body} bytes.")
        return api.answer(store, request, rest)


def _shut(connection: socket.socket) -> None:
    # The other end, or a reset of our own, may have been quicker.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class BadRequest(Exception):
    """The request cannot be read any further; answered with a status and a sentence, then closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.reply = sentence(status, text)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: PracticeServer

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def handle(self) -> None:
        # The client may go away at any time; that is its own affair.
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the store's page shows every request."""

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except BadRequest as problem:
            self.close_connection = True
            self._send(problem.reply)
            return
        path, _, query = self.path.partition("?")
        reply = self.server.answer(Request(self.command, path, query, self.headers, body))
        if self.server.stopping.is_set() or reply.ending is not Ending.KEEP:
            self.close_connection = True
        if reply.ending is Ending.RESET:
            self._reset()
        elif reply.ending is Ending.KEEP:
            self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise BadRequest(411, "Send the body whole, with its Content-Length.")
        declared = self.headers.get_all("Content-Length", ["0"])
        if len(declared) > 1 or not (declared[0].isascii() and declared[0].isdigit()) or len(declared[0]) > 15:
            raise BadRequest(400, "The Content-Length is not a number.")
        length = int(declared[0])
        # One byte more than allowed is enough to be recognized as too large.
        taken = min(length, self.server.largest_body + 1)
        body = self.rfile.read(taken)
        if len(body) < taken:
            raise ConnectionResetError
        self._skip(length - len(body))
        return body

    def _skip(self, left: int) -> None:
        if left <= 0:
            return
        self.close_connection = True
        left = min(left, LARGEST_SKIP)
        while left > 0:
            skipped = len(self.rfile.read(min(left, 65536)))
            if not skipped:
                raise ConnectionResetError
            left -= skipped

    def _send(self, reply: Reply) -> None:
        try:
            reason = HTTPStatus(reply.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {reply.status} {reason}", f"Date: {self.date_time_string()}", "Server: practice-lms"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        if reply.status not in {204, 304}:
            lines += [f"Content-Type: {reply.content_type}", f"Content-Length: {len(reply.body)}"]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        bodiless = self.command == "HEAD" or reply.status in {204, 304}
        self.wfile.write(head if bodiless else head + reply.body)

    def _reset(self) -> None:
        # Linger 0 makes the kernel send a reset instead of an orderly end. The socket is taken out of the hands of
        # socketserver, which would shut it down in order first.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
