"""What the Open eLMS API's page leaves open: every reading of every gap, with the same outcome in the end.

There is no client and no second document to hold the connector against, so it has to get along with all of them.
"""

from __future__ import annotations

import itertools

import pytest

from integrations.connectors.base import Item, Outcome, RateLimited, ReadBack, RemoteItem, ServerError
from integrations.connectors.http import Answer
from integrations.connectors.http.answers import Headers
from integrations.connectors.open_elms.answers import refusal
from lmsbridge.practice.open_elms.campus import COMPLETED, FAILED, IN_PROGRESS, NOT_ATTEMPTED, SWITCHES
from tests.integrations.connectors.open_elms import ANN, ELMS, Elms, asked, facts, failed, offered, passed, started

# These readings are failures; what comes of them is said further down.
FAILING = {
    *(("user_id", "none"), ("writing", "ignored")),
    *itertools.product(["trouble"], SWITCHES["trouble"].readings[1:]),
}
READINGS = [
    pytest.param(name, reading, id=f"{name}-{reading}")
    for name, switch in SWITCHES.items()
    for reading in switch.readings
    if (name, reading) not in FAILING
]

every_reading = pytest.mark.parametrize(("name", "reading"), READINGS)


@pytest.fixture
def crowd(elms: Elms) -> Elms:
    """Others who are nearly called like Ann, one of whom has passed already; the connection remembers nobody."""
    joann = elms.campus.add_account("joann@example.com", fname="Jo", lname="Ann")
    elms.campus.assign(joann, elms.fire)
    elms.campus.record(joann, elms.fire, COMPLETED, 88)
    elms.campus.add_account("ann@example.com.au", fname="Ann", lname="Other")
    elms.memory.users.clear()
    return elms


@every_reading
def test_result__under_each_reading__arrives_once(crowd: Elms, name: str, reading: str) -> None:
    crowd.campus.switch(**{name: reading})
    told = passed(88)
    assert crowd.tell(told).outcome is Outcome.DELIVERED
    assert crowd.progress == (COMPLETED, 88)
    writes = crowd.writes
    crowd.next_turn()
    assert crowd.tell(told, doubtful=True).sentence == "The LMS had it already."
    assert crowd.writes == writes


@every_reading
def test_result__after_a_failed_one_under_each_reading__replaces_it(crowd: Elms, name: str, reading: str) -> None:
    crowd.campus.switch(**{name: reading})
    for told in (started(), failed(40), passed(88)):
        assert crowd.tell(told).outcome is Outcome.DELIVERED
    assert crowd.progress == (COMPLETED, 88)
    item = Item(told.id, ELMS.compose(told, crowd.connection))
    assert ELMS.read_result(crowd.door, crowd.connection, item)[0] is ReadBack.SAME


@every_reading
def test_result__of_somebody_new_under_each_reading__arrives(crowd: Elms, name: str, reading: str) -> None:
    crowd.campus.remove_account(crowd.ann)
    crowd.campus.switch(**{name: reading})
    result = crowd.set(create_users=True).tell(failed(40))
    if (name, reading) == ("missing", "users"):
        assert (result.outcome, result.reason) == (Outcome.HELD, "unsupported")
        return
    assert result.outcome is Outcome.DELIVERED
    crowd.ann = int(crowd.memory.users[ANN.participant_id] or 0)
    assert crowd.progress == (FAILED, 40)


@every_reading
def test_content__under_each_reading__is_created_once(elms: Elms, name: str, reading: str) -> None:
    elms.campus.switch(**{name: reading})
    outcomes = []
    for _time in range(2):
        elms.next_turn()
        outcomes.append(elms.offer(offered("First aid"), doubtful=True).outcome)
    if (name, reading) == ("missing", "new-resource"):
        assert outcomes == [Outcome.HELD] * 2
        return
    assert outcomes == [Outcome.DELIVERED] * 2
    [created] = elms.named("First aid")
    assert elms.memory.contents["aid"] == RemoteItem(str(created), "First aid")


@every_reading
def test_assignment__under_each_reading__keeps_the_progress(elms: Elms, name: str, reading: str) -> None:
    elms.campus.switch(**{name: reading})
    elms.tell(started())
    assert elms.ask().outcome is Outcome.DELIVERED
    assert elms.progress == (IN_PROGRESS, None)


@every_reading
def test_progress__of_everybody_under_each_reading__is_read(elms: Elms, name: str, reading: str) -> None:
    elms.campus.switch(**{name: reading})
    elms.tell(passed(88))
    bob = elms.campus.add_account("bob@example.com")
    elms.campus.assign(bob, elms.fire)
    found = ELMS.read_progress(elms.door, elms.connection, str(elms.fire))
    assert sorted((one.status, one.score) for one in found) == [("completed", 88), ("not_started", None)]


