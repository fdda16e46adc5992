"""What goes out through the one door and what is made of the answers, with servers that behave."""

from __future__ import annotations

import dataclasses
import http.client
import ipaddress
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import Answer, Destination, Door, parse
from integrations.connectors.http.answers import Headers
from tests.sockets import OPEN, Authority, Server, Sink, answer, read_request, serving

BASE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def _at(server: Server, path: str = "/xapi") -> Destination:
    return parse(f"http://{OPEN}:{server.port}{path}")


def _named(server: Server) -> Destination:
    return parse(f"https://lms.example.com:{server.port}/xapi")


def _made(body: bytes, *headers: tuple[str, str], complete: bool = True) -> Answer:
    return Answer(200, "OK", Headers(headers), body, complete=complete, truncated=False, elapsed=0.1)


# What goes out -----------------------------------------------------------------------------------------------------


def test_door__request_as_it_goes_out() -> None:
    with serving(answer()) as server, Door(deadline=5) as door:
        door.request("POST", _at(server, "/a%2fb?x=1"), headers={"X-A": "b"}, body=b"{}", params={"y": "2 3"})
    assert server.requests == [
        b"POST /a%%2fb?x=1&y=2+3 HTTP/1.1\r\n"
        b"Host: 127.0.0.2:%d\r\n"
        b"Content-Length: 2\r\n"
        b"User-Agent: LMS-Bridge/0.1 (+http://testserver)\r\n"
        b"Accept-Encoding: identity\r\n"
        b"X-A: b\r\n\r\n{}" % server.port
    ]


def test_door__get_without_body_and_post_with_an_empty_one() -> None:
    with serving(answer(), answer()) as server, Door(deadline=5) as door:
        door.request("GET", _at(server), headers={})
        door.request("POST", _at(server), headers={})
    assert [b"Content-Length: 0" in request for request in server.requests] == [False, True]


def test_door__framing_headers_of_the_caller_are_left_out() -> None:
    ours = {"Host": "evil.example.com", "content-length": "0", "Transfer-Encoding": "chunked", "Connection": "close"}
    with serving(answer()) as server, Door(deadline=5) as door:
        door.request("POST", _at(server), headers=ours, body=b"{}")
    assert (b"evil" in server.requests[0], b"chunked" in server.requests[0]) == (False, False)


@pytest.mark.parametrize("value", ["a\r\nX-B: c", "a\nb", "a\0b", "\u0101"])
def test_door__header_value_that_http_does_not_allow(value: str) -> None:
    with Sink(OPEN) as server, Door(deadline=5) as door:
        with pytest.raises(CannotConnect) as caught:
            door.request("GET", _at(server), headers={"Authorization": value})
        assert (caught.value.request_began, server.accepted) == (False, 0)
    assert caught.value.sentence == (
        "The value for the header Authorization contains characters that HTTP does not allow. "
        "Enter the credentials again."
    )


def test_door__connection_is_kept_alive() -> None:
    with serving(answer(body=b"1"), answer("204 No Content"), answer(body=b"3")) as server, Door(deadline=5) as door:
        statuses = [door.request("POST", _at(server), headers={}, body=b"{}").status for _ in range(3)]
    assert (statuses, server.accepted) == ([200, 204, 200], 1)


def test_door__connections_are_not_shared_between_doors() -> None:
    with serving(answer(), answer()) as server:
        for _ in range(2):
            with Door(deadline=5) as door:
                door.request("GET", _at(server), headers={})
    assert server.accepted == 2


def test_door__idle_connection_that_the_server_closed() -> None:
    with serving(answer()) as server, Door(deadline=5) as door:
        for _ in range(3):
            assert door.request("POST", _at(server), headers={}, body=b"{}").status == 200
            server.wait(0.05)
    assert (len(server.requests), server.accepted) == (3, 3)


