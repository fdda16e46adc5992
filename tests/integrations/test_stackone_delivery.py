"""Results to an LMS behind StackOne, from recording to its list of completions."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.connectors.stackone.options import ASSIGN_FIRST, COMPLETE_ONLY
from integrations.models import Attachment, Attempt, Delivery, Lane, LMSConfiguration
from lmsbridge.practice.faults import Fault
from lmsbridge.practice.stackone.account import ACCOUNT_ID, LinkedAccount, account_of
from objectives.models import Objective, Organization, Participant, Result
from tests import make
from tests.lms import PracticeLMS
from tests.scene import pump

WHEN = datetime(2026, 11, 21, 10, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


class Behind:
    """An objective attached to an LMS behind the practice StackOne, which knows it and its people."""

    def __init__(self, lms: PracticeLMS) -> None:
        self.lms = lms
        self.store = lms.store("acme")
        self.account: LinkedAccount = account_of(self.store)
        self.organization: Organization = make.organization()
        self.objective: Objective = make.objective(self.organization, external_reference="fire")
        self.account.put({"external_reference": "fire", "title": "Fire safety"})
        self.configuration = LMSConfiguration(
            organization=self.organization, name="LMS", contact_email="it@example.com", type="stackone"
        )
        self.switch_flow(COMPLETE_ONLY)
        Attachment.objects.create(configuration=self.configuration, objective=self.objective)
        pump()
        self.before = self.store.request_count

    def switch_flow(self, flow: str) -> None:
        """Tell results in this way."""
        address = f"{self.lms.address}/acme/stackone"
        options = {"url": address, "account_id": ACCOUNT_ID, "flow": flow, "learner_field": ""}
        self.configuration.set_options(options, {"api_key": "practice-api-key"})
        self.configuration.save()

    def record(self, *emails: str, **values: object) -> list[Result]:
        """A result of each of these people, and send them."""
        found = []
        for email in emails:
            person, _new = Participant.objects.get_or_create(organization=self.organization, participant_id=email)
            found += Result.objects.record(
                [Result(**{"participant": person, "objective": self.objective, "success": True} | values)]
            )
        pump()
        return found

    def again(self) -> None:
        """Let every wait be over, and send what is due."""
        Lane.objects.update(not_before=None)
        Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())
        pump()

    @property
    def states(self) -> list[tuple[str, str]]:
        """State and reason of each delivery of a result, in the order of recording."""
        found = Delivery.objects.filter(configuration=self.configuration, kind="result").order_by("id")
        return [(one.state, one.reason) for one in found]

    @property
    def lane(self) -> Lane:
        """How the LMS is just now."""
        return Lane.objects.get(configuration=self.configuration)


@pytest.fixture
def behind(practice_lms: PracticeLMS, db: None) -> Behind:
    return Behind(practice_lms)


@pytest.mark.catalogue("R01")
def test_results__of_the_same_people__cost_a_request_each(behind: Behind) -> None:
    people = [f"person{number}@example.com" for number in range(10)]
    behind.record(*people)
    before = behind.store.request_count
    for _round in range(10):
        behind.record(*people)
    assert behind.states == [("delivered", "")] * 110
    assert len(behind.account.completions) == 110
    assert (behind.store.request_count - before) / 100 <= 1.05


def test_result__before_an_assignment__assigns_first(behind: Behind) -> None:
    behind.switch_flow(ASSIGN_FIRST)
    behind.record("ann@example.com")
    posts = [one.path.rpartition("/")[2] for one in behind.store.requests if one.method == "POST"]
    assert posts == ["assignments", "completions"]
    assert behind.states == [("delivered", "")]


@pytest.mark.catalogue("R17")
@pytest.mark.parametrize("status", ["401", "403"])
def test_results__while_the_key_is_refused__wait_and_arrive_once_it_is_not(behind: Behind, status: str) -> None:
    behind.store.fail(status)
    behind.record("ann@example.com", "bob@example.com")
    assert behind.lane.status == Lane.Status.SERVER_ERROR
    assert behind.states == [("queued", "")] * 2
    behind.store.heal()
    behind.again()
    assert behind.states == [("delivered", "")] * 2
    assert behind.lane.status == Lane.Status.OK


@pytest.mark.catalogue("R18")
def test_result__of_somebody_unknown__is_held_while_others_flow(behind: Behind) -> None:
    behind.account.switches.switch(strangers="stays_away")
    behind.account.add_users(["ann@example.com", "bob@example.com"])
    behind.record("ann@example.com", "nobody@example.com", "bob@example.com")
    assert behind.states == [("delivered", ""), ("held", "unknown_user"), ("delivered", "")]
    assert behind.lane.status == Lane.Status.OK


@pytest.mark.catalogue("R18")
def test_results__with_another_account_id__wait(behind: Behind) -> None:
    behind.configuration.set_options(behind.configuration.options | {"account_id": "another"}, {})
    behind.configuration.save()
    behind.record("ann@example.com")
    assert behind.lane.status == Lane.Status.SERVER_ERROR
    assert behind.states == [("queued", "")]


@pytest.mark.catalogue("R19")
@pytest.mark.parametrize("status", [405, 410, 412])
def test_results__while_everything_is_refused__pay_for_nothing(behind: Behind, status: int) -> None:
    behind.store.fail(Fault("answer", status=status))
    behind.record("ann@example.com")
    assert behind.lane.status == Lane.Status.SERVER_ERROR
    assert behind.states == [("queued", "")]


@pytest.mark.catalogue("R52")
@pytest.mark.parametrize("fault", ["store_then_reset", Fault("504", stores=True), Fault("500", stores=True)], ids=str)
@pytest.mark.parametrize("flow", [COMPLETE_ONLY, ASSIGN_FIRST])
def test_result__stored_without_an_answer__is_there_once(behind: Behind, fault: str | Fault, flow: str) -> None:
    behind.switch_flow(flow)
    behind.record("ann@example.com")
    # The learner is known by now: with an assignment first, it is the third request that completes.
    before_it = ["ok"] * (2 if flow == ASSIGN_FIRST else 0)
    behind.store.script([*before_it, fault])
    behind.record("ann@example.com")
    assert behind.states == [("delivered", ""), ("queued", "")]
    behind.again()
    assert behind.states == [("delivered", "")] * 2
    assert len(behind.account.completions) == 2


@pytest.mark.catalogue("R52")
def test_result__in_doubt_again_and_again__is_there_once(behind: Behind) -> None:
    behind.record("ann@example.com")
    behind.store.script([Fault("503", stores=True)])
    behind.record("ann@example.com")
    for fault in ("reset", "429:1", "500", "reset"):
        behind.store.script([fault])
        behind.again()
    behind.again()
    assert behind.states == [("delivered", "")] * 2
    assert len(behind.account.completions) == 2


@pytest.mark.catalogue("R52")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("flow", [COMPLETE_ONLY, ASSIGN_FIRST])
def test_results__under_random_faults__are_there_once_each(behind: Behind, seed: int, flow: str) -> None:
    behind.switch_flow(flow)
    chance = random.Random(seed)
    faults = [*("ok", "ok", "reset", "close", "store_then_reset", "429:1", "503:1", "login_page", "invalid_json")]
    stored = [Fault(kind, stores=True) for kind in ("500", "502", "504", "login_page", "invalid_json")]
    for number in range(20):
        behind.store.script(chance.choices([*faults, *stored], k=12))
        behind.record(f"person{number % 3}@example.com", occurred_at=WHEN + timedelta(minutes=number))
    behind.store.heal()
    for _time in range(3):
        behind.again()
    assert behind.states == [("delivered", "")] * 20
    moments = [row["completed_at"] for row in behind.account.completions.values()]
    assert len(moments) == len(set(moments)) == 20


def test_result__refused_for_its_content__is_rejected_and_others_arrive(behind: Behind) -> None:
    behind.store.fail(Fault("poison", "person1@", status=422))
    behind.account.add_user("person1@example.com", "person1@")
    behind.record("ann@example.com", "person1@example.com", "bob@example.com")
    assert behind.states == [("delivered", ""), ("rejected", ""), ("delivered", "")]


def test_results__over_the_limit__wait_as_told(behind: Behind) -> None:
    behind.account.requests_per_minute = 1
    behind.record("ann@example.com")
    assert behind.states == [("queued", "")]
    assert behind.lane.not_before is not None
    assert behind.lane.status != Lane.Status.CANNOT_CONNECT


def test_attempt__of_a_refused_result__keeps_nothing_of_the_lms_behind(behind: Behind) -> None:
    said = b'{"statusCode": 400, "message": "No", "provider_errors": [{"status": 400, "raw": "raw-words"}]}'
    behind.record("ann@example.com")
    behind.store.script([Fault("answer", status=400, body=said, headers=(("Content-Type", "application/json"),))])
    behind.record("ann@example.com")
    [attempt] = Attempt.objects.filter(status_code=400)
    assert '"message": "No"' in attempt.answer
    assert "raw-words" not in attempt.answer
