"""The stage for the tests of a connector: an LMS of its kind, what it is to be told, and how that is done."""

from __future__ import annotations

import abc
import dataclasses
import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from integrations.connectors.base import (
    AssignmentFacts,
    CannotConnect,
    Connection,
    Connector,
    ContentFacts,
    DestinationError,
    Exchange,
    Facts,
    Item,
    Kind,
    Memory,
    Outcome,
    ReadBack,
)
from integrations.connectors.http import Answer, Destination, Door
from lmsbridge.practice.store import Store
from tests.lms import PracticeLMS

WHEN = datetime.datetime(2026, 11, 21, 10, 11, 12, 123456, tzinfo=datetime.UTC)
ANN = "ann@example.com"
REFERENCE = "fire-01"


def facts(**values: Any) -> Facts:
    """Ann passed *Fire safety* with 87.5 percent in 42 minutes, under an id of its own."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "participant_id": ANN,
        "participant_name": "Ann Lee",
        "activity_iri": "https://product.example/objectives/42",
        "activity_name": "Fire safety",
        "activity_description": "",
        "language": "en",
        "completion": True,
        "success": True,
        "score_scaled": Decimal("0.875"),
        "score_raw": Decimal(35),
        "score_min": Decimal(0),
        "score_max": Decimal(40),
        "duration": datetime.timedelta(minutes=42),
        "timestamp": WHEN,
        "external_reference": REFERENCE,
    }
    return Facts(**plain | values)


def content_facts(**values: Any) -> ContentFacts:
    """*Fire safety* as a catalogue is to have it."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "external_reference": REFERENCE,
        "title": "Fire safety",
        "description": "What to do when the alarm sounds.",
        "language": "en-GB",
        "url": "https://bridge.example.com/s/abc/",
        "active": True,
        "minutes": 45,
    }
    return ContentFacts(**plain | values)


def assignment_facts(**values: Any) -> AssignmentFacts:
    """*Fire safety* asked of Ann."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "participant_id": ANN,
        "participant_name": "Ann Lee",
        "external_reference": REFERENCE,
        "activity_name": "Fire safety",
        "assigned_at": WHEN,
        "due_at": WHEN + datetime.timedelta(days=30),
        "withdrawn": False,
    }
    return AssignmentFacts(**plain | values)


class Stage(abc.ABC):
    """A connector, and an LMS of its kind where Ann and *Fire safety* are known, and nothing else."""

    connector: Connector
    secret: ClassVar[str] = "practice-api-key"
    # Requests for one result once the LMS is known.
    most_requests: ClassVar[int] = 1

    def __init__(self, lms: PracticeLMS, door: Door) -> None:
        self.lms = lms
        self.store: Store = lms.store()
        self.door = door
        self.memory = Memory()
        self.prepare()

    @abc.abstractmethod
    def prepare(self) -> None:
        """Let the LMS know Ann and the content, and the memory what was learned of it when it was brought there."""

    @abc.abstractmethod
    def connection(self) -> Connection:
        """How to reach the LMS, with the stage's memory."""

    @abc.abstractmethod
    def results(self) -> int:
        """How many results the LMS has."""

    def contents(self) -> Sequence[tuple[str, bool]]:
        """The titles of the contents that the LMS has, in their order, and whether they are active."""
        return []

    def assignments(self) -> int:
        """How many assignments the LMS has; none where it takes none."""
        return 0

    def remote_content(self) -> str:
        """What *Fire safety* is called there; nothing where contents have no ids."""
        return ""

    # What is done on it

    def result(self, *, doubtful: bool = False, **values: Any) -> Item:
        """A result as it would be sent."""
        told = facts(**values)
        return Item(told.id, self.connector.compose(told, self.connection()), Kind.RESULT, doubtful)

    def content(self, *, doubtful: bool = False, **values: Any) -> Item:
        """A content as it would be sent."""
        told = content_facts(**values)
        return Item(told.id, self.connector.compose_content(told, self.connection()), Kind.CONTENT, doubtful)

    def assignment(self, *, doubtful: bool = False, **values: Any) -> Item:
        """An assignment as it would be sent."""
        told = assignment_facts(**values)
        return Item(told.id, self.connector.compose_assignment(told, self.connection()), Kind.ASSIGNMENT, doubtful)

    def send(self, *items: Item, door: Door | None = None) -> Exchange:
        """Send items of one kind."""
        send: Mapping[Kind, Callable[..., Exchange]] = {
            Kind.RESULT: self.connector.send_results,
            Kind.CONTENT: self.connector.send_content,
            Kind.ASSIGNMENT: self.connector.send_assignments,
        }
        return send[items[0].kind](door or self.door, self.connection(), items)

    def outcome(self, item: Item, door: Door | None = None) -> Outcome:
        """What becomes of one item; what proves nothing is read back, as dispatch does it."""
        [result] = self.send(item, door=door).results
        if result.outcome is not Outcome.UNPROVEN:
            return result.outcome
        found, _answer = self.connector.read_result(door or self.door, self.connection(), item)
        return Outcome.DELIVERED if found is ReadBack.SAME else Outcome.UNPROVEN

    def said(self, item: Item) -> tuple[Outcome | None, DestinationError | None]:
        """What becomes of one item, or what is wrong with the LMS as a whole."""
        try:
            return self.outcome(item), None
        except DestinationError as error:
            return None, error

    def send_until_told(self, item: Item, door: Door) -> Outcome:
        """Send over a door that may lose answers; then again, in doubt, over a sound one."""
        try:
            return self.outcome(item, door)
        except DestinationError:
            return self.outcome(dataclasses.replace(item, doubtful=True))


class LosingDoor(Door):
    """A door that carries the ``number``-th request that changes something to the LMS, and loses the answer."""

    def __init__(self, number: int) -> None:
        super().__init__(deadline=5)
        self._left = number

    def request(self, method: str, destination: Destination, **options: Any) -> Answer:
        """As ``Door.request``."""
        answer = super().request(method, destination, **options)
        self._left -= method != "GET"
        if self._left == 0 and method != "GET":
            raise CannotConnect("The connection broke.", phase="headers", request_began=True)
        return answer
