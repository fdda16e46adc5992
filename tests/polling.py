"""Waiting for something that another process or thread will bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str, within: float = 60.0, every: float = 0.05) -> Found:
    """What ``look`` returns once that is true; AssertionError "Waited 60 s for …" if it never is."""
    give_up = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < give_up, f"Waited {within:g} s for {what}."
        time.sleep(every)
    return found
