"""What every connector must do, written once: its test file makes a ``Stage`` and classes of these tests."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from integrations.connectors.base import (
    Ability,
    CannotConnect,
    Connector,
    DestinationError,
    Held,
    Item,
    Outcome,
    Person,
    RateLimited,
    ReadBack,
    ServerError,
    Unsupported,
)
from integrations.connectors.http import Door
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.stage import ANN, REFERENCE, WHEN, LosingDoor, Stage, facts

# Which methods an ability stands for.
METHODS: Mapping[Ability, tuple[str, ...]] = {
    Ability.LAUNCHES: ("fetch_token", "launch_connection", "open_session", "compose_event"),
    Ability.CONTENT: ("compose_content", "send_content"),
    Ability.CATALOGUE: ("catalogue",),
    Ability.CREATOR: ("creator_link",),
    Ability.DOWNLOADS: ("download",),
    Ability.ASSIGNMENTS: ("compose_assignment", "send_assignments"),
    Ability.USERS: ("find_user", "users"),
    Ability.NEW_USERS: ("create_user", "update_user"),
    Ability.PROGRESS: ("read_progress",),
}


JSON = (("Content-Type", "application/json"),)
GARBAGE = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b"null",
    b'"text"',
    b"7",
    b'{"data": 5}',
    b'{"data": [[]]}',
    b"\xff\xfe",
    b"[",
]
STATUSES = [
    200,
    201,
    202,
    203,
    206,
    300,
    304,
    400,
    402,
    404,
    405,
    406,
    408,
    409,
    410,
    412,
    413,
    415,
    418,
    422,
    423,
    425,
]
STATUSES += [426, 428, 431, 451, 499, 500, 501, 502, 503, 504, 507, 511, 520, 524, 599, 999]


class ConnectorContract:
    """The tests. A class of a connector's own test file inherits them and gives its ``stage``."""

    @pytest.fixture
    def door(self) -> Iterator[Door]:
        """A door for one test."""
        with Door(deadline=5) as opened:
            yield opened

    # What it says of itself ------------------------------------------------------------------------------------

    def test_abilities__stand_for_what_is_written(self, stage: Stage) -> None:
        own = type(stage.connector)
        for ability, names in METHODS.items():
            for name in names:
                assert (getattr(own, name) is not getattr(Connector, name)) is stage.connector.can(ability), name

    def test_options__name_their_secrets_and_their_address(self, stage: Stage) -> None:
        form = stage.connector.options_form
        named = {*form.secret_fields, *form.credential_fields, form.address_field}
        assert named <= form.base_fields.keys()
        assert str(stage.connector.label)

    def test_can_send__with_everything__but_not_without_its_secret(self, stage: Stage) -> None:
        connection = stage.connection()
        assert stage.connector.can_send(connection) is None
        held = stage.connector.can_send(dataclasses.replace(connection, secrets={}))
        assert held is not None
        assert (held.reason, bool(held.sentence)) == ("not_ready", True)

    # Composing -------------------------------------------------------------------------------------------------

    def test_compose__twice__gives_the_same_text(self, stage: Stage) -> None:
        told = facts()
        first, second = (stage.connector.compose(told, stage.connection()) for _time in range(2))
        assert first == second
        assert json.loads(first.decode())

    def test_compose__for_somebody_without_an_address__is_held(self, stage: Stage) -> None:
        with pytest.raises(Held) as held:
            stage.result(participant_id="employee-0042")
        assert held.value.reason == "no_email"

    def test_compose__with_half_a_character__is_held_or_leaves_it_out(self, stage: Stage) -> None:
        with contextlib.suppress(Held):
            assert stage.result(activity_name="half \ud83d").content.decode()

    # Results ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("success", [True, False, None], ids=["passed", "failed", "completed"])
    def test_result__sent__is_delivered_once(self, stage: Stage, success: bool | None) -> None:
        item = stage.result(success=success)
        exchange = stage.send(item)
        assert [(one.id, one.outcome) for one in exchange.results] == [(item.id, Outcome.DELIVERED)]
        assert stage.results() == 1

    @pytest.mark.catalogue("R52")
    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_result__whose_answer_is_lost__is_there_once(self, stage: Stage, number: int) -> None:
        with LosingDoor(number) as door:
            assert stage.send_until_told(stage.result(), door) is Outcome.DELIVERED
        assert stage.results() == 1

    @pytest.mark.catalogue("R52")
    def test_result__cut_short_after_its_delivery__is_there_once(self, stage: Stage) -> None:
        item = stage.result()
        stage.send(item)
        assert stage.outcome(dataclasses.replace(item, doubtful=True)) is Outcome.DELIVERED
        assert stage.results() == 1

    @pytest.mark.catalogue("R52")
    def test_result__in_doubt_that_never_arrived__is_sent(self, stage: Stage) -> None:
        assert stage.outcome(stage.result(doubtful=True)) is Outcome.DELIVERED
        assert stage.results() == 1

    @pytest.mark.catalogue("R01")
    def test_results__once_the_lms_is_known__cost_no_more_requests_than_promised(self, stage: Stage) -> None:
        stage.send(stage.result())
        before = stage.store.request_count
        for hour in range(1, 21):
            stage.send(stage.result(timestamp=WHEN + datetime.timedelta(hours=hour)))
        assert stage.store.request_count - before <= 20 * stage.most_requests

    def test_needs__of_an_item__are_what_it_is_about(self, stage: Stage) -> None:
        needed = stage.connector.needs([stage.result()])
        assert needed.users <= {ANN}
        assert needed.contents <= {REFERENCE}

    # Answers ---------------------------------------------------------------------------------------------------

    @pytest.mark.catalogue("R17")
    @pytest.mark.parametrize("status", [401, 403])
    def test_answer__that_refuses_the_key__says_so(self, stage: Stage, status: int) -> None:
        stage.lms.fail(str(status))
        with pytest.raises(ServerError) as raised:
            stage.send(stage.result())
        assert raised.value.refuses_credentials

    @pytest.mark.catalogue("R19")
    @pytest.mark.parametrize("status", [405, 410, 412])
    def test_answer__that_refuses_everything__blames_no_item(self, stage: Stage, status: int) -> None:
        stage.store.fail(Fault("answer", status=status))
        with pytest.raises(ServerError) as raised:
            stage.send(stage.result())
        assert type(raised.value) is ServerError
        assert raised.value.sentence

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
    def test_answer__of_an_lms_in_trouble__blames_one_item_at_most(self, stage: Stage, status: int) -> None:
        stage.store.fail(Fault("answer", status=status))
        with pytest.raises(ServerError) as raised:
            stage.send(stage.result())
        assert raised.value.perhaps_one_item is (status == 500)

    @pytest.mark.parametrize("status", [429, 503])
    def test_answer__to_slow_down__is_heeded(self, stage: Stage, status: int) -> None:
        stage.lms.fail(str(status), "7")
        with pytest.raises(RateLimited) as raised:
            stage.send(stage.result())
        assert raised.value.retry_after == 7

    def test_answer__that_leads_elsewhere__says_where_and_is_not_followed(self, stage: Stage) -> None:
        stage.store.fail(Fault("answer", status=307, headers=(("Location", "https://other.example.com/x?token=y"),)))
        with pytest.raises(ServerError) as raised:
            stage.send(stage.result())
        assert "other.example.com" in raised.value.sentence
        assert "token" not in raised.value.sentence

    def test_answer__of_a_login_page__is_no_delivery(self, stage: Stage) -> None:
        stage.lms.fail("login_page")
        with pytest.raises(ServerError):
            stage.send(stage.result())

    def test_answer__that_never_comes__cannot_connect(self, stage: Stage) -> None:
        stage.lms.fail("close")
        with pytest.raises(CannotConnect):
            stage.send(stage.result())

    @pytest.mark.parametrize("status", STATUSES)
    def test_answer__whatever_it_is__is_classified_and_delivers_nothing(self, stage: Stage, status: int) -> None:
        _survives(stage, status, stage.result())

    def test_answer__that_repeats_the_key__does_not_bring_it_into_a_sentence(self, stage: Stage) -> None:
        said = json.dumps({"message": f"No: {stage.secret}", "error": stage.secret}).encode()
        for status in (400, 401, 422, 500):
            stage.store.fail(Fault("answer", status=status, body=said, headers=JSON))
            try:
                sentence = stage.send(stage.result()).results[0].sentence
            except DestinationError as error:
                sentence = error.sentence
            assert stage.secret not in sentence

    # Checking and reading --------------------------------------------------------------------------------------

    def test_check__of_a_sound_lms__is_ok_and_changes_nothing(self, stage: Stage) -> None:
        assert stage.connector.check(stage.door, stage.connection()).ok
        assert {request.method for request in stage.store.requests} == {"GET"}

    @pytest.mark.parametrize("fault", ["401", "404", "500", "login_page", Fault("answer", status=200, body=b"Hello")])
    def test_check__of_an_unsound_lms__says_what_to_do(self, stage: Stage, fault: str | Fault) -> None:
        stage.lms.fail(fault)
        found = stage.connector.check(stage.door, stage.connection())
        assert not found.ok
        assert found.sentence

    def test_read_result__before_and_after__tells_them_apart(self, stage: Stage) -> None:
        item = stage.result()
        assert stage.connector.read_result(stage.door, stage.connection(), item)[0] is ReadBack.ABSENT
        stage.send(item)
        assert stage.connector.read_result(stage.door, stage.connection(), item)[0] is ReadBack.SAME


