"""Jobs about what LMSs' catalogues have: bringing something in, reading what is there, progress, and downloads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import dispatch
from integrations.connectors.base import DestinationError, Held
from integrations.connectors.http import Answer, Destination, Door
from integrations.connectors.http.answers import clean
from integrations.dispatch.asking import Asked, Busy, CannotAsk, asking
from integrations.jobs import downloads
from integrations.jobs.kinds import STEP, Kind, Step, Stopped, configuration_of, said
from integrations.models import Attachment, LMSConfiguration, RemoteContent, RemoteProgress
from objectives import clock
from objectives.models import Job, Objective

Found = TypeVar("Found")

# Seconds until a lane that somebody else has is tried again.
PATIENCE = 0.5
# A whole catalogue may take as long as two exchanges.
LEASE = timedelta(minutes=3)
# Seconds for a download, below what a worker's task may take.
DOWNLOAD_SECONDS = 60.0
LONGEST_LEARNER = 500


@contextmanager
def of(job: Job) -> Iterator[Asked]:
    """The LMS of a job, to be asked. Raises ``Busy``, and ``Stopped`` where it cannot be asked or fails."""
    try:
        with asking(configuration_of(job)) as asked:
            yield asked
    except CannotAsk as problem:
        raise Stopped(problem.sentence) from None
    except DestinationError as problem:
        raise Stopped(_("The LMS could not be asked: %(said)s") % {"said": problem.sentence}) from None
    except Held as held:
        raise Stopped(held.sentence) from None


def patient(step: Callable[[Job], Step]) -> Callable[[Job], Step]:
    """The same step; while somebody else has the lane, one in which nothing is done."""

    def one_step(job: Job) -> Step:
        try:
            return step(job)
        except Busy:
            time.sleep(PATIENCE)
            return Step(0, 0, job.cursor, is_last=False)
        except LMSConfiguration.DoesNotExist:
            raise Stopped(_("The LMS configuration was deleted meanwhile.")) from None

    return one_step


def one_question(ask: Callable[[Job, Asked], int]) -> Callable[[Job], Step]:
    """A job of one step, which asks something and says how many things it found."""

    def one_step(job: Job) -> Step:
        with of(job) as asked:
            count = ask(job, asked) if asked.begin() else None
        if count is None:
            raise Busy
        return Step(1, count, 1, is_last=True)

    return patient(one_step)


# Into the catalogue ------------------------------------------------------------------------------------------------


def _attached(job: Job) -> Any:
    chosen = job.parameters.get("objectives")
    own = Attachment.objects.filter(configuration=job.parameters["configuration"], organization=job.organization_id)
    return own if chosen is None else own.filter(objective__in=chosen)


def _bring(job: Job) -> Step:
    rows = list(_attached(job).filter(pk__gt=job.cursor).order_by("pk")[:STEP].values_list("pk", "objective_id"))
    objectives = list(Objective.objects.filter(pk__in=[key for _pk, key in rows]))
    lanes = dispatch.follow(configuration_of(job), objectives, again=True)
    return Step(len(rows), len(objectives), rows[-1][0] if rows else job.cursor, lanes)


def _brought(changed: int, _passed: int) -> str:
    text = ngettext(
        "%(count)s objective is on its way into the catalogue.",
        "%(count)s objectives are on their way into the catalogue.",
        changed,
    )
    return said(text, changed)


# What is there -----------------------------------------------------------------------------------------------------


def _read_catalogue(_job: Job, asked: Asked) -> int:
    entries = asked.connector.catalogue(asked.door, asked.connection)
    with transaction.atomic():
        return dispatch.keep_catalogue(asked.configuration, entries)


def _catalogue_read(changed: int, _passed: int) -> str:
    text = ngettext("The catalogue has %(count)s item.", "The catalogue has %(count)s items.", changed)
    return said(text, changed)


def _read_progress(job: Job, asked: Asked) -> int:
    own = RemoteContent.objects.filter(configuration=asked.configuration, organization=job.organization_id)
    content = own.filter(pk=job.parameters["content"]).first()
    if content is None:
        raise Stopped(_("The content is no longer known here."))
    found = asked.connector.read_progress(
        asked.door, asked.connection, content.remote_id or content.external_reference
    )
    now = clock.now()
    known = set(RemoteProgress.Status.values)
    rows = [
        RemoteProgress(
            organization_id=job.organization_id,
            content=content,
            learner=clean(one.learner or one.remote_id)[:LONGEST_LEARNER],
            status=one.status if one.status in known else RemoteProgress.Status.UNKNOWN,
            score=one.score,
            completed_at=one.at,
            read_at=now,
        )
        for one in found
    ]
    with transaction.atomic():
        RemoteProgress.objects.filter(content=content).delete()
        RemoteProgress.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def _progress_read(changed: int, _passed: int) -> str:
    text = ngettext(
        "The LMS told the progress of %(count)s person.", "The LMS told the progress of %(count)s people.", changed
    )
    return said(text, changed)


def _read_fields(_job: Job, asked: Asked) -> int:
    fields = asked.connector.user_fields(asked.door, asked.connection)
    asked.connection.memory.learned["profile_fields"] = {
        clean(name): [clean(str(value)) for value in values] for name, values in fields.items()
    }
    return len(fields)


def _fields_read(changed: int, _passed: int) -> str:
    text = ngettext(
        "The LMS told the values that %(count)s field allows.",
        "The LMS told the values that %(count)s fields allow.",
        changed,
    )
    return said(f"{text} {_('Profiles are checked against them from now on.')}", changed)


# Downloads ---------------------------------------------------------------------------------------------------------


class DownloadDoor(Door):
    """A door for large answers, which take no longer than a worker has."""

    def request(self, method: str, destination: Destination, **options: Any) -> Answer:
        """As ``Door.request``."""
        return super().request(method, destination, **options | {"deadline": DOWNLOAD_SECONDS})


def _download(job: Job) -> Step:
    """Without the lane: what is sent must not wait for it."""
    configuration = configuration_of(job)
    content = RemoteContent.objects.filter(configuration=configuration, pk=job.parameters["content"]).first()
    if content is None:
        raise Stopped(_("The content is no longer known here."))
    container = bool(job.parameters["container"])
    try:
        with DownloadDoor() as door:
            connection = configuration.connection()
            answer = configuration.connector.download(door, connection, content.remote_id, container=container)
    except DestinationError as problem:
        raise Stopped(_("The LMS could not be asked: %(said)s") % {"said": problem.sentence}) from None
    except Held as held:
        raise Stopped(held.sentence) from None
    _keep(downloads.path_of(content, container=container), answer.body)
    return Step(1, 1, 1, is_last=True)


def _keep(path: Path, body: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_bytes(body)
    half.replace(path)


def _downloaded(_changed: int, _passed: int) -> str:
    return _("It is here now. For a day it can be downloaded on the page of the content.")


def _one(_job: Job) -> int:
    return 1


KINDS = {
    "bring": Kind(lambda job: _attached(job).count(), _bring, _brought),
    "catalogue": Kind(_one, one_question(_read_catalogue), _catalogue_read, asks=True, lease=LEASE),
    "progress": Kind(_one, one_question(_read_progress), _progress_read, asks=True, lease=LEASE),
    "fields": Kind(_one, one_question(_read_fields), _fields_read, asks=True, lease=LEASE),
    "download": Kind(_one, patient(_download), _downloaded, asks=True, lease=LEASE),
}
