"""One trial: ``python -m tests.soak.trial ROLE``, on the empty database that ``TEST_DATABASE_URL`` names.

A small installation with the times of production delivers a few results; then one process of the role is killed.
Some results are recorded at once, and one more each second for a while, since orphans may still take the first ones.
Standard output gets one line of JSON: how long a result waited at most until it was delivered, and what was wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.polling import until
from tests.soak.databases import prepare

if TYPE_CHECKING:
    from tests.processes import Process, Processes

BEFORE, AT_ONCE, ONE_BY_ONE = 3, 5, 10
# What has not arrived by then is lost; what has ended by then has not hung.
LOST_AFTER = 300.0
END_WITHIN = 60.0
# A task that was done and not noted is done once more when its lock in the queue has run out, after five minutes.
QUEUE_WITHIN = 420.0
SLOW = 15


@dataclass
class Outcome:
    """What a trial showed: how long a result waited at most, and how long the queue held tasks where watched."""

    role: str
    seconds: float = 0.0
    queue: float | None = None
    lost: int = 0
    twice: int = 0
    again: int = 0
    problems: list[str] = field(default_factory=list)


class Trial:
    """One installation, one kill."""

    def __init__(self, role: str, processes: Processes) -> None:
        from tests.lms import PracticeLMS

        self.outcome = Outcome(role)
        self._processes = processes
        self._lms = PracticeLMS()

    def run(self) -> Outcome:
        """Deliver, kill, record, wait, reckon."""
        from tests.scene import Scene

        with self._lms:
            self.scene = Scene(self._lms)
            self.worker = self._start()
            self.scene.record(BEFORE)
            self._until_delivered(BEFORE)
            killed_at = self._kill()
            self._record()
            self._measure()
            if self.outcome.role == "monitor":
                self._watch_queue(killed_at)
            self._end()
            self._reckon()
        return self.outcome

    def _start(self, *, wait: bool = True) -> Process:
        from tests.roles import is_complete, role_of

        worker = self._processes.manage("run_worker")
        if wait:
            worker.wait_until(lambda: is_complete(role_of(worker)), "a whole cluster")
        return worker

    def _until_delivered(self, count: int, within: float = 60.0) -> None:
        until(lambda: self._delivered() >= count, f"{count} deliveries", within)

    def _delivered(self) -> int:
        from integrations.models import Delivery

        return int(Delivery.objects.filter(state=Delivery.State.DELIVERED).count())

    def _kill(self) -> float:
        """Kill what has the role; when that was."""
        from tests.soak.killing import of_worker

        if self.outcome.role == "busy worker":
            self._lms.script([f"slow:{SLOW}"])
            self.scene.record()
        port = self._lms.host_and_port[1]
        found: list[psutil.Process] = until(
            lambda: of_worker(self.worker, self.outcome.role, port), "somebody to kill"
        )
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return time.monotonic()

    def _record(self) -> None:
        """Go on recording. A supervisor starts a ``run_worker`` that ended again after a second."""
        self.scene.record(AT_ONCE)
        for _second in range(ONE_BY_ONE):
            time.sleep(1)
            if not self.worker.running:
                self.worker = self._start(wait=False)
            self.scene.record()

    def _measure(self) -> None:
        from django.utils import timezone

        from integrations.models import Delivery

        with suppress(AssertionError):
            self._until_delivered(Delivery.objects.count(), LOST_AFTER)
        now = timezone.now()
        times = Delivery.objects.values_list("result__recorded_at", "delivered_at")
        self.outcome.seconds = max(((delivered or now) - recorded).total_seconds() for recorded, delivered in times)

    def _watch_queue(self, killed_at: float) -> None:
        from django_q.models import OrmQ

        try:
            until(lambda: not OrmQ.objects.exists(), "the queue to be empty", QUEUE_WITHIN)
        except AssertionError as problem:
            self.outcome.problems.append(str(problem))
        self.outcome.queue = time.monotonic() - killed_at

    def _end(self) -> None:
        for process in self._processes.started:
            try:
                if process.running:
                    process.stop(END_WITHIN)
                until(lambda process=process: not process.family(), "its processes to end", END_WITHIN)  # type: ignore[misc]
            except AssertionError as left:
                self.outcome.problems.append(str(left))

    def _reckon(self) -> None:
        from integrations.models import Delivery
        from tests.soak.balance import promises

        ours = {str(uuid) for uuid in Delivery.objects.values_list("uuid", flat=True)}
        stored = Counter(self.scene.lms_ids())
        told = Counter(
            statement["id"]
            for request in self._lms.store().requests
            for statement in json.loads(request.body or "[]")
        )
        self.outcome.lost = len(ours - stored.keys())
        self.outcome.twice = stored.total() - len(stored) + len(stored.keys() - ours)
        self.outcome.again = told.total() - len(told)
        self.outcome.problems += promises()


def main(role: str) -> None:
    """Carry the trial through and say what it showed."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    prepare(os.environ["TEST_DATABASE_URL"])
    from tests.processes import Processes

    with tempfile.TemporaryDirectory(prefix="lms-bridge-kills-") as folder:
        processes = Processes(Path(folder))
        try:
            found = Trial(role, processes).run()
            if found.problems or found.lost or found.twice:
                sys.stderr.write("\n".join(process.output() for process in processes.started))
        finally:
            for process in reversed(processes.started):
                process.kill()
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
