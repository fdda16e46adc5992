"""Each connector keeps the contract that all of them share."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from integrations.connectors.base import Connection, RemoteItem, Secret
from integrations.connectors.http import Door
from integrations.connectors.open_elms import OpenElmsConnector
from integrations.connectors.xapi import XapiConnector
from lmsbridge.practice.open_elms.campus import COMPLETED, FAILED, campus_of
from tests.integrations.connectors.contract import (
    AssignmentContract,
    ConnectorContract,
    ContentContract,
    PeopleContract,
)
from tests.integrations.connectors.stackone import AssigningStage, StackOneStage
from tests.integrations.connectors.stage import ANN, REFERENCE, Stage
from tests.lms import PracticeLMS


class XapiStage(Stage):
    """An LMS that speaks xAPI: it knows people and contents by what statements say of them."""

    connector = XapiConnector()
    secret = "practice-secret"

    def prepare(self) -> None:
        pass

    def connection(self) -> Connection:
        options = {"url": self.lms.url(), "auth": "key_secret", "key": "practice-key", "version": "1.0.3"}
        return Connection(options, {"key_secret": Secret(self.secret)}, self.memory)

    def results(self) -> int:
        return self.store.statement_count


class OpenElmsStage(Stage):
    """An Open eLMS with Ann's account and a learning resource that is mapped."""

    connector = OpenElmsConnector()
    most_requests = 3

    def prepare(self) -> None:
        self.campus = campus_of(self.store)
        self.campus.add_account(ANN, fname="Ann", lname="Lee")
        self.fire = str(self.campus.add_resource("Fire safety"))
        self.memory.contents[REFERENCE] = RemoteItem(self.fire, "Fire safety")
        self.memory.taken = frozenset({self.fire})

    def connection(self) -> Connection:
        return Connection({"url": f"{self.lms.address}/open_elms"}, {"token": Secret(self.secret)}, self.memory)

    def results(self) -> int:
        return sum(
            one.status in {COMPLETED, FAILED} for trainings in self.campus.trainings.values() for one in trainings
        )

    def contents(self) -> Sequence[tuple[str, bool]]:
        return [(resource.name, True) for resource in self.campus.resources.values()]

    def assignments(self) -> int:
        return len(self.campus.trainings)

    def remote_content(self) -> str:
        return self.fire


class TestXapi(ConnectorContract):
    @pytest.fixture
    def stage(self, practice_lms: PracticeLMS, door: Door) -> Stage:
        return XapiStage(practice_lms, door)


class TestOpenElms(PeopleContract, ContentContract, AssignmentContract):
    @pytest.fixture
    def stage(self, practice_lms: PracticeLMS, door: Door) -> Stage:
        return OpenElmsStage(practice_lms, door)


class TestStackOne(PeopleContract, ContentContract, AssignmentContract):
    @pytest.fixture
    def stage(self, practice_lms: PracticeLMS, door: Door) -> Stage:
        return StackOneStage(practice_lms, door)


class TestStackOneAssigningFirst(PeopleContract):
    @pytest.fixture
    def stage(self, practice_lms: PracticeLMS, door: Door) -> Stage:
        return AssigningStage(practice_lms, door)
