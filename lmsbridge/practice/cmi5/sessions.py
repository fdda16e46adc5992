"""Registrations and the sessions in them: what was launched, what came, what it broke, what it satisfied."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lmsbridge.practice.cmi5.case import Terms, name_of
from lmsbridge.practice.cmi5.course import Course, Unit
from lmsbridge.practice.cmi5.requirements import REQUIREMENTS, Requirement
from lmsbridge.practice.cmi5.vocabulary import (
    BLOCK_TYPE,
    CMI5_CATEGORY,
    COURSE_TYPE,
    LAUNCH_MODE,
    LAUNCH_PARAMETERS,
    LAUNCH_URL,
    MASTERY_SCORE,
    MOVE_ON,
    MOVE_ON_VALUES,
    SESSION_ID,
    VERBS,
)
from lmsbridge.practice.values import moment


class State(enum.Enum):
    """How far a session is."""

    LAUNCHED = "launched"
    INITIALIZED = "initialized"
    TERMINATED = "terminated"
    ABANDONED = "abandoned"


OVER = frozenset({State.TERMINATED, State.ABANDONED})


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One line of a session's log: what happened, by whom, and which requirement it broke, if it did."""

    at: datetime
    what: str
    by: str = "unit"
    requirement: Requirement | None = None
    statement: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Choices:
    """What the person who launches a unit chose; some LMSs name their endpoint without a slash at its end."""

    mode: str = "Normal"
    mastery_score: Decimal | None = None
    window: str = "same"
    answer: str = "token"
    slash: bool = True


@dataclasses.dataclass(eq=False)
class Session:
    """One launch of one unit. ``code`` is what its token address ends with."""

    id: str
    code: str
    unit: Unit
    activity: str
    registration: Registration
    choices: Choices
    launch_data: dict[str, Any] = dataclasses.field(default_factory=dict)
    link: str = ""
    state: State = State.LAUNCHED
    was_fetched: bool = False
    has_read: set[str] = dataclasses.field(default_factory=set)
    has_returned: bool = False
    statements: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    log: list[Entry] = dataclasses.field(default_factory=list)

    @property
    def mastery_score(self) -> Decimal | None:
        """The score to pass with: the one chosen, or else the unit's."""
        chosen = self.choices.mastery_score
        return self.unit.mastery_score if chosen is None else chosen

    @property
    def terms(self) -> Terms:
        """What the launch fixed for its statements."""
        return Terms(
            actor=self.registration.learner,
            activity=self.activity,
            publisher=self.unit.id,
            registration=self.registration.id,
            template=self.launch_data["contextTemplate"],
            mode=self.choices.mode,
            mastery_score=self.mastery_score,
        )

    @property
    def violations(self) -> list[Entry]:
        """What was refused."""
        return [entry for entry in self.log if entry.requirement]

    @property
    def is_clean(self) -> bool:
        """Whether the unit broke no rule that it could keep."""
        return not any(entry.requirement and entry.requirement.foreseeable for entry in self.log)

    def note(self, what: str, *, by: str = "unit", statement: dict[str, Any] | None = None) -> None:
        """Writes down what happened."""
        self.log.append(Entry(datetime.now(UTC), what, by, statement=statement))

    def refuse(self, id: str, detail: str = "", statement: dict[str, Any] | None = None) -> Requirement:
        """Writes down that a requirement was broken, which is returned."""
        found = REQUIREMENTS[id]
        self.log.append(Entry(datetime.now(UTC), detail or found.sentence, "unit", found, statement))
        return found

    def record(self, statement: dict[str, Any]) -> None:
        """Takes a statement that broke nothing, and draws the conclusions."""
        verb = name_of(statement)
        self.statements.append(statement)
        other = statement["verb"]["id"].rpartition("/")[2]
        self.note(verb or f"{other} (cmi5 allowed)", statement=statement)
        if verb in {"initialized", "terminated"}:
            self.state = State(verb)
        elif verb:
            self.registration.verbs.setdefault(self.unit.id, set()).add(verb)
            self.registration.settle(self)

    def abandon(self) -> None:
        """Ends the session because the learner launched again (9.3.6)."""
        began = self.log[0].at
        last = max((moment(one["timestamp"]) for one in self.statements), default=began)
        length = max((last - began).total_seconds(), 0)
        self.state = State.ABANDONED
        self.say("abandoned", {"id": self.activity}, result={"duration": f"PT{length:.2f}S"})

    def say_launched(self) -> None:
        """Writes the LMS's own first statement of the session (9.3.1)."""
        data = self.launch_data
        told = {LAUNCH_MODE: data["launchMode"], LAUNCH_URL: self.unit.url, MOVE_ON: data["moveOn"]}
        told |= {MASTERY_SCORE: data["masteryScore"]} if "masteryScore" in data else {}
        told |= {LAUNCH_PARAMETERS: data["launchParameters"]} if "launchParameters" in data else {}
        self.say("launched", {"id": self.activity}, extensions=told)

    def say(
        self,
        verb: str,
        what: dict[str, Any],
        *,
        result: dict[str, Any] | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Writes down a cmi5 defined statement of the LMS's own about the learner."""
        context = {
            "registration": self.registration.id,
            "contextActivities": {"grouping": [{"id": self.unit.id}], "category": [{"id": CMI5_CATEGORY}]},
            "extensions": {SESSION_ID: self.id, **(extensions or {})},
        }
        statement = {
            "id": str(uuid.uuid4()),
            "actor": self.registration.learner,
            "verb": {"id": VERBS[verb], "display": {"en": verb}},
            "object": {"objectType": "Activity", **what},
            **({"result": result} if result else {}),
            "context": context,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self.note(verb, by="LMS", statement=statement)


@dataclasses.dataclass(eq=False)
class Registration:
    """One learner's enrolment in a course. ``verbs`` are those recorded for each unit, by the publisher's id."""

    id: str
    course: Course
    learner: dict[str, Any]
    address: str
    sessions: list[Session] = dataclasses.field(default_factory=list)
    verbs: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    satisfied: set[str] = dataclasses.field(default_factory=set)

    @property
    def is_satisfied(self) -> bool:
        """Whether all units of the course are."""
        return all(map(self.is_unit_satisfied, self.course.units))

    def is_unit_satisfied(self, unit: Unit) -> bool:
        """Whether what was recorded is enough for the unit's ``moveOn`` (13.1.4)."""
        recorded = self.verbs.get(unit.id, set())
        return any(wanted <= recorded for wanted in MOVE_ON_VALUES[unit.move_on])

    def end_sessions(self) -> None:
        """Abandons whatever session goes on: a new one begins."""
        for session in self.sessions:
            if session.state not in OVER:
                session.abandon()

    def settle(self, session: Session) -> None:
        """Writes a satisfied statement for each block, and for the course, that is now and was not before (9.3.9)."""
        for block in self.course.blocks:
            units = [unit for unit in self.course.units if unit.id in block.units]
            self._settle_one(session, block.id, BLOCK_TYPE, units)
        self._settle_one(session, self.course.id, COURSE_TYPE, self.course.units)

    def _settle_one(self, session: Session, id: str, kind: str, units: Iterable[Unit]) -> None:
        if id in self.satisfied or not all(map(self.is_unit_satisfied, units)):
            return
        self.satisfied.add(id)
        what = {"id": own_id(self.address, id), "definition": {"type": kind}}
        session.say("satisfied", what)


def own_id(address: str, publisher: str) -> str:
    """The LMS's own id for what has this one of the publisher's: the same each time, and never the same as his."""
    return f"{address}/course/activities/{uuid.uuid5(uuid.NAMESPACE_URL, publisher)}"
