"""What the Open eLMS connector does about a result, by what the LMS has of it already."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.connectors.base import Facts, Item, Outcome, Progress, ReadBack
from integrations.connectors.open_elms.frozen import Achieved
from integrations.connectors.open_elms.results import Step, next_step
from lmsbridge.practice.open_elms.campus import COMPLETED, FAILED, IN_PROGRESS, NOT_ATTEMPTED
from tests.integrations.connectors.open_elms import (
    ELMS,
    NOWHERE,
    Elms,
    asked,
    completed,
    failed,
    passed,
    started,
)


def there(status: str, score: str | None = None) -> Progress:
    return Progress(status, None if score is None else Decimal(score))


NOTHING = ""

# The table of what is read and what is wanted, cell by cell --------------------------------------------------------

CELLS = [
    (None, started(), False, True, "start"),
    (None, completed(), False, True, "complete"),
    (None, passed(), False, True, "complete"),
    (None, failed(), False, True, "fail"),
    (there("not_started"), started(), False, False, "start"),
    (there("started"), started(), False, False, NOTHING),
    (there("not_started"), completed(), False, False, "complete"),
    (there("started"), completed(), False, False, "complete"),
    (there("not_started"), passed(), False, False, "complete"),
    (there("started"), passed(), False, False, "complete"),
    (there("not_started"), failed(), False, False, "fail"),
    (there("started"), failed(), False, False, "fail"),
    (there("completed", "88"), passed(88), False, False, NOTHING),
    (there("completed", "87.5"), passed(88), False, False, NOTHING),
    (there("completed", "88"), completed(), False, False, NOTHING),
    (there("completed"), completed(), False, False, NOTHING),
    (there("completed", "70"), passed(88), False, False, NOTHING),
    (there("completed"), passed(88), False, False, NOTHING),
    (there("completed", "70"), passed(88), True, False, "complete"),
    (there("completed", "88"), passed(88), True, False, NOTHING),
    (there("completed", "70"), completed(), True, False, NOTHING),
    (there("completed", "70"), failed(), False, False, NOTHING),
    (there("completed", "70"), failed(), True, False, NOTHING),
    (there("completed", "70"), started(), True, False, NOTHING),
    (there("failed", "40"), completed(), False, False, "complete"),
    (there("failed", "40"), passed(), False, False, "complete"),
    (there("failed", "40"), failed(40), True, False, NOTHING),
    (there("failed", "40"), failed(), False, False, NOTHING),
    (there("failed", "30"), failed(40), False, False, NOTHING),
    (there("failed", "30"), failed(40), True, False, "fail"),
    (there("failed", "40"), started(), True, False, NOTHING),
]


@pytest.mark.parametrize(("read", "told", "repeats", "assigns", "action"), CELLS)
def test_step__by_what_is_there_and_what_is_wanted(
    read: Progress | None, told: Facts, repeats: bool, assigns: bool, action: str
) -> None:
    step = next_step(read, Achieved.of(told), repeats=repeats)
    assert (step.assign, step.action) == (assigns, action)


@pytest.mark.parametrize(("read", "told", "repeats", "assigns", "action"), CELLS)
def test_step__that_does_nothing__says_why(
    read: Progress | None, told: Facts, repeats: bool, assigns: bool, action: str
) -> None:
    step = next_step(read, Achieved.of(told), repeats=repeats)
    assert bool(step.note) is (step == Step(note=step.note))


# Over the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (None, started(), (IN_PROGRESS, None)),
        (None, completed(), (COMPLETED, None)),
        (None, passed(0), (COMPLETED, 0)),
        (None, failed(40), (FAILED, 40)),
        ((NOT_ATTEMPTED, None), passed(88), (COMPLETED, 88)),
        ((IN_PROGRESS, None), failed(40), (FAILED, 40)),
        ((COMPLETED, 70), passed(88), (COMPLETED, 70)),
        ((COMPLETED, 70), failed(40), (COMPLETED, 70)),
        ((FAILED, 40), passed(88), (COMPLETED, 88)),
        ((FAILED, 40), started(), (FAILED, 40)),
    ],
)
def test_result__told__leaves_the_lms_with(
    elms: Elms, before: tuple[str, int | None] | None, told: Facts, after: tuple[str, int | None]
) -> None:
    if before is not None:
        elms.campus.assign(elms.ann, elms.fire)
        elms.campus.record(elms.ann, elms.fire, *before)
    assert elms.tell(told).outcome is Outcome.DELIVERED
    assert elms.progress == after


def test_result__better_than_before_where_that_is_sent_again__replaces_it(elms: Elms) -> None:
    elms.tell(passed(70))
    elms.set(repeats=True).tell(passed(88))
    assert elms.progress == (COMPLETED, 88)


def test_result__told_again__changes_nothing(elms: Elms) -> None:
    told = passed()
    elms.tell(told)
    writes = elms.writes
    again = elms.tell(told)
    assert (again.outcome, again.sentence) == (Outcome.DELIVERED, "The LMS had it already.")
    assert elms.writes == writes


def test_result__accepted_but_not_recorded__is_rejected(elms: Elms) -> None:
    elms.campus.switch(writing="ignored")
    result = elms.tell()
    assert result.outcome is Outcome.REJECTED
    assert "did not record" in result.sentence
    assert elms.calls[-1].endswith(f"/trainees/{elms.ann}")


def test_result__for_a_status_of_its_own__changes_nothing(elms: Elms) -> None:
    elms.campus.assign(elms.ann, elms.fire)
    elms.campus.record(elms.ann, elms.fire, "overdue")
    assert elms.tell().outcome is Outcome.REJECTED
    assert elms.writes == []


def test_result__of_a_training_that_is_repeated__looks_at_the_newest_record(elms: Elms) -> None:
    elms.campus.switch(trainings="a_record_each")
    elms.tell(failed(40))
    elms.tell(passed(88))
    calls = len(elms.calls)
    assert elms.tell(passed(88)).sentence == "The LMS had it already."
    assert len(elms.calls) == calls + 1


# Reading back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "told", "found"),
    [
        (None, passed(), ReadBack.ABSENT),
        ((NOT_ATTEMPTED, None), passed(), ReadBack.ABSENT),
        ((IN_PROGRESS, None), passed(), ReadBack.ABSENT),
        ((IN_PROGRESS, None), started(), ReadBack.SAME),
        ((COMPLETED, 88), started(), ReadBack.SAME),
        ((COMPLETED, 88), passed(88), ReadBack.SAME),
        ((COMPLETED, 88), completed(), ReadBack.SAME),
        ((COMPLETED, 70), passed(88), ReadBack.DIFFERENT),
        ((COMPLETED, 88), failed(), ReadBack.DIFFERENT),
        ((FAILED, 40), failed(40), ReadBack.SAME),
        ((FAILED, 40), passed(), ReadBack.DIFFERENT),
    ],
)
def test_read_result__by_what_is_there(
    elms: Elms, before: tuple[str, int | None] | None, told: Facts, found: ReadBack
) -> None:
    if before is not None:
        elms.campus.assign(elms.ann, elms.fire)
        elms.campus.record(elms.ann, elms.fire, *before)
    assert read(elms, told) is found
    assert elms.writes == []


def read(elms: Elms, told: Facts) -> ReadBack:
    return ELMS.read_result(elms.door, elms.connection, Item(told.id, ELMS.compose(told, NOWHERE)))[0]


def test_read_result__of_somebody_unknown_there__is_absent(elms: Elms) -> None:
    elms.memory.users.clear()
    elms.campus.remove_account(elms.ann)
    assert read(elms, passed()) is ReadBack.ABSENT


def test_read_result__of_an_objective_that_nothing_stands_for__is_absent(elms: Elms) -> None:
    elms.memory.contents.clear()
    assert read(elms, passed()) is ReadBack.ABSENT


def test_read_result__of_somebody_who_is_there_twice__cannot_be_told(elms: Elms) -> None:
    elms.memory.users.clear()
    elms.campus.switch(email_search="similar")
    elms.campus.add_account("ANN@example.com ", username="ann2")
    assert read(elms, passed()) is ReadBack.FORBIDDEN


def test_progress__of_everybody__has_each_person_once(elms: Elms) -> None:
    elms.campus.switch(trainings="a_record_each")
    bob = elms.campus.add_account("bob@example.com")
    elms.campus.assign(bob, elms.fire)
    elms.tell(failed(40))
    elms.tell(passed(88))
    found = ELMS.read_progress(elms.door, elms.connection, str(elms.fire))
    assert {(one.learner, one.status, one.score) for one in found} == {
        ("ann@example.com", "completed", Decimal(88)),
        ("bob@example.com", "not_started", None),
    }


def test_progress__of_what_nobody_has__is_empty(elms: Elms) -> None:
    assert ELMS.read_progress(elms.door, elms.connection, str(elms.fire)) == []


# Assignments -------------------------------------------------------------------------------------------------------


def test_assignment__of_what_is_not_assigned__assigns_it(elms: Elms) -> None:
    assert elms.ask().outcome is Outcome.DELIVERED
    assert elms.progress == (NOT_ATTEMPTED, None)


def test_assignment__of_what_is_assigned__does_not_assign_it_again(elms: Elms) -> None:
    elms.campus.switch(assigning_again="reset")
    elms.tell(passed(88))
    writes = elms.writes
    assert elms.ask().outcome is Outcome.DELIVERED
    assert (elms.progress, elms.writes) == ((COMPLETED, 88), writes)


def test_assignment__with_a_due_date__says_that_there_is_none(elms: Elms) -> None:
    due = asked().assigned_at
    assert "no due date" in elms.ask(asked(due_at=due)).sentence


def test_assignment__withdrawn__is_unassigned(elms: Elms) -> None:
    elms.ask()
    assert elms.ask(asked(withdrawn=True)).outcome is Outcome.DELIVERED
    assert elms.progress is None


def test_assignment__withdrawn_that_is_not_there__is_fine(elms: Elms) -> None:
    assert elms.ask(asked(withdrawn=True)).outcome is Outcome.DELIVERED
    assert elms.writes == []


def test_assignment__withdrawn_after_it_was_done__stays_on_record(elms: Elms) -> None:
    elms.tell(passed(88))
    assert "stays" in elms.ask(asked(withdrawn=True)).sentence
    assert elms.progress == (COMPLETED, 88)


def test_assignment__withdrawn_where_that_cannot_be__is_held(elms: Elms) -> None:
    elms.campus.switch(missing="unassign")
    elms.ask()
    result = elms.ask(asked(withdrawn=True))
    assert (result.outcome, result.reason) == (Outcome.HELD, "unsupported")
    assert elms.memory.learned == {"missing": ["unassign"]}
