"""A worker without a queue around it: on each line of standard input it works until nothing is due."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Self


class Pump:
    """A process that works lanes of this database when told to."""

    def __init__(self) -> None:
        from tests.processes import database_url

        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.pumping"],
            env={**os.environ, "TEST_DATABASE_URL": database_url()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self) -> None:
        """Let it begin to work."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def turn(self) -> tuple[float, float]:
        """When it began and when nothing was due any more, on the machine's monotonic clock."""
        began, ended = self._read().split()
        return float(began), float(ended)

    def run(self) -> tuple[float, float]:
        """Begin, and wait for the end."""
        self.begin()
        return self.turn()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "The working process ended by itself."
        return line


def main() -> None:
    """Say that it is ready, then one turn for each line."""
    import django

    django.setup()
    from tests.scene import pump

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _line in sys.stdin:
        began = time.monotonic()
        pump()
        sys.stdout.write(f"{began} {time.monotonic()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