@pytest.mark.parametrize(
    "reply",
    [
        answer("200 OK", b"", "Connection: close"),
        answer(version="HTTP/1.0"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_door__connection_that_cannot_be_used_again(reply: bytes) -> None:
    with serving(reply, answer()) as server, Door(deadline=5) as door:
        for _ in range(2):
            door.request("GET", _at(server), headers={})
    assert server.accepted == 2


def test_door__answer_that_nobody_asked_for() -> None:
    twice = answer() + answer("500 Error", b"", "X-Smuggled: 1")
    with serving(twice, answer()) as server, Door(deadline=5) as door:
        assert [door.request("GET", _at(server), headers={}).status for _ in range(2)] == [200, 200]


def test_door__further_address_is_tried(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.2/31")]
    with serving(answer()) as server, Door(deadline=5, resolver=lambda host, port: ["127.0.0.3", OPEN]) as door:
        assert door.request("GET", parse(f"http://lms.example.com:{server.port}/"), headers={}).status == 200


def test_door__host_and_certificate_name_stay_the_name(authority: Authority) -> None:
    tls = authority.server("lms.example.com")
    seen: list[str | None] = []
    tls.sni_callback = lambda made, name, context: seen.append(name)
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return [OPEN]

    with (
        serving(answer(), answer(), tls=tls) as server,
        Door(deadline=5, resolver=resolver, ca_file=authority.file) as door,
    ):
        for _ in range(2):
            assert door.request("GET", _named(server), headers={}).status == 200
    assert (seen, asked, server.accepted) == (["lms.example.com"], ["lms.example.com"], 1)
    assert f"Host: lms.example.com:{server.port}".encode() in server.requests[0]


def test_door__certificate_of_an_address(authority: Authority) -> None:
    with serving(answer(), tls=authority.server(OPEN)) as server, Door(deadline=5, ca_file=authority.file) as door:
        assert door.request("GET", parse(f"https://{OPEN}:{server.port}/"), headers={}).status == 200


# What comes back ---------------------------------------------------------------------------------------------------


def test_door__answer() -> None:
    with serving(answer("404 Not Found", b"gone", "X-A: 1", "x-a: 2")) as server, Door(deadline=5) as door:
        found = door.request("GET", _at(server), headers={})
    assert dataclasses.replace(found, headers=dict(found.headers), elapsed=0) == Answer(
        404, "Not Found", {"content-length": "4", "x-a": "1, 2"}, b"gone", complete=True, truncated=False, elapsed=0
    )


@pytest.mark.catalogue("R15")
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_door__redirect_is_an_answer(status: str) -> None:
    with Sink("127.0.0.1") as sink, Sink(OPEN) as other:
        for target in (f"http://127.0.0.1:{sink.port}/", f"http://{OPEN}:{other.port}/"):
            with serving(answer(status, b"go", f"Location: {target}")) as server, Door(deadline=5) as door:
                found = door.request("POST", _at(server), headers={"Authorization": "Basic key"}, body=b"{}")
            assert (found.status, found.headers["Location"]) == (int(status[:3]), target)
        assert (sink.accepted, other.accepted) == (0, 0)


def test_door__cookies_are_not_kept() -> None:
    with serving(answer("200 OK", b"", "Set-Cookie: a=b"), answer()) as server, Door(deadline=5) as door:
        for _ in range(2):
            door.request("GET", _at(server), headers={})
    assert b"cookie" not in server.requests[1].lower()


def test_door__chunked_body() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1;x=y\r\n]\r\n0\r\nTrailer: 1\r\n\r\n"
    with serving(reply, answer()) as server, Door(deadline=5) as door:
        assert door.request("GET", _at(server), headers={}).json() == [1]
        assert door.request("GET", _at(server), headers={}).status == 200
    assert server.accepted == 1


@pytest.mark.parametrize(("size", "body", "truncated"), [(10, b"0123456789", False), (11, b"0123456789", True)])
def test_door__body_at_its_cap(size: int, body: bytes, truncated: bool) -> None:
    with serving(answer(body=b"01234567890"[:size])) as server, Door(deadline=5) as door:
        found = door.request("GET", _at(server), headers={}, max_body=10)
    assert (found.body, found.truncated, found.complete) == (body, truncated, not truncated)


def test_door__interim_answers_are_skipped() -> None:
    reply = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + answer("201 Created")
    with serving(reply, answer()) as server, Door(deadline=5) as door:
        assert [door.request("GET", _at(server), headers={}).status for _ in range(2)] == [201, 200]


def test_door__refusal_while_the_body_is_still_being_sent() -> None:
    def script(made: socket.socket) -> None:
        made.recv(1000)
        made.sendall(answer("413 Too Large", b"", "Connection: close"))
        made.shutdown(socket.SHUT_WR)
        while made.recv(65536):
            pass

    with Server(script) as server, Door(deadline=5) as door:
        assert door.request("POST", _at(server), headers={}, body=b" " * 4_000_000).status == 413


def test_answer__text_is_fit_to_be_shown() -> None:
    assert _made("a\r\nb\tc\x00\x1b[1m\u202ed\u200b\u00e9".encode() + b"\xff").text() == (
        "a\nb\tc\ufffd\ufffd[1m\ufffdd\ufffd\u00e9\ufffd"
    )


def test_answer__text_is_cut() -> None:
    assert _made("\u20ac".encode() * 50).text(10) == "\u20ac" * 10


def test_answer__encoded_body_is_neither_shown_nor_read() -> None:
    encoded = _made(b"{}", ("Content-Encoding", "gzip"))
    assert encoded.text() == "(The body came in an encoding that was not asked for and is not shown.)"
    with pytest.raises(ValueError, match="encoded"):
        encoded.json()


@pytest.mark.parametrize("body", [b"", b"<html>", b"NaN", b"\xff", b"[" * 60_000, b'{"a": Infinity}'])
def test_answer__body_that_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of json and differ between its versions
        _made(body).json()


def test_answer__incomplete_body_is_no_json() -> None:
    with pytest.raises(ValueError, match="incomplete"):
        _made(b"{}", complete=False).json()


def test_answer__body_and_headers_are_not_in_its_repr() -> None:
    assert "secret" not in repr(_made(b"secret", ("X-Key", "secret")))


# The environment, and what is leant on -----------------------------------------------------------------------------

CHILD = """
import json, sys, django
django.setup()
from integrations.connectors.base import CannotConnect
from integrations.connectors.http import Door, parse
port, ca_file = sys.argv[1:]
found = []
for trusted in (ca_file, None):
    with Door(deadline=10, resolver=lambda host, port: ["127.0.0.2"], ca_file=trusted) as door:
        try:
            destination = parse(f"https://lms.example.com:{port}/")
            found.append(door.request("GET", destination, headers={"Authorization": "Basic key"}).status)
        except CannotConnect as problem:
            found.append(problem.sentence)
sys.stdout.write(json.dumps(found))
"""


@pytest.mark.catalogue("S08")
def test_door__environment_has_no_effect(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine lms.example.com login thief password thief\n")
    (tmp_path / ".netrc").chmod(0o600)
    key_log = tmp_path / "keys.log"
    with Sink(OPEN) as proxy, serving(answer(), tls=authority.server("lms.example.com")) as server:
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
        environment = dict.fromkeys(names, f"http://{OPEN}:{proxy.port}") | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NETRC": str(tmp_path / ".netrc"),
            "REQUESTS_CA_BUNDLE": authority.file,
            "CURL_CA_BUNDLE": authority.file,
            "SSL_CERT_FILE": authority.file,
            "SSLKEYLOGFILE": str(key_log),
        }
        command = [sys.executable, "-c", CHILD, str(server.port), authority.file]
        child = subprocess.run(command, cwd=BASE, env=environment, capture_output=True, text=True, check=True)
        assert proxy.accepted == 0
    trusted, untrusted = json.loads(child.stdout)
    assert (trusted, "leads to no trusted authority" in untrusted) == (200, True)
    assert [b"Basic key" in request for request in server.requests] == [True]
    assert not key_log.exists()


def test_http_client__what_the_door_leans_on() -> None:
    """``response_class``, ``_read_status`` and ``read1`` of Python's own HTTP client are not all documented."""
    assert http.client.HTTPConnection("lms.example.com").response_class is http.client.HTTPResponse
    left, right = socket.socketpair()
    with left, right:
        right.sendall(answer("200 Fine", b"ab"))
        response = http.client.HTTPResponse(left)
        assert response._read_status() == ("HTTP/1.1", 200, "Fine\r\n")  # type: ignore[attr-defined]  # not in typeshed
        response.close()


def test_door__does_not_answer_for_itself() -> None:
    """A request body is read back as sent, so that frozen bytes stay frozen."""
    sent = bytes(range(256)) * 300
    bodies: list[bytes] = []

    def script(made: socket.socket) -> None:
        bodies.append(read_request(made).partition(b"\r\n\r\n")[2])
        made.sendall(answer())

    with Server(script) as server, Door(deadline=5) as door:
        door.request("PUT", _at(server), headers={}, body=sent)
    assert bodies == [sent]
