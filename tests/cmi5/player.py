"""A conforming assignable unit played by hand, and the launches it is played in."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from lmsbridge.practice.cmi5 import report
from lmsbridge.practice.cmi5.sessions import Choices, Registration, Session
from tests.cmi5.structure import structure
from tests.lms import PracticeLMS, Told, ask

VERBS = "http://adlnet.gov/expapi/verbs/"
CMI5 = "https://w3id.org/xapi/cmi5/"
CATEGORIES = f"{CMI5}context/categories/"
MASTERY_SCORE = f"{CMI5}context/extensions/masteryscore"
PROGRESS = f"{CMI5}result/extensions/progress"
LEARNER = {
    "objectType": "Agent",
    "name": "Ann",
    "account": {"homePage": "https://lms.example.com", "name": "1625378"},
}

RESULTS: dict[str, dict[str, Any]] = {
    "initialized": {},
    "completed": {"completion": True, "duration": "PT30S"},
    "passed": {"score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10}, "success": True, "duration": "PT30S"},
    "failed": {"score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": False, "duration": "PT30S"},
    "terminated": {"duration": "PT40S"},
}


class Player:
    """A unit that was launched by this link. Its statements are a second apart, and as cmi5 wants them."""

    def __init__(self, link: str) -> None:
        self.given = dict(parse_qsl(urlsplit(link).query))
        self.actor: dict[str, Any] = json.loads(self.given["actor"])
        self.launch_data: dict[str, Any] = {}
        self.token = ""
        self._time = datetime.now(UTC) - timedelta(minutes=10)

    # Starting ------------------------------------------------------------------------------------------------------

    def fetch(self) -> Told:
        """Asks for the token, which is kept."""
        told = ask(self.given["fetch"], "POST", b"")
        self.token = json.loads(told.body).get("auth-token", self.token)
        return told

    def ask(self, resource: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Told:
        """A request to the endpoint with the token."""
        sound = {"Authorization": f"Basic {self.token}", "X-Experience-API-Version": "1.0.3"}
        if body is not None:
            sound["Content-Type"] = "application/json"
        return ask(f"{self.given['endpoint'].removesuffix('/')}/{resource}", method, body, sound | headers)

    def state(self, method: str = "GET", body: bytes | None = None, **changed: str) -> Told:
        """The launch data, asked for as it should be but for what is changed."""
        query = {
            "stateId": "LMS.LaunchData",
            "activityId": self.given["activityId"],
            "agent": self.given["actor"],
            "registration": self.given["registration"],
        }
        return self.ask(f"activities/state?{urlencode(query | changed)}", method, body)

    def preferences(self, method: str = "GET", body: bytes | None = None, agent: str = "", **headers: str) -> Told:
        """The learner's preferences."""
        query = {"profileId": "cmi5LearnerPreferences", "agent": agent or self.given["actor"]}
        return self.ask(f"agents/profile?{urlencode(query)}", method, body, **headers)

    def read(self) -> Self:
        """Reads launch data and preferences."""
        self.launch_data = json.loads(self.state().body)
        assert self.preferences().status in {200, 404}
        return self

    def start(self, *verbs: str) -> Self:
        """Gets ready, then sends statements with these verbs, one by one."""
        self.fetch()
        self.read()
        for verb in verbs:
            told = self.send(self.statement(verb))
            assert told.status in {200, 204}, told.text
        return self

    # Statements ----------------------------------------------------------------------------------------------------

    def allowed(self, verb: str = "experienced", **result: Any) -> dict[str, Any]:
        """A cmi5 allowed statement."""
        self._time += timedelta(seconds=1)
        context = copy.deepcopy(self.launch_data["contextTemplate"]) | {"registration": self.given["registration"]}
        made: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "actor": self.actor,
            "verb": {"id": VERBS + verb, "display": {"en": verb}},
            "object": {"objectType": "Activity", "id": self.given["activityId"]},
            "context": context,
            "timestamp": self._time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return made | ({"result": result} if result else {})

    def statement(self, verb: str) -> dict[str, Any]:
        """The statement with this verb as the launch data wants it, cmi5 defined; progressed is cmi5 allowed."""
        if verb == "progressed":
            return self.allowed(verb, extensions={PROGRESS: 50})
        result = copy.deepcopy(RESULTS[verb])
        made = self.allowed(verb, **result)
        kinds = ["cmi5", *(["moveon"] if {"success", "completion"} & result.keys() else [])]
        made["context"]["contextActivities"]["category"] = [{"id": CATEGORIES + kind} for kind in kinds]
        if "score" in result and "masteryScore" in self.launch_data:
            made["context"]["extensions"][MASTERY_SCORE] = self.launch_data["masteryScore"]
        return made

    def send(self, *statements: Any, **headers: str) -> Told:
        """Posts a statement, or several as one batch, in compact JSON."""
        content = statements[0] if len(statements) == 1 else list(statements)
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return self.ask("statements", "POST", body, **headers)


def registered(lms: PracticeLMS, document: bytes = b"", store: str = "default") -> Registration:
    """The learner's registration for the course in the document, or for one of a single unit."""
    courses = lms.store(store).courses
    return courses.register(courses.add(document or structure()), LEARNER, lms.url(store).removesuffix("/xapi/"))


def launched(lms: PracticeLMS, registration: Registration, store: str = "default", **choices: Any) -> Session:
    """A new session of the registration's first unit; ``choices`` as ``Choices`` has them."""
    where = lms.store(store)
    score = choices.pop("mastery_score", None)
    made = Choices(mastery_score=None if score is None else Decimal(score), **choices)
    return where.courses.launch(where, registration, registration.course.units[0], made)


def violated(session: Session) -> list[str]:
    """The ids of the requirements that the session broke, in order."""
    return [one["id"] for one in report.of_session(session)["violations"]]


def verbs(session: Session) -> list[str]:
    """The verbs recorded in the session, the LMS's own included, in order."""
    found: list[str] = report.of_session(session)["verbs"]
    return found
