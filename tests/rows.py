"""Which rows of the catalogue in tests/README.md have tests.

``python -m tests.rows`` prints each row with its tests and exits 1 when the table and the tests disagree;
``python -m tests.rows --write`` brings the table's last column up to date.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

README = Path(__file__).with_name("README.md")
ROW = re.compile(r"^\| (?P<name>[RS]\d\d) \| (?P<text>.+) \| (?P<where>[^|]+) \|$", re.MULTILINE)
# In place of test files: due in the release being made, or planned for a later one.
OPEN = {"due", "planned"}


@dataclass(frozen=True)
class Row:
    """One line of the catalogue: its name, what is done and must hold, and where that is tested."""

    name: str
    text: str
    where: str

    @property
    def files(self) -> set[str]:
        """The test files the table names; none while the row is due or planned."""
        return set() if self.where in OPEN else set(re.findall(r"`([^`]+)`", self.where))


class _Collector:
    """Notes the marker ``catalogue`` of every test, also of those that this run would leave out."""

    def __init__(self) -> None:
        self.tests: defaultdict[str, list[str]] = defaultdict(list)
        self.unnamed: list[str] = []

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        for marker in item.iter_markers("catalogue"):
            if not marker.args:
                self.unnamed.append(item.nodeid)
            for name in marker.args:
                self.tests[name].append(item.nodeid.partition("[")[0])


def catalogue(text: str) -> list[Row]:
    """The rows of the tables in this text, in its order."""
    return [Row(**match.groupdict()) for match in ROW.finditer(text)]


def collect() -> dict[str, list[str]]:
    """For each row's name the tests that are marked with it; SystemExit where the tests cannot be collected."""
    collector, output = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[collector])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} or collector.unnamed:
        raise SystemExit(f"{output.getvalue()}The tests could not be collected. {' '.join(collector.unnamed)}")
    return {name: sorted(set(tests)) for name, tests in collector.tests.items()}


def files(tests: list[str]) -> set[str]:
    """The files these tests are in, relative to tests/."""
    return {test.partition("::")[0].removeprefix("tests/") for test in tests}


def disagreements(rows: list[Row], tests: dict[str, list[str]]) -> list[str]:
    """A sentence for each row that claims tests it does not have, and for each test of an unknown row."""
    known = {row.name for row in rows}
    found = [
        f"{name} is marked in {tests[name][0]} but is no row of tests/README.md."
        for name in sorted(set(tests) - known)
    ]
    for row in rows:
        if row.where not in OPEN and not row.files:
            found.append(f"{row.name}: the last column must name test files, or say due or planned.")
        for file in sorted(row.files - files(tests.get(row.name, []))):
            found.append(f"{row.name} names {file}, where no test is marked with it.")
    return found


def written(text: str, tests: dict[str, list[str]]) -> str:
    """The same text with the files of the tests in the last column; rows without tests keep their word."""

    def column(match: re.Match[str]) -> str:
        named = ", ".join(f"`{file}`" for file in sorted(files(tests.get(match["name"], []))))
        fallback = match["where"] if match["where"] in OPEN else "due"
        return f"| {match['name']} | {match['text']} | {named or fallback} |"

    return ROW.sub(column, text)


def report(rows: list[Row], tests: dict[str, list[str]]) -> str:
    """The rows with tests and their tests, then the missing ones of this release, then a count."""
    lines = [f"{row.name}  {test}" for row in rows for test in tests.get(row.name, [])]
    missing = [row.name for row in rows if row.name not in tests and row.where != "planned"]
    planned = [row.name for row in rows if row.name not in tests and row.where == "planned"]
    new = [row.name for row in rows if row.name in tests and not row.files >= files(tests[row.name])]
    if new:
        lines.append(f"New in tests, not yet in tests/README.md (make rows WRITE=--write): {' '.join(new)}")
    lines.append(f"Due and missing: {' '.join(missing) or 'none'}")
    covered = len(rows) - len(missing) - len(planned)
    lines.append(f"{covered} of {len(rows)} rows have tests, {len(missing)} are due, {len(planned)} are planned.")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """The command line; see the head of this file."""
    tests = collect()
    if arguments == ["--write"]:
        README.write_text(written(README.read_text(encoding="utf-8"), tests), encoding="utf-8")
    rows = catalogue(README.read_text(encoding="utf-8"))
    wrong = disagreements(rows, tests)
    sys.stdout.write("\n".join([report(rows, tests), *wrong]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
