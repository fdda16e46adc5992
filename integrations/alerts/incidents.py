"""One outage of one LMS, from the first failure to recovery, and when the contact is told of it.

Every change is one conditional UPDATE, so that a worker and the sweep may come to the same incident at once.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from integrations.alerts import expiry, wording
from integrations.alerts.telling import tell
from integrations.models import Delivery, Incident, Lane, Mail

# A second failure so much later, or no success for so long, makes a failure an outage.
CONFIRM_AFTER = timedelta(seconds=60)
CONFIRM_BY_AGE = timedelta(minutes=5)
REMIND_EVERY = timedelta(days=1)
# What could not be told, since the address is not confirmed or has had enough mails, is tried again after this.
KEPT_BACK = timedelta(hours=1)
# So many outages within an hour: the LMS comes and goes, and is steady again after an hour without a change.
FLAPS = 3
FLAPS_WITHIN = STEADY_AFTER = timedelta(hours=1)
# A recovery that nobody could be told of for so long is news to nobody.
OLD_NEWS = timedelta(days=7)
PER_WATCH = 500


# From dispatch -----------------------------------------------------------------------------------------------------


def failed(lane: Lane, status: str, sentence: str, now: datetime) -> None:
    """The destination failed: open the lane's incident, or go on with the one that is open.

    ``status`` is ``Lane.Status.CANNOT_CONNECT`` or ``SERVER_ERROR``, ``sentence`` what the answer showed. Call it
    inside the transaction that changes the lane: the mail is written with it or not at all. The trouble of a single
    launch with its own destination is no outage of the configuration's LMS.
    """
    if lane.launch_id is not None:
        return
    found = Incident.objects.open().filter(lane=lane)
    if not found.update(status=status, sentence=sentence) and _is_new(lane, status, sentence, now):
        return
    for incident in _with_names(found.filter(confirmed_at__isnull=True, opened_at__lte=now - CONFIRM_AFTER)):
        _confirm(incident, now)


def worked(lane: Lane, now: datetime) -> None:
    """The destination took something: close the lane's incident, if one is open, inside the same transaction."""
    if lane.launch_id is not None:
        return
    found = Incident.objects.open().filter(lane=lane)
    pk = found.values_list("pk", flat=True).first()
    if pk is None or not found.filter(pk=pk).update(closed_at=now, next_mail_at=None):
        return
    if _is_unstable(lane.pk):
        return
    incident = _with_names(Incident.objects.filter(pk=pk)).get()
    if _outages(lane.pk, now) >= FLAPS:
        _call_unstable(incident, now)
    elif incident.announced:
        _tell(incident, now)


def _is_new(lane: Lane, status: str, sentence: str, now: datetime) -> bool:
    configuration = lane.configuration
    _incident, created = Incident.objects.get_or_create(
        lane=lane,
        closed_at=None,
        defaults={
            "organization_id": configuration.organization_id,
            "configuration": configuration,
            "status": status,
            "sentence": sentence,
            "opened_at": now,
        },
    )
    return created


