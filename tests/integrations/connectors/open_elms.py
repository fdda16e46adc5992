"""A practice Open eLMS with one person and one learning resource, and a connection to it."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from decimal import Decimal
from typing import Any, Self

from integrations.connectors import http
from integrations.connectors.base import (
    AssignmentFacts,
    Connection,
    ContentFacts,
    Facts,
    Item,
    ItemResult,
    Kind,
    Memory,
    Person,
    RemoteItem,
    Secret,
)
from integrations.connectors.open_elms import OpenElmsConnector
from lmsbridge.practice.open_elms.campus import campus_of
from tests.lms import PracticeLMS

ELMS = OpenElmsConnector()
WHEN = datetime.datetime(2026, 11, 21, 10, 11, 12, tzinfo=datetime.UTC)
ANN = Person("ann@example.com", "Ann Lee")
TOKEN = "practice-api-key"
NOWHERE = Connection({}, {})  # for what asks nobody


def facts(**values: Any) -> Facts:
    """Ann passed "Fire safety" with 88 %; a score is given in percent."""
    percent = values.pop("score", 88)
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "participant_id": ANN.participant_id,
        "participant_name": ANN.name,
        "activity_iri": "https://product.example/objectives/fire",
        "activity_name": "Fire safety",
        "activity_description": "",
        "language": "en",
        "completion": True,
        "success": True,
        "score_scaled": None if percent is None else Decimal(percent) / 100,
        "score_raw": None,
        "score_min": None,
        "score_max": None,
        "duration": None,
        "timestamp": WHEN,
        "external_reference": "fire",
    }
    return Facts(**plain | values)


def started(**values: Any) -> Facts:
    """Ann has begun."""
    return facts(completion=False, success=None, score=None, **values)


def completed(score: int | None = None) -> Facts:
    """Ann has completed it, without a verdict."""
    return facts(success=None, score=score)


def passed(score: int | None = 88) -> Facts:
    """Ann has passed."""
    return facts(score=score)


def failed(score: int | None = 40) -> Facts:
    """Ann has failed."""
    return facts(success=False, score=score)


def asked(**values: Any) -> AssignmentFacts:
    """Fire safety, of Ann."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "participant_id": ANN.participant_id,
        "participant_name": ANN.name,
        "external_reference": "fire",
        "activity_name": "Fire safety",
        "assigned_at": WHEN,
        "due_at": None,
        "withdrawn": False,
    }
    return AssignmentFacts(**plain | values)


def offered(title: str = "First aid", reference: str = "aid", *, active: bool = True) -> ContentFacts:
    """An objective for the catalogue."""
    return ContentFacts(
        id=uuid.uuid4(),
        external_reference=reference,
        title=title,
        description="",
        language="en",
        url="https://product.example/s/aid",
        active=active,
    )


def item(told: Facts, *, doubtful: bool = False) -> Item:
    """A result as it is sent."""
    return Item(told.id, ELMS.compose(told, NOWHERE), doubtful=doubtful)


class Elms:
    """A practice Open eLMS that knows Ann and "Fire safety", as the connection does unless it ``forgets``."""

    def __init__(self, lms: PracticeLMS, door: http.Door) -> None:
        self.lms = lms
        self.door = door
        self.store = lms.store()
        self.campus = campus_of(self.store)
        self.ann = self.campus.add_account(ANN.participant_id, fname="Ann", lname="Lee")
        self.fire = self.campus.add_resource("Fire safety")
        options = {"url": f"{lms.address}/open_elms"}
        self.connection = Connection(options, {"token": Secret(TOKEN)})
        self.memory.users[ANN.participant_id] = str(self.ann)
        self.memory.contents["fire"] = RemoteItem(str(self.fire), "Fire safety")

    @property
    def memory(self) -> Memory:
        """What the connection remembers."""
        return self.connection.memory

    def set(self, **options: Any) -> Self:
        """The same connection with other options."""
        self.connection = dataclasses.replace(self.connection, options={**self.connection.options, **options})
        return self

    def sign_in(self, token: str) -> None:
        """The same connection with another token, or none."""
        self.connection = dataclasses.replace(self.connection, secrets={"token": Secret(token)} if token else {})

    def next_turn(self) -> None:
        """What was kept for one turn only is forgotten."""
        self.memory.scratch.clear()

    def forget(self) -> None:
        """The connection remembers nothing any more."""
        self.connection = dataclasses.replace(self.connection, memory=Memory())

    # Telling it something

    def tell(self, told: Facts | None = None, *, doubtful: bool = False) -> ItemResult:
        """What becomes of a result."""
        sent = item(told or passed(), doubtful=doubtful)
        [result] = ELMS.send_results(self.door, self.connection, [sent]).results
        return result

    def ask(self, told: AssignmentFacts | None = None) -> ItemResult:
        """What becomes of an assignment."""
        told = told or asked()
        sent = Item(told.id, ELMS.compose_assignment(told, self.connection), Kind.ASSIGNMENT)
        [result] = ELMS.send_assignments(self.door, self.connection, [sent]).results
        return result

    def offer(self, told: ContentFacts | None = None, *, doubtful: bool = False) -> ItemResult:
        """What becomes of a content."""
        told = told or offered()
        sent = Item(told.id, ELMS.compose_content(told, self.connection), Kind.CONTENT, doubtful)
        [result] = ELMS.send_content(self.door, self.connection, [sent]).results
        return result

    # What came of it

    @property
    def progress(self) -> tuple[str, int | None] | None:
        """How far Ann is with "Fire safety"."""
        return self.campus.status(self.ann, self.fire)

    @property
    def calls(self) -> list[str]:
        """The requests that came, without the part of the address that all have."""
        prefix = "/open_elms/backend/"
        return [
            f"{one.method} {one.path.removeprefix(prefix)}{'?' + one.query if one.query else ''}"
            for one in self.store.requests
        ]

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [call for call in self.calls if not call.startswith("GET ")]

    def named(self, name: str) -> list[int]:
        """The ids of the learning resources of this name."""
        return [id for id, found in self.campus.resources.items() if found.name == name]
