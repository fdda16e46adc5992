"""What one store teaches: its courses, who is registered for them, and launching."""

from __future__ import annotations

import json
import secrets
import string
import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from lmsbridge.practice.cmi5.course import Course, Unit, read
from lmsbridge.practice.cmi5.sessions import OVER, Choices, Registration, Session, State, own_id
from lmsbridge.practice.cmi5.vocabulary import MODES, SESSION_ID

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

WINDOWS = {"new": "In a new window", "same": "In this window", "frame": "In a frame"}
MOST_COURSES = 100
MOST_REGISTRATIONS = 2_000


class Courses:
    """The courses of one store. Whoever changes a registration or session holds ``lock``; all methods here do."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.courses: dict[str, Course] = {}
        self.registrations: dict[str, Registration] = {}
        self.preferences: dict[str, bytes] = {}
        self._sessions: dict[str, Session] = {}

    def add(self, document: bytes) -> Course:
        """Imports a ``cmi5.xml`` or a zip with one, in place of an earlier course of the same id.

        Raises ``course.BadCourse`` with a sentence where the standard does not allow it.
        """
        course = read(document)
        with self.lock:
            self.courses.pop(course.id, None)
            while len(self.courses) >= MOST_COURSES:
                del self.courses[next(iter(self.courses))]
            self.courses[course.id] = course
        return course

    def register(self, course: Course, learner: dict[str, Any], address: str) -> Registration:
        """The learner's new registration; ``address`` is where the store is, without a slash at the end."""
        registration = Registration(str(uuid.uuid4()), course, learner, address)
        with self.lock:
            while len(self.registrations) >= MOST_REGISTRATIONS:
                self._drop(next(iter(self.registrations)))
            self.registrations[registration.id] = registration
        return registration

    def _drop(self, registration: str) -> None:
        for session in self.registrations.pop(registration).sessions:
            self._sessions.pop(session.code, None)

    def launch(self, store: Store, registration: Registration, unit: Unit, choices: Choices | None = None) -> Session:
        """A new session, its launch data in place and its ``link`` made; one that goes on is abandoned.

        Raises ``ValueError`` with a sentence where the choices do not fit the unit.
        """
        choices = choices or Choices()
        if choices.mode not in MODES or choices.window not in WINDOWS:
            raise ValueError("There is no such launch mode or window.")
        if unit.launch_method == "OwnWindow" and choices.window == "frame":
            raise ValueError("This unit wants a window of its own.")
        with self.lock:
            registration.end_sessions()
            session = Session(
                id=secrets.token_urlsafe(12),
                code=store.sessions.begin(choices.answer),
                unit=unit,
                activity=own_id(registration.address, unit.id),
                registration=registration,
                choices=choices,
            )
            session.launch_data = _launch_data(session)
            session.link = _link(session)
            session.say_launched()
            registration.settle(session)
            registration.sessions.append(session)
            self._sessions[session.code] = session
        return session

    def session(self, code: str | None) -> Session | None:
        """The session whose token address ends with this."""
        with self.lock:
            return self._sessions.get(code or "")

    def prefer(self, learner: dict[str, Any], language: str = "", audio: str = "") -> None:
        """Sets what the learner prefers (section 11); without anything there is no document."""
        given = {"languagePreference": language, "audioPreference": audio}
        kept = {name: value for name, value in given.items() if value}
        with self.lock:
            self.preferences.pop(key_of(learner), None)
            if kept:
                self.preferences[key_of(learner)] = json.dumps(kept).encode()

    def fetch(self, session: Session) -> bool:
        """Writes down that the session's token was asked for; whether it may be given."""
        with self.lock:
            if session.was_fetched:
                session.refuse("cmi5-8.2.1-fetch-once")
                return False
            session.was_fetched = True
            session.note("asked for the token")
            return session.state not in OVER

    def refuse(self, session: Session, requirement: str) -> None:
        """Writes down that the session broke a requirement."""
        with self.lock:
            session.refuse(requirement)

    def come_back(self, session: Session) -> None:
        """Writes down that the learner's browser came to the return address."""
        with self.lock:
            session.has_returned = True
            early = "" if session.state is State.TERMINATED else f", the session being {session.state.value}"
            session.note(f"the learner came back{early}", by="learner")

    def all(self) -> tuple[list[Course], list[Registration]]:
        """The courses by import and the registrations, the newest first."""
        with self.lock:
            return list(self.courses.values()), list(self.registrations.values())[::-1]

    def forget(self) -> None:
        """Drops registrations, sessions and preferences; the courses stay."""
        with self.lock:
            self.registrations.clear()
            self.preferences.clear()
            self._sessions.clear()


def key_of(agent: Any) -> str:
    """A text that is the same for the same Agent, whatever the order of its properties."""
    return json.dumps(agent, sort_keys=True)


def _launch_data(session: Session) -> dict[str, Any]:
    """The document LMS.LaunchData (section 10.2)."""
    unit = session.unit
    template = {
        "contextActivities": {"grouping": [{"objectType": "Activity", "id": unit.id}]},
        "extensions": {SESSION_ID: session.id},
    }
    address = session.registration.address
    data: dict[str, Any] = {
        "contextTemplate": template,
        "launchMode": session.choices.mode,
        "moveOn": unit.move_on,
        "returnURL": f"{address}/course/{session.registration.id}/returned/{session.id}",
    }
    if session.mastery_score is not None:
        data["masteryScore"] = float(session.mastery_score)
    if unit.launch_parameters:
        data["launchParameters"] = unit.launch_parameters
    if unit.entitlement_key:
        data["entitlementKey"] = {"courseStructure": unit.entitlement_key}
    return data


def _link(session: Session) -> str:
    """The unit's address with the five parameters of a launch (section 8.1)."""
    registration = session.registration
    given = {
        "endpoint": f"{registration.address}/xapi{'/' if session.choices.slash else ''}",
        "fetch": f"{registration.address}/fetch/{session.code}",
        "actor": json.dumps(registration.learner, ensure_ascii=False, separators=(",", ":")),
        "registration": registration.id,
        "activityId": session.activity,
    }
    parts = urlsplit(session.unit.url)
    own = parse_qsl(parts.query, keep_blank_values=True)
    link = parts._replace(query=urlencode([*own, *given.items()])).geturl()
    # It goes into a header, and a course structure may have letters of any script in it.
    return quote(link, safe=string.punctuation)
