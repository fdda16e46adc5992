"""One connection: urllib3's own class, but connected to a checked address, bounded, and under one deadline.

Every call that can block is given what is left until the deadline, so that no drip can stretch it; urllib3's own
timeouts begin anew with each piece. What goes wrong leaves here as ``CannotConnect``, which neither urllib3 nor
``requests`` wraps in errors of their own.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import certifi
import urllib3.connection

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import certificates
from integrations.connectors.http.addresses import DEFAULT_PORTS, Destination
from integrations.connectors.http.reach import Progress, Resolver, connect

if TYPE_CHECKING:
    from http.client import _HeaderValue

    from _typeshed import WriteableBuffer

MAX_HEAD = 64 * 1024
_MAX_INTERIM = 20  # 1xx answers before the real one
_SEND_PIECE = 64 * 1024


class Overflow(http.client.HTTPException):
    """More came than an HTTP answer may take."""


@functools.lru_cache(maxsize=4)
def trust(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, verified against Mozilla's list (or ``ca_file``).

    Made without ``create_default_context``, which would write session secrets where SSLKEYLOGFILE says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(ca_file or certifi.where())
    return context


class _TimedReader(io.RawIOBase):
    """What a socket receives, until the deadline and up to ``limit`` bytes."""

    def __init__(self, raw: io.RawIOBase, made: socket.socket, progress: Progress) -> None:
        self._raw = raw
        self._socket = made
        self._progress = progress
        self.received = 0
        self.limit = MAX_HEAD
        self.in_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.received >= self.limit:
            raise Overflow
        self._socket.settimeout(self._progress.remaining())
        count = self._socket.recv_into(buffer)
        if not count and self.in_head:
            # http.client would take the end of the connection for the end of the head.
            raise http.client.RemoteDisconnected("the head is incomplete")
        self.received += count
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedResponse(http.client.HTTPResponse):
    """An answer whose head is bounded as a whole and whose body can be bounded by ``allow``."""

    def __init__(self, made: socket.socket, *, method: str | None, progress: Progress) -> None:
        super().__init__(made, method=method)
        # The raw file is kept: it holds the socket open for an answer that outlives its connection.
        self._reader = _TimedReader(self.fp.detach(), made, progress)
        self.fp = io.BufferedReader(self._reader)

    def allow(self, more: int) -> None:
        """The head is over: let ``more`` bytes of body come in."""
        self._reader.in_head = False
        self._reader.limit = self._reader.received + more

    def _read_status(self) -> tuple[str, int, str]:
        # http.client skips any number of 100s and takes every other 1xx for the answer itself.
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed; pinned by a test
            if status >= 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise Overflow


class Connection(urllib3.connection.HTTPConnection):
    """One connection to one destination's origin, used by one request after another.

    ``options`` are those of urllib3's pool. Host and port among them went through a reading of urllib3's own, so
    the destination's replace them.
    """

    def __init__(self, *, destination: Destination, resolver: Resolver, ca_file: str | None, **options: Any) -> None:
        super().__init__(**(options | {"host": destination.host, "port": destination.port}))
        # http.client leaves this port out of the Host header.
        self.default_port = DEFAULT_PORTS[destination.scheme]  # type: ignore[misc]  # urllib3 knows it of classes only
        self._destination = destination
        self._resolver = resolver
        self._ca_file = ca_file
        self._progress = Progress(0, 0)

    def exchange(
        self, progress: Progress, method: str, target: str, body: bytes | None, fields: Mapping[str, str]
    ) -> BoundedResponse:
        """Send a request, over a new connection if need be, and read the answer's head; raises ``CannotConnect``.

        ``target`` goes out as it is. urllib3's ``getresponse`` is left out: it logs the target when it dislikes a
        header.
        """
        self._progress = progress
        made = functools.partial(BoundedResponse, progress=progress)
        self.response_class = made  # type: ignore[assignment]  # typeshed knows only classes; it is only called
        if self.sock is None:
            self.connect()
        progress.phase = "send"
        try:
            self.request(method, target, body=body, headers=fields)
            progress.phase = "headers"
            response = http.client.HTTPConnection.getresponse(self)
        except (OSError, http.client.HTTPException) as problem:
            raise _explained(problem, progress, self._destination.host) from None
        assert isinstance(response, BoundedResponse)  # noqa: S101 - tells the type checker what response_class makes
        return response

    def connect(self) -> None:
        """Look up, check, connect and, for https, shake hands; raises ``CannotConnect``."""
        self.sock, address = connect(self._destination, self._resolver, self._progress)
        if self._destination.scheme == "https":
            self._progress.phase = "tls"
            self._shake_hands(self.sock, (str(address), self._destination.port))

    def _shake_hands(self, plain: socket.socket, peer: tuple[str, int]) -> None:
        host, progress = self._destination.host, self._progress
        context = trust(self._ca_file)
        try:
            self.sock = made = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
            made.settimeout(progress.remaining())
            made.do_handshake()
        except TimeoutError:
            raise progress.failed(
                f"{host} did not finish the TLS handshake within {progress.seconds:g} seconds. "
                "Check the URL and the port."
            ) from None
        except OSError as problem:
            raise progress.failed(certificates.about(host, peer, problem, progress.remaining)) from None

    def putheader(self, header: str | bytes, *values: _HeaderValue) -> None:
        """Send the values as they are; urllib3 has one that stands for "leave this header out"."""
        http.client.HTTPConnection.putheader(self, header, *values)

    def send(self, data: Any) -> None:
        """Send the bytes of a head or a body, all of it before the deadline.

        A connection that breaks here may have been closed after an answer, so reading it decides.
        """
        assert self.sock is not None  # noqa: S101 - tells the type checker that exchange connected
        self._progress.request_began = True
        view = memoryview(data)
        try:
            while view:
                self.sock.settimeout(self._progress.remaining())
                view = view[self.sock.send(view[:_SEND_PIECE]) :]
        except (BrokenPipeError, ConnectionResetError):
            return


def _explained(problem: Exception, progress: Progress, host: str) -> CannotConnect:
    if isinstance(problem, TimeoutError):
        if progress.phase == "send":
            return progress.failed(
                f"{host} did not take the whole request within {progress.seconds:g} seconds. "
                "Check that the LMS is running."
            )
        return progress.failed(f"No answer within {progress.seconds:g} seconds. Check that the LMS is running.")
    if isinstance(problem, OSError):
        return progress.failed(
            f"{host} closed the connection without an answer. Check the URL and that the LMS is running."
        )
    if isinstance(problem, Overflow | http.client.LineTooLong) or type(problem) is http.client.HTTPException:
        return progress.failed(f"{host} sent more headers than an answer may have. Check the URL and the port.")
    return progress.failed(f"What {host} sent is not HTTP. Check the URL and the port.")
