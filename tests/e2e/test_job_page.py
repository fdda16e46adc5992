"""The page of a job in a browser: it keeps itself up to date, and can be told not to."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from integrations import jobs
from integrations.models import Delivery
from objectives.models import Job
from tests import make
from tests.fixtures_cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def job(cast: Cast) -> Job:
    Job.objects.all().delete()  # those of the cast are of no kind that there is
    lms = make.configuration(cast.northwind.organization, "Spare")
    for _number in range(3):
        make.delivery(make.result(lms.organization), lms, "rejected")
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True)[0]
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    parameters = {"configuration": lms.pk, "since": since, "states": ["rejected"], "up_to": newest}
    return make.job(lms.organization, "retry_failed", total=3, reason="It is back.", parameters=parameters)


def open_page(cast: Cast, page: Page, live_server: Any, job: Job) -> list[str]:
    """Open the job's page as an editor; what the browser complains about is added to the list."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    session = cast.client("editor").cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page.goto(f"{live_server.url}/admin/objectives/job/{job.pk}/change/")
    return complaints


def work() -> None:
    jobs.work(time.monotonic() + 30, lambda _lanes: None)


def test_job_page__while_it_is_looked_at__shows_the_end_by_itself(
    cast: Cast, page: Page, live_server: Any, job: Job
) -> None:
    complaints = open_page(cast, page, live_server, job)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "0")
    work()
    expect(page.get_by_text("3 deliveries are tried again.")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert complaints == []


def test_job_page__told_to_stop_updating__stays_as_it_is(cast: Cast, page: Page, live_server: Any, job: Job) -> None:
    open_page(cast, page, live_server, job)
    page.get_by_role("button", name="Stop updating this page").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    work()
    page.wait_for_timeout(5000)
    assert asked == []
    page.get_by_role("button", name="Keep up to date").click()
    expect(page.get_by_text("3 deliveries are tried again.")).to_be_visible(timeout=20_000)


def test_job__cancelled_by_its_button__ends(cast: Cast, page: Page, live_server: Any, job: Job) -> None:
    open_page(cast, page, live_server, job)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled before anything was done.").first).to_be_visible()
    assert Job.objects.get(pk=job.pk).state == "cancelled"
