"""Into a record store that others wrote: what is recorded here is read back there, field by field."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations import tasks
from integrations.connectors.base import Check
from integrations.connectors.http import Door
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from objectives.models import Objective, Organization, Participant, Result
from tests import make
from tests.fixtures_ralph import Ralph
from tests.scene import connect, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.processes]

OUTCOMES: list[dict[str, Any]] = [
    {"success": True, "score_raw": Decimal("8.75"), "score_min": Decimal(0), "score_max": Decimal(10)},
    {"success": False, "score_scaled": Decimal("-0.25")},
    {"success": None, "duration": timedelta(minutes=25)},
    {"completion": False, "success": None},
]


@pytest.fixture
def objective() -> Objective:
    return Objective.objects.create(
        organization=Organization.objects.create(name="Northwind"),
        external_reference="fire",
        name="Brandschutz für Köche 🔥",
        description="What to do when it burns",
    )


@pytest.fixture
def configuration(ralph: Ralph, objective: Objective) -> LMSConfiguration:
    options = {"url": ralph.url, "key": ralph.key}
    return connect(objective.organization, objective, "Ralph", options, ralph.secret)


@pytest.fixture
def ann(objective: Objective) -> Participant:
    return Participant.objects.create(
        organization=objective.organization, participant_id="ann@example.com", name="Ann Lee"
    )


def record_in_the_admin(objective: Objective, participant: Participant) -> list[Result]:
    """Record one result of each outcome through the form, as an editor does."""
    client = Client()
    client.force_login(make.member(objective.organization, "editor", "edith"))
    for values in OUTCOMES:
        typed = {name: str(value) for name, value in values.items() if name.startswith("score")}
        form = {
            **typed,
            "who": participant.participant_id,
            "objective": objective.pk,
            **({} if values.get("completion", True) is False else {"completion": "on"}),
            "success": {True: "true", False: "false", None: "unknown"}[values["success"]],
            **({"duration": str(values["duration"])} if "duration" in values else {}),
            "occurred_at_0": "2026-11-01",
            "occurred_at_1": "10:00:00",
        }
        response = client.post("/admin/objectives/result/add/", form)
        assert response.status_code == 302, response.content.decode()
    return list(Result.objects.order_by("pk"))


@pytest.mark.catalogue("R01")
def test_results__sent_to_ralph__are_read_back_as_they_were_recorded(
    ralph: Ralph, configuration: LMSConfiguration, objective: Objective, ann: Participant
) -> None:
    results = record_in_the_admin(objective, ann)
    assert len(results) == len(OUTCOMES)
    pump()
    for result in results:
        delivery = Delivery.objects.get(result=result)
        found = ralph.get(str(delivery.uuid)) or {}
        assert delivery.state == "delivered"
        # What a store adds of its own: xAPI 1.0.3, part two, 2.4.8 and 2.4.9.
        assert {name: found[name] for name in found.keys() - {"stored", "authority"}} == json.loads(delivery.content)


def test_delivery__sent_to_ralph_again__is_delivered_and_there_once(
    ralph: Ralph, configuration: LMSConfiguration, objective: Objective, ann: Participant
) -> None:
    Result.objects.record([Result(participant=ann, objective=objective, success=True)])
    pump()
    before = ralph.count()
    Delivery.objects.update(state="queued", next_attempt_at=timezone.now())
    pump()
    assert ralph.count() == before
    assert Delivery.objects.get().state == "delivered"


def test_check__of_ralph__is_ok(configuration: LMSConfiguration) -> None:
    with Door(deadline=10) as door:
        found = configuration.connector.check(door, configuration.connection())
    assert found.ok, found.sentence
    tasks.tested(configuration, found)
    assert Lane.objects.get().status == "ok"


def test_check__of_ralph_with_a_wrong_secret__says_so(ralph: Ralph, configuration: LMSConfiguration) -> None:
    configuration.set_options(configuration.options, {"key_secret": "wrong"})
    with Door(deadline=10) as door:
        found: Check = configuration.connector.check(door, configuration.connection())
    assert not found.ok
    assert "key and secret" in found.sentence


def test_statements__of_every_kind__pass_the_independent_validator(
    xapi_validator: Any, objective: Objective, ann: Participant, settings: Any
) -> None:
    connect(objective.organization, objective, "LMS", {"url": "http://127.0.0.2:9/xapi"}, "secret")
    odd = Participant.objects.create(organization=objective.organization, participant_id="o'neil+{x}|y@bücher.de")
    results = [
        Result(participant=person, objective=objective, **values) for values in OUTCOMES for person in (ann, odd)
    ]
    Result.objects.record(results)
    statements = [json.loads(content) for content in Delivery.objects.values_list("content", flat=True)]
    assert len(statements) == 2 * len(OUTCOMES)
    assert xapi_validator(statements) == [[] for _statement in statements]


def spoil(count: int) -> set[str]:
    """Take the actor's identifier from so many queued statements, spread evenly; their ids."""
    rows = list(Delivery.objects.filter(state="queued").order_by("pk"))
    chosen = rows[:: len(rows) // count][:count]
    for row in chosen:
        statement = json.loads(row.content)
        statement["actor"] = {"objectType": "Agent", "name": "nobody"}
        Delivery.objects.filter(pk=row.pk).update(content=json.dumps(statement, separators=(",", ":")))
    return {str(row.uuid) for row in chosen}


@pytest.mark.catalogue("R21", "R22")
@pytest.mark.parametrize("bad", [1, 3, 50])
def test_bad_statements__among_fifty_for_ralph__exactly_they_are_rejected_in_few_requests(
    ralph: Ralph, configuration: LMSConfiguration, objective: Objective, ann: Participant, bad: int
) -> None:
    before = ralph.count()
    Result.objects.record(Result(participant=ann, objective=objective, success=True) for _number in range(50))
    spoiled = spoil(bad)
    pump()
    Result.objects.record([Result(participant=ann, objective=objective, success=True)])
    for _turn in range(3):
        Lane.objects.update(not_before=None)
        pump()
    rejected = {str(one) for one in Delivery.objects.filter(state="rejected").values_list("uuid", flat=True)}
    assert rejected == spoiled
    assert ralph.count() - before == 51 - bad
    assert Attempt.objects.count() <= 2 * bad * 6 + 2
