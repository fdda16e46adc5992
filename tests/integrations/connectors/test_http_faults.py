"""The one door before servers that refuse, stall, flood and lie."""

from __future__ import annotations

import contextlib
import datetime
import errno
import resource
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Sequence

import pytest

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import Answer, Destination, Door, parse
from tests.servers import free_port
from tests.sockets import OPEN, Authority, Script, Server, answer, read_request, reset, serving

DEADLINE = 1.0
# What the catalogue allows a request to outlive its deadline by.
GRACE = 0.5


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def _failure(destination: Destination, door: Door, body: bytes = b"{}") -> CannotConnect:
    with pytest.raises(CannotConnect) as caught:
        door.request("POST", destination, headers={"Authorization": "Basic key"}, body=body)
    return caught.value


def _met(script: Script) -> CannotConnect:
    """What the door says of a server that reads a request and then plays the script."""

    def played(made: socket.socket) -> None:
        read_request(made)
        script(made)

    with Server(played) as server, Door(deadline=DEADLINE) as door:
        return _failure(parse(f"http://{OPEN}:{server.port}/secret?key=secret"), door)


def _told(reply: bytes) -> CannotConnect:
    return _met(lambda made: made.sendall(reply))


def _answered(script: Script, max_body: int = 65536) -> Answer:
    def played(made: socket.socket) -> None:
        read_request(made)
        script(made)

    with Server(played) as server, Door(deadline=DEADLINE) as door:
        return door.request("GET", parse(f"http://{OPEN}:{server.port}/"), headers={}, max_body=max_body)


def _silent(made: socket.socket) -> None:
    time.sleep(DEADLINE + 0.5)


# Before the request ------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R02")
def test_door__connection_refused() -> None:
    port = free_port(OPEN)
    with Door(deadline=DEADLINE) as door:
        failure = _failure(parse(f"http://{OPEN}:{port}/secret"), door)
    assert (failure.phase, failure.request_began) == ("connect", False)
    assert failure.sentence == (
        f"127.0.0.2 refused the connection on port {port}. Check the URL and that the LMS is running."
    )


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """The port of a listener that accepts nobody any more."""
    with socket.create_server((OPEN, 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for made in waiting:
            made.setblocking(False)
            made.connect_ex((OPEN, port))
        yield port
        for made in waiting:
            made.close()


@pytest.mark.catalogue("R03")
def test_door__nobody_accepts(full_backlog: int) -> None:
    begun = time.monotonic()
    with Door(deadline=10, connect_timeout=0.5) as door:
        failure = _failure(parse(f"http://{OPEN}:{full_backlog}/"), door)
    assert (failure.phase, failure.request_began) == ("connect", False)
    assert "did not accept a connection on port" in failure.sentence
    assert time.monotonic() - begun < 0.5 + GRACE


@pytest.mark.catalogue("R03")
def test_door__addresses_share_the_connect_limit(full_backlog: int) -> None:
    begun = time.monotonic()
    answers = [OPEN, f"::ffff:{OPEN}"] * 4
    with Door(deadline=10, connect_timeout=0.5, resolver=lambda host, port: answers) as door:
        _failure(parse(f"http://lms.example.com:{full_backlog}/"), door)
    assert time.monotonic() - begun < 0.5 + GRACE


@pytest.mark.catalogue("R04")
@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "could not be found. Check the URL."),
        (socket.gaierror(socket.EAI_AGAIN, "failed"), "could not be looked up: its name server gave no answer."),
        (UnicodeError("label too long"), "could not be found. Check the URL."),
    ],
)
def test_door__name_that_cannot_be_looked_up(problem: Exception, words: str) -> None:
    def resolver(host: str, port: int) -> Sequence[str]:
        raise problem

    with Door(deadline=DEADLINE, resolver=resolver) as door:
        failure = _failure(parse("https://lms.example.com/secret"), door)
    assert (failure.phase, failure.request_began) == ("dns", False)
    assert failure.sentence.startswith(f"The name lms.example.com {words}")


