"""What is done by the clock: hold the books against the promises, re-queue, give up, forget."""

from __future__ import annotations

from integrations.keeping.erasure import Erased, UnderWay, erase, is_erased
from integrations.keeping.invariants import breaches, check, noted
from integrations.keeping.requeue import begin_requeue, examine_held
from integrations.keeping.retention import retain

__all__ = [
    "Erased",
    "UnderWay",
    "begin_requeue",
    "breaches",
    "check",
    "erase",
    "examine_held",
    "is_erased",
    "noted",
    "retain",
]
