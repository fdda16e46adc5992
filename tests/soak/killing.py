"""Killing at random: which role, when, and how, all dealt from one seed."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from tests import roles
from tests.processes import Process
from tests.soak.keeping import Kept

# Each as often as any other.
ROLES = (
    "run_worker",
    "cluster",
    "sentinel",
    "pusher",
    "monitor",
    "idle worker",
    "busy worker",
    "whole group",
    "web",
    "web worker",
)
# What a supervisor ends in good order, and what may fall asleep.
ENDED = ("run_worker", "web", "cluster")
STOPPED = ("run_worker", "sentinel", "pusher", "monitor", "idle worker", "busy worker", "web worker")
# Beside so many kills one process is told to end and one sleeps past its lease.
GENTLER_ONE_IN = 20
# A role that nobody has at the moment is waited for so long; then it is another's turn.
PATIENCE = 6.0


@dataclass(frozen=True)
class Deed:
    """One signal to one role."""

    role: str
    number: signal.Signals
    # For SIGSTOP: when it goes on again.
    seconds: float = 0.0


def dealt(draw: random.Random, kills: int, lease: float) -> list[Deed]:
    """So many kills, every role as often as any other, and the gentler deeds among them; shuffled."""
    found = [Deed(ROLES[number % len(ROLES)], signal.SIGKILL) for number in range(kills)]
    for _number in range(kills // GENTLER_ONE_IN):
        found.append(Deed(draw.choice(ENDED), signal.SIGTERM))
        found.append(Deed(draw.choice(STOPPED), signal.SIGSTOP, draw.uniform(1.2, 2) * lease))
    draw.shuffle(found)
    return found


class Killer:
    """Does one deed after the other to living processes."""

    def __init__(self, workers: Sequence[Kept], web: Kept, lms_port: int, draw: random.Random) -> None:
        self._workers = workers
        self._web = web
        self._port = lms_port
        self._draw = draw
        self.done: Counter[str] = Counter()
        self._asleep: list[tuple[float, psutil.Process]] = []

    def run(self, deeds: Sequence[Deed], pace: float, stop: threading.Event) -> None:
        """Do all of them, with ``pace`` seconds between two on average."""
        left = list(deeds)
        try:
            while left and not self._pause(pace * self._draw.uniform(0.3, 1.7), stop):
                self._do_one_of(left)
            self._pause(max([until - time.monotonic() for until, _process in self._asleep], default=0.0), stop)
        finally:
            self._wake(always=True)

    def _pause(self, seconds: float, stop: threading.Event) -> bool:
        give_up = time.monotonic() + seconds
        while (now := time.monotonic()) < give_up:
            if stop.wait(min(0.2, give_up - now)):
                return True
            self._wake()
        return stop.is_set()

    def _wake(self, *, always: bool = False) -> None:
        now = time.monotonic()
        for _until, process in [one for one in self._asleep if always or one[0] <= now]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._asleep = [] if always else [one for one in self._asleep if one[0] > now]

    def _do_one_of(self, left: list[Deed]) -> None:
        """The first deed whose role somebody has; it is taken off the list."""
        in_vain: set[str] = set()
        for deed in left:
            if deed.role in in_vain:
                continue
            if self._do(deed, self._wait_for(deed.role)):
                left.remove(deed)
                return
            in_vain.add(deed.role)

    def _wait_for(self, role: str) -> list[psutil.Process]:
        give_up = time.monotonic() + PATIENCE
        while not (found := self.having(role)) and time.monotonic() < give_up:
            self._wake()
            # A request may be short: busy workers have to be looked for closely.
            time.sleep(0.03)
        return found

    def _do(self, deed: Deed, processes: Sequence[psutil.Process]) -> bool:
        """Signal those that still live; whether there was one."""
        reached: list[psutil.Process] = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(deed.number)
                reached.append(process)
        if deed.number == signal.SIGSTOP:
            self._asleep += [(time.monotonic() + deed.seconds, process) for process in reached]
        if reached:
            self.done[f"{deed.number.name} {deed.role}"] += 1
        return bool(reached)

    def having(self, role: str) -> list[psutil.Process]:
        """Whom to signal for this role, in one of the installations; nobody if no one has it now."""
        if role.startswith("web"):
            return _of_web(self._web.process, role, self._draw)
        workers = [kept.process for kept in self._workers]
        self._draw.shuffle(workers)
        return next((found for worker in workers if (found := of_worker(worker, role, self._port))), [])


def _of_web(web: Process, role: str, draw: random.Random) -> list[psutil.Process]:
    family = web.family()
    if role == "web":
        return [process for process in family if process.pid == web.pid]
    workers = [process for process in family if process.pid != web.pid]
    return [draw.choice(workers)] if workers else []


def of_worker(worker: Process, role: str, lms_port: int) -> list[psutil.Process]:
    """The processes of a ``run_worker`` to be signalled for this role."""
    if role == "whole group":
        return worker.family() if worker.running else []
    found = roles.role_of(worker)
    if role == "busy worker":
        return roles.busy(found["workers"], lms_port)[:1]
    if role == "idle worker":
        return roles.idle(found["workers"], lms_port)[:1]
    return found[role][-1:]