@pytest.mark.catalogue("R04")
def test_door__name_without_address() -> None:
    with Door(deadline=DEADLINE, resolver=lambda host, port: []) as door:
        failure = _failure(parse("https://lms.example.com/"), door)
    assert (failure.phase, failure.sentence) == (
        "dns",
        "The name lms.example.com has no address. Check the URL.",
    )


@pytest.mark.catalogue("R04")
def test_door__resolver_that_hangs() -> None:
    over = threading.Event()

    def resolver(host: str, port: int) -> Sequence[str]:
        over.wait(30)
        return []

    begun = time.monotonic()
    with Door(deadline=DEADLINE, resolver=resolver) as door:
        failure = _failure(parse("https://lms.example.com/"), door)
    over.set()
    assert failure.phase == "dns"
    assert time.monotonic() - begun < DEADLINE + GRACE


def test_door__names_are_looked_up_as_absolute_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def lookup(host: str, port: int, **kind: int) -> list[object]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr("django.conf.settings.OUTBOUND_ALLOWED_NETWORKS", [])
    with Door(deadline=DEADLINE) as door:
        _failure(parse("https://lms.example.com/"), door)
    assert asked == ["lms.example.com."]


def test_door__name_of_the_hosts_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(host: str, port: int, **kind: int) -> list[object]:
        if host.endswith("."):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (OPEN, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with serving(answer()) as server, Door(deadline=DEADLINE) as door:
        assert door.request("GET", parse(f"http://lms:{server.port}/"), headers={}).status == 200


def test_door__host_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(made: socket.socket, target: tuple[str, int]) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with Door(deadline=DEADLINE) as door:
        failure = _failure(parse(f"http://{OPEN}/"), door)
    assert (failure.phase, failure.sentence) == (
        "connect",
        "127.0.0.2 could not be reached on port 80. Check the URL and that the LMS is running.",
    )


@pytest.mark.catalogue("S05")
def test_door__connected_to_another_address_than_the_checked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer()) as server, Door(deadline=DEADLINE) as door:
        monkeypatch.setattr(socket.socket, "getpeername", lambda made: ("127.0.0.1", server.port))
        failure = _failure(parse(f"http://{OPEN}:{server.port}/"), door)
        assert (failure.phase, failure.request_began, server.requests) == ("connect", False, [])


def test_door__deadline_already_over() -> None:
    with Door(deadline=1e-9) as door:
        failure = _failure(parse(f"http://{OPEN}/"), door)
    assert (failure.phase, failure.request_began) == ("connect", False)


# TLS ---------------------------------------------------------------------------------------------------------------


def _tls_failure(tls: ssl.SSLContext, ca_file: str) -> CannotConnect:
    with (
        serving(answer(), tls=tls) as server,
        Door(deadline=5, resolver=lambda host, port: [OPEN], ca_file=ca_file) as door,
    ):
        failure = _failure(parse(f"https://lms.example.com:{server.port}/secret"), door)
    assert (failure.phase, failure.request_began, server.requests) == ("tls", False, [])
    return failure


@pytest.mark.catalogue("R05")
def test_door__expired_certificate(authority: Authority) -> None:
    tls = authority.server("lms.example.com", until=datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC))
    assert _tls_failure(tls, authority.file).sentence == (
        "The certificate of lms.example.com expired on 2026-01-31; ask the LMS's administrator to renew it."
    )


@pytest.mark.catalogue("R05")
def test_door__expired_certificate_that_is_not_shown_twice(authority: Authority) -> None:
    tls = authority.server("lms.example.com", until=datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC))
    with socket.create_server((OPEN, 0)) as listener:

        def once() -> None:
            made, _ = listener.accept()
            listener.close()
            with contextlib.suppress(OSError):
                tls.wrap_socket(made, server_side=True)
            made.close()

        thread = threading.Thread(target=once)
        thread.start()
        url = f"https://lms.example.com:{listener.getsockname()[1]}/"
        with Door(deadline=5, resolver=lambda host, port: [OPEN], ca_file=authority.file) as door:
            failure = _failure(parse(url), door)
        thread.join()
    assert failure.sentence.startswith("The certificate of lms.example.com expired; ask")


