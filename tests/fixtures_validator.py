"""``xapi_validator``: an independent validator, run by Node.js, that knows the rules of the xAPI standard."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.strictness import unavailable

SOURCE = Path(__file__).resolve().parent / "validator"
FOLDER = SOURCE.parent.parent / "var" / "validator"

Validator = Callable[[Sequence[Any]], list[list[str]]]


def _install(npm: str) -> None:
    """Install what the lock names, once for each state of the lock; package scripts are not run."""
    wanted = (SOURCE / "package-lock.json").read_text()
    stamp = FOLDER / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, FOLDER / name)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        unavailable(f"The statement validator could not be installed: {done.stderr.strip()[-300:]}")
    stamp.write_text(wanted)


@pytest.fixture(scope="session")
def xapi_validator() -> Iterator[Validator]:
    """A function from a list of statements to a list of error texts for each; no error, empty list."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        unavailable("Node.js and npm are needed for the statement validator; install nodejs and npm.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _install(npm)
    environment = {**os.environ, "NODE_PATH": str(FOLDER / "node_modules")}
    with subprocess.Popen(
        [node, SOURCE / "validate.js"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None
        assert answers is not None

        def validate(statements: Sequence[Any]) -> list[list[str]]:
            questions.write(json.dumps(list(statements)) + "\n")
            questions.flush()
            answer = answers.readline()
            assert answer, "The statement validator ended without an answer; its words are above."
            errors: list[list[str]] = json.loads(answer)
            return errors

        yield validate
