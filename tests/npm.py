"""Packages of npm that tests use: installed from a lock, once for each state of the lock."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.strictness import unavailable


def node(what: str) -> str:
    """The path of Node.js; ends the test if it or npm is not here."""
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        unavailable(f"Node.js and npm are needed for {what}; install nodejs and npm.")
    return found


def install(source: Path, folder: Path, what: str) -> Path:
    """Installs what the lock in ``source`` names below ``folder``; the path for ``NODE_PATH``.

    No script of a package is run. Ends the test if it fails. Test processes take turns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted, stamp = (source / "package-lock.json").read_text(), folder / "installed"
    with (folder / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(source, folder, what)
            stamp.write_text(wanted)
    return folder / "node_modules"


def _install(source: Path, folder: Path, what: str) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"What {what} needs could not be installed: {done.stderr.strip()[-300:]}")
