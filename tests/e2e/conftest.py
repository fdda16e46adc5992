"""A running demo as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.running_demo import Demo, start
from tests.processes import Processes


@pytest.fixture
def demo(processes: Processes) -> Iterator[Demo]:
    """The demo, which has to end in order."""
    running = start(processes)
    yield running
    assert running.process.stop() == 0
