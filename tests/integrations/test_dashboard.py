"""The delivery dashboard: what it tells, to whom, and at what cost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations import tasks
from integrations.models import Delivery, Lane, LastRun, LMSConfiguration
from objectives.models import Organization
from tests import make
from tests.fixtures_cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def organization() -> Organization:
    return make.organization("Northwind")


@pytest.fixture
def client(organization: Organization) -> Client:
    client = Client()
    client.force_login(make.member(organization))
    return client


def page(client: Client) -> str:
    answer = client.get(reverse("admin:dashboard"))
    assert answer.status_code == 200
    return str(answer.content.decode())


def numbers(text: str) -> dict[str, str]:
    """The numbers of the first configuration by the heading of their column, without markup."""
    headings = re.findall(r'<th scope="col">(.*?)</th>', text)
    row = text.partition("<tbody>")[2].partition("</tr>")[0]
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return dict(zip(headings, (" ".join(re.sub("<.*?>", "", cell).split()) for cell in cells), strict=False))


def links(text: str) -> list[str]:
    return [url.replace("&amp;", "&") for url in re.findall(r'href="([^"]*configuration=[^"]*)"', text)]


def fill(configuration: LMSConfiguration) -> None:
    """One delivered today, one yesterday, two queued of which one failed, one held, one rejected."""
    of = configuration.organization
    now = timezone.now()
    make.delivery(make.result(of), configuration, "delivered")
    make.delivery(make.result(of), configuration, "delivered", delivered_at=now - timedelta(days=1, minutes=1))
    make.delivery(make.result(of), configuration, attempts=2, created_at=now - timedelta(hours=3))
    for state in ("queued", "held", "rejected"):
        make.delivery(make.result(of), configuration, state)


def test_dashboard__of_an_organization__counts_its_deliveries(client: Client, organization: Organization) -> None:
    configuration = make.configuration(organization, "Moodle")
    fill(configuration)
    found = numbers(page(client))
    assert found["LMS configuration"] == "Moodle"
    assert {name: found[name] for name in ("Delivered today", "Queued", "Failing", "Held", "Rejected")} == {
        "Delivered today": "1",
        "Queued": "2",
        "Failing": "1",
        "Held": "1",
        "Rejected": "1",
    }
    assert found["Oldest waits"].replace("\xa0", " ") == "3 hours"


def test_dashboard__each_number__leads_to_just_these_deliveries(client: Client, organization: Organization) -> None:
    fill(make.configuration(organization))
    fill(make.configuration(organization))
    found = []
    for url in links(page(client))[:6]:
        answer = client.get(url)
        found.append(answer.context["cl"].result_count)
    assert found == [1, 2, 1, 1, 1, 2]


def test_dashboard__of_an_lms_in_trouble__says_since_when_and_when_it_is_tried(
    client: Client, organization: Organization
) -> None:
    configuration = make.configuration(organization)
    fill(configuration)
    now = timezone.now()
    Lane.objects.update(
        status="server_error",
        status_since=now - timedelta(hours=2),
        not_before=now + timedelta(minutes=30, seconds=5),
        sentence="The LMS has a fault of its own (503).",
        last_success_at=now - timedelta(days=2),
    )
    found = numbers(page(client))
    assert "Server Error" in found["Status"]
    assert "since" in found["Status"]
    assert "a fault of its own (503)" in found["Status"]
    assert found["Next probe"].replace("\xa0", " ") == "in 30 minutes"
    assert found["Last success"].replace("\xa0", " ") == "2 days ago"


def test_dashboard__of_a_paused_configuration__says_so(client: Client, organization: Organization) -> None:
    configuration = make.configuration(organization)
    fill(configuration)
    LMSConfiguration.objects.all().pause()
    found = numbers(page(client))
    assert "Paused" in found["Status"]
    assert found["Next probe"] == "not while paused"


def test_dashboard__without_configurations__says_what_to_do(client: Client) -> None:
    assert "There are no LMS configurations yet" in page(client)


def test_dashboard__for_an_operator__shows_all_with_their_organization_and_the_worst_first() -> None:
    client = Client()
    client.force_login(make.operator())
    make.configuration(make.organization("Adventure"), "Fine")
    broken = make.configuration(make.organization("Zenith"), "Broken")
    Lane.objects.filter(configuration=broken).update(status="cannot_connect")
    text = page(client)
    assert numbers(text)["Organization"] == "Zenith"
    assert "Adventure" in text
    assert "Hourly check" in text


def test_dashboard__for_a_member__shows_their_own_alone(cast: Cast) -> None:
    text = page(cast.client("viewer"))
    assert cast.northwind.mark in text
    assert cast.contoso.names(text) == []
    assert "Hourly check" not in text


def test_dashboard__however_much_there_is__asks_the_same_queries(client: Client, organization: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(client)
        return len(captured)

    fill(make.configuration(organization))
    page(client)
    before = queries()
    for _number in range(5):
        fill(make.configuration(organization))
    assert queries() == before


def backlog(organization: Organization) -> LMSConfiguration:
    """More waits than is counted, all of it due."""
    configuration: LMSConfiguration = make.configuration(organization)
    result = make.result(organization)
    sample: Any = {"organization": organization, "configuration": configuration, "lane": configuration.lane}
    results = type(result).objects.bulk_create(
        [
            type(result)(organization=organization, participant=result.participant, objective=result.objective)
            for _number in range(1005)
        ]
    )
    Delivery.objects.bulk_create([Delivery(result=one, content="{}", **sample) for one in results])
    return configuration


def test_dashboard__with_a_large_backlog__stops_counting(client: Client, organization: Organization) -> None:
    backlog(organization)
    assert numbers(page(client))["Queued"] == "1000+"


def test_dashboard__with_a_large_backlog__finds_what_fails_and_the_oldest_behind_it(
    client: Client, organization: Organization
) -> None:
    configuration = backlog(organization)
    now = timezone.now()
    values: dict[str, Any] = {"attempts": 7, "next_attempt_at": now + timedelta(minutes=30)}
    make.delivery(make.result(organization), configuration, created_at=now - timedelta(days=3), **values)
    make.delivery(make.result(organization), configuration, **values)
    text = page(client)
    found = numbers(text)
    assert (found["Failing"], found["Oldest waits"].replace("\xa0", " ")) == ("2", "3 days")
    assert client.get(links(text)[2]).context["cl"].result_count == 2


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, "No worker was ever seen"),
        (timedelta(seconds=4), "A worker was last seen 4 s ago."),
        (timedelta(minutes=10), "Nothing is sent. Look whether run_worker still runs."),
    ],
)
def test_dashboard__of_the_worker__says_when_it_was_seen(client: Client, age: timedelta | None, words: str) -> None:
    if age is not None:
        LastRun.objects.create(name="pump", at=timezone.now() - age)
    assert words in page(client).replace("\xa0", " ")


def test_dashboard__after_the_daily_requeue__shows_its_counts(client: Client, organization: Organization) -> None:
    configuration = make.configuration(organization)
    later = timezone.now() + timedelta(hours=1)
    make.delivery(make.result(organization), configuration, next_attempt_at=later)
    tasks.requeue()
    operator = Client()
    operator.force_login(make.operator())
    assert "1 made due, 0 of 0 held released" in page(operator)
    # The counts are about all organizations.
    assert "made due" not in page(client)
    assert "just now" in page(client)


def test_heartbeat__of_the_pump__is_written_at_most_every_ten_seconds() -> None:
    tasks.pump()
    first = LastRun.objects.get(pk="pump").at
    tasks.pump()
    assert LastRun.objects.get(pk="pump").at == first
    LastRun.objects.update(at=first - timedelta(seconds=11))
    tasks.pump()
    assert LastRun.objects.get(pk="pump").at > first