@pytest.mark.catalogue("R05")
def test_door__self_signed_certificate(authority: Authority) -> None:
    failure = _tls_failure(authority.server("lms.example.com", self_signed=True), authority.file)
    assert "is self-signed" in failure.sentence


@pytest.mark.catalogue("R05")
def test_door__certificate_of_another_name(authority: Authority) -> None:
    failure = _tls_failure(authority.server("other.example.com"), authority.file)
    assert "is for another name. Check the URL" in failure.sentence


@pytest.mark.catalogue("R05")
def test_door__certificate_of_an_unknown_authority(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    failure = _tls_failure(authority.server("lms.example.com"), stranger.file)
    assert "leads to no trusted authority" in failure.sentence


@pytest.mark.catalogue("R05")
def test_door__certificate_not_valid_yet(authority: Authority) -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1000)
    assert (
        "is not valid yet" in _tls_failure(authority.server("lms.example.com", until=later), authority.file).sentence
    )


@pytest.mark.catalogue("R05")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_door__old_tls_only(version: ssl.TLSVersion, authority: Authority) -> None:
    failure = _tls_failure(authority.server("lms.example.com", maximum=version), authority.file)
    assert "offers only versions of TLS that are no longer safe" in failure.sentence


def _hello(script: Script) -> tuple[CannotConnect, float]:
    begun = time.monotonic()
    with Server(script) as server, Door(deadline=DEADLINE) as door:
        failure = _failure(parse(f"https://{OPEN}:{server.port}/"), door)
        return failure, time.monotonic() - begun


@pytest.mark.catalogue("R05")
def test_door__tls_hello_without_answer() -> None:
    failure, took = _hello(_silent)
    assert (failure.phase, failure.request_began) == ("tls", False)
    assert "did not finish the TLS handshake within 1 seconds" in failure.sentence
    assert took < DEADLINE + GRACE


@pytest.mark.catalogue("R05")
def test_door__tls_hello_that_drips() -> None:
    def script(made: socket.socket) -> None:
        made.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
        while True:
            made.sendall(b"\0")
            time.sleep(0.05)

    failure, took = _hello(script)
    assert failure.phase == "tls"
    assert took < DEADLINE + GRACE


@pytest.mark.catalogue("R05")
def test_door__plain_http_where_tls_was_expected() -> None:
    failure, _ = _hello(lambda made: made.sendall(answer("400 Bad Request")))
    assert "does not speak https on this port" in failure.sentence


@pytest.mark.catalogue("R05")
@pytest.mark.parametrize("end", [lambda made: None, reset])
def test_door__tls_hello_broken_off(end: Script) -> None:
    def script(made: socket.socket) -> None:
        made.recv(16)  # the hello has begun, or it would be the connection that was broken off
        end(made)

    failure, _ = _hello(script)
    assert failure.sentence.startswith("127.0.0.2 broke off the TLS handshake.")


# After the request began -------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R06")
@pytest.mark.parametrize(
    "script",
    [
        lambda made: None,
        reset,
        lambda made: made.sendall(b"HTTP/1.1 20"),
        lambda made: made.sendall(b"HTTP/1.1 200 OK\r\nA:"),
    ],
)
def test_door__closed_before_the_head_was_complete(script: Script) -> None:
    failure = _met(script)
    assert (failure.phase, failure.request_began) == ("headers", True)
    assert "secret" not in failure.sentence


