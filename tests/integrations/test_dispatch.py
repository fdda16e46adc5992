"""The way of a result: planned with it, sent in one voice, settled on proof only."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from integrations import dispatch, jobs, tasks
from integrations.connectors.base import Exchange, ItemResult, Outcome
from integrations.dispatch import send, settle
from integrations.dispatch.due import Row
from integrations.models import Attachment, Attempt, Delivery, Lane, LMSConfiguration
from lmsbridge.practice.faults import Fault
from objectives.models import Result
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_result__recorded_and_pumped__is_in_the_lms_as_a_statement(scene: Scene) -> None:
    [result] = scene.record(
        score_raw=Decimal("9"),
        score_min=Decimal(0),
        score_max=Decimal(10),
        duration=timedelta(minutes=4, seconds=5.25),
    )
    pump()
    delivery = Delivery.objects.get(result=result)
    [found] = scene.lms.store().statements
    assert delivery.state == "delivered"
    assert {name: found[name] for name in ("id", "actor", "verb", "result")} == {
        "id": str(delivery.uuid),
        "actor": {"objectType": "Agent", "mbox": "mailto:ann@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed", "display": {"en": "passed"}},
        "result": {
            "score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10},
            "success": True,
            "completion": True,
            "duration": "PT4M5.25S",
        },
    }
    assert found["object"]["id"] == scene.objective.activity_iri


def test_lane__after_a_delivery__is_ok_and_free(scene: Scene) -> None:
    scene.record()
    pump()
    lane = scene.lane()
    assert (lane.status, lane.lease_token, lane.failures) == ("ok", None, 0)


def test_attempt__after_a_delivery__tells_what_came_back(scene: Scene) -> None:
    [result] = scene.record()
    pump()
    delivery = Delivery.objects.get(result=result)
    [attempt] = Attempt.objects.all().of_delivery(delivery)
    assert (attempt.outcome, attempt.status_code, attempt.size) == ("delivered", 200, 1)
    assert json.loads(attempt.answer) == [str(delivery.uuid)]


def test_refused_batch__with_one_bad_statement__rejects_only_that_one(scene: Scene) -> None:
    scene.lms.fail("poison", "bad@example.com")
    scene.record(20)
    scene.record(1, participant=scene.person("bad@example.com"))
    scene.record(20)
    pump()
    assert scene.states() == {"delivered": 40, "rejected": 1}
    assert str(Delivery.objects.get(state="rejected").participant) == "bad@example.com"
    assert scene.lane().status == "ok"


def test_destination__that_fails__keeps_everything_queued_and_says_so(scene: Scene) -> None:
    scene.lms.fail("401")
    scene.record(3)
    pump()
    lane = scene.lane()
    assert scene.states() == {"queued": 3}
    assert (lane.status, lane.failures) == ("server_error", 1)
    assert "credentials" in lane.sentence
    assert lane.not_before is not None
    assert lane.not_before > timezone.now()


def test_destination__that_recovers__gets_everything_once(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record(30)
    pump()
    scene.lms.heal()
    scene.wait_is_over()
    pump()
    assert scene.states() == {"delivered": 30}
    assert len(scene.lms.store().statements) == 30
    assert scene.lane().status == "ok"


@pytest.mark.parametrize("fault", ["empty_list", "wrong_ids", "invalid_json", "login_page", "store_then_reset"])
def test_success__that_proves_nothing__is_sent_again_under_the_same_id(scene: Scene, fault: str) -> None:
    scene.lms.fail(fault)
    [result] = scene.record()
    pump()
    before = Delivery.objects.get(result=result)
    assert before.state in {"queued", "delivered"}
    scene.lms.heal()
    scene.wait_is_over()
    pump()
    after = Delivery.objects.get(result=result)
    assert (after.state, after.uuid, after.content) == ("delivered", before.uuid, before.content)
    assert scene.lms_ids() == [str(after.uuid)]


def test_participant_id__that_is_no_email__is_held_until_corrected(scene: Scene) -> None:
    chris = scene.person("employee-0042")
    [result] = scene.record(participant=chris)
    held = Delivery.objects.get(result=result)
    assert (held.state, held.reason) == ("held", "no_email")
    chris.participant_id = "chris@example.com"
    chris.save()
    pump()
    released = Delivery.objects.get(result=result)
    assert (released.state, released.uuid) == ("delivered", held.uuid)


def test_configuration__without_url__holds_results_until_one_is_entered(scene: Scene) -> None:
    keyless = LMSConfiguration(
        organization=scene.organization, name="Launches", contact_email="it@example.com", type="xapi"
    )
    keyless.set_options({"url": "", "auth": "key_secret", "key": "", "version": "1.0.3"}, {})
    keyless.save()
    Attachment.objects.create(configuration=keyless, objective=scene.objective)
    [result] = scene.record()
    held = Delivery.objects.get(result=result, configuration=keyless)
    assert (held.state, held.reason) == ("held", "not_ready")
    keyless.set_options(
        {"url": scene.lms.url("other"), "auth": "key_secret", "key": "practice-key", "version": "1.0.3"},
        {"key_secret": "practice-secret"},
    )
    keyless.save()
    tasks.configuration_saved(keyless)
    tasks.pump()
    assert Delivery.objects.get(pk=held.pk).state == "delivered"


def test_two_configurations__attached__each_get_the_result_under_an_id_of_their_own(scene: Scene) -> None:
    second = scene.connect("Second", url=scene.lms.url("second"))
    [result] = scene.record()
    pump()
    assert scene.lms_ids("second") == [str(Delivery.objects.get(result=result, configuration=second).uuid)]
    assert scene.lms_ids() != scene.lms_ids("second")


def test_result__planned_twice__is_delivered_once(scene: Scene) -> None:
    results = scene.record(5)
    tasks.plan_results(results=results)
    pump()
    assert scene.states() == {"delivered": 5}


def test_sweep__for_a_result_that_nobody_planned__plans_it(scene: Scene) -> None:
    Result.objects.bulk_create(
        [Result(organization=scene.organization, participant=scene.ann, objective=scene.objective, success=True)]
    )
    tasks.sweep()
    assert scene.states() == {"delivered": 1}


def test_sweep__for_a_result_from_before_the_attachment__leaves_it(scene: Scene) -> None:
    Attachment.objects.update(attached_at=timezone.now() + timedelta(seconds=60))
    Result.objects.bulk_create(
        [Result(organization=scene.organization, participant=scene.ann, objective=scene.objective, success=True)]
    )
    tasks.sweep()
    assert scene.states() == {}


def test_paused_configuration__sends_nothing(scene: Scene) -> None:
    LMSConfiguration.objects.update(paused=True)
    scene.record(2)
    pump()
    assert scene.states() == {"queued": 2}
    assert scene.lms.store().statements == []


def test_lane__held_by_another_worker__is_left_alone(scene: Scene) -> None:
    scene.record()
    assert Lane.objects.take(scene.lane().pk) is not None
    assert send.serve_next(timezone.now(), time.monotonic() + 30) is None
    assert scene.states() == {"queued": 1}


def test_worker__whose_lease_was_taken_over__settles_nothing(scene: Scene) -> None:
    scene.record()
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    delivery = Delivery.objects.get()
    attempt = settle.open_attempt(lane, token, [delivery.pk], "")
    assert attempt is not None
    Lane.objects.update(lease_token=uuid.uuid4())
    late = settle.exchanged(
        attempt,
        token,
        [Row(delivery.pk, delivery.uuid, delivery.content, False)],
        Exchange([ItemResult(delivery.uuid, Outcome.DELIVERED)]),
    )
    assert late is False
    assert Delivery.objects.get().state == "queued"


def test_worker__that_died_in_a_request__leaves_its_batch_to_be_sent_one_by_one(scene: Scene) -> None:
    scene.record(3)
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    settle.open_attempt(lane, token, list(Delivery.objects.values_list("pk", flat=True)), "")
    Lane.objects.update(lease_until=F("last_served_at") - timedelta(hours=1))
    pump()
    assert scene.states() == {"delivered": 3}
    assert [one.statements for one in scene.lms.store().requests] == [1, 1, 1]
    assert Attempt.objects.filter(outcome="cut_short").count() == 1


def test_record__whose_sending_was_cut_short_three_times__is_held(scene: Scene) -> None:
    scene.record(1)
    scene.record(1, participant=scene.person("ben@example.com"))
    poison = Delivery.objects.order_by("pk")[0]
    lane = scene.lane()
    for _turn in range(3):
        token = Lane.objects.take(lane.pk)
        assert token is not None
        settle.open_attempt(lane, token, [poison.pk], "")
        Lane.objects.update(lease_until=F("last_served_at") - timedelta(hours=1))
        next_one = Lane.objects.take(lane.pk)
        assert next_one is not None
        settle.close_what_was_cut_short(lane.pk, next_one)
        Lane.objects.give_back(lane.pk, next_one)
    pump()
    poison.refresh_from_db()
    assert (poison.state, poison.reason) == ("held", "crashes")
    assert scene.states() == {"held": 1, "delivered": 1}


@pytest.mark.catalogue("S13")
def test_secret__copied_to_another_organizations_row__is_not_sent(scene: Scene, practice_lms: PracticeLMS) -> None:
    other = Scene(practice_lms, "Contoso")
    LMSConfiguration.objects.filter(pk=other.configuration.pk).update(sealed=scene.configuration.sealed)
    other.record()
    before = len(practice_lms.store().requests)
    pump()
    lane = other.lane()
    assert len(practice_lms.store().requests) == before
    assert lane.status == "cannot_connect"
    assert "does not belong to this row" in lane.sentence
    assert other.states() == {"queued": 1}


@pytest.mark.catalogue("S04")
def test_configuration__whose_address_was_altered_in_the_database__is_refused_at_send(scene: Scene) -> None:
    options = scene.configuration.options | {"url": "http://127.0.0.1:1/xapi/"}
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).update(options=options)
    scene.record()
    pump()
    assert scene.lane().status == "cannot_connect"
    assert scene.states() == {"queued": 1}


def test_lms_that_echoes_our_credentials__leaves_none_in_the_attempt(scene: Scene) -> None:
    echo = b"Basic cHJhY3RpY2Uta2V5OnByYWN0aWNlLXNlY3JldA== practice-secret"
    scene.lms.store().fail(Fault("answer", status=500, body=echo))
    scene.record()
    pump()
    attempt = Attempt.objects.get()
    assert attempt.answer
    assert "practice-secret" not in attempt.answer
    assert "cHJhY3RpY2Uta2V5" not in attempt.answer


def test_nudge__taken_up_by_a_worker_that_found_nothing__does_not_silence_the_next(
    scene: Scene, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        scene.record()
    pump()
    tasks.pump()
    assert scene.lane().nudged_at is None


def test_retry__of_a_record_held_for_its_crashes__sends_it_alone(scene: Scene) -> None:
    scene.record()
    held = {"state": "held", "reason": "crashes", "alone": True, "cut_short": 3, "next_attempt_at": None}
    Delivery.objects.update(**held)
    assert tasks.retry(Delivery.objects.all()) == 1
    pump()
    assert scene.states() == {"delivered": 1}


@pytest.mark.catalogue("R01")
def test_thousand_results__go_in_as_few_requests_as_they_need(scene: Scene) -> None:
    scene.record(1000)
    pump()
    assert scene.states() == {"delivered": 1000}
    assert len(set(scene.lms_ids())) == 1000
    assert [request.statements for request in scene.lms.store().requests] == [200] * 5
    assert scene.lane().status == "ok"


def test_recheck__interrupted_by_the_end_of_its_turn__goes_on_in_the_next(scene: Scene) -> None:
    scene.record(5)
    Delivery.objects.update(state="held", reason="not_ready", next_attempt_at=None)
    tasks.configuration_saved(scene.configuration)
    assert dispatch.recheck(0.0) is True
    assert scene.states() == {"held": 5}
    assert dispatch.recheck(time.monotonic() + 30) is False
    assert scene.states() == {"queued": 5}
    assert scene.lane().recheck_at is None


def test_batch__of_which_one_was_held_just_before__is_read_again(scene: Scene) -> None:
    scene.record(3)
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    pks = list(Delivery.objects.values_list("pk", flat=True))
    assert jobs.hold(Delivery.objects.filter(pk=pks[0]), "Not yet") == 1
    assert settle.open_attempt(lane, token, pks, "") is None
    lane.refresh_from_db()
    assert settle.open_attempt(lane, token, pks[1:], "") is not None


def test_hold__of_what_is_under_way__leaves_it(scene: Scene) -> None:
    scene.record(2)
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    pks = list(Delivery.objects.values_list("pk", flat=True))
    settle.open_attempt(lane, token, pks[:1], "")
    assert jobs.hold(Delivery.objects.all(), "Not yet") == 1
    assert scene.states() == {"queued": 1, "held": 1}
