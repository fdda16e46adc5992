"""Deciding about servers that launches name: approved, what waited for that goes; refused, it stays."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from integrations import dispatch, tasks
from integrations.models import Delivery, Lane, Launch, LMSConfiguration
from integrations.models.configuration import Approval
from objectives import clock


def approve(configuration: LMSConfiguration, origin: str, *, by: str, address: str = "", key: str = "") -> int:
    """Let launches of the configuration lead to ``origin``; how many held deliveries go now.

    ``key`` is one that an admin entered for ``address``, which is on that server: launches without a token sign in
    with it there. No other key is ever sent there.
    """
    _decide(configuration, origin, Approval.APPROVED, by=by, address=address, key=key)
    with transaction.atomic():
        lanes = _fetch_now(configuration, origin)
        held = Delivery.objects.held().filter(
            Q(reason=Delivery.Reason.NOT_APPROVED) | Q(reason=Delivery.Reason.NOT_READY, launch__isnull=False),
            configuration=configuration,
        )
        released = list(held.filter(_leads_to(origin)).values_list("pk", flat=True))
        lanes |= dispatch.release(Delivery.objects.filter(pk__in=released).with_facts())
        tasks.nudge_lanes(lanes)
        return Delivery.objects.filter(pk__in=released, state=Delivery.State.QUEUED).count()


def refuse(configuration: LMSConfiguration, origin: str, *, by: str) -> None:
    """Let no launch of the configuration lead to ``origin`` any more; what waits for that stays held."""
    _decide(configuration, origin, Approval.REFUSED, by=by)
    held = Delivery.objects.held().filter(configuration=configuration, reason=Delivery.Reason.NOT_APPROVED)
    dispatch.release(held.filter(_leads_to(origin)).with_facts())


def _leads_to(origin: str) -> Q:
    return Q(launch__endpoint_origin=origin) | Q(launch__fetch_origin=origin)


def _decide(configuration: LMSConfiguration, origin: str, how: Approval, **facts: str) -> None:
    # By itself: whoever keeps a token has the launch's lane when they take this row.
    with transaction.atomic():
        row = LMSConfiguration.objects.select_for_update().get(pk=configuration.pk)
        row.set_approval(origin, how, clock.now(), **facts)
        row.save(update_fields=["origins"])
        configuration.origins = row.origins


def _fetch_now(configuration: LMSConfiguration, origin: str) -> set[int]:
    """Ask now for the tokens and the sessions that were not asked for before; the lanes to do that in."""
    own = Launch.objects.filter(configuration=configuration, dropped_at__isnull=True)
    pks = list(own.filter(fetch_origin=origin, token=Launch.Token.WAITING).values_list("pk", flat=True))
    sessions = own.filter(endpoint_origin=origin, token=Launch.Token.KEPT, cmi5=Launch.Cmi5.WANTED)
    lanes = Lane.objects.filter(launch__in=[*pks, *sessions.values_list("pk", flat=True)])
    lanes.update(token_wanted=True, resting=False, not_before=None)
    Launch.objects.filter(pk__in=pks).update(token=Launch.Token.WANTED)
    return set(lanes.values_list("pk", flat=True))
