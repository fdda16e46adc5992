"""What the practice Open eLMS holds in memory: accounts, learning resources, progress, and how it is switched.

The one public page about the API leaves much open. Each of its gaps has a switch here, so that whoever speaks to it
can be tried against every reading.
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lmsbridge.practice.switches import Switch, Switchboard

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

NOT_ATTEMPTED, IN_PROGRESS, COMPLETED, FAILED = "not attempted", "in progress", "completed", "failed"


SWITCHES: Mapping[str, Switch] = {
    "wrong_token": Switch("A wrong token is answered with", ("401", "403")),
    "user_id": Switch("Accounts have their id as", ("id", "user_id", "none")),
    "user_list": Switch("Accounts come as", ("list", "numbered", "wrapped", "single")),
    "email_search": Switch("A search by e-mail address finds", ("exact", "similar", "everybody")),
    "nobody": Switch("A search in vain is answered with", ("empty", "404")),
    "ids": Switch("Ids are", ("number", "text")),
    "user_added": Switch("Adding an account is answered with", ("nothing", "id", "record")),
    "new_users_get": Switch("New accounts are assigned", ("nothing", "everything")),
    "password": Switch("A change of an account needs a password", ("yes", "no")),
    "learning_keys": Switch("Learning resources have", ("id_name", "learning_id_title")),
    "learning_list": Switch("Learning resources come as", ("list", "numbered", "wrapped")),
    "new_id": Switch("The id of a new learning resource comes as", ("plain", "json", "number", "nothing")),
    "assigning_again": Switch("Assigning again makes progress", ("stay", "reset")),
    "not_assigned": Switch("Progress of what is not assigned is", ("empty", "404")),
    "progress": Switch("Progress comes as", ("objects", "object", "positional", "positions")),
    "one_progress": Switch("Who asks for one person's progress gets", ("theirs", "everybodys")),
    "progress_keys": Switch("Progress names its parts", ("completion_status", "status")),
    "done_is_called": Switch("What is done is called", ("completed", "complete")),
    "trainings": Switch("A training that is repeated has", ("one_record", "a_record_each")),
    "writing": Switch("Progress that is told is", ("recorded", "ignored")),
    "written": Switch("Telling progress is answered with", ("progress", "nothing", "odd")),
    "trouble": Switch("Every request is answered", ("well", "rate_limit", "outage", "retry_after")),
    "missing": Switch(
        "The command that is not implemented is",
        ("none", "users", "new-resource", "creator-url", "download", "unassign", "fields"),
    ),
    "refusals": Switch("A request that is refused is answered with", ("words", "echo")),
    "declared": Switch("Answers are declared to be", ("json", "html")),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    """One learning resource."""

    id: int
    name: str
    kind: str


@dataclasses.dataclass(slots=True)
class Training:
    """One record of progress: ``score`` as it was sent, whole."""

    status: str = NOT_ATTEMPTED
    score: int | None = None
    completed_at: datetime | None = None


class Campus:
    """One customer's Open eLMS. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.switches = Switchboard(SWITCHES)
        self.accounts: dict[int, dict[str, str]] = {}
        self.resources: dict[int, Resource] = {}
        self.trainings: dict[tuple[int, int], list[Training]] = {}
        self.creator_codes: dict[int, str] = {}
        self.fields: dict[str, dict[str, str]] = {
            "Sex": {"M": "Male", "F": "Female"},
            "Ethnicity": {"31": "English", "98": "Any other", "99": "Not provided"},
        }
        self._last_id = 0

    def switch(self, **readings: str) -> None:
        """Take these readings of the API from now on; ``ValueError`` says what there is."""
        self.switches.switch(**readings)

    def reading(self, name: str) -> str:
        """Which reading of a gap holds."""
        return self.switches.reading(name)

    # What it holds

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add_account(self, email: str, **fields: str) -> int:
        """A new account and its id; ``ValueError`` if address or user name is taken."""
        account = {"fname": "", "lname": "", "username": email, "password": ""} | fields | {"email": email}
        with self.lock:
            if any(self._is_same(one, account) for one in self.accounts.values()):
                raise ValueError("There is an account with this e-mail address or user name already.")
            id = self._next_id()
            self.accounts[id] = account
            if self.reading("new_users_get") == "everything":
                for learning in self.resources:
                    self.assign(id, learning)
        return id

    @staticmethod
    def _is_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
        return any(one[key].casefold() == other[key].casefold() for key in ("email", "username"))

    def add_resource(self, name: str, kind: str = "elearning") -> int:
        """A new learning resource, of whatever name, and its id."""
        with self.lock:
            id = self._next_id()
            self.resources[id] = Resource(id, name, kind)
        return id

    def remove_resource(self, id: int) -> None:
        """Take a learning resource out, with everybody's progress."""
        with self.lock:
            del self.resources[id]
            self.trainings = {key: kept for key, kept in self.trainings.items() if key[1] != id}

    def remove_account(self, id: int) -> None:
        """Take an account out, with its progress."""
        with self.lock:
            del self.accounts[id]
            self.trainings = {key: kept for key, kept in self.trainings.items() if key[0] != id}

    def assign(self, user: int, learning: int) -> None:
        """Assign a learning resource; what becomes of progress that there is depends on the switch."""
        with self.lock:
            if (user, learning) not in self.trainings or self.reading("assigning_again") == "reset":
                self.trainings[user, learning] = [Training()]

    def unassign(self, user: int, learning: int) -> bool:
        """Take the assignment and its progress away; whether there was one."""
        with self.lock:
            return self.trainings.pop((user, learning), None) is not None

    def record(self, user: int, learning: int, status: str, score: int | None = None) -> None:
        """Set the progress of what is assigned."""
        done = status in {COMPLETED, FAILED}
        training = Training(status, score if done else None, datetime.now(UTC) if done else None)
        with self.lock:
            kept = self.trainings[user, learning]
            if self.reading("trainings") == "a_record_each" and kept[-1].completed_at is not None:
                kept.append(training)
            else:
                kept[-1] = training

    def status(self, user: int, learning: int) -> tuple[str, int | None] | None:
        """Status and score of the latest record; ``None`` if it is not assigned."""
        with self.lock:
            kept = self.trainings.get((user, learning))
            return (kept[-1].status, kept[-1].score) if kept else None

    def new_creator_code(self, learning: int) -> str:
        """What a one-time link ends in; the earlier one of this learning resource works no more."""
        with self.lock:
            self.creator_codes[learning] = secrets.token_urlsafe(12)
            return self.creator_codes[learning]

    def use_creator_code(self, code: str) -> Resource | None:
        """The learning resource that a link opens, once."""
        with self.lock:
            for learning, kept in self.creator_codes.items():
                if secrets.compare_digest(kept, code):
                    del self.creator_codes[learning]
                    return self.resources.get(learning)
        return None


_campuses: weakref.WeakKeyDictionary[Store, Campus] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def campus_of(store: Store) -> Campus:
    """The Open eLMS of a store, made when first asked for."""
    with _lock:
        return _campuses.setdefault(store, Campus())
