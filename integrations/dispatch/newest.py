"""Telling LMSs how something stands: whatever was not told yet says the newest, and nothing is told twice.

Contents and assignments change. A delivery of one that is not under way is worded anew in its place; while one is
under way, and once one was delivered, another delivery is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.dispatch.composing import Composer
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration, RemoteContent
from integrations.models.delivery import DeliveryQuerySet, default_expiry
from objectives import clock
from objectives.models import Assignment

State = Delivery.State
Told = RemoteContent | Assignment

UNTOLD = (State.QUEUED, State.HELD, State.REJECTED, State.EXPIRED)
_COLUMNS = {Delivery.Kind.CONTENT: "remote_content", Delivery.Kind.ASSIGNMENT: "assignment"}
_WORDED = (
    *("state", "reason", "sentence", "content", "next_attempt_at", "expires_at", "cut_short", "server_errors"),
    *("refused", "dropped_at"),
)


class Telling:
    """What one LMS is to be told of contents, or of assignments. For one transaction."""

    def __init__(self, configuration: LMSConfiguration, kind: Delivery.Kind) -> None:
        self.configuration = configuration
        self.kind = kind
        self._column = _COLUMNS[kind]
        self._composer = Composer(configuration)

    def tell(self, rows: Sequence[Told]) -> set[int]:
        """Queue what these are now; the lanes that got something to do."""
        if not rows:
            return set()
        with transaction.atomic():
            untold, _under_way = self._untold(rows)
            new: list[Delivery] = []
            for row in rows:
                if row.pk in untold:
                    self._word_anew(row, untold[row.pk])
                else:
                    new.append(self._delivery(row))
            Delivery.objects.bulk_create(new, batch_size=500)
        return {self.configuration.lane.pk}

    def untell(self, rows: Sequence[Told], *, can_take_back: bool) -> set[int]:
        """Let these be no more: drop what was never sent, and take back the rest where the LMS lets it be taken back.

        The rows must say already that they are wanted no more.
        """
        if not rows:
            return set()
        with transaction.atomic():
            untold, under_way = self._untold(rows)
            told = self._told(rows) | under_way
            taken_back: list[Told] = []
            for row in rows:
                waiting = untold.get(row.pk, [])
                never_sent = [one.pk for one in waiting if not (one.attempts or one.doubtful)]
                Delivery.objects.filter(pk__in=never_sent).delete()
                in_doubt = [one for one in waiting if one.pk not in never_sent]
                if row.pk not in told and not in_doubt:
                    continue
                if can_take_back:
                    taken_back.append(row)
                else:
                    _hold(in_doubt)
            return self.tell(taken_back)

    def _of(self, rows: Sequence[Told]) -> DeliveryQuerySet:
        about = {f"{self._column}__in": [row.pk for row in rows]}
        found: DeliveryQuerySet = Delivery.objects.filter(configuration=self.configuration, kind=self.kind, **about)
        return found

    def _untold(self, rows: Sequence[Told]) -> tuple[Mapping[int, list[Delivery]], set[int]]:
        """By row what waits and is in no request; and the rows of which something is in one."""
        lane = self.configuration.lane.pk
        # First of all: whatever a worker has read by now is under way, or is not sent any more.
        Lane.objects.filter(pk=lane).touch()
        in_requests = Attempt.objects.all().under_way([lane])
        waiting: defaultdict[int, list[Delivery]] = defaultdict(list)
        busy: set[int] = set()
        for one in self._of(rows).filter(state__in=UNTOLD).order_by("pk"):
            about = getattr(one, f"{self._column}_id")
            if one.pk in in_requests:
                busy.add(about)
            else:
                waiting[about].append(one)
        return waiting, busy

    def _told(self, rows: Sequence[Told]) -> set[int]:
        delivered = self._of(rows).filter(state=State.DELIVERED).order_by()
        known = {one.pk for one in rows if isinstance(one, RemoteContent) and (one.remote_id or one.synced_at)}
        return known | set(delivered.values_list(f"{self._column}_id", flat=True))

    def _word_anew(self, row: Told, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            due, by_person = one.next_attempt_at, one.reason == Delivery.Reason.BY_PERSON
            sentence = one.sentence
            one.content, one.expires_at = "", default_expiry()
            one.cut_short, one.server_errors, one.refused, one.dropped_at = 0, 0, False, None
            setattr(one, self._column, row)
            # What waits keeps its place: something that needs it may stand behind it.
            self._composer.fill(one, self._composer.facts_of(one), due or clock.now())
            if by_person:
                one.state, one.reason, one.sentence = State.HELD, Delivery.Reason.BY_PERSON, sentence
                one.next_attempt_at = None
            one.save(update_fields=_WORDED)

    def _delivery(self, row: Told) -> Delivery:
        made = Delivery(
            organization_id=row.organization_id,
            kind=self.kind,
            configuration=self.configuration,
            lane=self.configuration.lane,
        )
        setattr(made, self._column, row)
        self._composer.fill(made, self._composer.facts_of(made), clock.now())
        return made


def _hold(deliveries: Sequence[Delivery]) -> None:
    """What was sent, and may or may not have arrived, where it cannot be taken back."""
    sentence = _(
        "It is wanted no more, so it is not sent again. The LMS may have it from before and lets nothing be taken "
        "back: look there."
    )
    held = {"state": State.HELD, "reason": Delivery.Reason.UNSUPPORTED, "sentence": sentence}
    # Without its words, which would be sent once it is examined again.
    Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).update(
        **held, content="", dropped_at=clock.now(), next_attempt_at=None
    )