@every_reading
def test_check__under_each_reading__is_ok(elms: Elms, name: str, reading: str) -> None:
    elms.campus.switch(**{name: reading})
    assert ELMS.check(elms.door, elms.connection).ok


# Readings that are failures ----------------------------------------------------------------------------------------


def test_search__whose_accounts_have_no_id__stops_the_connection(crowd: Elms) -> None:
    crowd.campus.switch(user_id="none")
    with pytest.raises(ServerError, match="no user id"):
        crowd.tell()


@pytest.mark.parametrize(
    ("reading", "error"), [("rate_limit", RateLimited), ("outage", ServerError), ("retry_after", RateLimited)]
)
def test_answer__503__is_a_rate_limit_or_an_outage_by_its_wording(
    elms: Elms, reading: str, error: type[Exception]
) -> None:
    elms.campus.switch(trouble=reading)
    with pytest.raises(error) as raised:
        elms.tell()
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("reason", "body", "error"),
    [
        ("Rate Limit Exceeded", b"", RateLimited),
        ("Service Unavailable", b"RATE LIMIT", RateLimited),
        ("Not Available", b"try again soon", ServerError),
    ],
)
def test_answer__503_without_a_time_to_wait__is_told_apart_by_reason_and_body(
    reason: str, body: bytes, error: type[Exception]
) -> None:
    answer = Answer(503, reason, Headers(), body, complete=True, truncated=False, elapsed=0.01)
    assert type(refusal(answer)) is error


@pytest.mark.parametrize(("reading", "most"), [("empty", 30), ("404", 31)])
def test_results__of_what_is_not_assigned_yet__cost_three_requests_each(elms: Elms, reading: str, most: int) -> None:
    elms.campus.switch(not_assigned=reading)
    for number in range(10):
        email = f"person{number}@example.com"
        elms.memory.users[email] = str(elms.campus.add_account(email))
        elms.tell(facts(participant_id=email))
    assert len(elms.calls) == most


def test_progress__that_is_accepted_and_ignored__is_no_success(elms: Elms) -> None:
    elms.campus.switch(writing="ignored")
    assert elms.tell().outcome is Outcome.REJECTED
    assert elms.progress == (NOT_ATTEMPTED, None)


# 404 on a write: the address, the learning resource or the person --------------------------------------------------


@pytest.mark.catalogue("R18")
def test_result__at_a_wrong_address__is_the_lms_s_fault(elms: Elms) -> None:
    elms.set(url=f"{elms.lms.address}/open_elms/wrong")
    with pytest.raises(ServerError, match="no Open eLMS"):
        elms.tell()


@pytest.mark.catalogue("R18")
def test_result__of_somebody_unknown_at_a_wrong_address__is_the_lms_s_fault(elms: Elms) -> None:
    elms.memory.users.clear()
    elms.set(url=f"{elms.lms.address}/open_elms/wrong")
    with pytest.raises(ServerError, match="no Open eLMS"):
        elms.tell()


@pytest.mark.catalogue("R18")
def test_result__of_somebody_who_is_gone__is_held_and_others_flow(elms: Elms) -> None:
    elms.campus.remove_account(elms.ann)
    result = elms.tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_user")
    assert elms.memory.users[ANN.participant_id] is None
    bob = elms.campus.add_account("bob@example.com")
    elms.memory.users["bob@example.com"] = str(bob)
    assert elms.tell(facts(participant_id="bob@example.com")).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("reading", ["empty", "404"])
def test_result__of_somebody_who_has_another_id_now__finds_them(elms: Elms, reading: str) -> None:
    elms.campus.switch(not_assigned=reading)
    elms.campus.remove_account(elms.ann)
    elms.ann = elms.campus.add_account(ANN.participant_id)
    assert elms.tell().outcome is Outcome.DELIVERED
    assert elms.progress == (COMPLETED, 88)
    assert elms.memory.users[ANN.participant_id] == str(elms.ann)


def test_assignment__of_somebody_who_has_another_id_now__finds_them(elms: Elms) -> None:
    elms.campus.remove_account(elms.ann)
    elms.ann = elms.campus.add_account(ANN.participant_id)
    assert elms.ask(asked()).outcome is Outcome.DELIVERED
    assert elms.progress == (NOT_ATTEMPTED, None)


def test_result__that_a_write_of_which_is_unknown_though_all_is_there__is_held(elms: Elms) -> None:
    elms.store.script(["ok", "404", "ok", "ok"])
    result = elms.tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_user")
