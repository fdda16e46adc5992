"""The time that all hosts agree on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from objectives import clock
from tests.processes import Processes
from tests.skew import host

LOOK = """
from django.utils import timezone
from objectives import clock
print("times", timezone.now().isoformat(), clock.now().isoformat())
"""


def test_now__in_a_process_that_follows_no_database__is_the_hosts() -> None:
    moment = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    with time_machine.travel(moment, tick=False):
        assert clock.now() == moment


@pytest.mark.processes
@pytest.mark.database(only="postgresql")
@pytest.mark.parametrize(("ahead", "words"), [(3600, "3600 seconds ahead of"), (-3600, "3600 seconds behind")])
def test_now__on_a_host_whose_clock_is_wrong__is_the_databases(processes: Processes, ahead: int, words: str) -> None:
    before = datetime.now(UTC)
    looking = processes.manage("shell", "--no-imports", "-c", LOOK, environment=host(ahead))
    assert looking.wait() == 0, looking.output()
    after = datetime.now(UTC)
    [line] = [line for line in looking.output().splitlines() if line.startswith("times")]
    own, shared = map(datetime.fromisoformat, line.split()[1:])
    slack = timedelta(seconds=2)
    assert before - slack < shared < after + slack
    assert abs(own - shared - timedelta(seconds=ahead)) < slack
    assert words in looking.output()


@pytest.mark.processes
@pytest.mark.database(only="postgresql")
def test_now__on_a_host_whose_clock_is_right__needs_no_words(processes: Processes) -> None:
    looking = processes.manage("shell", "--no-imports", "-c", LOOK)
    assert looking.wait() == 0, looking.output()
    assert "This host's clock" not in looking.output()
