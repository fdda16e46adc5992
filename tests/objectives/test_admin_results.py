"""Results in the admin: recorded once, with sentences for what is wrong, and then left alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from objectives.models import Result, results_recorded
from tests import make
from tests.fixtures_cast import Cast, Tenant
from tests.walk import leaks

pytestmark = pytest.mark.django_db

LIST = "/admin/objectives/result/"


def typed(tenant: Tenant, **changes: str) -> dict[str, str]:
    result = tenant.row(Result)
    sound = {
        "who": result.participant.participant_id,
        "objective": str(result.objective_id),
        "completion": "on",
        "success": "true",
        "occurred_at_0": "2026-01-02",
        "occurred_at_1": "03:04:05",
    }
    return sound | changes


def add(client: Client, values: dict[str, str]) -> Any:
    return client.post(f"{LIST}add/", values)


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["adminform"].form.errors.items()}


def test_add__minimal(cast: Cast) -> None:
    add(cast.client("editor"), typed(cast.northwind))
    result = Result.objects.latest("pk")
    assert (result.organization, result.success) == (cast.northwind.organization, True)


def test_add__with_a_score(cast: Cast) -> None:
    score = {"score_raw": "15", "score_min": "10", "score_max": "20", "duration": "0:25:00"}
    add(cast.client("editor"), typed(cast.northwind, **score))
    result = Result.objects.latest("pk")
    assert (result.score_scaled, result.duration) == (Decimal("0.5"), timedelta(minutes=25))


def test_add__is_announced(cast: Cast) -> None:
    heard: list[Result] = []

    def listen(results: list[Result], **kwargs: Any) -> None:
        heard.extend(results)

    results_recorded.connect(listen)
    try:
        add(cast.client("editor"), typed(cast.northwind))
    finally:
        results_recorded.disconnect(listen)
    assert heard == [Result.objects.latest("pk")]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("who", {"who": ""}),
        ("who", {"who": "nobody@example.com"}),
        ("who", {"who": "\x00"}),
        ("objective", {"objective": ""}),
        ("objective", {"objective": "987654"}),
        ("objective", {"objective": "x"}),
        ("score_raw", {"score_raw": "5"}),
        ("score_raw", {"score_raw": "5", "score_min": "10", "score_max": "20"}),
        ("score_raw", {"score_raw": "NaN"}),
        ("score_raw", {"score_raw": "1e400"}),
        ("score_max", {"score_raw": "5", "score_min": "10", "score_max": "10"}),
        ("score_max", {"score_min": "10", "score_max": "1"}),
        ("duration", {"duration": "-1 00:00:00"}),
        ("duration", {"duration": "soon"}),
        ("duration", {"duration": "25"}),
        ("duration", {"duration": "25:00"}),
        ("score_raw", {"score_raw": "4,5", "score_min": "0", "score_max": "10"}),
        ("score_raw", {"score_raw": "4_5", "score_min": "0", "score_max": "100"}),
        ("occurred_at", {"occurred_at_0": "0026-01-02"}),
        ("occurred_at", {"occurred_at_0": "2999-01-01"}),
        ("occurred_at", {"occurred_at_0": "yesterday"}),
    ],
)
def test_add__what_is_wrong_is_said(cast: Cast, field: str, changes: dict[str, str]) -> None:
    before = Result.objects.count()
    response = add(cast.client("editor"), typed(cast.northwind, **changes))
    assert field in errors(response)
    assert Result.objects.count() == before


def test_add__score_below_its_minimum_is_said_once(cast: Cast) -> None:
    score = {"score_raw": "5", "score_min": "10", "score_max": "20"}
    found = errors(add(cast.client("editor"), typed(cast.northwind, **score)))
    assert found == {"score_raw": ["The score must lie between the lowest and the highest possible score."]}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("score_raw", "4,5", "Enter a number, for example 4.5."),
        ("duration", "25", "Enter hours, minutes and seconds, for example 0:25:00 for 25 minutes."),
    ],
)
def test_add__nonsense__is_refused_with_an_example(cast: Cast, field: str, value: str, said: str) -> None:
    assert errors(add(cast.client("editor"), typed(cast.northwind, **{field: value})))[field] == [said]


def test_add__in_the_future__is_told_what_time_it_is(cast: Cast) -> None:
    [said] = errors(add(cast.client("editor"), typed(cast.northwind, occurred_at_0="2999-01-01")))["occurred_at"]
    assert said.startswith("This lies in the future: times are UTC, and it is now ")


def test_add__numbers__are_typed_as_text(cast: Cast) -> None:
    html = cast.client("editor").get(f"{LIST}add/").content.decode()
    assert html.count('inputmode="decimal"') == 3
    assert 'type="number"' not in html
    assert "When (UTC)" in html


def test_add__participant_in_other_capitals__is_found(cast: Cast) -> None:
    ann = make.participant(cast.northwind.organization, "Ann@example.com")
    add(cast.client("editor"), typed(cast.northwind, who="ann@Example.com"))
    assert Result.objects.latest("pk").participant == ann


def test_add__participant_that_is_not_there__may_be_added(cast: Cast) -> None:
    response = add(cast.client("editor"), typed(cast.northwind, who="nobody@example.com"))
    assert '<a href="/admin/objectives/participant/add/">Add the participant first</a>' in response.content.decode()


@pytest.mark.parametrize(
    ("button", "leads_to"), [("_save", LIST), ("_addanother", f"{LIST}add/"), ("_continue", f"{LIST}%d/change/")]
)
def test_add__leads_where_the_button_says(cast: Cast, button: str, leads_to: str) -> None:
    response = add(cast.client("editor"), typed(cast.northwind, **{button: "Save"}))
    newest = Result.objects.latest("pk").pk
    assert response["Location"] == leads_to.replace("%d", str(newest))


def test_add__says_whose_result_was_recorded(cast: Cast) -> None:
    result = cast.northwind.row(Result)
    response = cast.client("editor").post(f"{LIST}add/", typed(cast.northwind), follow=True)
    [said] = [str(message) for message in response.context["messages"]]
    assert said.startswith(f"Result of {result.participant} for {result.objective} was recorded")


@pytest.mark.parametrize("what", ["who", "objective"])
def test_add__foreign_rows_are_as_missing_ones(cast: Cast, what: str) -> None:
    foreign = typed(cast.contoso)[what]
    missing = {"who": "nobody@example.com", "objective": "987654"}[what]
    client = cast.client("editor")
    responses = [add(client, typed(cast.northwind, **{what: value})) for value in (foreign, missing)]
    assert errors(responses[0]) == errors(responses[1]) != {}
    assert not [text for text in leaks(cast, "editor", responses[0]) if foreign not in text]


def test_add__objectives_to_choose_are_own(cast: Cast) -> None:
    field = cast.client("editor").get(f"{LIST}add/").context["adminform"].form.fields["objective"]
    assert {one.organization for one in field.queryset} == {cast.northwind.organization}


@pytest.mark.parametrize("role", ["admin", "superuser"])
def test_change__never(cast: Cast, role: str) -> None:
    result = cast.northwind.row(Result)
    client = cast.client(role)
    assert client.post(f"{LIST}{result.pk}/change/", typed(cast.northwind)).status_code == 403
    page = client.get(f"{LIST}{result.pk}/change/").content.decode()
    assert 'name="success"' not in page
    assert 'name="_save"' not in page


def test_list_and_page__show_scores_and_answers_in_words(cast: Cast) -> None:
    score = {"score_raw": Decimal("9.0000"), "score_min": Decimal(0), "score_max": Decimal(10)}
    result = make.result(cast.northwind.organization, success=None, **score)
    client = cast.client("viewer")
    assert "90 %</td>" in client.get(LIST).content.decode()
    html = client.get(f"{LIST}{result.pk}/change/").content.decode()
    assert "9, from 0 to 10: 90 %" in html
    assert "</span> Unknown</span>" in html
    assert "Unknown where the objective" not in html


def test_list__queries_do_not_grow(cast: Cast, django_assert_max_num_queries: Any) -> None:
    client = cast.client("viewer")
    for _number in range(20):
        make.result(cast.northwind.organization, occurred_at=timezone.now())
    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_list__found_by_the_whole_participant_id(cast: Cast) -> None:
    make.result(
        cast.northwind.organization, participant=make.participant(cast.northwind.organization, "ann@example.com")
    )
    found = cast.client("viewer").get(LIST, {"q": "ann@example.com"}).context["cl"].result_count
    assert found == 1
