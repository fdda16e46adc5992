"""A throwaway PostgreSQL for the tests, from the machine's installed binaries.

``python -m tests.servers run-with-postgresql -- COMMAND ...`` runs a command with ``TEST_DATABASE_URL`` set.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.strictness import in_ci

START_WITHIN = 60.0
STOP_WITHIN = 30.0


class ServerDidNotStart(Exception):
    """The server ended, or stayed silent, before it answered; the text holds the end of its log."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this address that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def postgresql_binaries() -> Path | None:
    """The folder of the newest installed ``initdb`` and ``postgres``; None where PostgreSQL is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*reversed(folders), *([Path(on_path).resolve().parent] if on_path else [])]
    usable = (folder for folder in candidates if (folder / "initdb").exists() and (folder / "postgres").exists())
    return next(usable, None)


def _another_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root lends it to a user without rights."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise ServerDidNotStart("PostgreSQL does not run as root, and there is no user postgres or nobody.")


def _cluster(binaries: Path, folder: Path, rights: dict[str, Any]) -> None:
    made = subprocess.run(
        [binaries / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **rights,
    )
    if made.returncode:
        raise ServerDidNotStart(f"initdb failed: {made.stderr.strip()}")


class PostgreSQL:
    """A server of the tests' own on a free port of 127.0.0.1: it may be stopped as by a crash, and started again.

    With ``durable`` it writes as a real one does, for measurements and crashes; without, it may forget.
    """

    def __init__(self, binaries: Path, folder: Path, *, durable: bool) -> None:
        self._binaries, self._folder, self._durable = binaries, folder, durable
        self._rights = _another_user()
        if self._rights:
            os.chown(folder, self._rights["user"], self._rights["group"])
        _cluster(binaries, folder, self._rights)
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._folder,
            "max_connections": 200,
            **({} if self._durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", *options],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A session of its own, so that Ctrl-C stops the tests first.
                start_new_session=True,
                **self._rights,
            )
        _wait(self._server, self.url, self._folder / "log")

    def stop(self, *, immediately: bool = False) -> None:
        """Stop it in order, or at once as a crash would."""
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
        orderly = [] if immediately else [signal.SIGINT]
        for number in (*orderly, signal.SIGQUIT, signal.SIGKILL):
            if self._server.poll() is None:
                self._server.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._server.wait(STOP_WITHIN)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    give_up = time.monotonic() + START_WITHIN
    while server.poll() is None and time.monotonic() < give_up:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise ServerDidNotStart(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def own_postgresql(binaries: Path, *, durable: bool = False) -> Iterator[PostgreSQL]:
    """Start an empty cluster, and remove it afterwards."""
    # A short path, since a socket's is limited to about 100 characters.
    with tempfile.TemporaryDirectory(prefix="lms-bridge-", dir="/tmp", ignore_cleanup_errors=True) as name:
        server = PostgreSQL(binaries, Path(name), durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def throwaway_postgresql(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """As ``own_postgresql``; yields the URL of its maintenance database."""
    with own_postgresql(binaries, durable=durable) as server:
        yield server.url


def _run(command: list[str], url: str) -> int:
    done = subprocess.run(command, env={**os.environ, "TEST_DATABASE_URL": url}, check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def run_with_postgresql(command: list[str]) -> int:
    """Run the command on the server that ``TEST_DATABASE_URL`` names, else on a throwaway one; its exit code."""
    if named := os.environ.get("TEST_DATABASE_URL"):
        return _run(command, named)
    binaries = postgresql_binaries()
    if binaries is None:
        _say("PostgreSQL is not installed, so the tests ran on SQLite only; install it or set TEST_DATABASE_URL.")
        return 1 if in_ci() else 0
    try:
        with throwaway_postgresql(binaries) as url:
            return _run(command, url)
    except ServerDidNotStart as problem:
        _say(str(problem))
        return 1


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    """The command line; see the head of this file."""
    if arguments[:2] != ["run-with-postgresql", "--"] or len(arguments) < 3:
        _say("Usage: python -m tests.servers run-with-postgresql -- COMMAND ...")
        return 2
    signal.signal(signal.SIGTERM, _end)
    return run_with_postgresql(arguments[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
