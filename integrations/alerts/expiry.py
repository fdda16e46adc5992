"""Warnings before results expire that could not be delivered: a week before, and a day before."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max

from integrations.alerts import wording
from integrations.alerts.telling import tell
from integrations.models import Delivery, LastRun, LMSConfiguration, Mail

DAYS_BEFORE = (1, 7)
# Looking reads all that waits, so it is not done with every look at the incidents.
LOOK_EVERY = timedelta(hours=1)
LOOKED = "expiry_warnings"


def warn(now: datetime) -> None:
    """Warn each contact whose results are about to expire; at most one look an hour."""
    if LastRun.objects.filter(name=LOOKED, at__gt=now - LOOK_EVERY, at__lte=now).exists():
        return
    told: set[int] = set()
    for days in DAYS_BEFORE:
        for pk, count, waits_since in _about_to_expire(now + timedelta(days=days)):
            if pk not in told:
                with transaction.atomic():
                    told |= {pk} if _warn(pk, days, count, waits_since, now) else set()
    LastRun.objects.update_or_create(name=LOOKED, defaults={"at": now, "facts": {"warned": len(told)}})


def _about_to_expire(before: datetime) -> list[tuple[int, int, datetime]]:
    """Configurations with deliveries that expire by then, how many, and since when the newest of these waits."""
    ending = Delivery.objects.filter(state=Delivery.State.QUEUED, expires_at__lte=before)
    active = ending.filter(configuration__organization__is_active=True)
    found = active.order_by().values_list("configuration").annotate(Count("pk"), Max("expires_at"))
    life = timedelta(days=settings.DELIVERY_EXPIRES_DAYS)
    return [(pk, count, last_end - life) for pk, count, last_end in found]


def _warn(pk: int, days: int, count: int, waits_since: datetime, now: datetime) -> bool:
    """Warn, unless a warning of this step, or a more urgent one, was written when all of these waited already.

    Whether a warning goes out.
    """
    configuration = LMSConfiguration.objects.select_related("organization", "lane").get(pk=pk)
    before = Mail.objects.filter(configuration=pk, kind=Mail.Kind.EXPIRY, days__lte=days)
    if before.filter(created_at__gte=waits_since).exclude(state=Mail.State.DROPPED).exists():
        return False
    quietly = before.filter(created_at__gt=now - timedelta(days=1)).exists()
    text = wording.expiry(configuration, days, count)
    return tell(configuration, Mail.Kind.EXPIRY, text, now, days=days, quietly=quietly)
