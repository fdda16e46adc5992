"""``second_opinion``: the npm library @xapi/cmi5, which plays a session as its authors understand the standard."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import npm

SOURCE = Path(__file__).resolve().parent
FOLDER = SOURCE.parent.parent / "var" / "cmi5"

Play = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def second_opinion() -> Play:
    """A function from a launch's link and steps (``initialize``, ``pass:0.9``, …) to the ended process."""
    node = npm.node("the second opinion on cmi5")
    modules = npm.install(SOURCE, FOLDER, "the second opinion on cmi5")

    def play(link: str, *steps: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [node, SOURCE / "play.js", link, *steps],
            env={**os.environ, "NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return play
