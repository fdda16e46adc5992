"""Opening and closing attempts, and what each answer does to deliveries and lane: the only writer of final states.

Every settling is conditional on the lease: a worker that lost its lane changes nothing. The functions that close an
attempt return whether the lane may go on.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import BigIntegerField, DurationField, F, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from integrations.connectors.base import (
    CannotConnect,
    DestinationError,
    Exchange,
    ItemResult,
    Outcome,
    RateLimited,
    ReadBack,
    ServerError,
    TooLarge,
)
from integrations.dispatch import lanes
from integrations.dispatch.outlast import outlast, repeated
from integrations.dispatch.prepared import Given, GivenKeys, Prepared, given
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from integrations.models.lane import lease_end, lease_length
from objectives import clock

if TYPE_CHECKING:
    from integrations.connectors.http import Answer
    from integrations.dispatch.due import Row

# Seconds until the next try of a single record that the LMS chokes on while it takes others.
RECORD_LADDER = (5, 30, 120, 600, 1800, 3600)
# A record that was being sent alone each time its worker died.
CUT_SHORT_LIMIT = 3


_RENEW = Prepared(
    lambda: Lane.objects.holding(given(Lane, "id"), given(Lane, "lease_token")),
    lambda: {"lease_until": lease_end(Given("length", DurationField()))},
)
_UNTOUCHED = Prepared(
    lambda: Lane.objects.filter(
        id=given(Lane, "id"), touched=given(Lane, "touched"), configuration__in=LMSConfiguration.objects.sending()
    ).values_list("id")
)


def renew(lane: Lane, token: uuid.UUID) -> bool:
    """Hold the lane for one more exchange, if it is still ours."""
    return bool(_RENEW.update({"id": lane.pk, "lease_token": token, "length": lease_length()}))


def open_attempt(
    lane: Lane, token: uuid.UUID, pks: Sequence[int], address: str, renewed: bool = False
) -> Attempt | None:
    """Put the coming exchange on record; renew the lease, if this transaction has not ``renewed`` it already.

    ``None`` if the lane is no longer ours, or if somebody held or erased one of the deliveries or paused the
    configuration in the meantime: whoever does so touches the lane.
    """
    # Without a savepoint: undoing only this part of a transaction is never wanted, and each costs two round trips.
    with transaction.atomic(savepoint=False):
        if not renewed and not renew(lane, token):
            return None
        if not _UNTOUCHED.select({"id": lane.pk, "touched": lane.touched}):
            return None
        return Attempt.objects.create(
            organization_id=lane.configuration.organization_id,
            lane=lane,
            delivery_ids=Attempt.join_ids(pks),
            size=len(pks),
            url=address,
        )


# What an exchange came to ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """How a single record was refused: for its content, or for its size."""

    outcome: str
    said: str
    sentence: str
    everything: str
    answer: Answer | None

    @classmethod
    def of(cls, outcome: Exchange | TooLarge) -> Refusal:
        """What an exchange with one record, or a 413 to it, means."""
        if isinstance(outcome, TooLarge):
            sentence = _("The LMS says that even this single statement is too large.")
            everything = _(
                "The LMS says of one statement after the other that it is too large, so nothing is rejected and all "
                "wait. Ask its administrator for the largest request it takes."
            )
            return cls(Attempt.Outcome.TOO_LARGE, outcome.sentence, sentence, everything, outcome.answer)
        everything = _(
            "The LMS refuses one statement after the other, so nothing is rejected and all wait. "
            "Look at its last answer and check the xAPI version."
        )
        said = outcome.results[0].sentence
        return cls(Attempt.Outcome.REFUSED, said, said, everything, outcome.answer)


@outlast
def exchanged(
    attempt: Attempt,
    token: uuid.UUID,
    rows: Sequence[Row],
    exchange: Exchange,
    then: Callable[[], None] = lambda: None,
) -> bool:
    """A batch, or a single record, that was taken; ``then`` is done in the same transaction."""
    result = exchange.results[0]
    now = clock.now()
    with transaction.atomic():
        if not lanes.worked(attempt.lane, token, now):
            return False
        _close(attempt, Attempt.Outcome.DELIVERED, result.sentence, exchange.answer)
        _delivered(attempt, [row.pk for row in rows], result.sentence, now)
        then()
    return True


@outlast
def sorted_out(attempt: Attempt, token: uuid.UUID, exchange: Exchange, then: Callable[[], None]) -> bool:
    """Items that met with outcomes of their own: each delivered, rejected, or held with its reason.

    ``then`` is done in the same transaction.
    """
    now = clock.now()
    by_outcome: dict[Outcome, list[ItemResult]] = {}
    for result in exchange.results:
        by_outcome.setdefault(result.outcome, []).append(result)
    delivered = by_outcome.pop(Outcome.DELIVERED, [])
    with transaction.atomic():
        if not lanes.worked(attempt.lane, token, now):
            return False
        kind = Attempt.Outcome.HELD if set(by_outcome) == {Outcome.HELD} else Attempt.Outcome.REFUSED
        sentence = next((one.sentence for rest in by_outcome.values() for one in rest), "")
        _close(attempt, Attempt.Outcome.MIXED if delivered else kind, sentence, exchange.answer)
        own = Delivery.objects.filter(pk__in=attempt.delivery_pks)
        pks = list(own.filter(uuid__in=[one.id for one in delivered]).values_list("pk", flat=True))
        _delivered(attempt, pks, "", now)
        for outcome, results in by_outcome.items():
            for one in results:
                change = _settled_alone(outcome, one)
                own.filter(uuid=one.id, state=Delivery.State.QUEUED).update(**_counted(Value(attempt.pk)), **change)
        then()
    return True


def _settled_alone(outcome: Outcome, result: ItemResult) -> dict[str, Any]:
    if outcome is Outcome.HELD:
        state: dict[str, Any] = {"state": Delivery.State.HELD, "reason": result.reason, "next_attempt_at": None}
    elif outcome is Outcome.REJECTED:
        state = {"state": Delivery.State.REJECTED, "refused": True, "next_attempt_at": None}
    else:
        # Nothing is proven, and nothing is known to be wrong with it: next time it goes alone.
        state = {"alone": True, "doubtful": True}
    return {**state, "sentence": result.sentence}


@outlast
def refused(attempt: Attempt, token: uuid.UUID, refusal: Refusal, *, again: bool) -> bool:
    """A single record is rejected, since the LMS takes others. ``again``: as it was before."""
    more = {} if again else {"refusals": F("refusals") + 1}
    with transaction.atomic():
        if not lanes.answered(attempt.lane, token, clock.now(), **more):
            return False
        _close(attempt, refusal.outcome, refusal.said, refusal.answer)
        _tried(attempt, sentence=refusal.sentence, state=Delivery.State.REJECTED, next_attempt_at=None, refused=True)
    return True


@outlast
def suspected(attempt: Attempt, token: uuid.UUID, refusal: Refusal) -> bool:
    """A single record was refused and nobody knows yet whether it is to blame: it stays queued."""
    return _closed(attempt, token, refusal.outcome, refusal.said, refusal.answer)


@repeated
def rejected(lane: Lane, token: uuid.UUID, suspects: Sequence[tuple[Row, str]], *, accepted: bool) -> bool:
    """Reject what was refused by itself. ``accepted`` tells that the LMS took others, which clears the LMS."""
    with transaction.atomic():
        refusals = 0 if accepted else lane.refusals + len(suspects)
        if not Lane.objects.holding(lane.pk, token).update(refusals=refusals):
            return False
        for row, sentence in suspects:
            Delivery.objects.filter(pk=row.pk, state=Delivery.State.QUEUED).update(
                state=Delivery.State.REJECTED, next_attempt_at=None, sentence=sentence, refused=accepted
            )
    return True


@outlast
def refuses_everything(attempt: Attempt, token: uuid.UUID, refusal: Refusal, count: int) -> bool:
    """One record after the other is refused and none taken: our wording is at fault or its version, no record."""
    with transaction.atomic():
        if lanes.failed(attempt.lane, token, Lane.Status.SERVER_ERROR, refusal.everything, None):
            # A limit learned from a refusal of everything is none.
            Lane.objects.filter(pk=attempt.lane_id).update(refusals=F("refusals") + count, batch_limit=None)
            _close(attempt, refusal.outcome, refusal.said, refusal.answer)
            _tried(attempt, sentence=refusal.everything)
    return False


@outlast
def taken_apart(attempt: Attempt, token: uuid.UUID, outcome: Exchange | DestinationError) -> bool:
    """Close a batch that was refused as a whole: its halves are sent next, nobody is to blame yet."""
    said = outcome.sentence if isinstance(outcome, DestinationError) else outcome.results[0].sentence
    sentence = _("%(said)s The batch is taken apart.") % {"said": said}
    with transaction.atomic():
        if isinstance(outcome, TooLarge) and not lanes.learn_limit(attempt.lane, token, attempt.size // 2):
            return False
        kind = Attempt.Outcome.REFUSED
        if isinstance(outcome, DestinationError):
            kind = Attempt.Outcome.TOO_LARGE if isinstance(outcome, TooLarge) else Attempt.Outcome.SERVER_ERROR
        return _closed(attempt, token, kind, sentence, outcome.answer, **_errors(outcome))


@outlast
def postponed(attempt: Attempt, token: uuid.UUID, row: Row, error: DestinationError) -> bool:
    """The LMS chokes on one record and takes others: this one goes alone from now on, later and later."""
    seconds = RECORD_LADDER[min(row.server_errors, len(RECORD_LADDER) - 1)]
    sentence = _("%(said)s Others are taken, so this one is tried alone.") % {"said": error.sentence}
    return _closed(
        attempt,
        token,
        Attempt.Outcome.SERVER_ERROR,
        error.sentence,
        error.answer,
        sentence=sentence,
        alone=True,
        next_attempt_at=clock.now() + timedelta(seconds=seconds),
        **_errors(error),
    )


@outlast
def destination_failed(attempt: Attempt, token: uuid.UUID, error: DestinationError) -> bool:
    """Close an exchange that says nothing about its records: they stay queued and the lane waits."""
    if isinstance(error, RateLimited):
        outcome = Attempt.Outcome.SLOW_DOWN
    else:
        down = isinstance(error, CannotConnect)
        outcome = Attempt.Outcome.CANNOT_CONNECT if down else Attempt.Outcome.SERVER_ERROR
    with transaction.atomic():
        if lane_failed(attempt.lane, token, error, attempt.opened_at):
            _close(attempt, outcome, error.sentence, error.answer)
            _tried(attempt, sentence=error.sentence, **_errors(error))
    return False


def lane_failed(lane: Lane, token: uuid.UUID, error: DestinationError, begun: datetime | None = None) -> bool:
    """What a failure of the destination does to its lane; whether the lane was still ours."""
    if isinstance(error, RateLimited):
        return lanes.slowed(lane, token, error)
    down = isinstance(error, CannotConnect)
    status = Lane.Status.CANNOT_CONNECT if down else Lane.Status.SERVER_ERROR
    with transaction.atomic():
        return lanes.failed(lane, token, status, error.sentence, error.retry_after, begun)


def _errors(outcome: Exchange | DestinationError) -> dict[str, Any]:
    blames = isinstance(outcome, ServerError) and outcome.perhaps_one_item
    change: dict[str, Any] = {"server_errors": F("server_errors") + 1} if blames else {}
    return change | ({"doubtful": True} if _leaves_in_doubt(outcome) else {})


def _leaves_in_doubt(outcome: Exchange | DestinationError) -> bool:
    """Whether the LMS may have taken what it was sent, though it did not say so."""
    if not isinstance(outcome, DestinationError) or isinstance(outcome, TooLarge) or not outcome.request_began:
        return False
    status = 0 if outcome.answer is None else outcome.answer.status
    # 408: it did not wait for the end of the request, or of its own work.
    return not 300 <= status < 500 or status == 408


def _closed(
    attempt: Attempt, token: uuid.UUID, outcome: str, said: str, answer: Answer | None, **change: Any
) -> bool:
    with transaction.atomic():
        if not lanes.answered(attempt.lane, token, clock.now()):
            return False
        _close(attempt, outcome, said, answer)
        _tried(attempt, **change)
    return True


_CLOSING = ("outcome", "sentence", "closed_at", "status_code", "answer", "elapsed_ms", "requests")
_CLOSE = Prepared(
    lambda: Attempt.objects.filter(id=given(Attempt, "id")), lambda: {name: given(Attempt, name) for name in _CLOSING}
)


def _close(attempt: Attempt, outcome: str, sentence: str, answer: Answer | None) -> None:
    attempt.outcome, attempt.sentence, attempt.closed_at = outcome, sentence, clock.now()
    attempt.elapsed_ms = max(0, round((attempt.closed_at - attempt.opened_at).total_seconds() * 1000))
    if answer is not None:
        attempt.status_code, attempt.answer = answer.status, answer.text()
        attempt.elapsed_ms = round(answer.elapsed * 1000)
    _CLOSE.update({name: getattr(attempt, name) for name in ("id", *_CLOSING)})


def close(attempt: Attempt, outcome: str, sentence: str, answer: Answer | None = None) -> None:
    """Write down what an exchange came to and count it; its deliveries stay as they are."""
    _close(attempt, outcome, sentence, answer)
    _tried(attempt)


def _tried(attempt: Attempt, **change: Any) -> None:
    Delivery.objects.filter(pk__in=attempt.delivery_pks, state=Delivery.State.QUEUED).update(
        **_counted(Value(attempt.pk)) | change
    )


_DELIVERED = Prepared(
    # Also what a person held in the meantime: the LMS has it.
    lambda: Delivery.objects.filter(
        id__in=GivenKeys("ids", BigIntegerField()), state__in=[Delivery.State.QUEUED, Delivery.State.HELD]
    ),
    lambda: {
        **_counted(given(Delivery, "last_attempt")),
        "state": Delivery.State.DELIVERED,
        "reason": "",
        "sentence": given(Delivery, "sentence"),
        "delivered_at": given(Delivery, "delivered_at"),
        "next_attempt_at": None,
    },
)


def _delivered(attempt: Attempt, pks: Sequence[int], sentence: str, now: datetime) -> None:
    _DELIVERED.update({"ids": pks, "last_attempt": attempt.pk, "sentence": sentence, "delivered_at": now})


def _counted(attempt: Any) -> dict[str, Any]:
    """One more attempt, whose key this expression is."""
    return {
        "attempts": F("attempts") + 1,
        "first_attempt_id": Coalesce(F("first_attempt_id"), attempt),
        "last_attempt_id": attempt,
        # It was closed, so the record does not end its worker.
        "cut_short": 0,
    }


# Doubt -------------------------------------------------------------------------------------------------------------


def read_back(exchange: Exchange, found: ReadBack, answer: Answer | None) -> Exchange:
    """What an open question about a single record comes to, now that it was looked up in the LMS."""
    asked = exchange.results[0]
    if found is ReadBack.SAME:
        sentence = _("Found in the LMS, just as it was sent.")
        result = ItemResult(asked.id, Outcome.DELIVERED, sentence, certain=asked.outcome is Outcome.UNPROVEN)
    elif found is ReadBack.DIFFERENT:
        sentence = _("The LMS has something else under this id. Compare what was sent with what came back.")
        result = ItemResult(asked.id, Outcome.REJECTED, sentence, certain=True)
    elif asked.outcome is Outcome.CONFLICT and found is ReadBack.FORBIDDEN:
        # The id is random and only ours: who knows it has our record.
        sentence = _("The LMS knows this id and does not let it be read; taken for delivered.")
        result = ItemResult(asked.id, Outcome.DELIVERED, sentence)
    else:
        result = ItemResult(asked.id, Outcome.UNPROVEN, asked.sentence)
    kept = exchange.answer if answer is None or result.outcome is Outcome.UNPROVEN else answer
    return dataclasses.replace(exchange, results=[result], answer=kept)


def close_what_was_cut_short(lane: int, token: uuid.UUID) -> None:
    """Attempts in our lane that nobody closed: their worker died. Their deliveries go one by one from now on."""
    for attempt in Attempt.objects.open().filter(lane=lane):
        with transaction.atomic():
            if not _hold_on(lane, token):
                return
            _cut_short(attempt, cut_short=F("cut_short") + (1 if attempt.size == 1 else 0))
            _hold_what_is_always_cut_short(attempt.delivery_pks)


def close_what_we_cut_short(lane: int, token: uuid.UUID) -> None:
    """The same while its worker lives, whose database failed for too long: no record is to blame for that."""
    # What was asked for a launch, as its token, is closed with what it means for the launch.
    for attempt in Attempt.objects.open().filter(lane=lane, size__gt=0):
        with transaction.atomic():
            if _hold_on(lane, token):
                _cut_short(attempt, cut_short=F("cut_short"))


def _hold_on(lane: int, token: uuid.UUID) -> bool:
    """Renew the lease: in this transaction nobody else gets the lane. Whether it was ours."""
    return bool(Lane.objects.holding(lane, token).update(lease_until=lease_end()))


def _cut_short(attempt: Attempt, **change: Any) -> None:
    sentence = _("The sending was cut short and the LMS may have got it. It goes again under its id.")
    _close(attempt, Attempt.Outcome.CUT_SHORT, sentence, None)
    _tried(attempt, alone=True, doubtful=True, **change)


def _hold_what_is_always_cut_short(pks: Sequence[int]) -> None:
    queued = Delivery.objects.filter(pk__in=pks, state=Delivery.State.QUEUED)
    queued.filter(cut_short__gte=CUT_SHORT_LIMIT).update(
        state=Delivery.State.HELD,
        reason=Delivery.Reason.CRASHES,
        next_attempt_at=None,
        sentence=_("Three times the sending of this very record was cut short. Look at it before you retry it."),
    )
