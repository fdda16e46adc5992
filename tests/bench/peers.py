"""The nearest peer's client, edx-tincan-py35, in an environment of its own that is made at its first use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import BASE

VENV = BASE / "var" / "peer-venv"
LOCK = BASE / "tests" / "requirements-peer.txt"


def install() -> str:
    """Make the environment hold the lock; in a sentence what went wrong, empty if nothing did."""
    VENV.parent.mkdir(exist_ok=True)
    python = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        ["sh", str(BASE / ".ci" / "venv"), str(VENV), str(LOCK)],
        cwd=BASE,
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.returncode:
        return ""
    return f"edx-tincan-py35 could not be installed, so its lines are left out: {done.stderr.strip()[-300:]}"


def installed() -> bool:
    """Whether ``install`` succeeded."""
    return (VENV / f"installed-{LOCK.name}").exists()


def seconds_for(url: str, statements: int) -> float:
    """How long the peer takes to build and save so many statements at this endpoint, one by one."""
    command = [str(VENV / "bin" / "python"), str(Path(__file__).with_name("peer.py")), url, str(statements)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
