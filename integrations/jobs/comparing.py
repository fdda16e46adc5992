"""The job that compares what was delivered with what the LMS says, one delivery after the other."""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import lifeline
from integrations.connectors.base import Item, ReadBack
from integrations.connectors.base import Kind as ItemKind
from integrations.dispatch import comparing
from integrations.dispatch.asking import Asked, Busy
from integrations.jobs.asking import of, patient
from integrations.jobs.kinds import Kind, Step, configuration_of, said
from integrations.models import Delivery
from objectives import clock
from objectives.models import Job

# Deliveries in one step: each may take a page or two of somebody's records.
AT_ONCE = 20
# A step ends after so many seconds and the delivery it is at.
SECONDS = 10.0
LEASE = timedelta(minutes=3)


def _count(job: Job) -> int:
    return min(comparing.comparable(configuration_of(job), clock.now()).count(), comparing.MOST)


def _step(job: Job) -> Step:
    """From the newest on, so that what was told last is compared in any case."""
    configuration = configuration_of(job)
    rows = comparing.comparable(configuration, job.created_at).order_by("-pk")
    rows = rows.filter(pk__lt=job.cursor) if job.cursor else rows
    left = max(0, comparing.MOST - job.done)
    chosen = list(rows[: min(AT_ONCE, left)])
    until = time.monotonic() + SECONDS
    handled = different = 0
    notes: dict[str, int] = {}
    with of(job) as asked:
        for delivery in chosen:
            found = _read(asked, delivery)
            handled += 1
            if comparing.note(delivery, found):
                different += 1
                words = _WORDS[found]()
                notes[words] = notes.get(words, 0) + 1
            if not lifeline.time_left(until):
                break
    cursor = chosen[handled - 1].pk if handled else job.cursor
    return Step(handled, different, cursor, is_last=not chosen or handled >= left, notes=notes)


def _read(asked: Asked, delivery: Delivery) -> ReadBack:
    item = Item(delivery.uuid, delivery.content.encode(), ItemKind.RESULT)
    if not asked.begin(asked.connector.needs([item])):
        raise Busy
    found, _answer = asked.connector.read_result(asked.door, asked.connection, item)
    return found


_WORDS = {
    ReadBack.ABSENT: lambda: _("The LMS does not have it."),
    ReadBack.DIFFERENT: lambda: _("The LMS has something else."),
    ReadBack.FORBIDDEN: lambda: _("The LMS does not tell what it has."),
}


def _words(changed: int, passed: int) -> str:
    text = ngettext(
        "%(count)s delivery was found in the LMS as it was told.",
        "%(count)s deliveries were found in the LMS as they were told.",
        passed,
    )
    other = ngettext(
        "%(count)s differs and is listed under Differences.",
        "%(count)s differ and are listed under Differences.",
        changed,
    )
    return f"{said(text, passed)} {said(other, changed)}" if changed else said(text, passed)


KINDS = {"compare": Kind(_count, patient(_step), _words, asks=True, lease=LEASE)}
