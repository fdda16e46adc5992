"""Real processes of the product under test: started, watched, stopped, and none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import requests
from django.db import connection

from tests.polling import until
from tests.servers import free_port

BASE = Path(__file__).resolve().parent.parent
MARK = "LMS_BRIDGE_TEST_PROCESS"


def database_url() -> str:
    """The address of the database that this test uses, for processes that shall see the same rows."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    user, password, host = (quote(str(settings[name]), safe="") for name in ("USER", "PASSWORD", "HOST"))
    return (
        f"postgres://{user}{f':{password}' if password else ''}@{host}:{settings['PORT'] or 5432}/{settings['NAME']}"
    )


def product_environment() -> dict[str, str]:
    """What a process of the product gets: the tests' keys and networks, the product's own settings, this database."""
    here = database_url()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "lmsbridge.settings",
        "DATABASE_URL": here,
        "TEST_DATABASE_URL": here,
        "PYTHONUNBUFFERED": "1",
    }


class Process:
    """One started process with all its descendants, its output in a file."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        # Inherited by every descendant, also by those in sessions of their own and those that outlive their parent.
        self._mark = uuid.uuid4().hex
        with log.open("wb") as output:
            self._started = subprocess.Popen(
                command,
                cwd=BASE,
                env={**environment, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._started.pid

    @property
    def running(self) -> bool:
        """Whether the process itself, not a descendant, still runs."""
        return self._started.poll() is None

    def output(self) -> str:
        """Everything written so far to standard output and error."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def family(self) -> list[psutil.Process]:
        """The process and all its living descendants, whoever their parent is now, oldest first."""
        self._started.poll()
        found = [process for process in psutil.process_iter() if self._is_ours(process)]
        return sorted(found, key=lambda process: (process.pid != self.pid, process.create_time()))

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self._mark
        except (psutil.Error, OSError):
            return False

    def wait_until(self, ready: Callable[[], object], what: str, within: float = 60.0) -> None:
        """Wait ``within`` seconds for a condition; AssertionError with the output's end if the process ends first."""

        def look() -> bool:
            assert self.running, f"{self.name} ended with {self._started.returncode}: {self.output()[-2000:]}"
            return bool(ready())

        try:
            until(look, f"{what} of {self.name}", within)
        except AssertionError as problem:
            raise AssertionError(f"{problem} Its output ends: {self.output()[-2000:]}") from None

    def wait_for_output(self, text: str, within: float = 60.0) -> None:
        """Wait until the output holds this text."""
        self.wait_until(lambda: text in self.output(), f"the words {text!r}", within)

    def wait_for_answer(self, url: str, within: float = 60.0) -> None:
        """Wait until this address answers HTTP with any status."""
        self.wait_until(lambda: _answers(url), f"an answer at {url}", within)

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself and nobody else."""
        self._started.send_signal(number)

    def wait(self, within: float = 60.0) -> int:
        """Wait for the process itself to end; its exit code, negative for a signal."""
        return self._started.wait(within)

    def stop(self, within: float = 60.0, orphans_within: float = 10.0) -> int:
        """End it as an operator does (TERM), and hold that nobody is left; the exit code.

        After ``within`` seconds the whole family is killed, which is an AssertionError, as are orphans.
        """
        if self.running:
            self.send(signal.SIGTERM)
        try:
            code = self._started.wait(within)
            until(lambda: not self.family(), f"all descendants of {self.name} to end", orphans_within)
        except (subprocess.TimeoutExpired, AssertionError):
            raise AssertionError(f"{self.name} left after TERM: {self.kill()}. {self.output()[-2000:]}") from None
        return code

    def kill(self) -> list[str]:
        """Kill it and every descendant at once; the command lines of those that still ran."""
        killed: list[str] = []
        # A dying parent may still have started another.
        while family := self.family():
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    killed.append(" ".join(process.cmdline()))
                    process.kill()
            psutil.wait_procs(family, timeout=5)
        self._started.wait()
        return killed


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


class Processes:
    """Starts processes for one test; whatever it does not stop itself is killed at the end of the test."""

    _collected = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[Process] = []

    def start(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Process:
        """Start a command in the product's environment, with ``environment`` laid over it."""
        log = self._folder / f"{len(self.started)}-{name}.log"
        process = Process(name, command, {**product_environment(), **(environment or {})}, log)
        self.started.append(process)
        return process

    def manage(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start ``manage.py`` with these arguments, for example ``run_worker``."""
        return self.start(arguments[0], [sys.executable, "manage.py", *arguments], environment)

    def web(self, environment: Mapping[str, str] | None = None) -> tuple[Process, str]:
        """Start gunicorn with the product and wait until it answers; the process and its address."""
        self._collect_static()
        address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "gunicorn", "lmsbridge.wsgi", "--bind", address, "--workers", "2"]
        process = self.start("web", command, environment)
        process.wait_for_answer(f"http://{address}/")
        return process, f"http://{address}"

    def _collect_static(self) -> None:
        """Once for all tests: pages refer to these files by their contents."""
        if not Processes._collected:
            collecting = self.manage("collectstatic", "--noinput")
            assert collecting.wait() == 0, collecting.output()
            Processes._collected = True


@pytest.fixture
def processes(transactional_db: None, tmp_path: Path) -> Iterator[Processes]:
    """Processes on this test's database; the rows must be committed, hence no test transaction."""
    started = Processes(tmp_path)
    yield started
    for process in reversed(started.started):
        process.kill()
