"""What goes into a connector: how to reach an LMS, what to tell it, and what it told before.

Frozen dataclasses, and one that is not: what is remembered of an LMS. None of them knows a database row.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Secret:
    """A credential on its way to the one door out; never printed by accident."""

    value: str = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return "••••"


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteItem:
    """What an objective or story is in one LMS: its id there, and whether the LMS has it as it should be."""

    remote_id: str = ""
    name: str = ""
    active: bool = True
    broken: bool = False  # the LMS said that it has it no more


@dataclasses.dataclass(slots=True)
class Memory:
    """What is remembered of one LMS, as far as the items at hand need it; a connector reads it and adds to it.

    ``users`` are ids there by participant id, ``contents`` what is there by external reference. An entry set to
    ``None`` is forgotten. ``learned`` holds what the LMS showed it can and cannot do, JSON values by name. What was
    changed is kept with the outcome of the exchange. ``scratch`` lasts for one turn with the LMS and is never kept.
    ``taken`` are the ids there that stand for one of our contents already, where ``Needs.taken`` asked for them.
    """

    users: dict[str, str | None] = dataclasses.field(default_factory=dict)
    contents: dict[str, RemoteItem | None] = dataclasses.field(default_factory=dict)
    learned: dict[str, Any] = dataclasses.field(default_factory=dict)
    scratch: dict[str, Any] = dataclasses.field(default_factory=dict)
    taken: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one LMS: the type's own options as its form cleaned them, and the unsealed secrets by field."""

    options: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    memory: Memory = dataclasses.field(default_factory=Memory)


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """What an LMS told of a cmi5 session: its state document ``LMS.LaunchData`` and the learner's preferences.

    Both as they came, checked for their shape (cmi5 10 and 11).
    """

    launch_data: Mapping[str, Any]
    preferences: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Launched:
    """What the LMS itself called learner, activity and session in the launch by which something was achieved.

    ``session`` is there where the launch is a cmi5 session.
    """

    actor: Mapping[str, Any]
    activity_id: str
    registration: str
    session_id: str
    session: Session | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a participant achieved, frozen when it was recorded; what a statement or a completion is made of.

    ``profile`` holds what else is known of the participant, by the names that the LMSs give these fields.
    """

    id: uuid.UUID
    participant_id: str
    participant_name: str
    activity_iri: str
    activity_name: str
    activity_description: str
    language: str
    completion: bool
    success: bool | None
    score_scaled: Decimal | None
    score_raw: Decimal | None
    score_min: Decimal | None
    score_max: Decimal | None
    duration: datetime.timedelta | None
    timestamp: datetime.datetime
    launch: Launched | None = None
    external_reference: str = ""
    profile: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class EventFacts:
    """Something that happened in a cmi5 session beside its result.

    ``verb`` is ``initialized``, ``progressed``, ``completed`` or ``terminated``; ``progress`` is in percent.
    """

    id: uuid.UUID
    verb: str
    launch: Launched
    timestamp: datetime.datetime
    duration: datetime.timedelta | None = None
    progress: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ContentFacts:
    """An objective or a story as an LMS's catalogue is to have it, whole; ``active`` is false where it is taken out.

    ``url`` is where a learner begins, ``minutes`` how long it takes.
    """

    id: uuid.UUID
    external_reference: str
    title: str
    description: str
    language: str
    url: str
    active: bool
    minutes: int | None = None
    cover_url: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AssignmentFacts:
    """An objective asked of a participant, or asked no more where ``withdrawn``."""

    id: uuid.UUID
    participant_id: str
    participant_name: str
    external_reference: str
    activity_name: str
    assigned_at: datetime.datetime
    due_at: datetime.datetime | None
    withdrawn: bool
    profile: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is to be known to an LMS; ``profile`` by the names that the LMS gives these fields."""

    participant_id: str
    name: str
    profile: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Kind(enum.StrEnum):
    """What an item is about."""

    RESULT = "result"
    LAUNCH = "launch"  # a statement of a cmi5 session beside its result
    CONTENT = "content"
    ASSIGNMENT = "assignment"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One thing to tell the LMS: its id there and its frozen bytes.

    ``doubtful``: it was sent before and nobody knows what came of that, so an LMS that takes repeats for something
    new is read first.
    """

    id: uuid.UUID
    content: bytes = dataclasses.field(repr=False)
    kind: Kind = Kind.RESULT
    doubtful: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Needs:
    """What has to be in memory for some items: participant ids, external references, and which ids are taken."""

    users: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    taken: bool = False