def _survives(stage: Stage, status: int, item: Item) -> None:
    """An answer of this status, whatever else it holds, blames the item or the LMS, and proves nothing."""
    for body in GARBAGE:
        stage.store.fail(Fault("answer", status=status, body=body, headers=JSON))
        outcome, error = stage.said(item)
        assert outcome is not Outcome.DELIVERED
        assert not isinstance(error, CannotConnect)
        assert error is None or error.sentence


class PeopleContract(ConnectorContract):
    """For LMSs that have people, who can be looked up."""

    def test_result__for_somebody_unknown__is_held_and_others_flow(self, stage: Stage) -> None:
        [held] = stage.send(stage.result(participant_id="nobody@example.com")).results
        assert (held.outcome, held.reason, bool(held.sentence)) == (Outcome.HELD, "unknown_user", True)
        assert stage.outcome(stage.result()) is Outcome.DELIVERED

    def test_find_user__who_is_there__is_remembered(self, stage: Stage) -> None:
        stage.memory.users.clear()
        found = stage.connector.find_user(stage.door, stage.connection(), Person(ANN.upper(), ""))
        assert found.remote_id
        assert stage.memory.users == {ANN.upper(): found.remote_id}

    def test_find_user__who_is_not_there__says_what_to_do(self, stage: Stage) -> None:
        found = stage.connector.find_user(stage.door, stage.connection(), Person("nobody@example.com", ""))
        assert (found.remote_id, found.reason, bool(found.sentence)) == ("", "unknown_user", True)

    def test_users__of_the_lms__are_listed(self, stage: Stage) -> None:
        found = stage.connector.users(stage.door, stage.connection())
        assert [one.email for one in found if one.remote_id] == [ANN]

    @pytest.mark.catalogue("R18")
    def test_result__of_somebody_whose_remembered_id_is_stale__finds_the_new_one(self, stage: Stage) -> None:
        stage.memory.users[ANN] = "999999"
        assert stage.outcome(stage.result()) is Outcome.DELIVERED
        assert stage.memory.users[ANN] != "999999"


