"""Reaching a host: look its name up, check every address, connect to a checked one, all under one deadline."""

from __future__ import annotations

import dataclasses
import errno
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from django.conf import settings

from integrations.connectors.base import CannotConnect
from integrations.connectors.http.addresses import (
    Address,
    AddressRefused,
    Destination,
    check,
    literal_address,
    unwrapped,
)

Resolver = Callable[[str, int], Sequence[str]]
Phase = Literal["address", "dns", "connect", "tls", "send", "headers"]

_MAX_ADDRESSES = 64  # a name with more is refused as a whole
_MAX_TRIED = 8


@dataclasses.dataclass(slots=True)
class Progress:
    """How far one request has come and how long it may still take; ``seconds`` is the whole of its deadline."""

    seconds: float
    connect_seconds: float
    phase: Phase = "address"
    request_began: bool = False
    started: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the request was asked for."""
        return time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds left; ``TimeoutError`` if there are none."""
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def failed(self, sentence: str) -> CannotConnect:
        """The error for the phase that the request is in."""
        return CannotConnect(sentence, phase=self.phase, request_began=self.request_began)


# Names and addresses -----------------------------------------------------------------------------------------------


def look_up(host: str, port: int) -> list[str]:
    """Every address the system's resolver knows for ``host``; ``OSError`` if there is none.

    The name is absolute, so that no search list can lead it elsewhere; only where the operator opened a network may
    it also be one of /etc/hosts, which knows no absolute names.
    """
    try:
        found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        if not settings.OUTBOUND_ALLOWED_NETWORKS:
            raise
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _resolve(destination: Destination, resolver: Resolver, progress: Progress) -> list[Address]:
    """The addresses to connect to, each checked; raises ``CannotConnect`` if there is none or one is not allowed."""
    literal = literal_address(destination.host)
    texts = [destination.host] if literal else _answers(destination, resolver, progress)
    addresses = list({address: None for text in texts if (address := literal_address(text))})
    if not addresses:
        raise progress.failed(f"The name {destination.host} has no address. Check the URL.")
    progress.phase = "address"
    try:
        if len(texts) > _MAX_ADDRESSES or len(addresses) < len(set(texts)):
            raise AddressRefused
        check(destination, addresses)
    except AddressRefused as refused:
        raise progress.failed(refused.sentence) from None
    return [unwrapped(address) for address in addresses]


def _answers(destination: Destination, resolver: Resolver, progress: Progress) -> Sequence[str]:
    """The resolver's answers. It has no deadline of its own, so it is left behind in its thread if it hangs."""
    progress.phase = "dns"
    box: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            box.put(resolver(destination.host, destination.port))
        except (OSError, ValueError) as problem:
            box.put(problem)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = box.get(timeout=progress.remaining())
    except (queue.Empty, TimeoutError):
        raise progress.failed(
            f"Looking up the name {destination.host} took longer than {progress.seconds:g} seconds. "
            "Check the URL; if it is right, ask the LMS's administrator about the name."
        ) from None
    if isinstance(found, Exception):
        raise progress.failed(_about_name(destination.host, found))
    return found


def _about_name(host: str, problem: Exception) -> str:
    absent = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    if isinstance(problem, socket.gaierror) and problem.errno not in absent:
        return f"The name {host} could not be looked up: its name server gave no answer. Check the URL if this lasts."
    return f"The name {host} could not be found. Check the URL."


# Sockets -----------------------------------------------------------------------------------------------------------


def connect(destination: Destination, resolver: Resolver, progress: Progress) -> tuple[socket.socket, Address]:
    """A TCP connection to one of the destination's checked addresses, tried in turn within the connect limit."""
    addresses = _resolve(destination, resolver, progress)[:_MAX_TRIED]
    progress.phase = "connect"
    end = time.monotonic() + progress.connect_seconds
    problem: OSError = TimeoutError()
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            share = (end - time.monotonic()) / left
            return _connected(address, destination.port, min(max(share, 0.01), progress.remaining())), address
        except OSError as failure:
            problem = failure
    raise progress.failed(_about_connecting(destination, progress, problem))


def _connected(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect((str(address), port))
        if literal_address(made.getpeername()[0]) != address:
            raise ConnectionAbortedError(errno.ECONNABORTED, "connected elsewhere")
    except BaseException:
        made.close()
        raise
    return made


def _about_connecting(destination: Destination, progress: Progress, problem: OSError) -> str:
    host, port = destination.host, destination.port
    if isinstance(problem, TimeoutError):
        limit = min(progress.connect_seconds, progress.seconds)
        return (
            f"{host} did not accept a connection on port {port} within {limit:g} seconds. "
            "Check that the LMS is running and that no firewall keeps LMS Bridge out."
        )
    if isinstance(problem, ConnectionRefusedError):
        return f"{host} refused the connection on port {port}. Check the URL and that the LMS is running."
    return f"{host} could not be reached on port {port}. Check the URL and that the LMS is running."
