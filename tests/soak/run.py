"""One soak: recording, kills and faults at the same time; then the reckoning.

When the last kill and the last fault are over, a lane that was failing may still wait for up to an hour, as is right
for an LMS that fails. What goes by itself is counted until nothing moves for ``Size.patience`` seconds; then the rest
is done as an operator would do it, with *Retry* and *Release* on everything that is left, and nothing else.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from integrations import tasks
from integrations.models import Delivery
from objectives.models import Result
from tests import roles
from tests.processes import Process, Processes
from tests.servers import free_port
from tests.soak import balance
from tests.soak.balance import Balance
from tests.soak.keeping import Keeper
from tests.soak.killing import Killer, dealt
from tests.soak.lms import CONTROL
from tests.soak.recording import InBulk, InTheForm, Pace
from tests.soak.stage import Stage

# Quick times, so that what takes minutes in production takes seconds; the rules are the same.
QUICK = {
    "OUTBOUND_DEADLINE": "2",
    "OUTBOUND_CONNECT_TIMEOUT": "1",
    "DELIVERY_LEASE_MARGIN": "1",
    "DELIVERY_SLICE": "3",
    "SWEEP_EVERY": "2",
    "WATCHDOG_AFTER": "8",
    "WORKER_GRACE": "5",
}
LEASE = 2 * float(QUICK["OUTBOUND_DEADLINE"]) + float(QUICK["DELIVERY_LEASE_MARGIN"])
WORKERS = 2


@dataclass(frozen=True)
class Size:
    """How large a soak is; times are in seconds, ``pace`` is the mean time between two signals."""

    results: int = 10_000
    kills: int = 200
    faults: float = 0.3
    pace: float = 4.2
    # Once the last signal and the last fault are over and nothing moves for so long, an operator steps in.
    patience: float = 40.0
    # One in so many results is typed into the form.
    typed_one_in: int = 20
    # For what is left once the operator has retried it, and for a process that was told to end.
    settle_within: float = 240.0
    end_within: float = 60.0

    @property
    def typed(self) -> int:
        """How many results go through the form."""
        return self.results // self.typed_one_in


class Soak:
    """The parts of one soak, from its seed."""

    def __init__(
        self, seed: int, size: Size, processes: Processes, say: Callable[[str], object] = lambda sentence: None
    ) -> None:
        self.seed = seed
        self.size = size
        self._processes = processes
        self._say = say
        self._stop = threading.Event()
        self.keeper = Keeper()

    def draw(self, what: str) -> random.Random:
        """Random choices about one thing, not shifted by how many are made about another."""
        return random.Random(f"{self.seed} {what}")

    def run(self, title: str, repeat: str) -> Balance:
        """All of it; AssertionError where it could not be carried through."""
        try:
            return self._carried_through(Balance(title, repeat))
        finally:
            # Or what the caller kills would be started again.
            self.keeper.let_go()

    def _carried_through(self, found: Balance) -> Balance:
        with found.timed("start"):
            self.start()
        with found.timed("kills and faults"):
            found.broken += self.disturb()
        before = self.ask("heal")
        with found.timed("recovery"):
            found.at_the_end_of_faults = self.recover(found.broken)
        with found.timed("end"):
            found.broken += self.keeper.stop(self.size.end_within)
        contents, figures = self.ask("contents"), self.ask("figures")
        found.restarts = self.keeper.restarts
        found.requests, found.repeats = figures["requests"], figures["repeats"]
        found.faults, found.standstill = figures["faults"], before["standstill"]
        self.reckon(found, contents)
        return found

    # Before --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything that runs, and what is recorded where."""
        collected = self._processes.manage("collectstatic", "--noinput")
        arguments = [sys.executable, "-m", "tests.soak.lms", str(self.seed), str(self.size.faults)]
        self.lms = self._processes.start("lms", arguments)
        self.lms.wait_for_output(" .\n")
        self.address = self.lms.output().split()[-2]
        self.stage = Stage(self.address, self.draw("stage"))
        assert collected.wait() == 0, collected.output()
        self.web_address = f"127.0.0.1:{free_port()}"
        # Its workers hold the port when their parent is killed, so the supervisor ends the whole service first.
        self.web = self.keeper.keep(self._web, whole_group=True)
        self.workers = [self.keeper.keep(self._worker) for _number in range(WORKERS)]
        for kept in self.workers:
            kept.process.wait_until(partial(roles.stands, kept.process), "a whole cluster")
        self.web.process.wait_for_answer(f"http://{self.web_address}/")
        self.keeper.begin()

    def _worker(self) -> Process:
        return self._processes.manage("run_worker", environment=QUICK)

    def _web(self) -> Process:
        command = ["gunicorn", "lmsbridge.wsgi", "--bind", self.web_address, "--workers", "2"]
        return self._processes.start("web", [sys.executable, "-m", *command], QUICK)

    # Meanwhile -----------------------------------------------------------------------------------------------------

    def disturb(self) -> list[str]:
        """Record, kill and fail at the same time, until all is recorded and all kills are done; what went wrong."""
        deeds = dealt(self.draw("deeds"), self.size.kills, LEASE)
        pace = Pace(len(deeds) * self.size.pace, self._stop)
        self.bulk = InBulk(self.stage, self.size.results - self.size.typed)
        self.form = InTheForm(self.stage, f"http://{self.web_address}", self.size.typed)
        self.killer = Killer(self.workers, self.web, urlsplit(self.address).port or 0, self.draw("killer"))
        with ThreadPoolExecutor(3, "soak") as pool:
            running = [
                pool.submit(self.bulk.run, pace, self.draw("bulk")),
                pool.submit(self.form.run, pace),
                pool.submit(self.killer.run, deeds, self.size.pace, self._stop),
            ]
            try:
                while not is_over(running):
                    self._say(self.progress())
            finally:
                self._stop.set()
        return [f"{type(problem).__name__}: {problem}" for done in running if (problem := done.exception())]

    def progress(self) -> str:
        """How far it is."""
        left, signals = self.stage.undelivered(), self.killer.done.total()
        return f"{len(self.bulk.recorded):,} results recorded, {left:,} deliveries under way, {signals} signals."

    # Afterwards ----------------------------------------------------------------------------------------------------

    def recover(self, broken: list[str]) -> str:
        """Without faults and kills, until all is delivered: in words what was left when; in ``broken`` what stays."""
        states = balance.states()
        left = self.stage.undelivered()
        waiting = {state: count for state, count in states.items() if state != "delivered"}
        rest = left_at_standstill(self.size.patience, self.size.settle_within)
        if not rest:
            return f"{left:,} were left {waiting or ''}, and all went by themselves"
        retry_everything()
        if left_at_standstill(self.size.settle_within, self.size.settle_within):
            broken.append(f"Not everything was delivered in the end: {balance.states()}.")
        by_themselves = f"{left - rest:,} went by themselves until nothing moved for {self.size.patience:g} s"
        return f"{left:,} were left {waiting}; {by_themselves}, {rest:,} were retried by an operator"

    def recording(self) -> str:
        """In words how recording went."""
        form, bulk = self.form, self.bulk
        return (
            f"{len(form.answered)} of them typed in; {len(form.unanswered)} forms got no answer, "
            f"{len(form.refused)} a page that nothing was saved; {bulk.refused} bulks had to be recorded again"
        )

    def ask(self, what: str) -> Any:
        """What the LMSs know of the soak, or are told."""
        answer = requests.get(f"{self.address}{CONTROL}{what}", timeout=120)
        answer.raise_for_status()
        return answer.json()

    def reckon(self, found: Balance, contents: Any) -> None:
        """Hold everything against everything else, now that nothing runs but the LMSs."""
        checked = self._processes.manage("check_deliveries", environment=QUICK)
        if checked.wait(120):
            found.broken.append(checked.output())
        found.broken += [*balance.promises(), *self.form.problems()]
        found.lost, found.twice, wrong = balance.held_against(contents)
        found.broken += wrong
        kept = {str(uuid) for uuid in Result.objects.values_list("uuid", flat=True)}
        if missing := len(set(self.bulk.recorded) - kept):
            found.broken.append(f"{missing} results were recorded and are not in the database.")
        found.results = len(kept)
        found.recording = self.recording()
        found.states, found.delays, found.signals = balance.states(), balance.delays(), self.killer.done
        self.lms.stop()


def is_over(running: Sequence[Future[None]]) -> bool:
    """Wait for a minute at most; whether all are done or one has failed."""
    done, left = wait(running, timeout=60, return_when=FIRST_EXCEPTION)
    return not left or any(one.exception() for one in done)


def left_at_standstill(patience: float, within: float) -> int:
    """How many deliveries are left when all are gone, none goes for ``patience`` seconds, or ``within`` are over."""
    left = Stage.undelivered()
    began = moved = time.monotonic()
    while left and (now := time.monotonic()) < min(moved + patience, began + within):
        time.sleep(0.5)
        found = Stage.undelivered()
        left, moved = found, moved if found == left else now
    return left


def retry_everything() -> None:
    """What an operator does who sees things left: release what is held, retry the rest."""
    tasks.release(Delivery.objects.held())
    tasks.retry(Delivery.objects.exclude(state=Delivery.State.DELIVERED))