class ContentContract(ConnectorContract):
    """For LMSs that take contents into their catalogues."""

    EVACUATION: ClassVar[dict[str, Any]] = {"external_reference": "evac-01", "title": "Evacuation"}

    def test_content__sent_twice__is_there_once(self, stage: Stage) -> None:
        before = list(stage.contents())
        for _time in range(2):
            assert stage.outcome(stage.content(**self.EVACUATION)) is Outcome.DELIVERED
        assert stage.contents() == [*before, ("Evacuation", True)]

    @pytest.mark.catalogue("R52")
    def test_content__whose_answer_is_lost__is_there_once(self, stage: Stage) -> None:
        before = len(stage.contents())
        with LosingDoor(1) as door:
            assert stage.send_until_told(stage.content(**self.EVACUATION), door) is Outcome.DELIVERED
        assert len(stage.contents()) == before + 1

    @pytest.mark.parametrize("status", STATUSES)
    def test_answer_to_content__whatever_it_is__is_classified(self, stage: Stage, status: int) -> None:
        _survives(stage, status, stage.content(**self.EVACUATION))

    def test_content__sent__is_in_the_catalogue(self, stage: Stage) -> None:
        stage.send(stage.content(**self.EVACUATION))
        found = stage.connector.catalogue(stage.door, stage.connection())
        assert "Evacuation" in [entry.name for entry in found if entry.remote_id]

    def test_content__taken_out__is_hidden_or_said_to_stay(self, stage: Stage) -> None:
        stage.send(stage.content(**self.EVACUATION))
        if stage.connector.can(Ability.CONTENT_REMOVAL):
            stage.send(stage.content(**self.EVACUATION, active=False))
            assert ("Evacuation", False) in stage.contents()
        else:
            with pytest.raises(Unsupported):
                stage.content(**self.EVACUATION, active=False)

    def test_content__renamed__is_changed_there_where_that_can_be(self, stage: Stage) -> None:
        stage.send(stage.content(**self.EVACUATION))
        stage.send(stage.content(**self.EVACUATION | {"title": "Leaving the house"}))
        changes = stage.connector.can(Ability.CONTENT_UPDATES)
        assert (("Leaving the house", True) in stage.contents()) is changes