@pytest.mark.catalogue("R06")
def test_door__accept_then_close() -> None:
    with Server(lambda made: None) as server, Door(deadline=DEADLINE) as door:
        failure = _failure(parse(f"http://{OPEN}:{server.port}/"), door)
    assert failure.request_began
    assert failure.sentence == (
        "127.0.0.2 closed the connection without an answer. Check the URL and that the LMS is running."
    )


@pytest.mark.catalogue("R06")
def test_door__kept_connection_is_closed_instead_of_answering() -> None:
    def script(made: socket.socket) -> None:
        read_request(made)
        made.sendall(answer())
        read_request(made)

    with Server(script) as server, Door(deadline=DEADLINE) as door:
        destination = parse(f"http://{OPEN}:{server.port}/")
        door.request("POST", destination, headers={}, body=b"{}")
        failure = _failure(destination, door)
        assert (failure.phase, failure.request_began, server.accepted) == ("headers", True, 1)
        assert door.request("POST", destination, headers={}, body=b"{}").status == 200


@pytest.mark.catalogue("R06")
def test_door__request_that_is_not_taken() -> None:
    begun = time.monotonic()
    with (
        Server(_silent) as server,
        Door(deadline=DEADLINE) as door,
    ):
        failure = _failure(parse(f"http://{OPEN}:{server.port}/"), door, b" " * 50_000_000)
    assert (failure.phase, failure.request_began) == ("send", True)
    assert "did not take the whole request within 1 seconds" in failure.sentence
    assert time.monotonic() - begun < DEADLINE + 1 + GRACE


@pytest.mark.catalogue("R09")
def test_door__no_answer() -> None:
    failure = _met(_silent)
    assert (failure.phase, failure.request_began) == ("headers", True)
    assert failure.sentence == "No answer within 1 seconds. Check that the LMS is running."


def _drip(head: bytes, piece: bytes) -> Script:
    def script(made: socket.socket) -> None:
        made.sendall(head)
        while True:
            made.sendall(piece)
            time.sleep(0.05)

    return script


@pytest.mark.catalogue("R09")
@pytest.mark.parametrize(
    ("head", "piece"), [(b"", b"H"), (b"HTTP/1.1 200 OK\r\nA: ", b"a"), (b"HTTP/1.1 200 OK\r\n", b"A: 1\r\n")]
)
def test_door__head_that_drips(head: bytes, piece: bytes) -> None:
    begun = time.monotonic()
    failure = _met(_drip(head, piece))
    assert (failure.phase, failure.sentence) == (
        "headers",
        "No answer within 1 seconds. Check that the LMS is running.",
    )
    assert time.monotonic() - begun < DEADLINE + GRACE


@pytest.mark.catalogue("R09")
@pytest.mark.parametrize(
    "head",
    [
        answer(length=600),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n",
    ],
)
def test_door__body_that_drips(head: bytes) -> None:
    found = _answered(_drip(head, b"x"))
    assert (found.status, found.complete, found.truncated) == (200, False, False)
    assert set(found.body) == {ord("x")}
    assert found.elapsed < DEADLINE + GRACE


@pytest.mark.catalogue("R09", "R05")
def test_door__tls_body_that_drips(authority: Authority) -> None:
    def script(made: socket.socket) -> None:
        read_request(made)
        _drip(answer(length=600), b"x")(made)

    with (
        Server(script, tls=authority.server(OPEN)) as server,
        Door(deadline=DEADLINE, ca_file=authority.file) as door,
    ):
        found = door.request("GET", parse(f"https://{OPEN}:{server.port}/"), headers={})
    assert not found.complete
    assert found.elapsed < DEADLINE + GRACE


# Too much ----------------------------------------------------------------------------------------------------------


def _flood(head: bytes, piece: bytes, times: int = 1_000_000) -> Script:
    def script(made: socket.socket) -> None:
        made.sendall(head)
        for _ in range(times):
            made.sendall(piece)

    return script


def _bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()


