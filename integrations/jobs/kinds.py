"""The kinds of jobs: what each is about, one step of it, and what it came to in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from django.db import transaction
from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import dispatch
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from integrations.models.delivery import DeliveryQuerySet
from objectives.models import Job
from objectives.models.job import LEASE

# Rows that one step looks at; a person may also do so many at once without a job.
STEP = 500
# What a job of many deliveries may be told about them.
SELECTABLE = (
    "state",
    "state__in",
    "reason",
    "configuration",
    "created_at__gte",
    "delivered_at__gte",
    "attempts__gt",
    "uuid",
)


# What is done to some deliveries: how many changed, and the lanes that got something to do.
Change = Callable[[Job, DeliveryQuerySet], tuple[int, set[int]]]


@dataclass(frozen=True)
class Step:
    """What one step did: rows looked at and changed, how far it came, and the lanes that got something to do."""

    handled: int
    changed: int
    cursor: int
    lanes: set[int] = field(default_factory=set)
    is_last: bool | None = None  # where the number of rows does not tell it
    notes: Mapping[str, int] = field(default_factory=dict)  # sentences about rows, and of how many they are true

    @property
    def over(self) -> bool:
        """Whether it was the last one: it found fewer rows than it could have taken, or says so."""
        return self.handled < STEP if self.is_last is None else self.is_last


class Stopped(Exception):
    """A job cannot go on; says why. What was done before stays done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Kind:
    """One kind of job: how many rows it is about, one step of it, and what it comes to in words.

    The steps of one that ``asks`` an LMS are done outside of any transaction, and take at most ``lease``.
    """

    count: Callable[[Job], int]
    step: Callable[[Job], Step]
    words: Callable[[int, int], str]  # from the rows changed and the rows passed over
    asks: bool = False
    lease: timedelta = LEASE


# Deliveries --------------------------------------------------------------------------------------------------------


def selected(job: Job) -> DeliveryQuerySet:
    """The deliveries that a job is about: as narrowed as the list was, and none that came later."""
    selection = job.parameters["selection"]
    chosen = {name: value for name, value in selection.items() if name in SELECTABLE}
    rows = Delivery.objects.filter(organization=job.organization_id, pk__lte=job.parameters["up_to"])
    return (
        rows.filter(**chosen).about(selection["participant"]) if "participant" in selection else rows.filter(**chosen)
    )


def _count_selected(job: Job) -> int:
    return selected(job).order_by().count()


def _each_selected(change: Change) -> Callable[[Job], Step]:
    def one_step(job: Job) -> Step:
        found = selected(job).filter(pk__gt=job.cursor).order_by("pk")
        return _change(job, list(found.values_list("pk", flat=True)[:STEP]), change)

    return one_step


def _change(job: Job, pks: list[int], change: Change) -> Step:
    changed, lanes = change(job, Delivery.objects.filter(pk__in=pks)) if pks else (0, set())
    return Step(len(pks), changed, pks[-1] if pks else job.cursor, lanes)


def hold(deliveries: DeliveryQuerySet, why: str) -> int:
    """Hold what is queued and in no request just now; how many."""
    lanes = set(deliveries.order_by().values_list("lane_id", flat=True).distinct())
    with transaction.atomic():
        Lane.objects.filter(pk__in=lanes).touch()
        return deliveries.exclude(pk__in=Attempt.objects.all().under_way(lanes)).hold(why)


def release(deliveries: DeliveryQuerySet) -> tuple[int, set[int]]:
    """Queue what is held and need not be; how many, and their lanes."""
    held = list(deliveries.held().values_list("pk", flat=True))
    lanes = dispatch.release(Delivery.objects.filter(pk__in=held).with_facts().iterator(STEP), by_person=True)
    return Delivery.objects.filter(pk__in=held, state=Delivery.State.QUEUED).count(), lanes


def _retry(_job: Job, deliveries: DeliveryQuerySet) -> tuple[int, set[int]]:
    return dispatch.retry(deliveries)


def _hold(job: Job, deliveries: DeliveryQuerySet) -> tuple[int, set[int]]:
    return hold(deliveries, job.reason), set()


def _release(_job: Job, deliveries: DeliveryQuerySet) -> tuple[int, set[int]]:
    return release(deliveries)


# What failed since a moment ----------------------------------------------------------------------------------------


