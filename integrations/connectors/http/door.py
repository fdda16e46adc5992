"""The door: one request out, one answer or one honest reason back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import urllib3
from django.conf import settings

from integrations.connectors.http.addresses import AddressRefused, Destination, judge
from integrations.connectors.http.answers import Answer, Headers, clean
from integrations.connectors.http.reach import Progress, Resolver, look_up
from integrations.connectors.http.session import Adapter, Request, Session

_PIECE = 16 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2, token
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The door frames the message itself; two lengths or two hosts in one request mean something else to each reader.
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"}


class Door:
    """Requests to one LMS configuration, over connections that are kept alive and never shared with another one.

    Not for use by several threads. ``deadline`` and ``connect_timeout`` are in seconds and come from the settings;
    ``resolver`` and ``ca_file`` replace the system's name lookup and the list of trusted authorities.
    """

    def __init__(
        self,
        *,
        deadline: float | None = None,
        connect_timeout: float | None = None,
        resolver: Resolver = look_up,
        ca_file: str | None = None,
    ) -> None:
        self._deadline = settings.OUTBOUND_DEADLINE if deadline is None else deadline
        self._connect_timeout = settings.OUTBOUND_CONNECT_TIMEOUT if connect_timeout is None else connect_timeout
        self._session = Session(Adapter(resolver, ca_file))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the door can be used again and then opens new ones."""
        self._session.close()

    def request(
        self,
        method: str,
        destination: Destination,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        params: Mapping[str, str] | None = None,
        max_body: int = 64 * 1024,
        deadline: float | None = None,
    ) -> Answer:
        """Send one request and return what came back, whatever its status; redirects are answers, too.

        ``params`` are added to the destination's query. ``max_body`` bounds the answer's body in bytes, ``deadline``
        all of the exchange in seconds. Raises ``CannotConnect`` if no complete status line and headers came; its
        phase is ``address``, ``dns``, ``connect``, ``tls``, ``send`` or ``headers``.
        """
        progress = Progress(self._deadline if deadline is None else deadline, self._connect_timeout)
        try:
            judge(destination)
        except AddressRefused as refused:
            raise progress.failed(refused.sentence) from None
        request = Request(
            method,
            destination,
            _target(destination, params),
            fields=_fields(headers, progress),
            body=body,
            progress=progress,
            max_body=max_body,
        )
        return _answer(self._session.exchange(request), max_body, progress)


def _target(destination: Destination, params: Mapping[str, str] | None) -> str:
    query = "&".join(filter(None, (destination.query, urlencode(params or {}))))
    return f"{destination.path}?{query}" if query else destination.path


def _fields(headers: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """The header fields to send. Checked here, since ``http.client`` would put a refused value into its error."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            progress.phase = "send"
            raise progress.failed(
                f"The value for the header {clean(name)[:40]} contains characters that HTTP does not allow. "
                "Enter the credentials again."
            )
    own = {"User-Agent": f"LMS-Bridge/0.1 (+{settings.PUBLIC_URL})", "Accept-Encoding": "identity"}
    return own | {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}


def _answer(response: urllib3.BaseHTTPResponse, cap: int, progress: Progress) -> Answer:
    """The answer with its body; the connection is kept if all of it was read."""
    try:
        body, complete = _body(response, cap)
        truncated = len(body) > cap
        if complete and not truncated:
            response.release_conn()
    finally:
        response.close()
    return Answer(
        status=response.status,
        reason=clean(response.reason or "")[:200],
        headers=Headers(response.headers.items()),
        body=body[:cap],
        complete=complete and not truncated,
        truncated=truncated,
        elapsed=progress.elapsed,
    )


def _body(response: urllib3.BaseHTTPResponse, cap: int) -> tuple[bytes, bool]:
    """Up to one byte more than ``cap``, and whether that was all there is; what came before a break is kept."""
    pieces: list[bytes] = []
    left = cap + 1
    try:
        while left and (piece := response.read1(min(left, _PIECE), decode_content=False)):
            pieces.append(piece)
            left -= len(piece)
    except urllib3.exceptions.HTTPError:
        return b"".join(pieces), False
    return b"".join(pieces), True
