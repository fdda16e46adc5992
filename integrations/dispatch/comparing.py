"""Comparing what we say is delivered with what the LMS says, and sending again what it does not have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from integrations.connectors.base import ReadBack
from integrations.models import Delivery, Difference, Lane, LMSConfiguration
from integrations.models.delivery import DeliveryQuerySet, default_expiry
from objectives import clock

# What was delivered in so many days is compared, the newest so many at most.
COMPARED_DAYS = 7
MOST = 1000
_FOUND = {
    ReadBack.ABSENT: Difference.Found.ABSENT,
    ReadBack.DIFFERENT: Difference.Found.DIFFERENT,
    ReadBack.FORBIDDEN: Difference.Found.FORBIDDEN,
}


def comparable(configuration: LMSConfiguration, now: datetime) -> DeliveryQuerySet:
    """Results that were delivered lately, in the configuration's own lane, and of which we still know the words."""
    since = now - timedelta(days=COMPARED_DAYS)
    found: DeliveryQuerySet = Delivery.objects.filter(
        configuration=configuration,
        lane=configuration.lane,
        kind=Delivery.Kind.RESULT,
        state=Delivery.State.DELIVERED,
        delivered_at__gte=since,
        dropped_at__isnull=True,
    ).exclude(content="")
    return found


def note(delivery: Delivery, found: ReadBack) -> bool:
    """Write down what reading a delivery back showed; whether the LMS has something else."""
    with transaction.atomic():
        still = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.DELIVERED, dropped_at__isnull=True)
        if found is ReadBack.SAME or not still.select_for_update(of=("self",), no_key=True).exists():
            Difference.objects.filter(delivery=delivery).delete()
            return False
        values = {"found": _FOUND[found], "seen_at": clock.now(), "configuration_id": delivery.configuration_id}
        own = {"organization_id": delivery.organization_id}
        Difference.objects.update_or_create(delivery=delivery, defaults=values, create_defaults=values | own)
    return True


def send_again(differences: Sequence[Difference]) -> tuple[int, set[int]]:
    """Queue what an LMS does not have as it was told, under the old ids and in the old words.

    How many, and the lanes that got something to do. Passed over is what is no longer delivered, or whose words are
    no longer kept.
    """
    pks = [one.delivery_id for one in differences]
    with transaction.atomic():
        lanes = set(Delivery.objects.filter(pk__in=pks).order_by().values_list("lane_id", flat=True))
        # Lanes first, as a worker does when it settles.
        Lane.objects.filter(pk__in=lanes).ask_now()
        told = Delivery.objects.filter(pk__in=pks, state=Delivery.State.DELIVERED, dropped_at__isnull=True)
        count = told.exclude(content="").update(
            state=Delivery.State.QUEUED,
            sentence="",
            delivered_at=None,
            next_attempt_at=clock.now(),
            expires_at=default_expiry(),
            # Looked for first where a repeat would be there twice: somebody may have put it right meanwhile.
            doubtful=True,
        )
        Difference.objects.filter(pk__in=[one.pk for one in differences]).delete()
    return count, lanes
