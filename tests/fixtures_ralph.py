"""``ralph``: a real learning record store on loopback: Ralph with its file back end, in its own environment."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.polling import until
from tests.servers import free_port
from tests.strictness import unavailable

BASE = Path(__file__).resolve().parent.parent
VENV = BASE / "var" / "lrs-venv"
# The one address that the tests' settings open.
HOST = "127.0.0.2"
# Ralph's file back end creates a file per write unless told to append, and its command line cannot tell it to.
MODULE = """
from ralph.backends.data.base import BaseOperationType
from ralph.backends.lrs.fs import FSLRSBackend

FSLRSBackend.default_operation_type = BaseOperationType.APPEND

from ralph.api import app
"""


@dataclass(frozen=True)
class Ralph:
    """A running store: where it listens, the credentials it takes, and what it holds."""

    url: str
    key: str
    secret: str
    file: Path

    def get(self, statement_id: str) -> dict[str, Any] | None:
        """The statement as the store gives it back over HTTP, or None."""
        answer = requests.get(
            f"{self.url}/statements",
            params={"statementId": statement_id},
            auth=(self.key, self.secret),
            headers={"X-Experience-API-Version": "1.0.3"},
            timeout=20,
        )
        answer.raise_for_status()
        # Unlike the standard, Ralph wraps the one statement in a list, and an unknown id is an empty list.
        found: list[dict[str, Any]] = answer.json()["statements"]
        return found[0] if found else None

    def stored(self) -> list[dict[str, Any]]:
        """All statements in the order of their storing, read from the store's own file: a double would show twice."""
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines() if line]

    def count(self) -> int:
        """How many statements are stored, doubles counted."""
        return len(self.stored())

    def clear(self) -> None:
        """Forget all statements; each write reads the whole file, so a test of many starts with an empty one."""
        self.file.unlink(missing_ok=True)


def _install() -> None:
    VENV.parent.mkdir(exist_ok=True)
    lock = BASE / "tests" / "requirements-lrs.txt"
    with (VENV.parent / "lrs-venv.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        base = getattr(sys, "_base_executable", sys.executable)
        done = subprocess.run(
            ["sh", BASE / ".ci" / "venv", VENV, lock],
            cwd=BASE,
            env={**os.environ, "PYTHON": base},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        unavailable(f"Ralph, the learning record store, could not be installed: {done.stderr.strip()[-300:]}")


def _environment(folder: Path) -> dict[str, str]:
    (folder / "app").mkdir()
    (folder / "data").mkdir()
    (folder / "store.py").write_text(MODULE)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("RALPH_", "DJANGO_", "PYTHON"))}
    return ours | {
        "RALPH_APP_DIR": str(folder / "app"),
        "RALPH_RUNSERVER_BACKEND": "fs",
        "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(folder / "data"),
        "RALPH_BACKENDS__LRS__FS__DEFAULT_LRS_FILE": "lrs.jsonl",
    }


def _alive(server: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert server.poll() is None, f"Ralph ended: {log.read_text(errors='replace')[-2000:]}"
    try:
        return requests.get(f"{url}/__heartbeat__", timeout=5).ok
    except requests.ConnectionError:
        return False


def _free_port() -> int:
    try:
        return free_port(HOST)
    except OSError as problem:
        unavailable(f"{HOST} is no address of this machine ({problem}); on macOS: sudo ifconfig lo0 alias {HOST}")


@pytest.fixture(scope="session")
def ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ralph]:
    """A store that is empty when the session begins; see ``Ralph`` for what can be asked of it."""
    port = _free_port()
    _install()
    folder = tmp_path_factory.mktemp("ralph")
    environment = _environment(folder)
    credentials = ["-u", "key", "-p", "secret", "-s", "all", "-M", "mailto:lrs@example.org", "-N", "Test LRS", "-w"]
    subprocess.run([VENV / "bin" / "ralph", "auth", *credentials], env=environment, check=True, capture_output=True)
    log = folder / "log"
    command = ["-m", "uvicorn", "store:app", "--app-dir", str(folder), "--host", HOST, "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [VENV / "bin" / "python", *command], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        ) as server,
    ):
        try:
            until(lambda: _alive(server, f"http://{HOST}:{port}", log), "Ralph's first answer")
            yield Ralph(f"http://{HOST}:{port}/xAPI", "key", "secret", folder / "data" / "lrs.jsonl")
        finally:
            server.send_signal(signal.SIGKILL)
