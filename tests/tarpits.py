"""Three LMSs that take a request and never come to an end with it, each in a way of its own."""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from tests.sockets import OPEN, Server, answer, read_request


class TarPits(NamedTuple):
    """The three of them while they are open."""

    bomb: Server
    drip: Server
    stall: Server

    @property
    def urls(self) -> dict[str, str]:
        """The xAPI endpoint of each by its name."""
        schemes = {"bomb": "http", "drip": "http", "stall": "https"}
        ports = self._asdict()
        return {name: f"{scheme}://{OPEN}:{ports[name].port}/xapi/" for name, scheme in schemes.items()}


def _bomb() -> bytes:
    """A success whose body of 50 kB would unpack to 50 MB."""
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()
    return answer("200 OK", body, "Content-Type: application/json", "Content-Encoding: gzip")


def _drip(made: socket.socket) -> None:
    """A head that comes byte after byte and never ends."""
    read_request(made)
    made.sendall(b"HTTP/1.1 200 OK\r\nX-Patience: ")
    while True:
        made.sendall(b"a")
        time.sleep(0.1)


def _stall(made: socket.socket) -> None:
    """Hears the greeting of TLS and says nothing, until the other side gives up."""
    while made.recv(65536):
        pass


@contextlib.contextmanager
def tar_pits() -> Iterator[TarPits]:
    """A compressed bomb, a dripping header and a stalled TLS handshake, each at a port of its own."""
    bomb = _bomb()

    def explode(made: socket.socket) -> None:
        while read_request(made):
            made.sendall(bomb)

    with Server(explode) as exploding, Server(_drip) as dripping, Server(_stall) as stalling:
        yield TarPits(exploding, dripping, stalling)
