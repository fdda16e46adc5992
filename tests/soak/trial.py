"""One trial: kill one process of a small installation, and see how long results wait."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from functools import partial

import psutil
from django.utils import timezone
from django_q.models import OrmQ

from integrations.models import Delivery
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.roles import stands
from tests.scene import Scene
from tests.soak.balance import promises
from tests.soak.keeping import is_gone
from tests.soak.killing import of_worker
from tests.soak.outcome import Outcome

BEFORE, AT_ONCE, ONE_BY_ONE = 3, 5, 10
# Seconds. What has not arrived by then is lost; what has not ended by then has hung.
LOST_AFTER = 300.0
END_WITHIN = 60.0
# A task that was done and not noted is done once more when its lock in the queue has run out, after five minutes.
QUEUE_WITHIN = 420.0
SLOW = 15


class Trial:
    """One installation, one kill."""

    def __init__(self, role: str, processes: Processes) -> None:
        self._role = role
        self._processes = processes
        self._lms = PracticeLMS()
        self.outcome = Outcome(role)

    def run(self) -> Outcome:
        """Deliver, kill, record, wait, reckon."""
        with self._lms:
            self.scene = Scene(self._lms)
            self.worker = self._processes.manage("run_worker")
            self.worker.wait_until(partial(stands, self.worker), "a whole cluster")
            self.scene.record(BEFORE)
            until(self._all_delivered, "deliveries before the kill")
            killed_at = self._kill()
            self._record()
            self._measure()
            if self._role == "monitor":
                self._watch_queue(killed_at)
            self._end()
            self._reckon()
        return self.outcome

    def _all_delivered(self) -> bool:
        return not Delivery.objects.exclude(state=Delivery.State.DELIVERED).exists()

    def _kill(self) -> float:
        """Kill what has the role; when that was."""
        if self._role == "busy worker":
            self._lms.script([f"slow:{SLOW}"])
            self.scene.record()
        port = self._lms.host_and_port[1]
        found: list[psutil.Process] = until(lambda: of_worker(self.worker, self._role, port), "somebody to kill")
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return time.monotonic()

    def _record(self) -> None:
        """Some at once, then one each second, since orphans may still take the first ones.

        A supervisor starts a ``run_worker`` that ended again after a second.
        """
        self.scene.record(AT_ONCE)
        for _second in range(ONE_BY_ONE):
            time.sleep(1)
            if not self.worker.running:
                self.worker = self._processes.manage("run_worker")
            self.scene.record()

    def _measure(self) -> None:
        with suppress(AssertionError):
            until(self._all_delivered, "all deliveries", LOST_AFTER)
        now = timezone.now()
        times = Delivery.objects.values_list("result__recorded_at", "delivered_at")
        self.outcome.seconds = max(((delivered or now) - recorded).total_seconds() for recorded, delivered in times)

    def _watch_queue(self, killed_at: float) -> None:
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
                until(partial(is_gone, process), "its processes to end", END_WITHIN)
            except AssertionError as left:
                self.outcome.problems.append(str(left))

    def _reckon(self) -> None:
        ours = {str(uuid) for uuid in Delivery.objects.values_list("uuid", flat=True)}
        stored = Counter(self.scene.lms_ids())
        bodies = [json.loads(request.body) for request in self._lms.store().requests if request.body]
        told = Counter(statement["id"] for body in bodies for statement in body)
        self.outcome.lost = len(ours - stored.keys())
        self.outcome.twice = stored.total() - len(stored) + len(stored.keys() - ours)
        self.outcome.again = told.total() - len(told)
        self.outcome.problems += promises()
