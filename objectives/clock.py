"""The time that all hosts agree on: that of the PostgreSQL server whose rows they share.

Hosts write moments that others compare with their own "now", as when a delivery is due. By clocks that are an hour
apart it would wait for an hour, and a failing LMS be tried again and again for so long. So nothing here asks a host
what time it is, except where there is only one: with SQLite, and in tests, whose clock may be a virtual one.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

logger = logging.getLogger(__name__)

# A host's clock that is further off than this is worth a word to its operator.
WORTH_A_WORD = timedelta(seconds=10)


class _Look(NamedTuple):
    """What the server's clock showed, and this process's own count of seconds at that moment."""

    at: datetime
    seconds: float


_follows = False
_last: _Look | None = None
_said = False


def now() -> datetime:
    """The present moment by the clock that all hosts share; ``OperationalError`` while that was never seen."""
    if _follows and _last is None:
        # The first look comes with the connection. Without one nobody knows what time it is.
        connection.ensure_connection()
    if _last is None:
        return timezone.now()
    # Counted on, not read from the host's clock: that may be set while the process runs.
    return _last.at + timedelta(seconds=time.monotonic() - _last.seconds)


def follow_database() -> None:
    """In this process, go by the database server's clock from now on; it is looked at with each new connection."""
    global _follows
    connection_created.connect(_look)
    _follows = True


def _look(connection: BaseDatabaseWrapper, **_kwargs: Any) -> None:
    global _last
    if connection.vendor != "postgresql":
        return
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    _last = _Look(at, (before + time.monotonic()) / 2)
    _say_how_far_off(timezone.now() - at)


def _say_how_far_off(off: timedelta) -> None:
    global _said
    if _said or abs(off) < WORTH_A_WORD:
        return
    _said = True
    logger.warning(
        "This host's clock is %d seconds %s the database server's, by which LMS Bridge goes. Set it right.",
        round(abs(off).total_seconds()),
        "ahead of" if off > timedelta(0) else "behind",
    )
