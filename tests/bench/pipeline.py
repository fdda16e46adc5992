"""Lines about the pipeline: take the lane, read what is due, POST the frozen bytes, settle, one attempt a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import psutil
import requests
from django.db import connection

from objectives.models import Objective
from tests.bench import peers
from tests.bench.pumping import Pump
from tests.bench.stage import BATCH, Stage, all_delivered, seconds
from tests.bench.table import Bound, Line, at_least, at_most, compared
from tests.scene import pump

# Gate and goal of the first line for each database, and the goal beside the nearest peer.
FIRST = {"sqlite": (0.18, 0.25, 18.0), "postgresql": (0.09, 0.12, 8.0)}
WHAT = f"pipeline, one process, batch {BATCH}"


@dataclasses.dataclass(frozen=True)
class Setting:
    """How one line of the pipeline is measured, and what it must come to."""

    what: str
    delay: int
    count: int
    peer_count: int
    gate: Bound | None
    goal: Bound
    peer_goal: Bound


def post(url: str, bodies: Sequence[bytes]) -> None:
    """The bare loop: one session, the same requests, nothing kept."""
    with requests.Session() as session:
        session.headers.update({"Content-Type": "application/json", "X-Experience-API-Version": "1.0.3"})
        session.auth = ("practice-key", "practice-secret")
        for body in bodies:
            session.post(f"{url}statements", data=body).raise_for_status()


def fast(stage: Stage) -> list[Line]:
    """The whole pipeline beside a bare loop, and beside the nearest peer."""
    gate, goal, peer_goal = map(at_least, FIRST[connection.vendor])
    return _pipeline(stage, Setting(WHAT, 0, stage.sizes.round, stage.sizes.peer, gate, goal, peer_goal))


def slow(stage: Stage) -> list[Line]:
    """The same where the LMS takes 50 ms for an answer."""
    what = f"{WHAT}, answers after 50 ms"
    sizes = stage.sizes
    return _pipeline(stage, Setting(what, 50, sizes.slow_round, sizes.slow_peer, None, at_least(0.9), at_least(150)))


def _pipeline(stage: Stage, setting: Setting) -> list[Line]:
    objective = stage.connect(delay=setting.delay)[1]
    url = stage.sink.url(setting.delay)
    ours: list[float] = []
    loop: list[float] = []
    peer: list[float] = []
    for _round in range(stage.sizes.rounds):
        stage.record(objective, setting.count)
        bodies = stage.bodies()
        bare = partial(post, url, bodies)
        # Before and after, so that a busy moment of the machine meets both.
        before = seconds(bare)
        with all_delivered():
            ours.append(setting.count / seconds(pump))
        loop.append(2 * setting.count / (before + seconds(bare)))
        if peers.installed():
            peer.append(setting.peer_count / peers.seconds_for(url, setting.peer_count))
    what = setting.what
    lines = [compared(what, "bare loop, same bytes", ours, loop, "/s", gate=setting.gate, goal=setting.goal)]
    if peer:
        lines.append(compared(what, "edx-tincan-py35, one by one", ours, peer, "/s", goal=setting.peer_goal))
    return lines


def two_processes(stage: Stage) -> list[Line]:
    """Two processes with a configuration each, beside one with one."""
    first, second = stage.connect("A")[1], stage.connect("B")[1]
    one: list[float] = []
    two: list[float] = []
    count = stage.sizes.round
    stage.record(first, count)
    stage.record(second, count)
    with Pump() as left, Pump() as right:
        left.run()
        for _round in range(stage.sizes.rounds):
            stage.queue_again(first)
            with all_delivered():
                began, ended = left.run()
            one.append(count / (ended - began))
            stage.queue_again(first, second)
            with all_delivered():
                left.begin()
                right.begin()
                turns = [left.turn(), right.turn()]
            two.append(2 * count / (max(ended for _, ended in turns) - min(began for began, _ in turns)))
    what, beside = "two processes, two configurations", "one process, one configuration"
    return [compared(what, beside, two, one, "/s", goal=at_least(1.7))]


def memory(stage: Stage) -> list[Line]:
    """What a worker occupies after many deliveries, beside after the first thousand."""
    grown = [_memory(stage, stage.connect(str(number))[1]) for number in range(stage.sizes.rounds)]
    what = f"worker's memory after {stage.sizes.long_run:,} deliveries"
    after, before = [after for _before, after in grown], [before for before, _after in grown]
    return [compared(what, "after 1,000", after, before, "MiB", goal=at_most(1.1))]


def _memory(stage: Stage, objective: Objective) -> tuple[float, float]:
    """MiB that a new worker occupies after a thousand deliveries, and after many more."""
    size = min(stage.sizes.round, stage.sizes.long_run)
    with Pump() as worker:
        process = psutil.Process(worker.pid)
        stage.record(objective, 1_000)
        worker.run()
        before = process.memory_info().rss
        stage.record(objective, size - 1_000)
        worker.run()
        for _again in range(stage.sizes.long_run // size - 1):
            stage.queue_again(objective)
            with all_delivered():
                worker.run()
        return before / 1024**2, process.memory_info().rss / 1024**2
