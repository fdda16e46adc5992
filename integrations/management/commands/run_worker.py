"""``run_worker``: keeps django-q2's cluster at work, and looks for what a lost nudge left behind."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis.exceptions import RedisError

from integrations import lifeline, schedules, tasks
from integrations.cluster import Cluster
from integrations.models import Lane
from objectives import clock

logger = logging.getLogger(__name__)

# How often the cluster's signs of life are taken up, and lanes looked for that became ready by the passing of time.
TICK = 2.0
# A cluster that ends sooner than this many seconds after its start is begun anew after a pause, up to the longest.
SHORT_LIFE = 30.0
LONGEST_PAUSE = 30.0


class Command(BaseCommand):
    help = "Send what is due: keeps django-q2's cluster at work until it gets SIGTERM or SIGINT."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """``--cluster`` is for ``run_worker`` itself: the process that it starts and watches."""
        parser.add_argument("--cluster", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *_args: Any, cluster: bool = False, **_options: Any) -> None:
        if cluster:
            run_cluster()
            return
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stopping.set())
        self.stdout.write("Worker started.")
        self.stdout.flush()
        self.keep_at_work()
        self.stdout.write("Worker ended.")

    def keep_at_work(self) -> None:
        """One cluster after the other until told to stop; a new one is begun where one died or fell silent."""
        self.look_around = Look()
        # Clusters that were let go, and by when each must be gone.
        self.old: list[tuple[Cluster, float]] = []
        pause = 0.0
        while not self.stopping.wait(pause):
            cluster = Cluster()
            why = self.watch(cluster)
            if not why:
                self.end(cluster)
                break
            logger.error("The queue's cluster %s; a new one is begun.", why)
            cluster.let_go()
            self.old.append((cluster, time.monotonic() + settings.WORKER_GRACE))
            short = time.monotonic() - cluster.started < SHORT_LIFE
            pause = min(max(1.0, 2 * pause), LONGEST_PAUSE) if short else 0.0
        self.end_old(time.monotonic() + settings.WORKER_GRACE)

    def watch(self, cluster: Cluster) -> str:
        """Until the cluster is of no use any more: why. Empty if it is not the cluster but we who shall stop."""
        while not self.stopping.wait(TICK):
            cluster.look()
            if cluster.ended:
                return "died"
            if cluster.silence > settings.WATCHDOG_AFTER:
                return f"gave no sign of life for {cluster.silence:.0f} seconds"
            self.end_old(time.monotonic())
            self.look_around()
        return ""

    def end(self, cluster: Cluster) -> None:
        """End a cluster in good order, if it can."""
        if not cluster.end():
            logger.warning("The queue's cluster did not end in %.0f seconds and was killed.", settings.WORKER_GRACE)

    def end_old(self, now: float) -> None:
        """Kill what is left of clusters whose time to end by themselves is over at ``now``."""
        for cluster, when in self.old:
            if when <= now:
                cluster.kill()
        self.old = [(cluster, when) for cluster, when in self.old if when > now]


def run_cluster() -> None:
    """The cluster's first process: django-q2's own, ended by SIGTERM or when the line to ``run_worker`` is cut."""
    from django_q.cluster import Cluster as Queue

    try:
        Queue().start()
    except RuntimeError as problem:
        # Its sentinel said why, for example that the database is away.
        raise CommandError(str(problem)) from None
    lifeline.watch(then=lambda: os.kill(os.getpid(), signal.SIGTERM))


class Look:
    """A look at the database every few seconds, from beside the cluster; it outlives any failure of its servers."""

    def __init__(self) -> None:
        self.arranged = False
        self.swept = time.monotonic() - settings.SWEEP_EVERY

    def __call__(self) -> None:
        try:
            close_old_connections()
            self.look()
        except (DatabaseError, RedisError) as problem:
            logger.warning("Nobody could be woken up for due deliveries: %s", type(problem).__name__)

    def look(self) -> None:
        """Write the schedules once, nudge for lanes that are ready, sweep each minute."""
        if not self.arranged:
            schedules.arrange()
            self.arranged = True
        if time.monotonic() - self.swept >= settings.SWEEP_EVERY:
            tasks.nudge("sweep")
            self.swept = time.monotonic()
        else:
            tasks.nudge_lanes(set(Lane.objects.ready(clock.now()).values_list("pk", flat=True)[:50]))
