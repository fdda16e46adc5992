"""The line between ``run_worker`` and the processes of its cluster: who is alive, and when to stop.

Two pipes that every process of the cluster inherits. On one each role leaves a byte as a sign of life. Of the other
nobody ever reads a byte: it ends when ``run_worker`` closes it, or dies, and then everybody stops. Both work without
the database. Elsewhere, as in a web process, there is no line, and everything here does nothing.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings

# Names the two ends that a process of the cluster has: "<end to watch>,<end for signs>".
ENVIRONMENT = "LMS_BRIDGE_LIFELINE"
# What leaves signs: a worker that takes tasks, the monitor that notes their results, the sentinel that guards them.
WORKER, MONITOR, SENTINEL = b"w", b"m", b"s"
ROLES = (WORKER, MONITOR, SENTINEL)
# So many seconds after its time to end, what is left of a cluster without run_worker ends itself by force.
ABANDONED = 5.0

_stopping = threading.Event()
# When this process last left each sign, and when it saw the line cut (``time.monotonic``).
_left: dict[bytes, float] = {}
_cut_at: float | None = None


def _ends() -> tuple[int, int] | None:
    text = os.environ.get(ENVIRONMENT, "")
    if not text:
        return None
    watched, signs = map(int, text.split(","))
    return watched, signs


def is_on() -> bool:
    """Whether this process belongs to a cluster that ``run_worker`` watches."""
    return bool(os.environ.get(ENVIRONMENT))


def sign(role: bytes) -> None:
    """Leave a sign of life, at most one a second."""
    ends, now = _ends(), time.monotonic()
    if ends is None or now - _left.get(role, -1.0) < 1.0:
        return
    _left[role] = now
    # Full, since run_worker is stopped, or without a reader, since it died: neither is this process's trouble.
    with suppress(OSError):
        os.write(ends[1], role)


def watch(then: Callable[[], None] | None = None) -> None:
    """Watch the line from a thread of its own: when it is cut, stop, call ``then``, and at last end by force."""
    if ends := _ends():
        threading.Thread(target=_watch, args=(ends[0], then), daemon=True, name="lifeline").start()


def _watch(end: int, then: Callable[[], None] | None) -> None:
    select.select([end], [], [])
    _stopping.set()
    if then is not None:
        then()
    time.sleep(settings.WORKER_GRACE + ABANDONED)
    _end_by_force()


def look() -> None:
    """What a process without a thread of its own does now and then instead of ``watch``."""
    global _cut_at
    ends = _ends()
    if ends is None or not select.select([ends[0]], [], [], 0)[0]:
        return
    _cut_at = _cut_at or time.monotonic()
    if time.monotonic() - _cut_at > settings.WORKER_GRACE + ABANDONED:
        _end_by_force()


def _end_by_force() -> None:
    # run_worker gave the cluster a session of its own, so that this reaches nobody else.
    if os.getpgrp() == os.getsid(0):
        os.killpg(os.getpgrp(), signal.SIGKILL)


def is_cut() -> bool:
    """Whether this process is to stop: finish the request under way and hand the rest back."""
    return _stopping.is_set()


def time_left(until: float) -> bool:
    """Whether to go on with another step: ``until`` (``time.monotonic``) is not reached and nobody wants a stop."""
    sign(WORKER)
    return time.monotonic() < until and not is_cut()