def _with_names(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    return incidents.select_related("configuration__organization")


def _outages(lane: int, now: datetime) -> int:
    """How many outages of the last hour are over. A single failed exchange in passing is none."""
    recent = Incident.objects.filter(lane=lane, opened_at__gt=now - FLAPS_WITHIN, closed_at__isnull=False)
    return recent.filter(closed_at__gte=F("opened_at") + CONFIRM_AFTER).count()


def _is_unstable(lane: int) -> bool:
    return Incident.objects.filter(lane=lane, unstable=True).exists()


def _confirm(incident: Incident, now: datetime) -> None:
    mine = Incident.objects.open().filter(pk=incident.pk, confirmed_at__isnull=True)
    if not mine.update(confirmed_at=now) or _is_unstable(incident.lane_id):
        return
    if _outages(incident.lane_id, now) >= FLAPS - 1:
        _call_unstable(incident, now)
    else:
        _tell(incident, now)


def _call_unstable(incident: Incident, now: datetime) -> None:
    incident.unstable = True
    incident.save(update_fields=["unstable"])
    _tell(incident, now)


# Telling -----------------------------------------------------------------------------------------------------------


def _news(incident: Incident) -> Mail.Kind | None:
    """What the contact does not know yet."""
    if incident.unstable:
        return Mail.Kind.UNSTABLE
    if incident.closed_at is None:
        return Mail.Kind.REMINDER if incident.announced else Mail.Kind.OPENING
    return Mail.Kind.RECOVERY if incident.announced else None


def _tell(incident: Incident, now: datetime, *, quietly: bool = False) -> None:
    """Write the mail that is due, and note when to write the next; ``quietly`` leaves no row where it cannot go."""
    kind = _news(incident)
    if kind is None:
        Incident.objects.filter(pk=incident.pk).update(next_mail_at=None)
        return
    text = wording.about(kind, incident, now)
    told = tell(incident.configuration, kind, text, now, incident=incident, quietly=quietly)
    is_open = incident.closed_at is None
    following = now + (REMIND_EVERY if told else KEPT_BACK)
    Incident.objects.filter(pk=incident.pk).update(
        announced=incident.announced or told, next_mail_at=following if is_open or not told else None
    )


# From the sweep ----------------------------------------------------------------------------------------------------


def watch(now: datetime) -> None:
    """Confirm outages by their age, remind, tell what was kept back, end unrest, warn of results about to expire."""
    old = Incident.objects.open().filter(confirmed_at__isnull=True, opened_at__lte=now - CONFIRM_BY_AGE)
    for incident in _listening(old):
        with transaction.atomic():
            _confirm(incident, now)
    for incident in _with_names(Incident.objects.filter(unstable=True))[:PER_WATCH]:
        with transaction.atomic():
            _look_whether_steady(incident, now)
    for incident in _listening(Incident.objects.filter(next_mail_at__lte=now)):
        with transaction.atomic():
            _remind(incident, now)
    expiry.warn(now)


def _listening(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """Incidents that anybody wants to hear of now: nothing is sent for a paused configuration or a closed account."""
    wanted = incidents.filter(configuration__paused=False, configuration__organization__is_active=True)
    return _with_names(wanted)[:PER_WATCH]


def _look_whether_steady(incident: Incident, now: datetime) -> None:
    newest = _with_names(Incident.objects.filter(lane=incident.lane_id).order_by("-id"))[0]
    if (newest.closed_at or newest.opened_at) > now - STEADY_AFTER:
        return
    if not Incident.objects.filter(pk=incident.pk, unstable=True).update(unstable=False, next_mail_at=None):
        return
    incident.unstable = False
    if newest.closed_at is None:
        # Down for good, which is news even to those who were told that it comes and goes.
        newest.unstable = newest.announced = False
        _tell(newest, now)
    else:
        _tell(incident, now)


def _remind(incident: Incident, now: datetime) -> None:
    mine = Incident.objects.filter(pk=incident.pk, next_mail_at=incident.next_mail_at)
    if not mine.update(next_mail_at=None):
        return
    if incident.closed_at is not None and (incident.closed_at < now - OLD_NEWS or _is_overtaken(incident)):
        return
    later = _put_off(incident, now) if _news(incident) == Mail.Kind.REMINDER else None
    if later is not None:
        Incident.objects.filter(pk=incident.pk).update(next_mail_at=later)
        return
    quietly = incident.mails.order_by("-id").values_list("state", flat=True).first() == Mail.State.DROPPED
    _tell(incident, now, quietly=quietly)


def _put_off(incident: Incident, now: datetime) -> datetime | None:
    """Until when a reminder waits, else ``None``.

    While nothing waits to be delivered, while a mail before it has not gone, and for a day after that one went.
    """
    if not Delivery.objects.filter(lane=incident.lane_id, state=Delivery.State.QUEUED).exists():
        return now + KEPT_BACK
    last = incident.mails.exclude(state=Mail.State.DROPPED).order_by("-id").first()
    if last is None:
        return None
    if last.state == Mail.State.QUEUED:
        if last.kind == Mail.Kind.REMINDER:
            last.reword(**asdict(wording.about(Mail.Kind.REMINDER, incident, now)))
        return now + KEPT_BACK
    following = (last.sent_at or last.created_at) + REMIND_EVERY
    return following if following > now else None


def _is_overtaken(incident: Incident) -> bool:
    """Whether the LMS failed again since, so that its recovery is no news."""
    return not incident.unstable and Incident.objects.filter(lane=incident.lane_id, pk__gt=incident.pk).exists()
