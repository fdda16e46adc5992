"""Forgetting what launches carried: tokens when a session must be over, the rest when it was kept long enough."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from integrations import lifeline
from integrations.dispatch.launches import UNSETTLED
from integrations.keeping.requeue import chunks
from integrations.models import Delivery, Lane, Launch, LMSConfiguration
from integrations.models.launch import LaunchQuerySet
from objectives import clock
from objectives.models import Participant

# LMSs let a token live for a session. Who has not come back after this begins a new one.
SESSION = timedelta(days=2)
Token = Launch.Token
OPEN_TOKENS = (Token.WANTED, Token.WAITING, Token.KEPT)


def forget_launches_of(person: Participant) -> int:
    """Forget what the launches of a person carried, and by what they would be found again; how many there were."""
    own = Launch.objects.filter(participant=person)
    count = own.count()
    # What is an address of the organization's own says nothing of the person.
    known = LMSConfiguration.objects.filter(organization=person.organization_id).values("address")
    own.exclude(destination__in=known).update(destination="")
    # Found by nobody any more: what the key was made of could be tried out.
    _forget(own, key="", is_current=False, endpoint="", registration="")
    return count


def _forget(launches: LaunchQuerySet, **more: Any) -> int:
    _forget_tokens(launches)
    # The registration stays while the person does: an LMS takes a pass once for each, however long ago (cmi5 9.3.4).
    dropped = {"actor": {}, "given_actor": {}, "session": {}, "session_id": ""}
    return launches.update(**dropped, dropped_at=clock.now(), **more)


def _forget_tokens(launches: LaunchQuerySet) -> int:
    Lane.objects.filter(token_wanted=True, launch__in=launches.values("pk")).update(token_wanted=False)
    return launches.filter(token__in=OPEN_TOKENS).update(token=Token.DELETED, sealed_token="", sealed_fetch="")


def forget_old_launches(now: datetime, until: float) -> tuple[int, bool]:
    """Forget until ``until`` (``time.monotonic``) what is old; how many launches, and whether some are left.

    What may still be sent keeps what its launch carried, but no token for longer than anything else is kept.
    """
    cutoff = now - timedelta(days=settings.RETENTION_CONTENT_DAYS)
    over = Q(finished_at__isnull=True, seen_at__lt=now - SESSION) | Q(seen_at__lt=cutoff)
    _forget_tokens(Launch.objects.filter(over, token__in=[Token.WANTED, Token.KEPT]))
    _forget_tokens(Launch.objects.filter(seen_at__lt=cutoff, token=Token.WAITING))
    unsettled = Delivery.objects.filter(launch=OuterRef("pk"), state__in=UNSETTLED)
    count = 0
    for pks in chunks(Launch.objects.filter(~Exists(unsettled), dropped_at__isnull=True, seen_at__lt=cutoff)):
        count += _forget(Launch.objects.filter(pk__in=pks))
        if not lifeline.time_left(until):
            return count, True
    return count, False
