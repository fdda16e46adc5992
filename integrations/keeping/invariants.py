"""What must hold whatever happened: each breach is a sentence with the keys of its rows and nothing personal.

The database's own constraints hold a part already (one delivery for each result and configuration, known states, a
time for what is delivered); here is what they cannot see.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Now

from integrations.models import Attachment, Attempt, Delivery, Lane, LastRun, Launch
from objectives import clock
from objectives.models import Result
from objectives.scoping import TenantModel, foreign_to_tenants

logger = logging.getLogger(__name__)

NAME = "check"
# The hourly look overlaps with a day of earlier ones.
LATELY = timedelta(hours=25)
# A breach names so many rows.
SHOWN = 10
# Results are planned with their recording or by the next sweep; after this long they must be.
PLANNED_WITHIN = timedelta(minutes=5)
# Clocks of hosts differ a little.
SLACK = timedelta(seconds=10)
# What an attempt may have come to by which a record was rejected.
REFUSALS = (Attempt.Outcome.REFUSED, Attempt.Outcome.TOO_LARGE, Attempt.Outcome.MIXED)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

State, Outcome = Delivery.State, Attempt.Outcome


def breaches(since: datetime | None = None, planned_before: datetime | None = None) -> list[str]:
    """A sentence for each promise that is broken; an empty list if all is sound.

    ``since`` leaves out what was settled before, which an earlier check has seen: the size of the table then
    matters little. Results recorded before ``planned_before`` must have been planned; not given, five minutes ago.
    """
    now = clock.now()
    lately = since or BEGINNING
    checks = [
        *_conservation(lately, planned_before or now - PLANNED_WITHIN),
        *_leases(now),
        *_proof(lately),
        *_terminal(now),
        *_tenancy(since),
    ]
    sentences = [_sentence(rows, words) for rows, words in checks] + [_frozen(lately)]
    return [text for text in sentences if text]


def check(now: datetime) -> list[str]:
    """The hourly look at what was settled lately: notes, and logs as errors, what it finds."""
    return noted(breaches(since=now - LATELY))


def noted(found: list[str]) -> list[str]:
    """The breaches that were found, after the last look was noted and each was logged."""
    LastRun.note(NAME, breaches=len(found), sentences=found[:SHOWN])
    for sentence in found:
        logger.error("Broken promise: %s", sentence)
    return found


Check = tuple[QuerySet[Any], str]


def _sentence(rows: QuerySet[Any], words: str) -> str:
    """“Deliveries 3, 7: …”, or nothing if there are no rows."""
    found = list(rows.order_by("pk").values_list("pk", flat=True)[: SHOWN + 1])
    return _named(rows.model, found, words) if found else ""


def _named(model: type[models.Model], found: list[int], words: str) -> str:
    named = ", ".join(map(str, found[:SHOWN])) + (" and more" if len(found) > SHOWN else "")
    kind = str(model._meta.verbose_name if len(found) == 1 else model._meta.verbose_name_plural)
    return f"{kind.capitalize()} {named}: {words}"


def _conservation(lately: datetime, planned_before: datetime) -> Iterator[Check]:
    """I1: what was created is in one of the known states, in the lane it belongs to, and nothing is missing."""
    planned = Delivery.objects.filter(result=OuterRef(OuterRef("pk")), configuration=OuterRef("configuration_id"))
    wanted = Attachment.objects.filter(
        ~Exists(planned),
        objective=OuterRef("objective_id"),
        configuration__organization=OuterRef("organization_id"),
        attached_at__lte=OuterRef("recorded_at"),
    ).filter(~Exists(Launch.objects.excusing()))
    recorded = Result.objects.filter(recorded_at__gte=lately, recorded_at__lt=planned_before)
    yield recorded.filter(Exists(wanted)), "recorded for an attached LMS configuration, but there is no delivery."
    yield Delivery.objects.exclude(state__in=State.values), "in a state that does not exist."
    astray = Delivery.objects.filter(created_at__gte=lately).exclude(lane__configuration=F("configuration"))
    yield astray, "queued in the lane of another LMS configuration."
    lent = Q(lane__launch__isnull=False) & (Q(launch__isnull=True) | ~Q(lane__launch=F("launch")))
    # A later session may have taken over what an earlier one left untold.
    lent &= Q(launch__relaunched_as__isnull=True) | ~Q(lane__launch=F("launch__relaunched_as"))
    yield Delivery.objects.filter(lent, created_at__gte=lately), "queued in the lane of another launch."
    asleep = Delivery.objects.filter(state=State.QUEUED, lane__resting=True)
    yield asleep, "queued in a lane that nobody looks at."


def _leases(now: datetime) -> Iterator[Check]:
    """I2 and I3: one worker to a lane, and no exchange without a lease."""
    torn = Q(lease_token__isnull=True, lease_until__isnull=False) | Q(
        lease_token__isnull=False, lease_until__isnull=True
    )
    yield Lane.objects.filter(torn), "its lease has a holder or an end, but not both."
    length = timedelta(seconds=settings.DELIVERY_LEASE)
    yield Lane.objects.filter(lease_until__gt=Now() + length + SLACK), "its lease lasts longer than any may."
    crowded = Attempt.objects.open().values("lane").annotate(number=Count("pk")).filter(number__gt=1)
    yield Lane.objects.filter(pk__in=crowded.order_by().values("lane")), "more than one exchange is under way."
    # Older ones were left behind by a worker that died; the next one in that lane closes them.
    young = Attempt.objects.open().filter(opened_at__gt=now - length + SLACK)
    free = Q(lane__lease_until__isnull=True) | Q(lane__lease_until__lt=Now())
    yield young.filter(free), "under way, though no worker has the lane."


def _proof(lately: datetime) -> Iterator[Check]:
    """I5: delivered only with a closed attempt that proves it and names the delivery."""
    delivered = Delivery.objects.filter(state=State.DELIVERED, delivered_at__gte=lately)
    # Attempts are forgotten later than contents: where the content is still there, the attempt must be.
    forgotten = Q(last_attempt__isnull=True, dropped_at__isnull=False)
    proof = Attempt.objects.filter(
        pk=OuterRef("last_attempt_id"),
        outcome__in=[Outcome.DELIVERED, Outcome.MIXED],
        closed_at__isnull=False,
        lane=OuterRef("lane"),
        delivery_ids__contains=Concat(Value(","), Cast(OuterRef("pk"), CharField()), Value(",")),
    )
    yield delivered.exclude(forgotten).filter(~Exists(proof)), "delivered without an attempt that proves it."
    bare = delivered.filter(content="", dropped_at__isnull=True)
    yield bare, "delivered, but what was sent is gone before its time."


def _terminal(now: datetime) -> Iterator[Check]:
    """I6: nothing ends on account of a fault of the whole LMS."""
    blamed = Q(last_attempt__isnull=True) | Q(last_attempt__outcome__in=[*REFUSALS])
    yield Delivery.objects.filter(state=State.REJECTED).exclude(blamed), "rejected, but no answer blames the record."
    early = Delivery.objects.filter(state=State.EXPIRED, expires_at__gt=now + SLACK)
    yield early, "given up before its time."


def _frozen(lately: datetime) -> str:
    """I4: what is sent, or was sent, carries the delivery's own id."""
    rows = Delivery.objects.exclude(content="").filter(Q(created_at__gte=lately) | Q(delivered_at__gte=lately))
    found: list[int] = []
    for pk, own, content in rows.order_by("pk").values_list("pk", "uuid", "content").iterator(2000):
        if not _carries(content, own):
            found.append(pk)
            if len(found) > SHOWN:
                break
    return _named(Delivery, found, "what it tells is not under its own id.") if found else ""


def _carries(content: str, own: uuid.UUID) -> bool:
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("id", str(own)) == str(own)


# The column by which rows of the large tables are young enough to be looked at.
_AGE: dict[type[models.Model], str] = {Delivery: "created_at", Attempt: "opened_at", Result: "recorded_at"}


def _tenancy(since: datetime | None) -> Iterator[Check]:
    """No row leads to another organization's row."""
    for model in apps.get_models():
        if not issubclass(model, TenantModel):
            continue
        rows = model._default_manager.all()
        if since is not None and model in _AGE:
            rows = rows.filter(**{f"{_AGE[model]}__gte": since})
        for name in foreign_to_tenants(model):
            other = Q(**{f"{name}__isnull": False}) & ~Q(**{f"{name}__organization_id": F("organization_id")})
            yield rows.filter(other), f"its {name} belongs to another organization."
    lent = Attempt.objects.exclude(lane__configuration__organization_id=F("organization_id"))
    lent = lent if since is None else lent.filter(opened_at__gte=since)
    yield lent, "its lane belongs to another organization."