def failed_since(configuration: LMSConfiguration, since: datetime) -> dict[str, DeliveryQuerySet]:
    """By state, what may be retried and was recorded, or last tried, at ``since`` or later.

    A query for each state, so that each reads the index that holds nothing but the rows in that state.
    """
    recent = Q(created_at__gte=since) | Q(last_attempt__opened_at__gte=since)
    own = Delivery.objects.filter(recent, configuration=configuration).retryable()
    return {
        Delivery.State.REJECTED: own.filter(state=Delivery.State.REJECTED),
        Delivery.State.QUEUED: own.filter(lane=configuration.lane, state=Delivery.State.QUEUED),
        Delivery.State.HELD: own.filter(state=Delivery.State.HELD),
        Delivery.State.EXPIRED: own.filter(state=Delivery.State.EXPIRED),
    }


def _failed(job: Job) -> list[DeliveryQuerySet]:
    since = parse_datetime(job.parameters["since"])
    assert since is not None  # noqa: S101  # written by our own page
    found = failed_since(configuration_of(job), since)
    # Only the states in which there was something, so that the steps look for nothing in vain.
    return [found[state].filter(pk__lte=job.parameters["up_to"]) for state in job.parameters["states"]]


def _count_failed(job: Job) -> int:
    return sum(rows.order_by().count() for rows in _failed(job))


def _retry_failed(job: Job) -> Step:
    each = [
        rows.filter(pk__gt=job.cursor).order_by("pk").values_list("pk", flat=True)[:STEP] for rows in _failed(job)
    ]
    return _change(job, sorted(chain.from_iterable(each))[:STEP], _retry)


# Earlier results ---------------------------------------------------------------------------------------------------


def configuration_of(job: Job) -> LMSConfiguration:
    """The LMS configuration that a job is about."""
    own = LMSConfiguration.objects.of(job.organization).select_related("organization", "lane")
    found: LMSConfiguration = own.get(pk=job.parameters["configuration"])
    return found


def _count_earlier(job: Job) -> int:
    return dispatch.earlier(configuration_of(job), job.parameters["objectives"]).order_by().count()


def _backfill(job: Job) -> Step:
    planned, last, lanes = dispatch.plan_earlier(
        configuration_of(job), job.parameters["objectives"], job.cursor, STEP
    )
    return Step(planned, planned, last, lanes)


# In words ----------------------------------------------------------------------------------------------------------


def said(text: str, count: int) -> str:
    """A text with the count in it as people write numbers."""
    return text % {"count": f"{count:,}"}


def _retried(changed: int, passed: int) -> str:
    words = said(
        ngettext("%(count)s delivery is tried again.", "%(count)s deliveries are tried again.", changed), changed
    )
    other = ngettext(
        "%(count)s was passed over: what is delivered or held is not retried.",
        "%(count)s were passed over: what is delivered or held is not retried.",
        passed,
    )
    return f"{words} {said(other, passed)}" if passed else words


def _held(changed: int, passed: int) -> str:
    words = said(ngettext("%(count)s delivery is held.", "%(count)s deliveries are held.", changed), changed)
    other = ngettext(
        "%(count)s was passed over: only what is queued, and in no request just now, can be held.",
        "%(count)s were passed over: only what is queued, and in no request just now, can be held.",
        passed,
    )
    return f"{words} {said(other, passed)}" if passed else words


def _released(changed: int, passed: int) -> str:
    words = said(ngettext("%(count)s delivery is released.", "%(count)s deliveries are released.", changed), changed)
    other = ngettext(
        "%(count)s was passed over: it is not held, or its reason is still there.",
        "%(count)s were passed over: they are not held, or their reason is still there.",
        passed,
    )
    return f"{words} {said(other, passed)}" if passed else words


def _backfilled(changed: int, passed: int) -> str:
    words = said(
        ngettext(
            "%(count)s earlier result was planned. It goes behind whatever is new.",
            "%(count)s earlier results were planned. They go behind whatever is new.",
            changed,
        ),
        changed,
    )
    return f"{words} {said(_('%(count)s had been planned or detached meanwhile.'), passed)}" if passed else words


KINDS = {
    "retry": Kind(_count_selected, _each_selected(_retry), _retried),
    "hold": Kind(_count_selected, _each_selected(_hold), _held),
    "release": Kind(_count_selected, _each_selected(_release), _released),
    "retry_failed": Kind(_count_failed, _retry_failed, _retried),
    "backfill": Kind(_count_earlier, _backfill, _backfilled),
}
