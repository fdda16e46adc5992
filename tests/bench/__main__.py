"""Measures LMS Bridge and prints one table: ``make bench``, ``make bench ARGS='--only pipeline,slow --quick'``.

Every line stands beside something measured in the same run, in turn with it, so that the ratio says something on any
machine; absolute figures do not. A missed gate ends with exit code 1, a missed goal is only shown. Each measurement
has a fresh database: on SQLite in a temporary folder, on PostgreSQL on the server that ``TEST_DATABASE_URL`` names
or else on a throwaway one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from tests.bench import peers
from tests.bench.databases import MISSING, fresh_postgresql, fresh_sqlite, postgresql_server
from tests.bench.machine import machine, postgresql, sqlite
from tests.bench.table import Line, rendered
from tests.processes import BASE
from tests.servers import ServerDidNotStart

NAMES = ("pipeline", "slow", "two", "recording", "latency", "asking", "fairness", "scale", "memory")
BIG = ("scale", "memory")
NOTE = "Figures are medians of the rounds; a ratio is the median of the rounds' own ratios."
Fresh = Callable[[], AbstractContextManager[str]]


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure LMS Bridge and print ratios.")
    parser.add_argument("--only", default="", help=f"some of these, separated by commas: {', '.join(NAMES)}")
    parser.add_argument("--on", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--quick", action="store_true", help="smaller numbers and three rounds instead of five")
    big = parser.add_argument("--big", action=argparse.BooleanOptionalAction, help=f"with {' and '.join(BIG)}")
    big.default = os.environ.get("BENCH_BIG", "1") not in {"", "0"}
    found = parser.parse_args()
    found.names = [name for name in found.only.split(",") if name] or [n for n in NAMES if found.big or n not in BIG]
    if unknown := set(found.names) - set(NAMES):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return found


@contextlib.contextmanager
def databases(only: str | None) -> Iterator[dict[str, Fresh]]:
    """How to make a fresh database, for each kind that is here and wanted."""
    found: dict[str, Fresh] = {} if only == "postgresql" else {sqlite(): fresh_sqlite}
    if only == "sqlite":
        yield found
        return
    with postgresql_server() as server:
        if server is None:
            say(MISSING)
        else:
            found[postgresql(server)] = partial(fresh_postgresql, server)
        yield found


def measured(name: str, fresh: Fresh, quick: bool) -> list[Line]:
    """The lines of one measurement; raises ``CalledProcessError`` where it broke."""
    command = [sys.executable, "-m", "tests.bench.measure", name, *(["--quick"] if quick else [])]
    with fresh() as url:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE_URL": url}
        with subprocess.Popen(command, cwd=BASE, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                output, _errors = process.communicate()
            finally:
                process.terminate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return [Line.from_json(line) for line in json.loads(output.splitlines()[-1])]


def say(sentence: str) -> None:
    """What is going on, beside the table."""
    sys.stderr.write(f"{sentence}\n")


def measure(wanted: argparse.Namespace, lines: list[tuple[str, Line]]) -> bool:
    """Add line after line; whether no measurement broke."""
    whole = True
    with databases(wanted.on) as found:
        for name, (database, fresh) in itertools.product(wanted.names, found.items()):
            began = time.monotonic()
            try:
                lines += [(database, line) for line in measured(name, fresh, wanted.quick)]
            except subprocess.CalledProcessError as end:
                whole = False
                say(f"{name} on {database} broke with {end.returncode}; see above.")
            say(f"{name} on {database}: {time.monotonic() - began:.0f} s")
    return whole


def main() -> int:
    """Measure, print the table; 1 where a gate is missed or a measurement broke."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    wanted = arguments()
    if {"pipeline", "slow"} & set(wanted.names) and (problem := peers.install()):
        say(problem)
    lines: list[tuple[str, Line]] = []
    before = machine()
    try:
        whole = measure(wanted, lines)
    finally:
        # Also what was measured until somebody interrupted it.
        sys.stdout.write(f"{rendered(lines)}\n\n{NOTE}\n{before}\n")
    return 0 if whole and all(line.passed for _database, line in lines) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerDidNotStart as problem:
        say(str(problem))
        sys.exit(1)
