"""How long a worker stays with one lane, so that no LMS makes the others wait for long."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import Answer, Destination, Door
from integrations.models import Lane
from objectives import clock


class TimedDoor(Door):
    """A door that notes at its lane how long the LMS took, whatever came of it, and counts the requests."""

    def __init__(self, lane: Lane) -> None:
        super().__init__()
        self._lane = lane
        self._began = time.monotonic()
        self.requests = 0

    def begin(self) -> None:
        """An exchange begins: all its requests together have twice the time of one, as leases expect."""
        self._began = time.monotonic()

    def request(self, method: str, destination: Destination, **options: Any) -> Answer:
        """As ``Door.request``."""
        began = time.monotonic()
        left = self._began + 2 * settings.OUTBOUND_DEADLINE - began
        if left <= 0:
            raise CannotConnect(_("The LMS takes too long to answer so many requests."), phase="headers")
        options["deadline"] = min(options.get("deadline") or settings.OUTBOUND_DEADLINE, left)
        self.requests += 1
        try:
            return super().request(method, destination, **options)
        finally:
            self._lane.took = (self._lane.took or 0.0) + time.monotonic() - began


class Turn:
    """One worker's stay with a lane; in each there is at least one exchange."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._was_quick = lane.slowness == 0
        self._ends = time.monotonic() + settings.DELIVERY_TURN

    def is_over(self) -> bool:
        """Whether the lane is to be given back, though more is due.

        At once if its LMS turned out to be slow, as the slow pool must not grow by it; after a while if others wait.
        """
        # Also asked while an exchange is over and not counted yet.
        slowness = self._lane.slowness_after(self._lane.took)
        if self._was_quick and slowness:
            return True
        self._was_quick = slowness == 0
        if not (self._lane.exchanges or self._lane.took is not None) or time.monotonic() < self._ends:
            return False
        self._ends = time.monotonic() + settings.DELIVERY_TURN
        return Lane.objects.waiting_for(self._lane, clock.now()).exists()
