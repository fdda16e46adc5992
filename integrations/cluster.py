"""django-q2's cluster as ``run_worker`` sees it: a process group of its own that leaves signs of life."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid

from django.conf import settings

from integrations import lifeline

# Names the cluster for all its workers; lanes are leased under it.
WORKER_ID = "LMS_BRIDGE_WORKER"


class Cluster:
    """One running cluster. What is asked of it returns at once, except ``end``."""

    def __init__(self) -> None:
        watched, self._line = os.pipe()
        self._signs, signs = os.pipe()
        for end in (self._signs, signs):
            os.set_blocking(end, False)
        self.process = subprocess.Popen(  # noqa: S603  # our own command line
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_worker", "--cluster"],
            env={**os.environ, lifeline.ENVIRONMENT: f"{watched},{signs}", WORKER_ID: uuid.uuid4().hex},
            pass_fds=(watched, signs),
            # Ctrl-C reaches the whole foreground group, and a signal to the whole group hangs django-q2 1.11.1.
            start_new_session=True,
        )
        os.close(watched)
        os.close(signs)
        self.started = self._looked = time.monotonic()
        self._silent = dict.fromkeys(lifeline.ROLES, 0.0)

    def look(self) -> None:
        """Take up the signs that were left since the last look; to be called every few seconds."""
        now = time.monotonic()
        # Whoever slept long himself, as after SIGSTOP, must not take that for the silence of others.
        passed, self._looked = min(now - self._looked, 10.0), now
        left = b""
        with contextlib.suppress(BlockingIOError):
            left = os.read(self._signs, 65536)
        for role in lifeline.ROLES:
            self._silent[role] = 0.0 if role in left else self._silent[role] + passed

    @property
    def ended(self) -> bool:
        """Whether its first process ended; others of the group may be left."""
        return self.process.poll() is not None

    @property
    def silence(self) -> float:
        """For how many seconds a role gave no sign of life: the longest over all roles."""
        return max(self._silent.values())

    def let_go(self) -> None:
        """Cut the line: its processes finish what they are at, hand the rest back and end by themselves."""
        if self._line >= 0:
            os.close(self._line)
            os.close(self._signs)
            self._line = -1

    def kill(self) -> None:
        """End whatever is left of it."""
        self.let_go()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> bool:
        """Let go, wait for ``WORKER_GRACE`` seconds at most, kill what is left; whether it ended by itself."""
        self.let_go()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(settings.WORKER_GRACE)
        in_time = self.ended
        self.kill()
        return in_time
