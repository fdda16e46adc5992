"""``run_worker``: keeps django-q2's cluster running beside the sweep that finds what a lost nudge left behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from integrations import schedules, tasks
from integrations.models import Lane

logger = logging.getLogger(__name__)

# How often the parent looks for lanes that became ready by the passing of time.
TICK = 2.0
# What a cluster that was told to end may take; the leases make what is killed safe.
GRACE = 30.0


class Command(BaseCommand):
    help = "Send what is due: runs django-q2's cluster and the sweep, until it gets SIGTERM or SIGINT."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stopping.set())
        cluster = start_cluster()
        self.stdout.write("Worker started.")
        self.stdout.flush()
        try:
            self.watch(cluster)
        finally:
            end_cluster(cluster)
        self.stdout.write("Worker ended.")

    def watch(self, cluster: subprocess.Popen[bytes]) -> None:
        """Nudge for lanes that became ready, sweep each minute; ends when told to or with the cluster."""
        swept = time.monotonic() - settings.SWEEP_EVERY
        arranged = False
        while not self.stopping.wait(TICK):
            if cluster.poll() is not None:
                raise SystemExit("The queue's cluster ended by itself; see its messages above.")
            arranged = arranged or arrange()
            due = time.monotonic() - swept >= settings.SWEEP_EVERY
            if look(sweep=due) and due:
                swept = time.monotonic()


def look(*, sweep: bool) -> bool:
    """One look at the database; ``False`` if it could not be reached, which is tried again at the next."""
    try:
        close_old_connections()
        if sweep:
            tasks.nudge("sweep")
        else:
            now = timezone.now()
            tasks.nudge_lanes(set(Lane.objects.ready(now).values_list("pk", flat=True)[:50]))
    except DatabaseError as problem:
        logger.warning("The database could not be asked for due deliveries: %s", type(problem).__name__)
        return False
    return True


def arrange() -> bool:
    """Write down what runs by the clock; ``False`` if the database could not be reached."""
    try:
        close_old_connections()
        schedules.arrange()
    except DatabaseError as problem:
        logger.warning("The schedules could not be written: %s", type(problem).__name__)
        return False
    return True


def start_cluster() -> subprocess.Popen[bytes]:
    """django-q2's cluster in a process session of its own.

    Ctrl-C reaches the whole foreground group, and a signal to the whole group hangs django-q2 1.11.1.
    """
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"]
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603  # our own command line


def end_cluster(cluster: subprocess.Popen[bytes]) -> None:
    """TERM to the cluster's parent alone; after a while KILL to its whole group, so that no orphan stays."""
    if cluster.poll() is None:
        cluster.terminate()
        try:
            cluster.wait(GRACE)
        except subprocess.TimeoutExpired:
            logger.warning("The queue's cluster did not end in %s seconds and is killed.", GRACE)
    try:
        os.killpg(cluster.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
