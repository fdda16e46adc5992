"""Servers made of bare sockets that misbehave as told, a listener that must stay empty, and certificates.

Servers listen on 127.0.0.2, which the tests' settings open; a ``Sink`` listens where nothing may ever come.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OPEN = "127.0.0.2"
Script = Callable[[socket.socket], None]
_YEAR = datetime.timedelta(days=365)


class Server:
    """Accepts connections on ``address`` and plays ``script`` on each, in a thread of its own.

    ``accepted`` counts connections, ``requests`` holds what ``read_request`` read.
    """

    def __init__(self, script: Script, address: str = OPEN, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.accepted = 0
        self._script = script
        self._tls = tls
        self._ended = threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for made in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(made, socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        for made in self._connections:
            made.close()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._play, args=(made,))
            self._threads.append(thread)
            thread.start()

    def _play(self, made: socket.socket) -> None:
        self._connections.append(made)
        with contextlib.suppress(OSError):
            if self._tls is not None:
                made = self._tls.wrap_socket(made, server_side=True)
                self._connections.append(made)
            self._script(made)
        made.close()

    def wait(self, seconds: float) -> bool:
        """Wait, and say whether the server is to go on."""
        return not self._ended.wait(seconds)


class Sink(Server):
    """A listener that nothing may ever reach."""

    def __init__(self, address: str) -> None:
        super().__init__(lambda made: None, address)


def read_request(made: socket.socket) -> bytes:
    """One request, head and body; empty if the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = made.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < sum(map(int, lengths)):
        piece = made.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


def reset(made: socket.socket) -> None:
    """Close with a TCP reset."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


def answer(
    status: str = "200 OK", body: bytes = b"", *headers: str, length: int | None = None, version: str = "HTTP/1.1"
) -> bytes:
    """The bytes of one answer; ``length`` replaces the true Content-Length."""
    lines = [f"{version} {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(*answers: bytes, address: str = OPEN, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers the requests of each connection with ``answers`` in turn and then closes."""

    def script(made: socket.socket) -> None:
        for reply in answers:
            request = read_request(made)
            if not request:
                return
            server.requests.append(request)
            made.sendall(reply)

    with Server(script, address, tls) as server:
        yield server


class Authority:
    """A certificate authority of the tests' own; ``file`` is what trusts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        self._made = 0
        self.file = str(folder / "authority.pem")
        now = datetime.datetime.now(datetime.UTC)
        builder = self._builder(self._name, self._key, now - 5 * _YEAR, now + _YEAR, issuer=self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._write("authority.pem", builder.sign(self._key, hashes.SHA256()))

    def server(
        self,
        name: str,
        *,
        until: datetime.datetime | None = None,
        self_signed: bool = False,
        maximum: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """The TLS context of a server that is ``name``, with a certificate valid until then."""
        self._made += 1
        key = ec.generate_private_key(ec.SECP256R1())
        end = until or datetime.datetime.now(datetime.UTC) + _YEAR
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"server {self._made}")])
        builder = self._builder(subject, key, end - 2 * _YEAR, end, issuer=subject if self_signed else self._name)
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._write(f"server-{self._made}.pem", certificate, key))
        if maximum is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings(action="ignore"):  # Python calls TLS 1.0 deprecated, which is the point
                context.minimum_version = context.maximum_version = maximum
        return context

    @staticmethod
    def _builder(
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        begin: datetime.datetime,
        end: datetime.datetime,
        *,
        issuer: x509.Name,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None) -> str:
        text = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            text += key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        (self._folder / name).write_bytes(text)
        return str(self._folder / name)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Fence:
    """Stands before every connect of this process: a target other than the tests' own server is noted and refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hits: list[object] = []
        connect = socket.socket.connect

        def fenced(made: socket.socket, target: tuple[str, int]) -> None:
            if target[0] != OPEN:
                self.hits.append(target)
                raise AssertionError(f"connects to {target}")
            connect(made, target)

        monkeypatch.setattr(socket.socket, "connect", fenced)
