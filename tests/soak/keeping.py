"""Keeping processes alive as an operator's supervisor does: what ends is started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from tests.polling import until
from tests.processes import Process

RESTART_AFTER = 0.5
LOOK_EVERY = 0.2


class Kept:
    """One service: the process that runs just now, and those that ran before it."""

    def __init__(self, start: Callable[[], Process], *, whole_group: bool = False) -> None:
        self._start = start
        # A supervisor may end what is left of a service before it starts it again, or leave that to the service.
        self._whole_group = whole_group
        self.process = start()
        self.earlier: list[Process] = []

    def look(self) -> None:
        """Start it again if it has ended."""
        if self.process.running:
            return
        if self._whole_group:
            self.process.kill()
        time.sleep(RESTART_AFTER)
        self.earlier.append(self.process)
        self.process = self._start()

    def stop(self, within: float) -> list[str]:
        """End it with TERM; a sentence for each of its processes, now or earlier, that left something behind."""
        found: list[str] = []
        try:
            self.process.stop(within, orphans_within=within)
        except AssertionError as left:
            found.append(str(left))
        for process in self.earlier:
            try:
                # What outlives its parent for a while finishes a request, or waits until it is ended by force.
                until(partial(is_gone, process), "its processes", within)
            except AssertionError:
                found.append(f"{process.name} {process.pid} was over, and left {process.kill()}.")
        return found


def is_gone(process: Process) -> bool:
    """Whether nothing of a process is left, neither itself nor what it started."""
    return not process.family()


class Keeper:
    """Looks after services in a thread of its own until told to stop."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def keep(self, start: Callable[[], Process], *, whole_group: bool = False) -> Kept:
        """Start a service and keep it alive."""
        kept = Kept(start, whole_group=whole_group)
        self.kept.append(kept)
        return kept

    def begin(self) -> None:
        """Look after them from now on."""
        self._thread.start()

    def let_go(self) -> None:
        """Start nothing any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def stop(self, within: float) -> list[str]:
        """Start nothing any more and end everything with TERM; a sentence for whatever was left."""
        self.let_go()
        return [sentence for kept in self.kept for sentence in kept.stop(within)]

    @property
    def restarts(self) -> int:
        """How often something was started again."""
        return sum(len(kept.earlier) for kept in self.kept)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            for kept in self.kept:
                kept.look()