@pytest.mark.catalogue("R10")
@pytest.mark.parametrize(
    "script",
    [
        _flood(answer(length=200_000_000), b"x" * 100_000, 2000),
        _flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000),
        _flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10\r\n0123456789abcdef\r\n" * 5000),
        _flood(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"x" * 100_000),
    ],
    ids=["length", "close", "chunks", "redirect"],
)
def test_door__endless_body(script: Script) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = _answered(script)
    assert (len(found.body), found.truncated, found.complete) == (65536, True, False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 32 * 1024


@pytest.mark.catalogue("R10")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_door__encoded_body_is_never_decoded(encoding: str, status: str) -> None:
    bomb = _bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reply = answer(status, bomb, f"Content-Encoding: {encoding}", "Location: /")
    found = _answered(lambda made: made.sendall(reply))
    assert (found.body, found.encoded) == (bomb[:65536], True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 32 * 1024


@pytest.mark.catalogue("R10")
@pytest.mark.parametrize(
    "piece",
    [b"1" * 100_000, b"1;" + b"x" * 60_000 + b"\r\na\r\n", b"0\r\n" + b"X: y\r\n" * 10_000],
    ids=["size line", "extensions", "trailers"],
)
def test_door__endless_chunk_framing(piece: bytes) -> None:
    found = _answered(_flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", piece))
    assert (found.complete, len(found.body) < 100) == (False, True)


@pytest.mark.parametrize("cap", [0, 1, 20_000_000])
def test_door__cap_of_the_caller(cap: int) -> None:
    found = _answered(_flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000_000), max_body=cap)
    assert (len(found.body), found.truncated) == (cap, True)


@pytest.mark.catalogue("R08")
@pytest.mark.parametrize("end", [reset, lambda made: None])
@pytest.mark.parametrize(
    "head",
    [answer(length=600), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n"],
    ids=["length", "chunked"],
)
def test_door__body_cut_off(head: bytes, end: Script) -> None:
    def script(made: socket.socket) -> None:
        made.sendall(head + b"begun")
        time.sleep(0.2)
        end(made)

    found = _answered(script)
    assert (found.status, found.body, found.complete, found.truncated) == (200, b"begun", False, False)


@pytest.mark.catalogue("R11")
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(5000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a" * 2000 + b"\r\n") * 60 + b"\r\n",
        b"HTTP/1.1 " + b"2" * 1_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + answer(),
        (b"HTTP/1.1 103 Early Hints\r\n" + b"X: y\r\n" * 90 + b"\r\n") * 1000 + answer(),
    ],
    ids=["many", "long", "together", "status line", "continue", "hints"],
)
def test_door__head_without_end(reply: bytes) -> None:
    failure = _told(reply)
    assert (failure.phase, failure.request_began) == ("headers", True)
    assert failure.sentence == "127.0.0.2 sent more headers than an answer may have. Check the URL and the port."


@pytest.mark.catalogue("R12")
@pytest.mark.parametrize(
    "reply",
    [
        b"<html>HTTP/0.9</html>\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"\0\xff\xfe\x80" * 50 + b"\n",
        b"\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 -200 Minus\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello\n",
    ],
)
def test_door__not_http(reply: bytes) -> None:
    failure = _told(reply)
    assert (failure.phase, failure.request_began) == ("headers", True)
    assert failure.sentence == "What 127.0.0.2 sent is not HTTP. Check the URL and the port."


@pytest.mark.catalogue("R12")
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n", 999),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200),
        (b"HTTP/1.0 503 Busy\r\n\r\n", 503),
        (b"HTTP/1.1 200 \xe9\x00\x1b[0m\r\nContent-Length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nno colon\r\nA: b\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnothing\r\n", 200),
    ],
)
def test_door__odd_but_http(reply: bytes, status: int) -> None:
    found = _answered(lambda made: made.sendall(reply))
    assert (found.status, found.reason.isprintable() or "\ufffd" in found.reason) == (status, True)
