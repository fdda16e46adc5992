"""Working jobs: taking one by its lease, and doing one step after the other."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations import lifeline
from integrations.jobs.kinds import Kind, Step, Stopped
from integrations.jobs.registry import KINDS
from objectives.models import Job
from objectives.models.job import LEASE

logger = logging.getLogger(__name__)

# Seconds that one job has before the next one in the row gets its turn.
TURN = 5.0
# So many different sentences about rows are shown.
NOTES_SHOWN = 10

Wake = Callable[[set[int]], None]


def work(until: float, wake: Wake) -> bool:
    """Work jobs in turns until ``until`` (``time.monotonic``); whether something is left for another slice.

    ``wake`` is told, inside the transaction, the lanes that got something to do.
    """
    last = 0
    while lifeline.time_left(until):
        pk = _next_after(last)
        if pk is None:
            return False
        last, token = pk, Job.objects.take(pk)
        if token is not None:
            _turn(pk, token, min(until, time.monotonic() + TURN), wake)
    return Job.objects.free().exists()


def _next_after(last: int) -> int | None:
    # Half of the workers are left to deliveries.
    most = max(1, settings.Q_CLUSTER["workers"] // 2)
    if Job.objects.open().filter(lease_until__gte=Now()).count() >= most:
        return None
    free = Job.objects.free().values_list("pk", flat=True)
    return free.filter(pk__gt=last).first() or free.first()


def _turn(pk: int, token: uuid.UUID, until: float, wake: Wake) -> None:
    try:
        while step(pk, token, wake) and lifeline.time_left(until):
            pass
    except OperationalError as problem:
        # The step left no trace. The lease stays until it runs out, so that a struggling database gets a rest.
        logger.warning("Job %s goes on later: %s", pk, type(problem).__name__)
    except Exception as problem:  # noqa: BLE001  # its text may quote a record, and django-q2 would store and log it
        logger.error("Job %s failed: %s", pk, type(problem).__name__)
        words = _("It stopped at an error of ours. What was done before stays done. Begin it again for the rest.")
        Job.objects.filter(pk=pk, lease_token=token).update(**Job().finish(Job.State.FAILED, words))
    else:
        Job.objects.give_back(pk, token)


def step(pk: int, token: uuid.UUID, wake: Wake) -> bool:
    """Do one step of the job whose lease we hold, and renew it; whether there may be another one."""
    with transaction.atomic():
        job = _begun(pk, token)
        if job is None:
            return False
        kind = KINDS[job.kind]
        if not kind.asks:
            return _did(job, kind, kind.step(job), token, wake)
        Job.objects.holding(pk, token).update(total=job.total, lease_until=Now() + kind.lease)
    # No lock is held while somebody else's server is asked; who has lost the job meanwhile writes nothing down.
    try:
        did = kind.step(job)
    except Stopped as problem:
        Job.objects.holding(pk, token).update(**job.finish(Job.State.FAILED, problem.sentence))
        return False
    with transaction.atomic():
        return _did(job, kind, did, token, wake)


def _begun(pk: int, token: uuid.UUID) -> Job | None:
    """The job, locked until the transaction ends; ``None`` if it is no longer ours or was cancelled."""
    held = Job.objects.holding(pk, token)
    if not held.update(state=Job.State.RUNNING, lease_until=Now() + LEASE):
        return None
    job: Job = Job.objects.select_related("organization").get(pk=pk)
    if job.cancel_asked:
        held.update(**job.finish(Job.State.CANCELLED, job.cancelled_words()))
        return None
    if job.total is None:
        job.total = KINDS[job.kind].count(job)
    return job


def _did(job: Job, kind: Kind, did: Step, token: uuid.UUID, wake: Wake) -> bool:
    """Write down what a step did; whether there may be another one."""
    wake(did.lanes)
    held = Job.objects.holding(job.pk, token)
    return bool(held.update(**_moved(job, kind, did), **_renewed(did))) and not did.over


def _renewed(did: Step) -> dict[str, Any]:
    return {} if did.over else {"lease_until": Now() + LEASE}


def _moved(job: Job, kind: Kind, did: Step) -> dict[str, Any]:
    changed = job.parameters.get("changed", 0) + did.changed
    done = job.done + did.handled
    notes = dict(Counter(job.parameters.get("notes", {})) + Counter(did.notes))
    columns = {
        "total": job.total,
        "done": done,
        "cursor": did.cursor,
        "parameters": job.parameters | {"changed": changed, "notes": notes},
    }
    if did.over:
        # Whatever was counted and is no longer there went its own way meanwhile.
        passed = max(done, job.total or 0) - changed
        columns |= job.finish(Job.State.DONE, " ".join([kind.words(changed, passed), *_noted(notes)]))
    return columns


def _noted(notes: dict[str, int]) -> list[str]:
    """What was noted of rows, the most frequent first."""
    often = sorted(notes.items(), key=lambda one: -one[1])[:NOTES_SHOWN]
    return [_("%(count)s: %(sentence)s") % {"count": f"{count:,}", "sentence": text} for text, count in often]