class AssignmentContract(ConnectorContract):
    """For LMSs that take assignments."""

    def test_assignment__sent_twice__is_there_once(self, stage: Stage) -> None:
        before = stage.assignments()
        for _time in range(2):
            assert stage.outcome(stage.assignment()) is Outcome.DELIVERED
        assert stage.assignments() == before + 1

    @pytest.mark.catalogue("R52")
    def test_assignment__whose_answer_is_lost__is_there_once(self, stage: Stage) -> None:
        before = stage.assignments()
        with LosingDoor(1) as door:
            assert stage.send_until_told(stage.assignment(), door) is Outcome.DELIVERED
        assert stage.assignments() == before + 1

    @pytest.mark.parametrize("status", STATUSES)
    def test_answer_to_an_assignment__whatever_it_is__is_classified(self, stage: Stage, status: int) -> None:
        _survives(stage, status, stage.assignment())

    def test_assignment__withdrawn__is_gone_or_said_to_stay(self, stage: Stage) -> None:
        before = stage.assignments()
        stage.send(stage.assignment())
        if stage.connector.can(Ability.WITHDRAWALS):
            assert stage.outcome(stage.assignment(withdrawn=True)) is Outcome.DELIVERED
            assert stage.assignments() == before
        else:
            with pytest.raises(Unsupported):
                stage.assignment(withdrawn=True)

    def test_progress__of_what_is_assigned_and_then_passed(self, stage: Stage) -> None:
        stage.send(stage.assignment())
        assert self._progress(stage) == [(ANN, "not_started")]
        stage.send(stage.result())
        assert self._progress(stage) in ([(ANN, "passed")], [(ANN, "completed")])

    def _progress(self, stage: Stage) -> list[tuple[str, str]]:
        remote_id = stage.remote_content()
        found = stage.connector.read_progress(stage.door, stage.connection(), remote_id)
        return [(one.learner, one.status) for one in found]
