"""The practice StackOne with one person and one content, and a connection to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from integrations.connectors.base import Connection, Secret
from integrations.connectors.stackone import StackOneConnector
from integrations.connectors.stackone.options import ASSIGN_FIRST, COMPLETE_ONLY
from lmsbridge.practice.stackone.account import ACCOUNT_ID, account_of
from tests.integrations.connectors.stage import ANN, REFERENCE, Stage

STACKONE = StackOneConnector()


class StackOneStage(Stage):
    """A linked account whose LMS knows Ann as ``u1`` and has the content; results are completions alone."""

    connector = STACKONE
    flow: ClassVar[str] = COMPLETE_ONLY

    def prepare(self) -> None:
        self.account = account_of(self.store)
        self.account.switches.switch(strangers="stays_away")
        self.account.add_user(ANN, "u1")
        self.account.put({"external_reference": REFERENCE, "title": "Fire safety"})
        self.options: dict[str, Any] = {
            "url": f"{self.lms.address}/stackone",
            "account_id": ACCOUNT_ID,
            "flow": self.flow,
        }

    def connection(self) -> Connection:
        return Connection(self.options, {"api_key": Secret(self.secret)}, self.memory)

    def results(self) -> int:
        return len(self.account.completions)

    def contents(self) -> Sequence[tuple[str, bool]]:
        return [(row["title"], row["active"]) for row in self.account.contents.values()]

    def assignments(self) -> int:
        return len(self.account.assignments)

    def remote_content(self) -> str:
        return REFERENCE

    @property
    def calls(self) -> list[str]:
        """The requests that came, without what all of them begin with."""
        return [
            f"{one.method} {one.path.partition('/unified/lms/')[2]}{'?' + one.query if one.query else ''}"
            for one in self.store.requests
        ]


class AssigningStage(StackOneStage):
    """The same, where results are told as an assignment, then a completion."""

    flow = ASSIGN_FIRST
    most_requests = 3
