"""How long things are kept: who keeps something hears once a day that it is time to drop what is old."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import Signal

# Sent with ``now`` and ``until`` (``time.monotonic``); receivers answer whether something is left for another turn.
retention_due = Signal()


def drop_elsewhere(now: datetime, until: float) -> bool:
    """Let every app drop what it kept long enough; ``True`` if something is left to drop."""
    return any(more for _receiver, more in retention_due.send(sender=None, now=now, until=until))
