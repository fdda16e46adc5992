"""*Test connection*: one throttled exchange with what is saved, shown once and kept nowhere but in the status."""

from __future__ import annotations

import dataclasses
import math
import time
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import tasks
from integrations.connectors.base import Check, Connection, DestinationError, Held
from integrations.connectors.http import Answer, Door
from integrations.connectors.scrubbing import scrub_answer
from integrations.models import LMSConfiguration
from objectives import clock
from objectives.models import Organization
from objectives.secrets import Unreadable

DEADLINE = 10  # seconds: a person waits for it
PER_MINUTE = 10  # tests of one organization, so that the button is no port scanner
LOGGED = "Tested the connection."  # never translated: the throttle counts these entries of the log


@dataclasses.dataclass(frozen=True)
class Tested:
    """What a test showed, in the words and numbers that its page shows."""

    ok: bool
    sentence: str
    seconds: float
    status: int | None = None
    text: str = ""


def admit(configuration: LMSConfiguration, user_id: Any) -> int:
    """Count and log a test that is about to be made: 0, or the seconds to wait because there were too many."""
    now = clock.now()
    with transaction.atomic():
        # Held until the test is logged, so that two clicks at once are counted one after the other.
        Organization.objects.select_for_update().get(pk=configuration.organization_id)
        own = LMSConfiguration.objects.filter(organization=configuration.organization_id)
        recent = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(LMSConfiguration),
            object_id__in=[str(pk) for pk in own.values_list("pk", flat=True)],
            change_message=LOGGED,
            action_time__gt=now - timedelta(minutes=1),
        ).order_by("-action_time")
        times = list(recent.values_list("action_time", flat=True)[:PER_MINUTE])
        if len(times) == PER_MINUTE:
            return max(1, math.ceil(60 - (now - times[-1]).total_seconds()))
        LogEntry.objects.log_actions(user_id, [configuration], CHANGE, LOGGED)
    return 0


def too_many(wait: int) -> str:
    """What is said to who has to wait for so many seconds."""
    text = ngettext(
        "There were too many tests. Wait %(count)s second, then test again.",
        "There were too many tests. Wait %(count)s seconds, then test again.",
        wait,
    )
    return text % {"count": wait}


def _connection(configuration: LMSConfiguration) -> Connection:
    """How to reach the LMS, with what was learned of it so far. Raises ``Unreadable``."""
    connection = configuration.connection()
    connection.memory.learned.update(configuration.lane.learned)
    return connection


def creator_link(configuration: LMSConfiguration, remote_id: str) -> tuple[str, str]:
    """A one-time link to the LMS's Creator for this content; empty with a sentence where there is none."""
    try:
        connection = _connection(configuration)
    except Unreadable:
        return "", _("The stored key cannot be read. Enter it again.")
    try:
        with Door(deadline=DEADLINE) as door:
            link = configuration.connector.creator_link(door, connection, remote_id)
    except (DestinationError, Held) as problem:
        return "", problem.sentence
    finally:
        tasks.learned(configuration, connection.memory.learned)
    # It is put into a page of ours: anything but a web address could run there.
    if not link.lower().startswith(("https://", "http://")):
        return "", _("What the LMS gave is no web address.")
    return link, ""


def try_connection(configuration: LMSConfiguration) -> Tested:
    """Try the saved address with the saved secrets, and let the status of the configuration follow."""
    try:
        connection = _connection(configuration)
    except Unreadable:
        return Tested(False, _("The stored key cannot be read. Enter it again."), 0)
    started = time.monotonic()
    found: Check | DestinationError
    try:
        with Door(deadline=DEADLINE) as door:
            found = configuration.connector.check(door, connection)
    except DestinationError as error:
        found = error
    seconds = time.monotonic() - started
    tasks.learned(configuration, connection.memory.learned)
    tasks.tested(configuration, found)
    answer: Answer | None = found.answer
    return Tested(
        ok=isinstance(found, Check) and found.ok,
        sentence=found.sentence,
        seconds=seconds,
        status=answer.status if answer else None,
        text=scrub_answer(answer, connection).text() if answer else "",
    )
