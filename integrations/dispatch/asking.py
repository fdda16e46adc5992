"""Asking an LMS something beside what is sent: with its lane held, so that it hears one voice.

For jobs. What a person waits for, and what asks nothing of a lane, goes through a door of its own.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors.base import Connection, Connector, Needs
from integrations.connectors.http import Answer, Destination
from integrations.dispatch import settle
from integrations.dispatch.remembering import Remembering
from integrations.dispatch.turns import TimedDoor
from integrations.models import Lane, LMSConfiguration
from integrations.models.lane import own_cluster
from objectives.secrets import Unreadable

# A worker that waits for its turn by the limit of requests a minute does so for so many seconds at most.
LONGEST_PAUSE = 5.0


class Busy(Exception):
    """Somebody else has the lane just now, or enough workers are at LMSs that answer slowly."""


class CannotAsk(Exception):
    """The LMS cannot be asked before a person changes something; says what."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class PacedDoor(TimedDoor):
    """A door that keeps to the configuration's limit of requests a minute, as far as a worker can wait for it."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane)
        limit = lane.configuration.requests_per_minute
        self._pause = min(60 / limit, LONGEST_PAUSE) if limit else 0.0

    def request(self, method: str, destination: Destination, **options: Any) -> Answer:
        """As ``Door.request``."""
        if self.requests and self._pause:
            time.sleep(self._pause)
        return super().request(method, destination, **options)


@dataclasses.dataclass
class Asked:
    """An LMS whose lane is ours for some requests."""

    lane: Lane
    token: uuid.UUID
    connector: Connector
    connection: Connection
    door: TimedDoor
    remembering: Remembering

    @property
    def configuration(self) -> LMSConfiguration:
        """Whose LMS it is."""
        found: LMSConfiguration = self.lane.configuration
        return found

    def begin(self, needs: Needs | None = None) -> bool:
        """Before each question: hold the lane for it, with what it needs in memory; whether it is still ours."""
        if not settle.renew(self.lane, self.token):
            return False
        self.door.begin()
        self.remembering.load(needs or Needs())
        return True


@contextmanager
def asking(configuration: LMSConfiguration) -> Iterator[Asked]:
    """Hold the lane of a configuration and ask its LMS. Raises ``Busy`` or ``CannotAsk``.

    What the connector learns on the way is kept, whatever comes of it.
    """
    found = Lane.objects.select_related("configuration__organization").get(own=configuration)
    connection = _connection(found.configuration)
    # One that answers slowly has its place among the slow ones, or it would take the workers that others need.
    quick = found.slowness == 0
    token = Lane.objects.quick().take(found.pk, own_cluster()) if quick else Lane.objects.take_slow(found.pk)
    if token is None:
        raise Busy
    try:
        # Read anew: what the last worker learned was written after the row above was read.
        lane = Lane.objects.select_related("configuration__organization").get(pk=found.pk)
        remembering = Remembering(lane, token, connection.memory)
        with PacedDoor(lane) as door:
            try:
                yield Asked(lane, token, lane.configuration.connector, connection, door, remembering)
            finally:
                remembering.keep()
    finally:
        Lane.objects.give_back(found.pk, token)


def _connection(configuration: LMSConfiguration) -> Connection:
    try:
        connection = configuration.connection()
    except Unreadable:
        raise CannotAsk(_("The stored key cannot be read. Enter it again on the configuration.")) from None
    held = configuration.connector.can_send(connection)
    if held is not None:
        raise CannotAsk(held.sentence)
    return connection
