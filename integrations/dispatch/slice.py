"""One worker's turn at one lane: batch after batch, each taken apart as far as the LMS refuses it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from integrations import lifeline
from integrations.connectors.base import (
    Connection,
    Connector,
    DestinationError,
    Exchange,
    Kind,
    Outcome,
    ServerError,
    TooLarge,
)
from integrations.connectors.http import Answer
from integrations.connectors.scrubbing import scrub
from integrations.dispatch import due, lanes, launches, settle
from integrations.dispatch.contents import note_contents
from integrations.dispatch.due import Row
from integrations.dispatch.outlast import TROUBLE
from integrations.dispatch.remembering import Remembering
from integrations.dispatch.turns import TimedDoor, Turn
from integrations.models import Attempt, Lane, Launch
from integrations.models.configuration import origin_of
from objectives import clock

# One slice takes refused batches apart with at most so many requests; what is left stays due.
APART_REQUESTS = 64
# After a failure the LMS is tried with a single statement, then with ten, then with full batches.
GENTLY = 10
# So many different records refused one after the other, and none accepted: the LMS refuses everything.
SYSTEMIC = 5
# 500 after 500 while a batch is taken apart: it is the LMS after all. Above log2 of the largest batch.
ERRORS_IN_A_ROW = 12
RECENTLY = timedelta(hours=1)
# An acceptance in an earlier slice still counts for so long, and for so many refusals after it.
PROVEN_FOR = timedelta(minutes=1)
PROVEN_REFUSALS = 64
LEARNED_FOR = timedelta(hours=24)


class Ahead(NamedTuple):
    """A batch whose attempt is open and whose request comes next."""

    rows: Sequence[Row]
    attempt: Attempt


@dataclasses.dataclass
class Slice:
    """One worker's turn at one lane."""

    lane: Lane
    token: uuid.UUID
    connector: Connector
    connection: Connection
    door: TimedDoor
    until: float
    apart_requests: int = APART_REQUESTS
    # The LMS took something just now: what it refuses is at fault itself.
    proven: bool = dataclasses.field(init=False)
    accepts: bool = False
    errors_in_a_row: int = 0
    suspects: list[tuple[Row, str]] = dataclasses.field(default_factory=list)
    # Full batches go one after the other. The next is opened in the transaction that settles the one before.
    flows: bool = False
    more_is_due: bool = False
    is_over: bool = False
    ahead: Ahead | None = None
    turn: Turn = dataclasses.field(init=False)
    remembering: Remembering = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.turn = Turn(self.lane)
        self.remembering = Remembering(self.lane, self.token, self.connection.memory)
        last = self.lane.last_success_at
        just_now = last is not None and last > clock.now() - PROVEN_FOR
        self.proven = just_now and self.lane.refusals < PROVEN_REFUSALS

    def run(self) -> None:
        """Send batch after batch while something is due, the LMS takes it, and the slice lasts."""
        self.forget_what_was_learned_long_ago()
        if self.lane.failures and not (self.send(self.canary()) and self.send(self.due(GENTLY))):
            return
        self.flows = True
        while rows := self.next_batch():
            if not self.send(rows):
                return
        if self.suspects:
            settle.rejected(self.lane, self.token, self.suspects, accepted=self.proven)

    # What goes next -------------------------------------------------------------------------------------------

    def next_batch(self) -> Sequence[Row]:
        """What was opened ahead; or else what is due, if the slice may go on."""
        if self.ahead is not None:
            return self.ahead.rows
        return [] if self.is_over or not self.may_go_on() else self.due(self.most)

    @property
    def most(self) -> int:
        """How many deliveries of any kind go in one exchange at most."""
        return max(self.connector.max_batch, self.connector.max_content_batch)

    @property
    def in_order(self) -> bool:
        """Whether one goes after the other, each alone: a cmi5 session tells what happened (cmi5 9.3)."""
        return self.lane.launch is not None and self.lane.launch.cmi5 == Launch.Cmi5.OPEN

    def after(self, taken: Sequence[Row]) -> list[Row]:
        """The batch after this one, which was taken, if it may be opened while this one is settled.

        Not while anything is left open that decides what it is.
        """
        grows = self.lane.batch_limit and not self.limit_is_learned
        if not (self.flows and self.more_is_due) or self.suspects or grows:
            return []
        try:
            self.is_over = not self.may_go_on()
            return [] if self.is_over else self.due(self.most, taken)
        except TROUBLE:
            # What was taken is to be written down all the same.
            return []

    def note(self, part: Sequence[Row], after: Sequence[Row] = ()) -> None:
        """What goes along with settling a part: what it means for contents, and opening the batch ``after``."""
        if part[0].kind == Kind.CONTENT:
            note_contents([row.pk for row in part])
        self.open_ahead(after)

    def open_ahead(self, rows: Sequence[Row]) -> None:
        """Open a batch within the transaction that settles the one before, which saves a commit for each batch."""
        attempt = self.open(rows, renewed=True) if rows else None
        self.ahead = Ahead(rows, attempt) if attempt else None

    def due(self, most: int, taken: Sequence[Row] = ()) -> list[Row]:
        """The next batch: bounded by count, by bytes and by what was learned.

        A suspect goes alone. What was ``taken`` just now and is not settled yet does not go again.
        """
        most = min(most, self.lane.batch_limit or most)
        without = [row.pk for row in taken] + [row.pk for row, _sentence in self.suspects]
        if self.in_order:
            return self.due_in_order(without)
        found = due.oldest(self.lane.pk, clock.now(), most, without)
        batch: list[Row] = []
        size = 0
        for row in found:
            size += len(row.content.encode())
            if batch and (row.alone or size > self.connector.max_bytes or not self.goes_with(row, batch)):
                break
            batch.append(row)
            if row.alone:
                break
        self.more_is_due = len(found) == most or len(found) > len(batch)
        return batch

    def due_in_order(self, without: Sequence[int] = ()) -> list[Row]:
        """What comes next in a session, if the LMS knows of its beginning."""
        return due.head(self.lane.pk, clock.now(), without) if launches.has_begun(self.lane, self.token) else []

    def goes_with(self, row: Row, batch: Sequence[Row]) -> bool:
        """Whether a delivery may go in the same exchange as those before it: of their kind, and not too many."""
        return row.kind == batch[0].kind and len(batch) < self.connector.most(Kind(row.kind))

    def canary(self) -> list[Row]:
        """One delivery to try a failing LMS with: never the same bad one, or it would keep all others waiting."""
        if self.lane.refusals >= SYSTEMIC:
            return due.newest(self.lane.pk, clock.now())
        if self.in_order:
            return self.due_in_order()
        oldest = due.oldest(self.lane.pk, clock.now(), self.connector.max_batch)
        return [min(oldest, key=lambda row: row.server_errors)] if oldest else []

    def may_go_on(self) -> bool:
        """Whether there is time that no other lane waits for, and the limit of requests a minute allows one more."""
        limit = self.lane.configuration.requests_per_minute or self.connector.requests_per_minute
        if limit:
            full = self._used_up_since(limit)
            if full is not None and full > clock.now() - timedelta(minutes=1):
                lanes.wait(self.lane, self.token, full + timedelta(minutes=1))
                return False
        return lifeline.time_left(self.until) and not self.turn.is_over()

    def _used_up_since(self, limit: int) -> datetime | None:
        """When the last ``limit`` requests began, or ``None`` if there were not so many."""
        recent = Attempt.objects.filter(lane=self.lane).order_by("-id").values_list("opened_at", "requests")
        count = 0
        opened_at: datetime
        for opened_at, requests in recent[:limit]:
            count += requests
            if count >= limit:
                return opened_at
        return None

    def forget_what_was_learned_long_ago(self) -> None:
        """A day after a batch was too large, twice as many are tried again."""
        learned, limit = self.lane.batch_limit_at, self.lane.batch_limit
        if limit and learned and learned < clock.now() - LEARNED_FOR:
            more = limit * 2 if limit * 2 < self.connector.max_batch else None
            lanes.learn_limit(self.lane, self.token, more)

    # One batch -------------------------------------------------------------------------------------------------

    def send(self, rows: Sequence[Row]) -> bool:
        """Send a batch, taking it apart as far as it is refused; whether the lane may go on."""
        parts = [rows] if rows else []
        apart = False
        while parts:
            ahead, self.ahead = self.ahead, None
            if ahead is None and (not self.may_go_on() or self.apart_requests <= 0):
                if apart and not self.limit_is_learned:
                    lanes.learn_limit(self.lane, self.token, len(parts[-1]), for_now=True)
                return False
            part = parts.pop()
            self.apart_requests -= apart
            attempt = ahead.attempt if ahead else self.open(part)
            if attempt is None:
                return False
            outcome = self.exchange(part, attempt)
            if self.is_to_be_taken_apart(part, outcome):
                settle.taken_apart(attempt, self.token, outcome)
                middle = (len(part) + 1) // 2
                parts += [part[middle:], part[:middle]]
                apart = True
            elif not self.settle(attempt, part, outcome, last=not parts):
                return False
        return True

    def open(self, rows: Sequence[Row], *, renewed: bool = False) -> Attempt | None:
        """Put the coming exchange on record, if it may take place."""
        return settle.open_attempt(self.lane, self.token, [row.pk for row in rows], self.address, renewed)

    def exchange(self, rows: Sequence[Row], attempt: Attempt) -> Exchange | DestinationError:
        """What telling these came to; where a single record's fate is left open, it is read back."""
        before = self.door.requests
        self.door.begin()
        try:
            found = self.told(rows)
        except DestinationError as error:
            error.answer = self.scrubbed(error.answer)
            return launches.veiled(error) if self.is_foreign else error
        finally:
            attempt.requests = max(1, self.door.requests - before)
            self.remembering.keep()
        found = dataclasses.replace(found, answer=self.scrubbed(found.answer))
        if _holds(found, Outcome.UNPROVEN):
            unproven = ServerError(found.results[0].sentence, answer=found.answer)
            # A store that knows an id and cannot show it, as of a voided statement, is at odds with that one alone.
            unproven.perhaps_one_item = found.answer is not None and found.answer.status == 409
            return unproven
        return found

    def told(self, rows: Sequence[Row]) -> Exchange:
        """Tell the LMS these, which are of one kind. Raises ``DestinationError``."""
        connector, items = self.connector, [row.as_item() for row in rows]
        self.remembering.load(connector.needs(items))
        if items[0].kind is Kind.CONTENT:
            return connector.send_content(self.door, self.connection, items)
        if items[0].kind is Kind.ASSIGNMENT:
            return connector.send_assignments(self.door, self.connection, items)
        found = connector.send_results(self.door, self.connection, items)
        if len(items) == 1 and found.results[0].outcome in {Outcome.CONFLICT, Outcome.UNPROVEN}:
            found = settle.read_back(found, *connector.read_result(self.door, self.connection, items[0]))
        return found

    def is_to_be_taken_apart(self, part: Sequence[Row], outcome: Exchange | DestinationError) -> bool:
        """Whether a whole batch met with what may be the fault of one record in it."""
        if len(part) == 1:
            return False
        if isinstance(outcome, Exchange):
            return _is_all(outcome, Outcome.REJECTED) or _holds(outcome, Outcome.CONFLICT)
        return isinstance(outcome, TooLarge) or self.blames_one(part, outcome)

    def blames_one(self, part: Sequence[Row], error: DestinationError) -> bool:
        """A 500, seen before by each of these records, from an LMS that takes others."""
        if self.in_order or not (isinstance(error, ServerError) and error.perhaps_one_item):
            return False
        self.errors_in_a_row += 1
        last = self.lane.last_success_at
        takes_others = self.accepts or (len(part) > 1 and last is not None and last > clock.now() - RECENTLY)
        return takes_others and self.errors_in_a_row < ERRORS_IN_A_ROW and all(row.server_errors for row in part)

    def settle(
        self, attempt: Attempt, part: Sequence[Row], outcome: Exchange | DestinationError, *, last: bool
    ) -> bool:
        """Write down what an exchange came to, the ``last`` of its batch or not; whether the lane may go on."""
        if isinstance(outcome, TooLarge):
            return self.refused(attempt, part[0], outcome)
        if isinstance(outcome, DestinationError):
            if launches.is_signed_out(self.lane, outcome):
                return launches.signed_out(attempt, self.token, outcome)
            if len(part) == 1 and self.blames_one(part, outcome):
                return settle.postponed(attempt, self.token, part[0], outcome)
            return settle.destination_failed(attempt, self.token, outcome)
        if _differs(outcome) or _holds(outcome, Outcome.HELD):
            return self.sorted_out(attempt, part, outcome)
        [result, *_others] = outcome.results
        if result.outcome is Outcome.REJECTED:
            return self.refused(attempt, part[0], outcome, certain=result.certain or self.in_order)
        self.errors_in_a_row = 0
        # Read before the transaction begins: while it lasts, nobody else can write to a SQLite database.
        after = self.after(part) if last and not result.certain else []
        if not settle.exchanged(attempt, self.token, part, outcome, partial(self.note, part, after)):
            return False
        if result.certain and self.lane.batch_limit != 1:
            # Its answers prove nothing, so each record has to be read back.
            lanes.learn_limit(self.lane, self.token, 1)
        return self.accepted(len(part))

    def sorted_out(self, attempt: Attempt, part: Sequence[Row], outcome: Exchange) -> bool:
        """Each met with an outcome of its own, or something has to come before: whether the lane may go on."""
        self.errors_in_a_row = 0
        if not settle.sorted_out(attempt, self.token, outcome, partial(self.note, part)):
            return False
        delivered = sum(result.outcome is Outcome.DELIVERED for result in outcome.results)
        return not delivered or self.accepted(delivered)

    @property
    def limit_is_learned(self) -> bool:
        """Whether the LMS itself said how much it takes at once."""
        return self.lane.batch_limit_at is not None

    def grow(self, taken: int) -> None:
        """A limit that was only for now ends step by step with what is taken."""
        limit = self.lane.batch_limit
        if limit and not self.limit_is_learned and taken >= limit:
            more = limit * 2 if limit * 2 < self.connector.max_batch else None
            lanes.learn_limit(self.lane, self.token, more, for_now=True)

    def accepted(self, taken: int) -> bool:
        """The LMS took something: what it refused before in this slice is rejected for its own content."""
        self.proven = self.accepts = True
        self.grow(taken)
        self.lane.refusals = 0
        suspects, self.suspects = self.suspects, []
        return not suspects or settle.rejected(self.lane, self.token, suspects, accepted=True)

    def refused(self, attempt: Attempt, row: Row, outcome: Exchange | TooLarge, *, certain: bool = False) -> bool:
        """A single record was refused. If nothing was taken so far: the record, or everything?"""
        refusal = settle.Refusal.of(outcome)
        if self.proven or certain or row.refused:
            # What was refused before beside others that were taken says nothing new about the LMS.
            self.lane.refusals += not row.refused
            return settle.refused(attempt, self.token, refusal, again=row.refused)
        self.suspects.append((row, refusal.sentence))
        if self.lane.refusals + len(self.suspects) < SYSTEMIC:
            return settle.suspected(attempt, self.token, refusal)
        settle.refuses_everything(attempt, self.token, refusal, len(self.suspects))
        return False

    @property
    def address(self) -> str:
        """Where the requests go, as people typed it."""
        return str(self.connection.options.get(self.connector.options_form.address_field, ""))

    @property
    def is_foreign(self) -> bool:
        """Whether the requests go to a server that a launch named, and not to the configured one."""
        return self.lane.launch is not None and origin_of(self.address) != self.lane.configuration.origin()

    def scrubbed(self, answer: Answer | None) -> Answer | None:
        """What came back without our own credentials: some LMSs echo the request."""
        if answer is None or not answer.body:
            return answer
        if self.is_foreign:
            return launches.without_words(answer)
        return dataclasses.replace(answer, body=scrub(answer.body.decode(errors="replace"), self.connection).encode())


def _holds(exchange: Exchange, outcome: Outcome) -> bool:
    return any(result.outcome is outcome for result in exchange.results)


def _is_all(exchange: Exchange, outcome: Outcome) -> bool:
    return all(result.outcome is outcome for result in exchange.results)


def _differs(exchange: Exchange) -> bool:
    return len({result.outcome for result in exchange.results}) > 1
