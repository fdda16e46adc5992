"""The line about how soon: from recording to the LMS's 200, with real processes on an idle system."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import quantiles

from objectives.models import Objective, Result
from tests.bench.stage import Stage
from tests.bench.table import Bound, Line
from tests.polling import until
from tests.processes import Processes


def latency(stage: Stage) -> list[Line]:
    """Single results, recorded one after the other, each when the one before has arrived."""
    objective = stage.connect()[1]
    with tempfile.TemporaryDirectory(prefix="lms-bridge-bench-") as folder:
        processes = Processes(Path(folder))
        worker = processes.manage("run_worker")
        try:
            worker.wait_for_output("Worker started")
            _arrival(stage, objective)
            taken = [_arrival(stage, objective, number) for number in range(stage.sizes.single)]
        finally:
            worker.stop()
    found = quantiles(taken, n=100, method="inclusive")
    return [
        Line(
            what="from recording to the LMS's 200, p95",
            beside="p50 of the same",
            measured=f"{found[94] * 1000:,.0f} : {found[49] * 1000:,.0f} ms",
            value=found[94],
            shown="",
            gate=Bound(2, at_least=False, unit=" s"),
        )
    ]


def _arrival(stage: Stage, objective: Objective, number: int = 0) -> float:
    """Seconds from recording one result to the LMS's answer."""
    # Spread over the queue's polling, so that no round falls into step with it.
    time.sleep(number * 37 % 100 / 400)
    results = stage.results(objective, 1)
    began = time.monotonic()
    [recorded] = Result.objects.record(results)
    name = str(recorded.deliveries.get().uuid)
    answered = until(lambda: stage.sink.answered().get(name, 0.0), "a single result to arrive", every=0.02)
    return answered - began
