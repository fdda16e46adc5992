"""The practice LMS's server, its memory, and the command that runs it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from lmsbridge.practice import store as memory
from lmsbridge.practice.store import Store, Stores
from tests.lms import XAPI_HEADERS, PracticeLMS, ask, post_statements, sample_statement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw(practice_lms: PracticeLMS) -> Iterator[socket.socket]:
    """A connection to the practice LMS on which anything can be sent."""
    with socket.create_connection(practice_lms.host_and_port, timeout=30) as connection:
        yield connection


def first_line(connection: socket.socket) -> str:
    return connection.makefile("rb").readline().decode().strip()


# Connections


def test_connection__kept_alive(practice_lms: PracticeLMS) -> None:
    client = http.client.HTTPConnection(*practice_lms.host_and_port, timeout=30)
    client.connect()
    used = client.sock
    for _ in range(3):
        client.request("POST", "/xapi/statements", json.dumps(sample_statement()).encode(), XAPI_HEADERS)
        assert client.getresponse().read()
    assert client.sock is used
    client.close()


def test_connection__closed_where_asked(practice_lms: PracticeLMS) -> None:
    answer = ask(f"{practice_lms.url()}about", headers={"Connection": "close"})
    assert answer.headers["Connection"] == "close"


def test_requests__many_at_once(practice_lms: PracticeLMS) -> None:
    batch = [sample_statement() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda one: post_statements(practice_lms.url(), one).status, batch))
    assert told == [200] * 40
    assert practice_lms.store().statement_count == 40


def test_requests__same_statement_at_once(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: post_statements(practice_lms.url(), statement).status, range(16)))
    assert sorted(told) == [200] + [204] * 15


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked", "411"),
        (b"Content-Length: many", "400"),
        (b"Content-Length: -1", "400"),
        (b"Content-Length: 1\r\nContent-Length: 2", "400"),
    ],
)
def test_body__of_unknown_length(raw: socket.socket, head: bytes, status: str) -> None:
    raw.sendall(b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    assert first_line(raw).split()[1] == status


def test_body__ends_early(practice_lms: PracticeLMS, raw: socket.socket) -> None:
    raw.sendall(b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    raw.shutdown(socket.SHUT_WR)
    assert raw.recv(1) == b""
    assert practice_lms.store().requests == []


def test_body__far_too_large_still_gets_its_answer() -> None:
    with PracticeLMS(largest_body=1000) as lms:
        answer = post_statements(lms.url(), b" " * 5_000_000)
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        assert len(lms.store().requests[0].body) == 1001


def test_body__too_large_and_cut_off() -> None:
    with PracticeLMS(largest_body=10) as lms:
        with socket.create_connection(lms.host_and_port, timeout=30) as raw:
            raw.sendall(b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + b" " * 50)
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(1) == b""
        assert lms.store().requests == []


def test_server__stops_with_connections_open() -> None:
    with PracticeLMS() as lms:
        idle = socket.create_connection(lms.host_and_port, timeout=30)
        ask(f"{lms.url()}about")
    assert idle.recv(1) == b""
    idle.close()


def test_server__on_ipv6() -> None:
    try:
        lms = PracticeLMS("::1")
    except OSError:
        pytest.skip("There is no IPv6 loopback here.")
    with lms:
        assert ask(f"{lms.url()}about").status == 200


def test_server__needs_no_django() -> None:
    code = (
        "import sys, lmsbridge.practice.server; sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# Memory


def stored(store: Store, count: int) -> list[tuple[str, bytes]]:
    batch = [(one["id"], json.dumps(one).encode()) for one in (sample_statement() for _ in range(count))]
    store.add(batch, version="1.0.0", authority="key")
    return batch


def test_store__old_statements_keep_their_id_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FULL_STATEMENTS", 3)
    store = Store("default")
    batch = stored(store, 5)
    assert [kept.number for kept in store.newest()] == [5, 4, 3]
    assert (store.find(batch[0][0]), store.add(batch, version="1.0.0", authority="key")) == (None, [])


def test_store__old_id_with_other_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FULL_STATEMENTS", 1)
    store = Store("default")
    batch = stored(store, 2)
    other = json.dumps(sample_statement(id=batch[0][0], result={"success": False})).encode()
    with pytest.raises(memory.AlreadyKnown) as known:
        store.add([(batch[0][0], other)], version="1.0.0", authority="key")
    assert not known.value.same


def test_store__oldest_ids_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FULL_STATEMENTS", 1)
    monkeypatch.setattr(memory, "KNOWN_IDS", 2)
    store = Store("default")
    batch = stored(store, 3)
    assert store.add(batch[:1], version="1.0.0", authority="key") == [batch[0][0]]
    assert store.statement_count == 4


@pytest.mark.parametrize(("limit", "most"), [("REQUESTS", 2), ("REQUEST_BYTES", 1500)])
def test_store__oldest_requests_are_dropped(
    practice_lms: PracticeLMS, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(memory, limit, most)
    for _ in range(5):
        post_statements(practice_lms.url(), sample_statement())
    store = practice_lms.store()
    assert store.requests[-1].number == store.request_count == 5
    assert 1 <= len(store.requests) <= 3


def test_store__waiting_for_what_comes() -> None:
    store = Store("default")
    sender = threading.Timer(0.05, stored, (store, 2))
    sender.start()
    assert store.wait_for_statements(2)
    sender.join()


def test_store__waiting_in_vain() -> None:
    assert not Store("default").wait_for_requests(1, timeout=0.01)


@pytest.mark.parametrize("name", ["", "xapi", "Upper", "a_b", "-a", "a-", "a" * 41, "a.b", "ü"])
def test_stores__no_name(name: str) -> None:
    assert Stores(reserved=["xapi"]).get(name) is None


def test_stores__not_more_than_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_STORES", 2)
    stores = Stores()
    assert [bool(stores.get(name)) for name in ("a", "b", "c", "a")] == [True, True, False, True]


def test_interface__of_a_store_that_cannot_be(practice_lms: PracticeLMS) -> None:
    assert ask(f"{practice_lms.address}/UPPER/xapi/about").status == 404


def test_practice_lms__store_that_cannot_be(practice_lms: PracticeLMS) -> None:
    with pytest.raises(ValueError, match="no store's name"):
        practice_lms.store("UPPER")


# Command


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command__says_where_and_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "manage.py", "practice_lms", "--port", "0"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Practice LMS at http://127.0.0.1:")
        assert ask(f"{line.split()[-1]}xapi/about").status == 200
        process.send_signal(number)
        rest, problems = process.communicate(timeout=60)
    assert (process.returncode, rest, problems) == (0, "", "")


@pytest.mark.parametrize("port", ["70000", None])
def test_command__address_that_cannot_be_had(practice_lms: PracticeLMS, port: str | None) -> None:
    taken = port or str(practice_lms.host_and_port[1])
    with pytest.raises(CommandError, match="cannot listen"):
        call_command("practice_lms", host="127.0.0.2", port=int(taken))
