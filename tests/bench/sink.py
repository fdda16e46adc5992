"""A record store that does the least a record store can do: it parses what is posted and answers with the ids.

``python -m tests.bench.sink`` serves in a process of its own and says on standard output at which port. The first
part of a path is how many milliseconds an answer takes: ``/50/xapi/statements``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import requests

# The one address that the tests' settings open for requests of ours.
HOST = "127.0.0.2"
# When larger batches were answered is not noted.
FEW = 10


class Store(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    answered: dict[str, float] = {}  # one for all connections

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = bytearray()

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end])
        if len(self.received) - end - 4 >= _length(head):
            body = bytes(self.received[end + 4 :])
            self.received.clear()
            self.serve(head, body)

    def serve(self, head: bytes, body: bytes) -> None:
        """Read the request; answer now, or later where the path says so."""
        method, path, _rest = head.split(b" ", 2)
        if method != b"POST":
            self.answer(self.answered)
            return
        found = json.loads(body)
        statements = found if isinstance(found, list) else [found]
        ids = [statement.get("id") or str(uuid.uuid4()) for statement in statements]
        delay = int(path.split(b"/")[1])
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, self.answer, ids)
        else:
            self.answer(ids)

    def answer(self, content: Any) -> None:
        """Answer 200 with this as JSON, and note when."""
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        if isinstance(content, list) and len(content) <= FEW:
            self.answered |= dict.fromkeys(content, time.monotonic())


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


async def serve() -> None:
    """Serve until standard input ends; the port goes to standard output."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Store, HOST, 0)
    # Who started it holds the other end of standard input: when that is gone, so is the reason to serve.
    orphaned = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), orphaned.set)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await orphaned.wait()


class Sink:
    """A running sink: its addresses, and what it answered when."""

    def __init__(self, port: int) -> None:
        self.address = f"http://{HOST}:{port}"

    def url(self, delay: int = 0) -> str:
        """The xAPI endpoint that takes so many milliseconds for an answer, with a slash at the end."""
        return f"{self.address}/{delay}/xapi/"

    def answered(self) -> dict[str, float]:
        """When each statement that came with few others was answered, on the machine's monotonic clock, by its id."""
        found: dict[str, float] = requests.get(f"{self.address}/answered", timeout=30).json()
        return found


@contextlib.contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Sink(int(process.stdout.readline()))
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve())
