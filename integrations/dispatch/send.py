"""Working a lane: take its lease, send what is due in batches, give it back.

No lock and no transaction is held over the network. Who holds the lease opens an Attempt, posts, and settles; a
worker whose lease ran out in between settles nothing.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from contextlib import suppress
from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connection as database

from integrations.connectors.base import Connection, DestinationError, ServerError
from integrations.connectors.http import Door
from integrations.dispatch import lanes, launches, settle
from integrations.dispatch.outlast import TROUBLE
from integrations.dispatch.releasing import hold_what_cannot_go
from integrations.dispatch.slice import Slice
from integrations.dispatch.turns import TimedDoor
from integrations.models import Delivery, Lane
from objectives import clock
from objectives.secrets import Unreadable

logger = logging.getLogger(__name__)


def serve_next(now: datetime, until: float) -> int | None:
    """Work the oldest-served ready lane until ``until`` (``time.monotonic``); its id, or ``None`` if none is."""
    taken = Lane.objects.take_next(now)
    if taken is None:
        return None
    pk, token = taken
    try:
        serve(pk, token, until)
    except TROUBLE:
        # Over a new connection, if there is one to be had, the lane is free at once and not when the lease ends.
        database.close()
        with suppress(DatabaseError):
            settle.close_what_we_cut_short(pk, token)
        raise
    except Exception as bug:  # noqa: BLE001 - one lane's bug must neither stop the others nor leave its text
        # By its type and place only: its message may hold what was sent.
        where = traceback.extract_tb(bug.__traceback__)[-1]
        logger.error("Serving lane %s ended with %s at %s:%s", pk, type(bug).__name__, where.name, where.lineno)
        lanes.broke_off(pk, token)
    finally:
        Lane.objects.give_back(pk, token)
    return pk


def serve(pk: int, token: uuid.UUID, until: float) -> None:
    """Send what is due in one lane whose lease we hold."""
    lane = Lane.objects.select_related("configuration__organization", "launch__relaunched_as").get(pk=pk)
    with TimedDoor(lane) as door:
        connection = _connection(lane, token, door)
        if connection is not None:
            _serve(lane, token, connection, door, until)
    if lane.launch is not None:
        launches.rest(lane, token)


def _serve(lane: Lane, token: uuid.UUID, connection: Connection, door: TimedDoor, until: float) -> None:
    if lane.failures and not Delivery.objects.filter(lane=lane, state=Delivery.State.QUEUED).exists():
        if lane.launch is None:
            probe(lane, token, connection, door)
        return
    Slice(lane, token, lane.configuration.connector, connection, door, until).run()


def _connection(lane: Lane, token: uuid.UUID, door: Door) -> Connection | None:
    """How to reach the lane's destination, once what an earlier worker left open is closed; ``None`` if it cannot."""
    if lane.launch is not None:
        launches.close_what_was_lost(lane, token, lane.launch)
    settle.close_what_was_cut_short(lane.pk, token)
    if lane.launch is not None:
        return launches.connect(lane, token, lane.launch, door)
    configuration = lane.configuration
    try:
        connection = configuration.connection()
    except Unreadable as problem:
        lanes.unreadable(lane, token, str(problem))
        return None
    held = configuration.connector.can_send(connection)
    if held is not None:
        hold_what_cannot_go(lane, held)
        return None
    return connection


def probe(lane: Lane, token: uuid.UUID, connection: Connection, door: Door) -> None:
    """Ask a failing LMS how it is, without telling it anything: nothing waits that could be tried."""
    if not settle.renew(lane, token):
        return
    try:
        found = lane.configuration.connector.check(door, connection)
    except DestinationError as error:
        settle.lane_failed(lane, token, error)
        return
    if found.ok:
        lanes.worked(lane, token, clock.now())
    else:
        settle.lane_failed(lane, token, ServerError(found.sentence))
