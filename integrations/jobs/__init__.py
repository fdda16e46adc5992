"""Long actions, done by a worker in steps.

A step is one transaction: it holds the job's lease, changes at most ``STEP`` rows, and moves the job's cursor. A
worker may die at any moment: what it had committed is counted, the rest was never done, and the next worker goes on.
"""

from __future__ import annotations

from integrations.jobs import downloads
from integrations.jobs.kinds import STEP, failed_since, hold, release
from integrations.jobs.registry import KINDS
from integrations.jobs.working import step, work

__all__ = ["KINDS", "STEP", "downloads", "failed_since", "hold", "release", "step", "work"]
