"""How often an LMS gets its results, sending now, retrying everything that failed, and sending what was earlier."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from integrations.models import Delivery, Lane, LMSConfiguration
from objectives.models import Job, Objective, Result
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/lmsconfiguration/"
HOUR = timedelta(hours=1)


@pytest.fixture
def lms(cast: Cast) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(cast.northwind.organization, "Spare")
    return found


def page(configuration: LMSConfiguration, name: str = "change") -> str:
    return f"{LIST}{configuration.pk}/{name}/"


def deliver(lms: LMSConfiguration, state: str = "queued", **values: Any) -> Delivery:
    return make.delivery(make.result(lms.organization), lms, state, **values)


def earlier(lms: LMSConfiguration, objective: Objective, count: int = 1) -> list[Result]:
    """Results recorded before the objective had this LMS."""
    before = timezone.now() - HOUR
    return [make.result(lms.organization, objective=objective, recorded_at=before) for _number in range(count)]


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def logged(lms: LMSConfiguration) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(lms.pk), content_type__model="lmsconfiguration")
    return list(entries.values_list("change_message", flat=True))


def job_of(kind: str) -> Job:
    return Job.objects.get(kind=kind)


# How often -------------------------------------------------------------------------------------------------------


def posted(lms: LMSConfiguration, **changes: Any) -> dict[str, Any]:
    return {"name": lms.name, "contact_email": lms.contact_email, **lms.options, **changes}


def test_form__how_often__is_saved(cast: Cast, lms: LMSConfiguration) -> None:
    cast.client("admin").post(page(lms), posted(lms, update_interval="15", requests_per_minute="30"))
    after = LMSConfiguration.objects.get(pk=lms.pk)
    assert (after.update_interval, after.requests_per_minute) == (15, 30)


def test_form__how_often_left_empty__follows_the_plan(cast: Cast, lms: LMSConfiguration) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(update_interval=15, requests_per_minute=3)
    cast.client("admin").post(page(lms), posted(lms, update_interval="", requests_per_minute=""))
    after = LMSConfiguration.objects.get(pk=lms.pk)
    assert (after.update_interval, after.requests_per_minute, after.interval) == (None, None, timedelta(0))


@pytest.mark.parametrize(("name", "value"), [("update_interval", "7"), ("requests_per_minute", "0")])
def test_form__how_often_with_nonsense__is_refused(cast: Cast, lms: LMSConfiguration, name: str, value: str) -> None:
    response = cast.client("admin").post(page(lms), posted(lms, **{name: value}))
    assert name in response.context["adminform"].form.errors


def test_form__names_what_the_plan_decides(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("admin").get(page(lms)).content.decode()
    assert '<option value="" selected>By your plan (Enterprise: at once)</option>' in html


def test_panel__says_how_often_and_when_next(cast: Cast, lms: LMSConfiguration) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(update_interval=240)
    deliver(lms, next_attempt_at=timezone.now() + timedelta(hours=3, seconds=30))
    html = cast.client("viewer").get(page(lms)).content.decode()
    assert "Results are sent: Every 4 hours." in html
    assert ">in 3\xa0hours</time>." in html


def test_panel__with_nothing_waiting__names_no_next_batch(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("viewer").get(page(lms)).content.decode()
    assert "Results are sent: At once, by the plan Enterprise." in html
    assert "Next batch" not in html


# Send now --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_send_now__ends_the_wait(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    deliver(lms, next_attempt_at=timezone.now() + HOUR)
    deliver(lms, "rejected")
    Lane.objects.filter(configuration=lms).update(not_before=timezone.now() + HOUR)
    response = cast.client(role).post(page(lms, "send_now"), follow=True)
    assert messages_of(response) == ["1 queued result is tried now."]
    assert Delivery.objects.filter(configuration=lms).due(timezone.now()).count() == 1
    assert Lane.objects.get(configuration=lms).not_before is None
    assert logged(lms) == ["Sent now: 1 deliveries no longer wait."]


def test_send_now__while_paused__says_so(cast: Cast, lms: LMSConfiguration) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(paused=True)
    delivery = deliver(lms, next_attempt_at=timezone.now() + HOUR)
    response = cast.client("editor").post(page(lms, "send_now"), follow=True)
    assert messages_of(response) == ["Sending is paused. Resume it first."]
    assert Delivery.objects.get(pk=delivery.pk).next_attempt_at == delivery.next_attempt_at


@pytest.mark.parametrize(("role", "shown"), [("viewer", 0), ("editor", 3), ("admin", 3)])
def test_panel__shows_the_buttons_to_those_who_may(cast: Cast, lms: LMSConfiguration, role: str, shown: int) -> None:
    html = cast.client(role).get(page(lms)).content.decode()
    assert sum(page(lms, name) in html for name in ("send_now", "retry_failed", "backfill")) == shown


# Everything that failed ------------------------------------------------------------------------------------------


def test_retry_failed__counts_by_state_since_the_last_outage(cast: Cast, lms: LMSConfiguration) -> None:
    opened = timezone.now() - timedelta(days=3)
    make.incident(lms, opened_at=opened, closed_at=timezone.now())
    for state in ("rejected", "rejected", "queued", "delivered", "held"):
        deliver(lms, state)
    deliver(lms, "rejected", created_at=timezone.now() - timedelta(days=4))
    html = cast.client("editor").get(page(lms, "retry_failed")).content.decode()
    assert "2 rejected, 1 queued. All of it is tried again" in html
    assert f'value="{opened:%Y-%m-%dT%H:%M}"' in html


def test_retry_failed__without_an_outage__counts_a_day(cast: Cast, lms: LMSConfiguration) -> None:
    deliver(lms, "rejected")
    deliver(lms, "rejected", created_at=timezone.now() - timedelta(days=2))
    assert "1 rejected. All of it" in cast.client("editor").get(page(lms, "retry_failed")).content.decode()


@pytest.mark.parametrize(
    ("since", "shown"), [("2001-02-03T04:05", "2 rejected."), ("2999-01-01T00:00", "Nothing failed"), ("x", "1 rej")]
)
def test_retry_failed__with_another_moment__counts_again(
    cast: Cast, lms: LMSConfiguration, since: str, shown: str
) -> None:
    deliver(lms, "rejected")
    deliver(lms, "rejected", created_at=timezone.now() - timedelta(days=2))
    html = cast.client("editor").get(page(lms, "retry_failed"), {"since": since}).content.decode()
    assert shown in html


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_retry_failed__confirmed__becomes_a_job(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    last = [deliver(lms, "rejected"), deliver(lms)][-1]
    since = timezone.now() - HOUR
    posted = {"since": since.isoformat(), "reason": "They changed the rule."}
    response = cast.client(role).post(page(lms, "retry_failed"), posted, follow=True)
    job = job_of("retry_failed")
    assert response.redirect_chain == [(f"/admin/objectives/job/{job.pk}/change/", 302)]
    assert (job.organization, job.created_by, job.reason) == (lms.organization, cast.users[role], posted["reason"])
    assert job.total == 2
    assert job.parameters == {
        "configuration": lms.pk,
        "since": since.isoformat(),
        "states": ["rejected", "queued"],
        "up_to": last.pk,
    }
    [entry] = logged(lms)
    assert entry.startswith("Began to retry everything that failed since ")
    assert entry.endswith(" Reason: They changed the rule.")


@pytest.mark.parametrize("posted", [{}, {"since": "x", "reason": "y"}, {"since": "2026-01-01T00:00", "reason": " "}])
def test_retry_failed__without_reason_or_moment__begins_nothing(
    cast: Cast, lms: LMSConfiguration, posted: dict[str, str]
) -> None:
    deliver(lms, "rejected")
    assert cast.client("editor").post(page(lms, "retry_failed"), posted).status_code == 200
    assert not Job.objects.filter(kind="retry_failed").exists()


def test_retry_failed__with_nothing_to_retry__offers_nothing(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("editor").get(page(lms, "retry_failed")).content.decode()
    assert "Nothing failed and nothing waits" in html
    assert "Retry all of it" not in html


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("name", ["send_now", "retry_failed", "backfill"])
def test_page__of_another_organization__answers_as_for_none(cast: Cast, name: str) -> None:
    client, theirs = cast.client("admin"), cast.contoso.row(LMSConfiguration)
    posted = {"since": "2001-01-01T00:00", "reason": "Mine.", "sure": "on"}
    found, missing = client.post(page(theirs, name), posted), client.post(f"{LIST}999999/{name}/", posted)
    assert (found.status_code, found["Location"]) == (missing.status_code, missing["Location"])
    assert not Job.objects.filter(kind__in=["retry_failed", "backfill"]).exists()


# Earlier results -------------------------------------------------------------------------------------------------


def attach(client: Client, lms: LMSConfiguration, *objectives: Objective) -> Any:
    data = {"action": "attach", "configuration": lms.pk, "_selected_action": [one.pk for one in objectives]}
    return client.post("/admin/objectives/objective/", data, follow=True)


def test_attach__with_earlier_results__offers_to_send_them(cast: Cast, lms: LMSConfiguration) -> None:
    objective = make.objective(lms.organization)
    earlier(lms, objective, 2)
    said = messages_of(attach(cast.client("editor"), lms, objective))
    assert said[1] == (
        f'2 earlier results can be sent too: <a href="{page(lms, "backfill")}?objectives={objective.pk}">'
        "choose whether to send them</a>."
    )
    assert not Delivery.objects.filter(configuration=lms).exists()


def test_attach__without_earlier_results__offers_nothing(cast: Cast, lms: LMSConfiguration) -> None:
    assert len(messages_of(attach(cast.client("editor"), lms, make.objective(lms.organization)))) == 1


def test_backfill__asked_for__counts_by_objective(cast: Cast, lms: LMSConfiguration) -> None:
    fire, water = make.objective(lms.organization, "Fire"), make.objective(lms.organization, "Water")
    earlier(lms, fire, 2)
    earlier(lms, water)
    for objective in (fire, water):
        make.attachment(objective, lms)
    html = cast.client("editor").get(page(lms, "backfill")).content.decode()
    assert "3 results were recorded before" in html
    assert (f'?objectives={fire.pk}">Fire: 2</a>' in html, f'?objectives={water.pk}">Water: 1</a>' in html) == (
        True,
        True,
    )
    narrow = cast.client("editor").get(page(lms, "backfill"), {"objectives": str(water.pk)}).content.decode()
    assert "1 result was recorded before" in narrow


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_backfill__confirmed__becomes_a_job(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    objective = make.objective(lms.organization)
    earlier(lms, objective, 2)
    make.attachment(objective, lms)
    posted = {"sure": "on", "reason": "They asked for it."}
    response = cast.client(role).post(f"{page(lms, 'backfill')}?objectives={objective.pk}", posted, follow=True)
    job = job_of("backfill")
    assert response.redirect_chain == [(f"/admin/objectives/job/{job.pk}/change/", 302)]
    assert job.parameters == {"configuration": lms.pk, "objectives": [objective.pk]}
    assert (job.total, job.created_by, job.reason) == (2, cast.users[role], "They asked for it.")
    assert logged(lms) == ["Began to send 2 earlier results. Reason: They asked for it."]


@pytest.mark.parametrize("posted", [{}, {"reason": "Why not"}, {"sure": "on"}])
def test_backfill__not_confirmed__begins_nothing(cast: Cast, lms: LMSConfiguration, posted: dict[str, str]) -> None:
    objective = make.objective(lms.organization)
    earlier(lms, objective)
    make.attachment(objective, lms)
    response = cast.client("editor").post(page(lms, "backfill"), posted)
    assert 'type="checkbox"' in response.content.decode()
    assert not Job.objects.filter(kind="backfill").exists()


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("objectives", ["theirs", "", "x", "-1", "9" * 30, "²"])
def test_backfill__with_objectives_that_are_not_ones_own__has_nothing_to_send(
    cast: Cast, lms: LMSConfiguration, objectives: str
) -> None:
    asked = str(cast.contoso.row(Objective).pk) if objectives == "theirs" else objectives
    response = cast.client("admin").get(page(lms, "backfill"), {"objectives": asked})
    assert "There are no earlier results" in response.content.decode()
    assert cast.contoso.names(response.content.decode()) == []
