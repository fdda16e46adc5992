"""The line about fairness: how soon results of healthy configurations arrive while others are stuck in tar pits."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from django.db import connection, transaction

from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from objectives.models import Objective, Result
from tests import make
from tests.bench.stage import Stage
from tests.bench.table import Line, at_most, compared
from tests.polling import until
from tests.processes import Processes
from tests.scene import connect
from tests.tarpits import TarPits, tar_pits

HEALTHY = 47
# Seconds between two results; so many a second leave a worker time to spare.
EVERY = 0.15
# A tar pit holds a worker for four seconds; what is slow is above all that a busy machine takes for anything else.
SETTINGS = {"OUTBOUND_DEADLINE": "4", "SLOW_AFTER": "3"}


def fairness(stage: Stage) -> list[Line]:
    """Results one after the other, each for the next of 47 LMSs: alone, and beside three tar pits, in turn."""
    objectives = [stage.connect(str(number))[1] for number in range(HEALTHY)]
    alone: list[float] = []
    beside: list[float] = []
    with tar_pits() as pits, _worker():
        mud = Mud(stage, pits)
        _arrivals(stage, objectives)
        for _round in range(stage.sizes.rounds):
            alone.append(_slowest(stage, objectives))
            with mud.due():
                beside.append(_slowest(stage, objectives))
    what, other = f"p99 of {HEALTHY} healthy configurations beside three tar pits", f"the {HEALTHY} alone"
    return [compared(what, other, beside, alone, "ms", gate=at_most(2), goal=at_most(2))]


class Mud:
    """Three configurations that lead to tar pits, each with something to tell; paused unless ``due``."""

    def __init__(self, stage: Stage, pits: TarPits) -> None:
        objective = make.objective(stage.organization, "Mud")
        for name, url in pits.urls.items():
            connect(stage.organization, objective, name, {"url": url}, make.KEY_SECRET)
        self.configurations = LMSConfiguration.objects.filter(name__in=pits.urls)
        self.lanes = Lane.objects.filter(configuration__name__in=pits.urls)
        self.configurations.update(paused=True)
        stage.record(objective, 10)

    @contextlib.contextmanager
    def due(self) -> Iterator[None]:
        """Let the workers try the three again and again, without the pauses that failing LMSs are given."""
        over = threading.Event()
        asking = threading.Thread(target=self._ask, args=(over,))
        self.configurations.update(paused=False)
        asking.start()
        try:
            until(lambda: all(self.lanes.values_list("failures", flat=True)), "all tar pits to have been met")
            yield
        finally:
            over.set()
            asking.join()
            self.configurations.update(paused=True)
        until(lambda: not Attempt.objects.open().filter(lane__in=self.lanes).exists(), "the last request to end")
        assert not Delivery.objects.filter(lane__in=self.lanes).exclude(state="queued").exists()

    def _ask(self, over: threading.Event) -> None:
        while not over.wait(1):
            with transaction.atomic():
                self.lanes.ask_now()
        connection.close()


@contextlib.contextmanager
def _worker() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="lms-bridge-bench-") as folder:
        worker = Processes(Path(folder)).manage("run_worker", environment=SETTINGS)
        try:
            worker.wait_for_output("Worker started")
            yield
        finally:
            worker.stop()


def _slowest(stage: Stage, objectives: list[Objective]) -> float:
    """Milliseconds in which all but one in a hundred results arrive."""
    in_turn = [objectives[number % len(objectives)] for number in range(stage.sizes.fair)]
    return 1000 * quantiles(_arrivals(stage, in_turn), n=100, method="inclusive")[98]


def _arrivals(stage: Stage, objectives: list[Objective]) -> list[float]:
    """Seconds from recording a result to the LMS's answer, for one result of each of these."""
    began: dict[str, float] = {}
    start = time.monotonic()
    for number, objective in enumerate(objectives):
        time.sleep(max(0.0, start + number * EVERY - time.monotonic()))
        results = stage.results(objective, 1)
        now = time.monotonic()
        [recorded] = Result.objects.record(results)
        began[str(recorded.deliveries.get().uuid)] = now
    answered = until(lambda: _all_of(stage, began), "all results to arrive", within=120)
    return [answered[name] - moment for name, moment in began.items()]


def _all_of(stage: Stage, names: dict[str, float]) -> dict[str, float]:
    answered = stage.sink.answered()
    return answered if names.keys() <= answered.keys() else {}
