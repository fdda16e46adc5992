"""What the one door keeps ``requests`` and urllib3 from doing, and what it leans on in them."""

from __future__ import annotations

import io
import logging
import socket
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

import pytest
import requests
import responses
import urllib3
from requests.adapters import HTTPAdapter

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import Door, parse
from integrations.connectors.http.reach import Progress, look_up
from integrations.connectors.http.session import Adapter, Request, Session
from tests.sockets import OPEN, Sink, answer, serving

URL = "https://lms.example.com/xapi"
LONG = b"x" * 200_000


# What they are kept from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["//lms.example.com/a", "/a%2fb/../c", "/%7e?x=%2f&y='", "/?a=http://b/"])
def test_session__target_goes_out_as_it_is(path: str) -> None:
    with serving(answer()) as server, Door(deadline=5) as door:
        door.request("GET", parse(f"http://{OPEN}:{server.port}{path}"), headers={})
    assert server.requests[0].startswith(f"GET {path} HTTP/1.1\r\nHost: {OPEN}:{server.port}\r\n".encode())


@pytest.mark.catalogue("S05")
def test_session__url_of_a_request_decides_nothing() -> None:
    with serving(answer()) as server, Sink("127.0.0.1") as sink, Session(Adapter(look_up, None)) as session:
        made = Request(
            "GET",
            parse(f"http://{OPEN}:{server.port}/a"),
            "/a?b",
            fields={},
            body=b"",
            progress=Progress(5, 5),
            max_body=10,
        )
        made.url = f"http://127.0.0.1:{sink.port}/elsewhere"
        assert (session.exchange(made).status, sink.accepted) == (200, 0)
    assert server.requests[0].startswith(b"GET /a?b HTTP/1.1\r\n")


@pytest.mark.catalogue("R10", "R15")
def test_session__body_of_a_redirect_is_read_by_the_door_alone() -> None:
    with serving(answer("302 Found", LONG, "Location: /next")) as server, Door(deadline=5) as door:
        found = door.request("GET", parse(f"http://{OPEN}:{server.port}/"), headers={}, max_body=10)
    assert (found.status, found.body, found.truncated, len(server.requests)) == (302, LONG[:10], True, 1)


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (answer("200 OK", b"ab", "Content-Type: text/html; charset"), b"ab"),
        (answer("200 OK", b"ab", "Content-Length: 7"), b"ab"),
        (answer("503 Busy", b"ab", "Retry-After: tomorrow"), b"ab"),
    ],
    ids=["charset", "lengths", "retry"],
)
def test_session__header_that_the_libraries_read_in_their_own_way(reply: bytes, body: bytes) -> None:
    with serving(reply) as server, Door(deadline=5) as door:
        found = door.request("GET", parse(f"http://{OPEN}:{server.port}/"), headers={})
    assert (found.body, found.complete, len(server.requests)) == (body, True, 1)


def test_session__header_value_that_urllib3_would_leave_out() -> None:
    with serving(answer()) as server, Door(deadline=5) as door:
        destination = parse(f"http://{OPEN}:{server.port}/")
        door.request("GET", destination, headers={"X-Key": urllib3.util.SKIP_HEADER})
    assert f"X-Key: {urllib3.util.SKIP_HEADER}".encode() in server.requests[0]


def test_session__logs_neither_target_nor_headers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    odd = answer("200 OK", b"0\r\n\r\n", "Transfer-Encoding: chunked", "X: secret", "no colon")
    with serving(odd) as server, Door(deadline=5) as door:
        destination = parse(f"http://{OPEN}:{server.port}/secret?key=secret")
        door.request("GET", destination, headers={"Authorization": "secret"})
    assert len(server.requests) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_session__request_that_the_door_did_not_make(method: str) -> None:
    with Sink(OPEN) as sink, Session(Adapter(look_up, None)) as session:
        with pytest.raises(TypeError, match="Only a request that the door made goes out"):
            getattr(session, method)(f"http://{OPEN}:{sink.port}/", timeout=5)
        assert sink.accepted == 0


def test_session__connection_is_dropped_when_the_door_closes() -> None:
    with serving(answer(), answer()) as server:
        door = Door(deadline=5)
        for _ in range(2):
            door.request("GET", parse(f"http://{OPEN}:{server.port}/"), headers={})
            door.close()
        assert server.accepted == 2


# ``responses`` -----------------------------------------------------------------------------------------------------


def test_responses__answers_in_place_of_an_lms() -> None:
    with responses.RequestsMock() as mock, Door(deadline=5) as door:
        mock.post(URL, status=400, body=b"no", headers={"Set-Cookie": "a=b", "X-A": "1"})
        found = door.request("POST", parse(URL), headers={"X-B": "2"}, body=b"{}")
        assert (mock.calls[0].request.body, mock.calls[0].request.headers["X-B"]) == (b"{}", "2")
    assert (found.status, found.reason, found.text(), found.headers["X-A"]) == (400, "Bad Request", "no", "1")
    assert found.complete


def test_responses__body_longer_than_asked_for() -> None:
    with responses.RequestsMock() as mock, Door(deadline=5) as door:
        mock.get(URL, body=b"0123456789")
        found = door.request("GET", parse(URL), headers={}, max_body=4)
    assert (found.body, found.truncated, found.complete) == (b"0123", True, False)


