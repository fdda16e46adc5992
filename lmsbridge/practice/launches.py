"""Launching stories: links with the parameters that an LMS adds, and the one-time addresses that give tokens.

Below ``/fetch/`` a token is given once, as cmi5 8.2 wants it; ``?answer=`` on the launch page chooses another answer.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from lmsbridge.practice.exchange import Api, Reply, Request, as_json, not_allowed, sentence

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

MOST_SESSIONS = 10_000

ANSWERS = {
    "token": "gives a token",
    "1": "says that it was used before (error 1)",
    "2": "refuses for security (error 2)",
    "3": "has a fault of its own (error 3)",
    "nothing": "gives an answer without a token",
}
ERRORS = {"1": "This address was used before.", "2": "The session is not allowed.", "3": "Something went wrong."}

KINDS = {
    "loose": "Loosely: only who, what and which session",
    "fetch": "With a token address",
    "endpoint": "With a token address and an endpoint",
}


class Sessions:
    """The sessions that one store began: each has a token address that answers once. For use by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self.link = ""

    def begin(self, answer: str = "token") -> str:
        """A new token address, by what stands below ``fetch/``; it gives this answer to whoever asks first."""
        if answer not in ANSWERS:
            raise ValueError(f"There is no answer {answer!r}; choose one of {', '.join(ANSWERS)}.")
        code = secrets.token_urlsafe(18)
        with self._lock:
            while len(self._answers) >= MOST_SESSIONS:
                del self._answers[next(iter(self._answers))]
            self._answers[code] = answer
        return code

    def ask(self, code: str) -> str | None:
        """The answer of a token address, from now on another one; ``None`` if there is no such address."""
        with self._lock:
            answer = self._answers.get(code)
            if answer is not None:
                self._answers[code] = "1"
            return answer

    def give_token(self, code: str) -> str:
        """A new token that opens the store for the session with this token address."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = code
        return token

    def accept(self, authorization: str | None) -> bool:
        """Whether the header holds a token of a session that goes on, after ``Basic`` (cmi5 8.2.2)."""
        scheme = (authorization or "").partition(" ")[0]
        return scheme.lower() == "basic" and self.code_of(authorization) is not None

    def code_of(self, authorization: str | None) -> str | None:
        """What the token address ends with that gave the token in this header, whatever its scheme."""
        token = (authorization or "").partition(" ")[2].strip()
        with self._lock:
            return self._tokens.get(token)

    def end_all(self) -> None:
        """From now on no token that was given opens the store."""
        with self._lock:
            self._tokens.clear()


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """What a launch tells of learner, activity and session; ``account`` instead of ``email`` if it is given."""

    email: str = "ann.lee@northwind.example"
    account: str = ""
    activity: str = ""
    registration: str = ""
    session: str = ""

    def actor(self) -> dict[str, object]:
        """The learner as an Agent; of an account the name alone, as loose LMSs have it."""
        if self.account:
            return {"objectType": "Agent", "account": {"name": self.account}}
        return {"objectType": "Agent", "mbox": f"mailto:{self.email}"}


def link_to(store: Store, link: str, address: str, kind: str, course: Course, answer: str = "token") -> str:
    """The link of a story with the parameters of a launch of this kind; ``address`` is where the store is."""
    given = {
        "actor": json.dumps(course.actor()),
        "activityId": course.activity or f"{address}/course/1",
        "registration": course.registration or (str(uuid.uuid4()) if kind != "loose" else ""),
        "sessionId": course.session,
        "fetch": f"{address}/fetch/{store.sessions.begin(answer)}" if kind in {"fetch", "endpoint"} else "",
        "endpoint": f"{address}/xapi/" if kind == "endpoint" else "",
    }
    parts = urlsplit(link)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in given]
    query = urlencode([*kept, *((name, value) for name, value in given.items() if value)])
    return parts._replace(query=query, fragment="").geturl()


def is_link(text: str) -> bool:
    """Whether this may be put into a page as a link."""
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


# The token address -------------------------------------------------------------------------------------------------


def answer(store: Store, request: Request, code: str) -> Reply:
    """What the address for a token answers: a token once, then an error. All of it with status 200 (cmi5 8.2.3)."""
    session = store.courses.session(code)
    if request.method != "POST":
        if session:
            store.courses.refuse(session, "cmi5-8.2.1-post")
        return not_allowed("POST")
    found = store.sessions.ask(code)
    if found is None:
        return sentence(404, "There is no such session.")
    if session and not store.courses.fetch(session):
        found = "1"
    if found == "token":
        return as_json(200, {"auth-token": store.sessions.give_token(code)})
    if found in ERRORS:
        return as_json(200, {"error-code": found, "error-text": ERRORS[found]})
    return as_json(200, {})


API = Api(answer, lambda request: [])


def course_from(fields: Mapping[str, str]) -> Course:
    """What the form on the launch page says."""
    names = [field.name for field in dataclasses.fields(Course)]
    return Course(**{name: fields[name].strip() for name in names if fields.get(name, "").strip()})
