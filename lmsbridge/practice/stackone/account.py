"""What the practice StackOne holds in memory: one linked account with its users, contents and records."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lmsbridge.practice.switches import Switch, Switchboard

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

Row = dict[str, Any]

ACCOUNT_ID = "practice-account"
REQUESTS_PER_MINUTE = 1000

SWITCHES: Mapping[str, Switch] = {
    "account": Switch("The linked account is", ("active", "switched_off")),
    "users": Switch("The LMS's users are", ("known", "unknown")),
    "strangers": Switch("Somebody who is looked for and not there", ("joins", "stays_away")),
    "email_filter": Switch("A filter by e-mail address", ("works", "is_ignored", "is_refused", "finds_nobody")),
    "content_ids": Switch("The LMS wants ids of its own for contents", ("no", "yes")),
    "batches": Switch("A batch is answered with", ("a_list_each", "nothing")),
    "pages": Switch("Lists come in pages that", ("end", "may_be_empty", "go_round")),
    "assignments": Switch("Assignments are", ("supported", "not_supported")),
    "completions": Switch("Completions can be", ("read", "only_written")),
    "times": Switch("Times are kept to", ("the_millisecond", "the_second")),
    "verdicts": Switch("Verdicts are kept", ("as_sent", "in_words_of_its_own")),
}


class LinkedAccount:
    """One customer's LMS behind StackOne. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.switches = Switchboard(SWITCHES)
        self.requests_per_minute = REQUESTS_PER_MINUTE
        self.linked_at = moment(datetime.now(UTC))
        self.users: dict[str, Row] = {}
        self.contents: dict[str, Row] = {}
        self.assignments: dict[str, Row] = {}
        self.completions: dict[str, Row] = {}
        self._requests: deque[float] = deque()
        self._last = 0

    def reading(self, name: str) -> str:
        """Which reading of a switch holds."""
        return self.switches.reading(name)

    def seconds_too_many(self) -> int:
        """How long to wait before the next request; 0 where this one may pass, which is then counted."""
        now = time.monotonic()
        with self.lock:
            while self._requests and self._requests[0] <= now - 60:
                self._requests.popleft()
            if len(self._requests) >= self.requests_per_minute:
                return int(self._requests[0] + 60 - now) + 1
            self._requests.append(now)
        return 0

    # Users

    def add_user(self, email: str, id: str = "", **fields: Any) -> str:
        """Somebody who uses the LMS, and their id."""
        with self.lock:
            id = id or self._next_id()
            self.users[id] = {"id": id, "remote_id": f"remote-{id}", "email": email, "active": True} | fields
        return id

    def add_users(self, emails: Iterable[str]) -> None:
        """Those of these people who are not there yet."""
        with self.lock:
            known = {user["email"] for user in self.users.values()}
            for email in emails:
                if email not in known:
                    self.add_user(email)

    def find_user(self, id: str) -> Row | None:
        """By StackOne's id or the LMS's own; whoever is asked for where StackOne does not know its users."""
        if self.reading("users") == "unknown":
            return {"id": id, "remote_id": id}
        return _found(self.users, id)

    # Contents

    def put(self, body: Row) -> Row:
        """A content as it is now: nothing is left of what it was."""
        with self.lock:
            known = self.contents.get(body["external_reference"])
            id = known["id"] if known else self._next_id()
            now = moment(datetime.now(UTC))
            created = known["created_at"] if known else now
            row = {"created_at": created, "active": True} | body | {"id": id, "remote_id": f"remote-{id}"}
            self.contents[body["external_reference"]] = row | {"updated_at": now}
            return self.contents[body["external_reference"]]

    def find_content(self, body: Row) -> Row | None:
        """What an assignment or completion is about: by reference, or only by id where the LMS wants ids."""
        with self.lock:
            if self.reading("content_ids") == "no":
                return self.contents.get(body["learning_object_external_reference"])
            wanted = body.get("learning_object_id")
            return next((one for one in self.contents.values() if wanted in {one["id"], one["remote_id"]}), None)

    # Records

    def assign(self, user: Row, content: Row, body: Row) -> Row:
        """A new assignment."""
        row = {"status": {"value": "pending"}, "assigned_at": moment(datetime.now(UTC))} | body
        return self._add(self.assignments, user, content, row)

    def complete(self, user: Row, content: Row, body: Row) -> Row:
        """A new completion, of an assignment that there is, or is made."""
        with self.lock:
            row = {"completed_at": moment(datetime.now(UTC))} | body
            self._close(user, content)
            return self._add(self.completions, user, content, row)

    def _close(self, user: Row, content: Row) -> None:
        mine = [one for one in self.assignments.values() if one["user_id"] == user["id"]]
        open_ones = [
            one
            for one in mine
            if one["learning_object_id"] == content["id"] and one["status"].get("value") != "completed"
        ]
        if not open_ones:
            open_ones = [self.assign(user, content, {})]
        for one in open_ones:
            one |= {"status": {"value": "completed"}, "progress": 100}

    def _add(self, kept: dict[str, Row], user: Row, content: Row, body: Row) -> Row:
        with self.lock:
            id = self._next_id()
            now = moment(datetime.now(UTC))
            about = {
                "id": id,
                "remote_id": f"remote-{id}",
                "user_id": user["id"],
                "remote_user_id": user["remote_id"],
                "learning_object_id": content["id"],
                "learning_object_external_reference": content["external_reference"],
                "created_at": now,
                "updated_at": now,
            }
            kept[id] = body | about
            return kept[id]

    def _next_id(self) -> str:
        self._last += 1
        return f"c28x{self._last:06d}"

    def forget(self) -> None:
        """Empty it of contents and records; its users and switches stay."""
        with self.lock:
            for kept in (self.contents, self.assignments, self.completions):
                kept.clear()


def _found(kept: Mapping[str, Row], id: str) -> Row | None:
    return kept.get(id) or next((row for row in kept.values() if row["remote_id"] == id), None)


def moment(at: datetime) -> str:
    """A moment in UTC with milliseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_accounts: weakref.WeakKeyDictionary[Store, LinkedAccount] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def account_of(store: Store) -> LinkedAccount:
    """The linked account of a store, made when first asked for."""
    with _lock:
        return _accounts.setdefault(store, LinkedAccount())
