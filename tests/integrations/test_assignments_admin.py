"""Assigning in the admin: from the list of people, from that of objectives, and withdrawing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from objectives.models import Assignment, Objective, Participant
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

PEOPLE, OBJECTIVES, LIST = (f"/admin/objectives/{name}/" for name in ("participant", "objective", "assignment"))


def said(response: Any) -> str:
    return " ".join(str(one) for one in response.context["messages"])


def act(client: Client, address: str, action: str, *rows: Any, **more: Any) -> Any:
    return client.post(address, {"action": action, "_selected_action": [one.pk for one in rows]} | more, follow=True)


@pytest.fixture
def people(cast: Cast) -> list[Participant]:
    return [make.participant(cast.northwind.organization) for _number in range(2)]


@pytest.fixture
def objective(cast: Cast) -> Objective:
    return make.objective(cast.northwind.organization, "First aid")


def test_people__are_assigned_what_was_chosen(cast: Cast, people: list[Participant], objective: Objective) -> None:
    due = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    answered = {"post": "yes", "objectives": [objective.pk], "due_at": due}
    response = act(cast.client("editor"), PEOPLE, "assign", *people, **answered)
    assert said(response) == "2 assignments were made."
    made = Assignment.objects.filter(objective=objective)
    assert {(one.participant_id, one.due_at is not None) for one in made} == {(one.pk, True) for one in people}


def test_people__are_first_asked_what(cast: Cast, people: list[Participant]) -> None:
    response = act(cast.client("editor"), PEOPLE, "assign", *people)
    assert "Chosen people: 2. What is asked of them?" in response.content.decode()


def test_objectives__are_asked_of_those_whose_ids_are_typed(
    cast: Cast, people: list[Participant], objective: Objective
) -> None:
    typed = "\n".join(one.participant_id for one in people)
    response = act(cast.client("editor"), OBJECTIVES, "assign", objective, post="yes", people=typed)
    assert said(response) == "2 assignments were made."


def test_objectives__of_somebody_unknown__assigns_nothing(cast: Cast, objective: Objective) -> None:
    theirs = cast.contoso.row(Participant)
    before = Assignment.objects.count()
    response = act(cast.client("editor"), OBJECTIVES, "assign", objective, post="yes", people=theirs.participant_id)
    assert "There is no participant with this id" in response.content.decode()
    assert Assignment.objects.count() == before


def test_people__with_an_objective_of_others__assigns_nothing(cast: Cast, people: list[Participant]) -> None:
    theirs = cast.contoso.row(Objective)
    before = Assignment.objects.count()
    act(cast.client("editor"), PEOPLE, "assign", *people, post="yes", objectives=[theirs.pk])
    assert Assignment.objects.count() == before


def test_due_date__that_is_past__is_refused(cast: Cast, people: list[Participant], objective: Objective) -> None:
    answered = {"post": "yes", "objectives": [objective.pk], "due_at": "2020-01-01T00:00"}
    assert (
        "This moment is past." in act(cast.client("editor"), PEOPLE, "assign", *people, **answered).content.decode()
    )


def test_assigning_again__says_that_it_was_there(cast: Cast, people: list[Participant], objective: Objective) -> None:
    for _turn in range(2):
        response = act(cast.client("editor"), PEOPLE, "assign", *people, post="yes", objectives=[objective.pk])
    assert said(response) == "0 assignments were made. 2 were there before."


def test_list__says_what_became_of_each(cast: Cast, people: list[Participant], objective: Objective) -> None:
    done, late = people
    make.assignment(objective, done)
    make.assignment(objective, late, due_at=timezone.now() - timedelta(days=1))
    make.result(cast.northwind.organization, participant=done, objective=objective)
    client = cast.client("viewer")
    for standing, person in (("done", done), ("overdue", late)):
        found = client.get(LIST, {"standing": standing}).context["cl"].result_list
        assert person.pk in [one.participant_id for one in found]


def test_list__queries_do_not_grow(
    cast: Cast, objective: Objective, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _number in range(20):
        make.assignment(objective, make.participant(cast.northwind.organization))
    client = cast.client("viewer")
    client.get(LIST)
    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_withdraw__counts_what_was_withdrawn_before(
    cast: Cast, people: list[Participant], objective: Objective
) -> None:
    rows = [make.assignment(objective, one) for one in people]
    Assignment.objects.filter(pk=rows[0].pk).withdraw()
    response = act(cast.client("editor"), LIST, "withdraw", *rows)
    assert said(response).startswith("1 assignment was withdrawn.")
    assert said(response).endswith("1 was withdrawn before.")


def test_viewers__may_not_assign(cast: Cast, people: list[Participant], objective: Objective) -> None:
    before = Assignment.objects.count()
    act(cast.client("viewer"), PEOPLE, "assign", *people, post="yes", objectives=[objective.pk])
    assert Assignment.objects.count() == before
