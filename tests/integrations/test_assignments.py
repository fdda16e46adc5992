"""Objectives asked of people: told to the LMSs that can be told, withdrawn where that can be, never twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations import keeping
from integrations.models import Delivery, Lane
from objectives.models import Assignment, Objective, Participant, Result
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TOMORROW = timezone.now() + timedelta(days=1)


def assign(lms: Catalogue, *people: Participant, due_at: datetime | None = None) -> list[Assignment]:
    return Assignment.objects.assign([lms.objective], people or [lms.ann], due_at)


def assigned(stackone: Catalogue) -> list[str]:
    return [row["user_id"] for row in stackone.account.assignments.values()]


def over(lms: Catalogue) -> None:
    """Every wait is over."""
    Lane.objects.update(not_before=None)
    Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())


# Assigning -------------------------------------------------------------------------------------------------------


def test_assigning__is_told_after_the_content(stackone: Catalogue) -> None:
    stackone.attach()
    assign(stackone, due_at=TOMORROW)
    pump()
    writes = [one.rpartition("/")[2] for one in stackone.requests() if not one.startswith("GET")]
    assert writes == ["content", "assignments"]
    [row] = stackone.account.assignments.values()
    assert row["user_id"] == "u1"
    assert row["due_date"].startswith(TOMORROW.strftime("%Y-%m-%dT%H:%M"))
    assert_sound()


def test_assigning_again__changes_nothing(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    assert assign(stackone) == []
    pump()
    assert (stackone.deliveries("assignment"), assigned(stackone)) == (["delivered"], ["u1"])


def test_assigning_until_another_time__before_it_was_sent__words_it_anew(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    assign(stackone, due_at=TOMORROW)
    [delivery] = Delivery.objects.filter(kind="assignment")
    assert TOMORROW.strftime("%Y-%m-%d") in delivery.content


def test_assigning__without_an_lms_that_takes_assignments__is_kept_here(stackone: Catalogue) -> None:
    make.attachment(stackone.objective, make.configuration(stackone.organization))
    [made] = assign(stackone)
    assert not Delivery.objects.filter(assignment=made).exists()


def test_assigning__where_the_lms_showed_that_it_cannot__is_not_told(stackone: Catalogue) -> None:
    stackone.bring()
    Lane.objects.update(learned={"assignments": False})
    assign(stackone)
    assert stackone.deliveries("assignment") == []


def test_attaching__tells_what_was_assigned_before(stackone: Catalogue) -> None:
    assign(stackone)
    stackone.bring()
    assert assigned(stackone) == ["u1"]


def test_attaching__does_not_tell_what_is_fulfilled(stackone: Catalogue) -> None:
    assign(stackone)
    make.result(stackone.organization, participant=stackone.ann, objective=stackone.objective)
    stackone.bring()
    assert assigned(stackone) == []


def test_after_a_lost_answer__it_is_assigned_once(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.lms.script(["ok", "ok", "store_then_reset"])
    assign(stackone)
    pump()
    stackone.lms.heal()
    over(stackone)
    pump()
    assert (stackone.deliveries("assignment"), assigned(stackone)) == (["delivered"], ["u1"])


def test_somebody_without_an_e_mail_address__is_held_until_there_is_one(stackone: Catalogue) -> None:
    stackone.bring()
    bob = stackone.person("bob-17")
    stackone.account.add_user("bob@example.com", "u2")
    assign(stackone, bob)
    assert stackone.deliveries("assignment") == ["held"]
    bob.participant_id = "bob@example.com"
    bob.save()
    pump()
    assert assigned(stackone) == ["u2"]


# Fulfilling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "fulfilled"),
    [
        ({"success": True}, True),
        ({"completion": True, "success": None}, True),
        ({"success": False}, False),
        ({"completion": False, "success": None}, False),
    ],
)
def test_result__fulfils_the_assignment_or_not(stackone: Catalogue, values: dict[str, Any], fulfilled: bool) -> None:
    assign(stackone)
    Result.objects.record([Result(participant=stackone.ann, objective=stackone.objective, **values)])
    assert Assignment.objects.with_fulfilled().get().fulfilled is fulfilled


# Withdrawing -----------------------------------------------------------------------------------------------------


def test_withdrawing__before_it_was_sent__drops_what_waits(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    Assignment.objects.all().withdraw()
    pump()
    assert (stackone.deliveries("assignment"), assigned(stackone)) == ([], [])


def test_withdrawing__where_it_can_be_taken_back__is_told(elms: ElmsCatalogue) -> None:
    elms.bring()
    assign(elms)
    pump()
    [learning] = elms.campus.resources
    assert elms.campus.status(elms.ann_there, learning) is not None
    Assignment.objects.all().withdraw()
    pump()
    assert elms.campus.status(elms.ann_there, learning) is None
    assert elms.deliveries("assignment") == ["delivered", "delivered"]


def test_withdrawing__where_it_cannot_be_taken_back__is_not_told(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    pump()
    Assignment.objects.all().withdraw()
    assert stackone.deliveries("assignment") == ["delivered"]


def test_withdrawing__what_may_have_arrived_and_cannot_be_taken_back__holds_it(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    Delivery.objects.filter(kind="assignment").update(attempts=1, doubtful=True)
    Assignment.objects.all().withdraw()
    held = Delivery.objects.get(kind="assignment")
    assert (held.state, held.reason, held.content) == ("held", "unsupported", "")


def test_assigning_what_was_withdrawn__asks_anew(elms: ElmsCatalogue) -> None:
    elms.bring()
    assign(elms)
    pump()
    Assignment.objects.all().withdraw()
    pump()
    assign(elms)
    pump()
    [learning] = elms.campus.resources
    assert elms.campus.status(elms.ann_there, learning) is not None
    assert Assignment.objects.count() == 1


# Tenancy and erasure ---------------------------------------------------------------------------------------------


def test_assigning__people_of_others__is_refused(stackone: Catalogue) -> None:
    stranger = make.participant(make.organization())
    assert assign(stackone, stranger) == []
    assert not Assignment.objects.exists()


def test_assigning__somebody_who_was_erased__is_passed_over(stackone: Catalogue) -> None:
    keeping.erase(stackone.ann)
    assert assign(stackone) == []


def test_erasing__ends_what_was_asked_and_forgets_who_it_was_there(stackone: Catalogue) -> None:
    stackone.bring()
    assign(stackone)
    Participant.objects.filter(pk=stackone.ann.pk).update(profile={"city": "Bern"})
    make.remote_user(stackone.configuration, stackone.ann, "17")
    make.remote_progress(stackone.content(), "Ann@example.com")
    make.remote_progress(stackone.content(), "17")
    make.remote_progress(stackone.content(), "18")
    keeping.erase(stackone.ann)
    ann = Participant.objects.get(pk=stackone.ann.pk)
    assert (ann.profile, ann.remote_users.count()) == ({}, 0)
    assert Assignment.objects.get().withdrawn_at is not None
    assert [one.learner for one in stackone.content().progress.all()] == ["18"]
    assert stackone.deliveries("assignment") == ["erased"]


def test_many__are_told_with_a_steady_number_of_queries(
    stackone: Catalogue, django_assert_max_num_queries: Any
) -> None:
    stackone.attach()
    people = [stackone.person(f"person{number}@example.com") for number in range(60)]
    with django_assert_max_num_queries(25):
        Assignment.objects.assign(list(Objective.objects.all()), people)
    assert Delivery.objects.filter(kind="assignment").count() == 60
