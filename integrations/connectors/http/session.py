"""The ``requests`` session of a door, and what of ``requests`` and urllib3 it switches off.

Both read a URL again, trust proxies, netrc and certificates of the environment, follow and decode redirects even when
told not to, keep cookies, try again and wrap errors. Here a request carries the ``Destination`` it was made for, and
a pool hands it to the door's own connection. ``HTTPAdapter.send`` itself stays, so that ``responses`` can answer in
its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from integrations.connectors.http.addresses import Destination
from integrations.connectors.http.reach import Progress, Resolver
from integrations.connectors.http.wire import MAX_HEAD, BoundedResponse, Connection


class Request(requests.PreparedRequest):
    """A request ready to go out: ``target`` as it is, to ``destination``, before the deadline of ``progress``.

    ``max_body`` bounds the answer's body in bytes. The URL is for people and ``responses``; nothing is read from it.
    """

    def __init__(
        self,
        method: str,
        destination: Destination,
        target: str,
        *,
        fields: Mapping[str, str],
        body: bytes,
        progress: Progress,
        max_body: int,
    ) -> None:
        super().__init__()
        self.method = method
        self.url = destination.origin + target
        length = {"Content-Length": str(len(body))} if body else {}
        self.headers = CaseInsensitiveDict(length | dict(fields))
        self.body = body or None
        self.destination = destination
        self.target = target
        self.progress = progress
        self.max_body = max_body


class Response(urllib3.HTTPResponse):
    """An answer whose head came; its body is read with ``read1``, undecoded, and is bounded."""

    def __init__(self, found: BoundedResponse, pool: Pool, connection: Connection) -> None:
        # Without original_response nobody looks for cookies.
        super().__init__(
            found,
            status=found.status,
            version=found.version,
            reason=found.reason,
            preload_content=False,
            decode_content=False,
            pool=pool,
            connection=connection,
        )
        self._found = found
        # http.client has read the length; urllib3 would read it again and fail when there are two.
        self.headers = urllib3.HTTPHeaderDict(found.headers.items())
        self.length_remaining = found.length

    def release_conn(self) -> None:
        """Give the connection back to the pool, closed if no further answer can be told from this one."""
        framed = self._found.headers.get("Transfer-Encoding", "chunked").lower() == "chunked"
        if self.connection is not None and (self._found.will_close or not framed):
            self.connection.close()
        super().release_conn()


class Pool(urllib3.HTTPConnectionPool):
    """The one connection that a door keeps to an origin."""

    ConnectionCls = Connection

    def __init__(self, destination: Destination, resolver: Resolver, ca_file: str | None) -> None:
        super().__init__(
            destination.host, destination.port, destination=destination, resolver=resolver, ca_file=ca_file
        )
        self._progress = Progress(0, 0)
        self._max_body = 0

    def begin(self, request: Request) -> None:
        """Put the deadline and the bounds of ``request``, which comes next, in force."""
        self._progress = request.progress
        self._max_body = request.max_body

    def urlopen(  # type: ignore[override]  # urllib3's options for retries, redirects and timeouts have no say here
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], **options: Any
    ) -> Response:
        """Send one request and return its answer once the head came; raises ``CannotConnect``.

        urllib3's own would rewrite the target's percent-encoding, log it, and wrap errors.
        """
        connection = self._get_conn()  # closes one that the server closed, or that carries what nobody asked for
        assert isinstance(connection, Connection)  # noqa: S101 - tells the type checker what ConnectionCls makes
        try:
            found = connection.exchange(self._progress, method, url, body, headers)
        except BaseException:
            connection.close()
            raise
        # Chunks may be framed wastefully, but not without end.
        found.allow(8 * self._max_body + MAX_HEAD)
        return Response(found, self, connection)


class Adapter(HTTPAdapter):
    """Sends the door's own requests, each to the destination that it carries."""

    def __init__(self, resolver: Resolver, ca_file: str | None) -> None:
        super().__init__()
        self._resolver = resolver
        self._ca_file = ca_file
        self._pools: dict[str, Pool] = {}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: object, proxies: object = None, cert: object = None
    ) -> Pool:
        """The pool of the request's origin. The connection brings its own trust, and there are no proxies."""
        made = _own(request)
        origin = made.destination.origin
        if origin not in self._pools:
            self._pools[origin] = Pool(made.destination, self._resolver, self._ca_file)
        self._pools[origin].begin(made)
        return self._pools[origin]

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Nothing: the connection verifies by a context of its own."""

    def request_url(self, request: requests.PreparedRequest, proxies: object) -> str:
        """The target as the door wrote it."""
        return _own(request).target

    def close(self) -> None:
        """Close every connection; later requests open new ones."""
        super().close()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()


def _own(request: requests.PreparedRequest) -> Request:
    if not isinstance(request, Request):
        raise TypeError("Only a request that the door made goes out.")
    return request


class Session(requests.Session):
    """A session that trusts no environment, keeps no cookies and takes a redirect for an answer."""

    def __init__(self, adapter: Adapter) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, always: told not to follow, ``requests`` would still read and decode the redirect's whole body."""

    def exchange(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send ``request`` and return the answer once its head came; raises ``CannotConnect``."""
        response = self.send(request, stream=True, allow_redirects=False, proxies={})
        assert isinstance(response.raw, urllib3.BaseHTTPResponse)  # noqa: S101 - tells the type checker
        return response.raw
