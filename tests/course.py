"""A page of an LMS on an origin of its own, with something in a frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        framed = escape(str(getattr(self.server, "framed", "")))
        frame = f'<iframe name="story" src="{framed}" width="900" height="700"></iframe>'
        body = f'<!DOCTYPE html><html lang="en"><title>Course</title>{frame}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads it."""


class Course(ThreadingHTTPServer):
    """Every path leads to a page that shows ``framed`` in a frame named story."""

    daemon_threads = True
    framed = ""

    @property
    def origin(self) -> str:
        """Where it is, without a slash at the end."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


@contextmanager
def course(host: str = "127.0.0.2") -> Iterator[Course]:
    """A running course page."""
    server = Course((host, 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
