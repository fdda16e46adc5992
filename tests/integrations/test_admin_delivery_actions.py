"""Holding and releasing deliveries, and choosing so many that a job does it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from integrations import jobs
from integrations.admin.explaining import explain
from integrations.jobs.kinds import selected
from integrations.models import Delivery, LMSConfiguration
from objectives.models import Job
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/delivery/"
WHY = "The course is {wrong}."


@pytest.fixture
def lms(cast: Cast) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(cast.northwind.organization, "Spare")
    return found


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """From three rows on a job does it."""
    monkeypatch.setattr(jobs, "STEP", 2)


def deliver(lms: LMSConfiguration, state: str = "queued", participant_id: str = "", **values: Any) -> Delivery:
    person = make.participant(lms.organization, participant_id)
    return make.delivery(make.result(lms.organization, participant=person), lms, state, **values)


def act(client: Client, action: str, *rows: Delivery, query: str = "", why: str = WHY, **more: str) -> Any:
    """Choose the action and answer why."""
    data = {"action": action, "_selected_action": [one.pk for one in rows], "post": "yes", "reason": why, **more}
    return client.post(LIST + query, data, follow=True)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def state_of(delivery: Delivery) -> tuple[str, str]:
    after = Delivery.objects.get(pk=delivery.pk)
    return after.state, after.reason


def logged(row: Any) -> list[str]:
    kind = row._meta.model_name
    entries = LogEntry.objects.filter(object_id=str(row.pk), content_type__model=kind)
    return list(entries.values_list("change_message", flat=True))


# Holding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_hold__keeps_queued_deliveries_back_and_passes_over_the_rest(
    cast: Cast, lms: LMSConfiguration, role: str
) -> None:
    queued, delivered = deliver(lms), deliver(lms, "delivered")
    response = act(cast.client(role), "hold", queued, delivered)
    assert messages_of(response) == [
        "1 delivery is held. 1 was passed over: only what is queued, and in no request just now, can be held."
    ]
    assert state_of(queued) == ("held", "by_person")
    assert state_of(delivered) == ("delivered", "")


def test_hold__is_logged_with_its_reason_on_delivery_and_configuration(cast: Cast, lms: LMSConfiguration) -> None:
    one, other = deliver(lms), deliver(lms)
    act(cast.client("editor"), "hold", one, other)
    assert logged(one) == [f"Held. Reason: {WHY}"]
    assert logged(lms) == [f"Held 2 deliveries. Reason: {WHY}"]
    assert set(LogEntry.objects.values_list("user", flat=True)) == {cast.users["editor"].pk}


@pytest.mark.parametrize("action", ["retry_now", "hold", "release"])
@pytest.mark.parametrize("posted", [{"post": ""}, {"why": "  "}, {"why": "x" * 201}])
def test_action__without_a_reason__asks_for_it(
    cast: Cast, lms: LMSConfiguration, action: str, posted: dict[str, str]
) -> None:
    delivery = deliver(lms, "held", reason="by_person") if action == "release" else deliver(lms)
    before = state_of(delivery)
    html = act(cast.client("editor"), action, delivery, **posted).content.decode()
    assert "1 delivery was chosen." in html
    assert f'<input type="hidden" name="_selected_action" value="{delivery.pk}">' in html
    assert state_of(delivery) == before


def test_hold__of_what_is_in_a_request__passes_it_over(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms)
    make.attempt(delivery, outcome="open", closed_at=None, status_code=None)
    act(cast.client("editor"), "hold", delivery)
    assert state_of(delivery) == ("queued", "")


def test_hold__is_explained_on_the_page(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms)
    act(cast.client("editor"), "hold", delivery)
    after = Delivery.objects.select_related("configuration", "lane").get(pk=delivery.pk)
    assert explain(after, under_way=False) == f"A person holds it back: “{WHY}” Release it and it is sent."


@pytest.mark.parametrize("action", ["hold", "release"])
def test_action__by_a_viewer__does_nothing(cast: Cast, lms: LMSConfiguration, action: str) -> None:
    delivery = deliver(lms) if action == "hold" else deliver(lms, "held", reason="by_person")
    before = state_of(delivery)
    act(cast.client("viewer"), action, delivery)
    assert state_of(delivery) == before


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("across", ["0", "1"])
def test_hold__with_another_organizations_key__touches_ones_own_only(
    cast: Cast, lms: LMSConfiguration, across: str
) -> None:
    theirs, mine = cast.contoso.row(Delivery), deliver(lms)
    Delivery.objects.filter(pk=theirs.pk).update(state="queued", reason="", next_attempt_at=timezone.now())
    response = act(cast.client("admin"), "hold", mine, theirs, select_across=across)
    assert (state_of(mine), state_of(theirs)) == (("held", "by_person"), ("queued", ""))
    assert cast.contoso.names(response.content.decode()) == []


# Releasing -------------------------------------------------------------------------------------------------------


def test_release__queues_what_may_go_and_says_why_the_rest_stays(cast: Cast, lms: LMSConfiguration) -> None:
    by_person, crashes = deliver(lms, "held", reason="by_person"), deliver(lms, "held", reason="crashes")
    corrected = deliver(lms, "held", content="")
    nameless, queued = deliver(lms, "held", "nobody", content=""), deliver(lms)
    response = act(cast.client("editor"), "release", by_person, crashes, corrected, nameless, queued)
    assert messages_of(response) == [
        "3 deliveries are released. 1 stays held: Participant id is no e-mail address. 1 not held."
    ]
    for one in (by_person, crashes, corrected):
        assert state_of(one) == ("queued", "")
    assert state_of(nameless) == ("held", "no_email")


def test_release__keeps_id_and_content(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "held", reason="by_person")
    act(cast.client("editor"), "release", delivery)
    after = Delivery.objects.get(pk=delivery.pk)
    assert (after.uuid, after.content) == (delivery.uuid, delivery.content)


def test_release__is_logged_with_its_reason(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "held", reason="by_person")
    act(cast.client("editor"), "release", delivery, why="Corrected.")
    assert logged(delivery) == ["Released. Reason: Corrected."]


def test_release_button__of_what_a_person_held__queues_it(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "held", reason="by_person")
    client = cast.client("editor")
    assert f"{delivery.pk}/release/" in client.get(f"{LIST}{delivery.pk}/change/").content.decode()
    client.post(f"{LIST}{delivery.pk}/release/", {"reason": "Corrected."})
    assert state_of(delivery) == ("queued", "")
    assert logged(delivery) == ["Released. Reason: Corrected."]


def test_release_button__needs_no_reason(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "held", reason="by_person")
    cast.client("editor").post(f"{LIST}{delivery.pk}/release/")
    assert logged(delivery) == ["Released."]


@pytest.mark.parametrize(("role", "reason"), [("viewer", "by_person"), ("editor", "no_email")])
def test_release_button__where_it_does_nothing__is_not_shown(
    cast: Cast, lms: LMSConfiguration, role: str, reason: str
) -> None:
    delivery = deliver(lms, "held", reason=reason)
    assert f"{delivery.pk}/release/" not in cast.client(role).get(f"{LIST}{delivery.pk}/change/").content.decode()


# Very many -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["retry_now", "hold", "release"])
def test_action__on_very_many__becomes_a_job(
    cast: Cast, lms: LMSConfiguration, few_are_many: None, action: str
) -> None:
    rows = [deliver(lms) for _number in range(3)]
    response = act(cast.client("editor"), action, *rows, query="?state__exact=queued", select_across="1")
    job = Job.objects.get(created_by=cast.users["editor"])
    assert response.redirect_chain == [(f"/admin/objectives/job/{job.pk}/change/", 302)]
    assert job.organization == cast.northwind.organization
    assert job.parameters == {"selection": {"state": "queued"}, "up_to": rows[-1].pk}
    assert (job.kind, job.reason) == (action.removesuffix("_now"), WHY)
    assert {state_of(row) for row in rows} == {("queued", "")}
    assert logged(job) == [f"Begun. Reason: {WHY}"]


def test_action__on_rows_ticked_one_by_one__is_done_at_once(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    act(cast.client("editor"), "hold", *[deliver(lms) for _number in range(3)])
    assert not Job.objects.filter(kind="hold").exists()


def test_action__on_very_many__keeps_how_the_list_was_narrowed(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    person = make.participant(lms.organization, "ann@example.com")
    rows = [make.delivery(make.result(lms.organization, participant=person), lms) for _number in range(3)]
    query = f"?configuration={lms.pk}&created=day&q=ann@example.com&o=1"
    act(cast.client("editor"), "hold", *rows, query=query, select_across="1")
    chosen = Job.objects.get(kind="hold").parameters["selection"]
    since = datetime.fromisoformat(chosen.pop("created_at__gte"))
    assert timedelta(hours=23) < timezone.now() - since < timedelta(hours=25)
    assert chosen == {"configuration": str(lms.pk), "participant": person.pk}


def test_action__on_very_many_that_fail__is_about_them_alone(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    failing = [deliver(lms, attempts=1) for _number in range(3)]
    others = [deliver(lms), deliver(lms, "rejected", attempts=1)]
    query = f"?configuration={lms.pk}&tried=yes"
    act(cast.client("editor"), "hold", *failing, *others, query=query, select_across="1")
    job = Job.objects.get(kind="hold")
    found = job.parameters["selection"]
    assert found == {"configuration": str(lms.pk), "state__in": ["queued"], "attempts__gt": 0}
    jobs.work(time.monotonic() + 30, lambda _lanes: None)
    assert {state_of(one) for one in failing} == {("held", "by_person")}
    assert [state_of(one) for one in others] == [("queued", ""), ("rejected", "")]


def test_action__on_very_many_delivered_today__is_about_them_alone(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    rows = [deliver(lms, "delivered") for _number in range(3)]
    deliver(lms, "delivered", delivered_at=timezone.now() - timedelta(days=1, minutes=1))
    query = f"?configuration={lms.pk}&delivered=today"
    act(cast.client("editor"), "retry_now", *rows, query=query, select_across="1")
    job = Job.objects.get(created_by=cast.users["editor"])
    assert list(selected(job).order_by("pk")) == rows


def test_action__on_very_many_by_a_filter_that_no_job_knows__does_nothing(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    rows = [deliver(lms) for _number in range(3)]
    response = act(cast.client("editor"), "hold", *rows, query="?state__isnull=False", select_across="1")
    assert messages_of(response) == ["With this filter they can only be chosen page by page. Nothing was done."]
    assert {state_of(row) for row in rows} == {("queued", "")}


def test_action__on_very_many_of_all_organizations__asks_to_choose_one(
    cast: Cast, lms: LMSConfiguration, few_are_many: None
) -> None:
    rows = [deliver(lms) for _number in range(3)]
    response = act(cast.client("operator"), "hold", *rows, select_across="1")
    assert messages_of(response) == [
        "Choose an organization first: so many are worked on by a job, and a job belongs to one."
    ]
    assert not Job.objects.filter(kind="hold").exists()