def test_responses__failure_in_place_of_an_lms() -> None:
    with responses.RequestsMock() as mock, Door(deadline=5) as door:
        mock.get(URL, body=CannotConnect("Nobody is there.", phase="connect", request_began=False))
        with pytest.raises(CannotConnect, match="Nobody is there"):
            door.request("GET", parse(URL), headers={})


# What is leant on --------------------------------------------------------------------------------------------------


class Recorded:
    """Stands where the pool of an adapter stands."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def urlopen(self, **given: Any) -> urllib3.HTTPResponse:
        self.given = given
        return urllib3.HTTPResponse(b"", status=302, headers={"Location": "/next"}, preload_content=False)


def test_requests__adapter_asks_for_pool_and_target_and_hands_them_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Recorded()
    monkeypatch.setattr(HTTPAdapter, "get_connection_with_tls_context", lambda *given, **named: pool)
    monkeypatch.setattr(HTTPAdapter, "cert_verify", lambda *given: None)
    monkeypatch.setattr(HTTPAdapter, "request_url", lambda *given: "target")
    made = requests.Request("POST", URL, data=b"{}", headers={"X-A": "1"}).prepare()
    HTTPAdapter().send(made)
    assert [pool.given[name] for name in ("method", "url", "body")] == ["POST", "target", b"{}"]
    assert pool.given["headers"] is made.headers


def test_requests__error_that_is_nobodys_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def urlopen(self, **given: object) -> None:
            raise CannotConnect("Nobody is there.", phase="connect", request_began=False)

    monkeypatch.setattr(HTTPAdapter, "get_connection_with_tls_context", lambda *given, **named: Failing())
    with requests.Session() as session, pytest.raises(CannotConnect):
        session.send(requests.Request("GET", URL).prepare())


def test_requests__redirect_target_decides_whether_a_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPAdapter, "get_connection_with_tls_context", lambda *given, **named: Recorded())
    monkeypatch.setattr(requests.Response, "content", property(lambda response: pytest.fail("read")))
    monkeypatch.setattr(requests.Session, "get_redirect_target", lambda session, response: None)
    with requests.Session() as session:
        found = session.send(requests.Request("GET", URL).prepare(), stream=True, allow_redirects=False)
    assert found.status_code == 302


def test_urllib3__pool_keeps_its_connection_and_closes_one_with_something_to_read() -> None:
    """``_get_conn`` is not documented."""
    left, right = socket.socketpair()
    with left, right, urllib3.HTTPConnectionPool(OPEN) as pool:
        connection = pool._get_conn()
        assert isinstance(connection, urllib3.connection.HTTPConnection)
        connection.sock = left
        found = []
        for sent in (b"", b"x"):
            right.sendall(sent)
            urllib3.HTTPResponse(pool=pool, connection=connection).release_conn()
            found.append((pool._get_conn() is connection, connection.is_closed))
    assert (found, pool.num_connections) == ([(True, False), (True, True)], 1)


def test_urllib3__pool_hands_its_options_to_the_connection() -> None:
    class Connection(urllib3.connection.HTTPConnection):
        def __init__(self, **options: Any) -> None:
            given.update(options)
            super().__init__(**{name: options[name] for name in ("host", "port")})

    given: dict[str, Any] = {}
    with urllib3.HTTPConnectionPool(OPEN, 80, own="option") as pool:
        pool.ConnectionCls = Connection
        pool._get_conn()
    assert (given.keys() >= {"host", "port"}, given["own"]) == (True, "option")


def test_urllib3__connection_sends_and_reads_as_http_client_does() -> None:
    """It is one of http.client's, so that ``send``, ``getresponse`` and ``default_port`` do what they do there."""
    connection = urllib3.connection.HTTPConnection("lms.example.com", 443)
    sent: list[bytes] = []
    left, right = socket.socketpair()
    with left, right:
        right.sendall(answer("200 Fine", b"ab"))
        connection.sock = left
        connection.send = sent.append  # type: ignore[assignment]  # takes bytes only, and gets nothing else here
        connection.default_port = 443  # type: ignore[misc]  # urllib3 knows it of classes only
        connection.request("POST", "/a%2fb", body=b"{}", headers={"Content-Length": "2", "User-Agent": "us"})
        found = HTTPConnection.getresponse(connection)
        assert (type(found), found.read()) == (HTTPResponse, b"ab")
        connection.close()
    assert sent[0].startswith(b"POST /a%2fb HTTP/1.1\r\nHost: lms.example.com\r\n")
    assert sent[1:] == [b"{}"]


@pytest.mark.parametrize("problem", [TimeoutError(), ConnectionResetError(), HTTPException()])
def test_urllib3__body_that_breaks_is_an_error_of_urllib3(problem: Exception) -> None:
    class Breaking(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            raise problem

    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.HTTPResponse(Breaking(), preload_content=False).read1(1, decode_content=False)


def test_urllib3__body_shorter_than_its_length_is_an_error_of_urllib3() -> None:
    """``length_remaining`` may be set after the answer is made."""
    response = urllib3.HTTPResponse(io.BytesIO(b"ab"), preload_content=False)
    response.length_remaining = 3
    assert response.read1(5, decode_content=False) == b"ab"
    with pytest.raises(urllib3.exceptions.ProtocolError):
        response.read1(5, decode_content=False)
