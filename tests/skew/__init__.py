"""Hosts whose clocks are wrong: the folder of a ``sitecustomize`` that shifts the clock of a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def host(ahead: float) -> Mapping[str, str]:
    """The environment of processes on a host whose clock is so many seconds ahead of the true time."""
    path = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "LMS_BRIDGE_TEST_SKEW": str(ahead)}
