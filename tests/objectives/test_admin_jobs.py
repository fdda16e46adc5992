"""Jobs in the admin: watched by all of an organization, cancelled by those who may begin them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from objectives.models import Job
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/objectives/job/"


def page(job: Job, name: str = "change") -> str:
    return f"{LIST}{job.pk}/{name}/"


def begun(cast: Cast, **values: Any) -> Job:
    return make.job(cast.northwind.organization, "retry_failed", **values)


def running(cast: Cast, **values: Any) -> Job:
    return begun(
        cast,
        **{
            "state": "running",
            "total": 1000,
            "done": 312,
            "lease_token": uuid.uuid4(),
            "lease_until": timezone.now() + timedelta(minutes=1),
        }
        | values,
    )


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "operator"])
def test_page__shows_what_why_by_whom_and_how_far(cast: Cast, role: str) -> None:
    job = running(cast, title="Retry <b>all</b>", reason="The LMS is back.", created_by=cast.users["editor"])
    html = cast.client(role).get(page(job)).content.decode()
    shown = [
        "Retry &lt;b&gt;all&lt;/b&gt;",
        "The LMS is back.",
        cast.users["editor"].username,
        'max="1000" value="312">312 of 1,000</progress>',
        '<span class="progress-words">312 of 1,000</span>',
        "</span> Running</span>",
    ]
    assert [text for text in shown if text not in html] == []


def test_page__of_what_is_not_counted_yet__shows_progress_without_a_number(cast: Cast) -> None:
    html = cast.client("viewer").get(page(begun(cast))).content.decode()
    assert '<progress aria-labelledby="progress-heading"></progress>' in html
    assert "Not counted yet" in html


def test_page__of_what_is_over__shows_the_result_and_nothing_to_press(cast: Cast) -> None:
    job = begun(cast, state="done", total=3, done=3, sentence="3 deliveries are tried again.")
    html = cast.client("editor").get(page(job)).content.decode()
    assert "3 deliveries are tried again." in html
    assert page(job, "cancel") not in html
    assert "data-refresh" not in html


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("editor", True), ("admin", True)])
def test_cancel_button__is_shown_to_those_who_may(cast: Cast, role: str, shown: bool) -> None:
    job = running(cast)
    assert (page(job, "cancel") in cast.client(role).get(page(job)).content.decode()) is shown


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_cancel__of_what_waits__ends_it_and_is_logged(cast: Cast, role: str) -> None:
    job = begun(cast)
    response = cast.client(role).post(page(job, "cancel"), follow=True)
    assert messages_of(response) == ["Cancelled before anything was done."]
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    assert LogEntry.objects.get(object_id=str(job.pk)).change_message == "Cancelled."


def test_cancel__of_what_runs__says_that_it_stops_after_the_step(cast: Cast) -> None:
    job = running(cast)
    response = cast.client("editor").post(page(job, "cancel"), follow=True)
    assert messages_of(response) == ["It stops after the step that it is in."]
    html = response.content.decode()
    assert "</span> Stopping</span>" in html
    assert page(job, "cancel") not in html


def test_cancel__of_what_is_over__says_so(cast: Cast) -> None:
    job = begun(cast, state="done", sentence="Done.")
    response = cast.client("editor").post(page(job, "cancel"), follow=True)
    assert messages_of(response) == ["It is over already."]
    assert not LogEntry.objects.filter(object_id=str(job.pk)).exists()


@pytest.mark.parametrize(("role", "method", "expected"), [("viewer", "post", 403), ("editor", "get", 302)])
def test_cancel__by_others_or_by_link__is_refused(cast: Cast, role: str, method: str, expected: int) -> None:
    job = begun(cast)
    assert getattr(cast.client(role), method)(page(job, "cancel")).status_code == expected
    assert Job.objects.get(pk=job.pk).cancel_asked is False


@pytest.mark.catalogue("S25")
def test_cancel__of_another_organizations_job__answers_as_for_none(cast: Cast) -> None:
    client, theirs = cast.client("admin"), make.job(cast.contoso.organization)
    found, missing = client.post(page(theirs, "cancel")), client.post(f"{LIST}999999/cancel/")
    assert (found.status_code, found["Location"]) == (missing.status_code, missing["Location"])
    assert Job.objects.get(pk=theirs.pk).cancel_asked is False


@pytest.mark.catalogue("S25")
def test_list__shows_ones_own_jobs_only(cast: Cast) -> None:
    own, theirs = begun(cast), make.job(cast.contoso.organization)
    listed = {one.pk for one in cast.client("viewer").get(LIST).context["cl"].result_list}
    assert own.pk in listed
    assert theirs.pk not in listed


@pytest.mark.database
def test_list__with_more_rows__asks_as_many_questions(cast: Cast) -> None:
    client = cast.client("viewer")
    begun(cast, created_by=cast.users["editor"])
    few = questions(client)
    for role in ("admin", "editor", "viewer"):
        running(cast, created_by=cast.users[role])
    assert questions(client) == few


def questions(client: Client) -> int:
    client.get(LIST)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(LIST).status_code == 200
    return len(asked)
