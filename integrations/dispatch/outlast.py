"""What an exchange came to is known, and the database is away: it is written down as soon as it is back."""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from integrations import lifeline
from integrations.models import Attempt

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")
Settling = Callable[Concatenate[Attempt, uuid.UUID, Arguments], bool]
# The connection broke, the server is away or refuses for now; what is wrong with a statement itself is none of these.
TROUBLE = (OperationalError, InterfaceError)
# Seconds between two tries.
PAUSE = 0.5


def outlast(settle: Settling[Arguments]) -> Settling[Arguments]:
    """Settle again, on a new connection each time, while the database is in trouble and the lease lasts.

    Without that each short trouble would cost a repeat of the exchange, as the death of a worker does.
    """

    @functools.wraps(settle)
    def settle_in_the_end(
        attempt: Attempt, token: uuid.UUID, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> bool:
        until = _patience()
        lane = vars(attempt.lane).copy()
        tried = False
        while True:
            try:
                if tried and _is_closed(attempt):
                    # By our own commit, of which only the confirmation was lost, or by whoever has the lane now.
                    return False
                return settle(attempt, token, *args, **kwargs)
            except TROUBLE as problem:
                # Nothing of it was kept, so nothing of it counts.
                vars(attempt.lane).update(lane)
                _wait(problem, until, quietly=tried)
                tried = True

    return settle_in_the_end


def repeated(write: Callable[Arguments, Found]) -> Callable[Arguments, Found]:
    """Try it again in the same way. For what may be done twice, and what belongs to an exchange under way.

    Within somebody's transaction it is for them to try the whole of it again.
    """

    @functools.wraps(write)
    def write_in_the_end(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
        until = _patience()
        tried = False
        while True:
            try:
                return write(*args, **kwargs)
            except TROUBLE as problem:
                if connection.in_atomic_block:
                    raise
                _wait(problem, until, quietly=tried)
                tried = True

    return write_in_the_end


def _patience() -> float:
    """Until when (``time.monotonic``) it is worthwhile: what a lease has left once its exchange is over."""
    return time.monotonic() + settings.DELIVERY_LEASE - 2 * settings.OUTBOUND_DEADLINE


def _is_closed(attempt: Attempt) -> bool:
    return not Attempt.objects.open().filter(pk=attempt.pk).exists()


def _wait(problem: Exception, until: float, *, quietly: bool) -> None:
    """A moment before the next try; raises ``problem`` if there is no time for one."""
    if time.monotonic() >= until:
        raise problem
    if not quietly:
        logger.warning("The database failed as an answer was written down; trying again: %s", type(problem).__name__)
    connection.close()
    lifeline.sign(lifeline.WORKER)
    time.sleep(PAUSE)
