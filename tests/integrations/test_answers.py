"""Every answer has its behavior: what a poison statement, a limit, a conflict, an outage or a busy LMS leads to."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DataError, connection
from django.utils import timezone

from integrations import tasks
from integrations.admin.testing import try_connection
from integrations.connectors.base import ServerError
from integrations.dispatch import settle
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from lmsbridge.practice.faults import Fault
from objectives.models import Organization
from tests.polling import until
from tests.scene import Scene, pump
from tests.sockets import Server, answer, read_request

pytestmark = [pytest.mark.django_db, pytest.mark.database]

BAD = "bad@example.com"


def requests_of(scene: Scene) -> list[int]:
    """How many statements each POST carried."""
    return [one.statements for one in scene.lms.store().requests if one.method == "POST"]


def record_mixed(scene: Scene, total: int, bad: int) -> None:
    """So many results, the bad ones spread among them; one good one last."""
    villain = scene.person(BAD)
    step = max(1, total // bad) if bad else 0
    spread = {number * step for number in range(bad)} if bad < total else set(range(total))
    for number in range(total):
        scene.record(1, **({"participant": villain} if number in spread else {}))


def try_again(scene: Scene, turns: int = 1) -> None:
    for _turn in range(turns):
        scene.wait_is_over()
        pump()


# A poison statement ------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R21", "R22")
@pytest.mark.parametrize("status", [400, 415, 422])
@pytest.mark.parametrize("bad", [1, 3])
def test_bad_statements__among_fifty__are_found_in_few_requests(scene: Scene, bad: int, status: int) -> None:
    scene.lms.store().fail(Fault("poison", "bad@", status=status))
    record_mixed(scene, 50, bad)
    pump()
    rejected = Delivery.objects.filter(state="rejected").select_related("result__participant")
    assert scene.states() == {"delivered": 50 - bad, "rejected": bad}
    assert {one.result.participant.participant_id for one in rejected} == {BAD}
    assert len(requests_of(scene)) <= 2 * bad * 6 + 1
    assert scene.lane().status == "ok"


@pytest.mark.catalogue("R21")
def test_fifty_bad_statements_and_a_good_one_later__exactly_the_bad_are_rejected(scene: Scene) -> None:
    scene.lms.store().fail(Fault("poison", "bad@"))
    record_mixed(scene, 50, 50)
    pump()
    assert scene.states() == {"queued": 50}
    scene.record()
    try_again(scene, 3)
    assert scene.states() == {"delivered": 1, "rejected": 50}
    assert len(requests_of(scene)) <= 2 * 50 * 6 + 1


@pytest.mark.catalogue("R23")
def test_lms_that_refuses_everything__rejects_nothing_and_is_a_server_error(scene: Scene) -> None:
    scene.lms.store().fail(Fault("answer", status=400, body=b"no"))
    scene.record(1000)
    pump()
    assert scene.states() == {"queued": 1000}
    assert scene.lane().status == "server_error"
    assert "refuses one statement after the other" in scene.lane().sentence
    assert len(requests_of(scene)) < 30


@pytest.mark.catalogue("R23")
def test_lms_that_refuses_each_new_result__is_a_server_error_from_the_fifth_on(scene: Scene) -> None:
    scene.lms.store().fail(Fault("answer", status=400, body=b"no"))
    for _turn in range(7):
        scene.record()
        pump()
    assert scene.lane().status == "server_error"
    assert scene.states()["queued"] == 3


@pytest.mark.catalogue("R23")
def test_lms_that_refused_everything__and_takes_it_again__gets_all(scene: Scene) -> None:
    scene.lms.store().fail(Fault("answer", status=400, body=b"no"))
    scene.record(300)
    pump()
    scene.lms.heal()
    try_again(scene)
    assert scene.states() == {"delivered": 300}


@pytest.mark.catalogue("R27")
@pytest.mark.parametrize("position", [0, 25, 49])
def test_statement_that_breaks_the_lms__wherever_it_is__is_isolated_and_others_arrive(
    scene: Scene, position: int
) -> None:
    scene.lms.store().fail(Fault("poison", "bad@", status=500))
    villain = scene.person(BAD)
    for number in range(50):
        scene.record(1, **({"participant": villain} if number == position else {}))
    pump()
    try_again(scene, 6)
    assert scene.states() == {"delivered": 49, "queued": 1}
    left = Delivery.objects.select_related("result__participant").get(state="queued")
    assert (left.result.participant.participant_id, left.alone) == (BAD, True)


@pytest.mark.catalogue("R28")
def test_outage_with_500__is_probed_with_one_request_each_time(scene: Scene) -> None:
    scene.record(3)
    pump()
    scene.lms.fail("500")
    scene.record(400)
    pump()
    for _probe in range(8):
        before = len(requests_of(scene))
        try_again(scene)
        assert len(requests_of(scene)) - before == 1
        assert requests_of(scene)[-1] == 1
    scene.lms.heal()
    try_again(scene)
    assert scene.states() == {"delivered": 403}


# Limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R20")
def test_too_large_batches__are_halved_and_the_limit_is_learned(scene: Scene) -> None:
    scene.lms.fail("413", "7")
    scene.record(100)
    pump()
    assert scene.states() == {"delivered": 100}
    limit = scene.lane().batch_limit
    assert limit is not None
    assert limit <= 7
    before = len(requests_of(scene))
    scene.record(50)
    pump()
    assert max(requests_of(scene)[before:]) <= 7


def test_learned_limit__a_day_later__is_tried_higher(scene: Scene) -> None:
    Lane.objects.update(batch_limit=5, batch_limit_at=timezone.now() - timedelta(days=2))
    scene.record(20)
    pump()
    assert requests_of(scene) == [10, 10]


@pytest.mark.catalogue("R20")
def test_single_statement_that_is_too_large__is_rejected_and_others_go_on(scene: Scene) -> None:
    scene.lms.store().fail(Fault("poison", "bad@", status=413))
    record_mixed(scene, 20, 1)
    pump()
    assert scene.states() == {"delivered": 19, "rejected": 1}


def test_requests_a_minute__are_not_exceeded(scene: Scene) -> None:
    LMSConfiguration.objects.update(requests_per_minute=2)
    Lane.objects.update(batch_limit=5, batch_limit_at=timezone.now())
    scene.record(30)
    pump()
    lane = scene.lane()
    assert requests_of(scene) == [5, 5]
    assert lane.not_before is not None
    assert lane.not_before > timezone.now() + timedelta(seconds=30)
    assert lane.status == "ok"


# Conflicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R24", "R07")
def test_store_that_answers_409_to_what_it_knows__is_read_back_and_believed(scene: Scene) -> None:
    scene.lms.store().refuses_known_ids = True
    scene.lms.script(["store_then_reset"])
    scene.record(6)
    pump()
    assert scene.states() == {"queued": 6}
    try_again(scene)
    assert scene.states() == {"delivered": 6}
    assert len(scene.lms_ids()) == 6


@pytest.mark.catalogue("R24")
def test_other_statement_under_the_same_id__is_rejected_with_both_versions_kept(scene: Scene) -> None:
    [_result] = scene.record()
    delivery = Delivery.objects.get()
    other = json.loads(delivery.content) | {"verb": {"id": "http://adlnet.gov/expapi/verbs/failed"}}
    other["result"] = {"success": False}
    put(scene, other)
    pump()
    delivery.refresh_from_db()
    assert delivery.state == "rejected"
    attempt = Attempt.objects.get(answer__contains="verbs")
    assert "verbs/failed" in attempt.answer
    assert "verbs/passed" in delivery.content


def put(scene: Scene, statement: dict[str, Any]) -> None:
    from tests.lms import post_statements

    assert post_statements(scene.lms.url(), [statement]).status == 200


@pytest.mark.catalogue("R24")
def test_409_from_a_store_that_may_not_be_read__is_taken_for_delivered_and_says_so(scene: Scene) -> None:
    scene.lms.script(["409", "403"])
    scene.record()
    pump()
    delivery = Delivery.objects.get()
    assert delivery.state == "delivered"
    assert "taken for delivered" in delivery.sentence


@pytest.mark.catalogue("R14")
def test_store_whose_answers_never_prove_anything__is_read_back_record_by_record(scene: Scene) -> None:
    scene.lms.store().fail(Fault("empty_list", stores=True))
    scene.lms.script([Fault("empty_list", stores=True)])
    scene.record(1)
    store = scene.lms.store()
    store.heal()
    store.script([Fault("empty_list", stores=True), "ok"])
    pump()
    assert scene.states() == {"delivered": 1}
    assert "Found in the LMS" in Delivery.objects.get().sentence


@pytest.mark.catalogue("R13")
def test_login_page__is_a_server_error_and_nothing_is_delivered(scene: Scene) -> None:
    scene.lms.fail("login_page")
    scene.record(5)
    pump()
    assert scene.states() == {"queued": 5}
    assert scene.lane().status == "server_error"


# Slow down ---------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R25")
@pytest.mark.parametrize("fault", ["429:7", "503:7"])
def test_busy_lms__is_left_alone_as_long_as_it_asks_and_is_no_error(scene: Scene, fault: str) -> None:
    scene.lms.script([fault])
    scene.record(5)
    pump()
    lane = scene.lane()
    assert (lane.status, lane.failures) == ("not_tested", 0)
    assert lane.not_before is not None
    assert timedelta(seconds=5) < lane.not_before - timezone.now() < timedelta(seconds=8)
    try_again(scene)
    assert scene.states() == {"delivered": 5}


@pytest.mark.catalogue("R25")
def test_lms_that_is_busy_for_over_an_hour__is_a_server_error(scene: Scene) -> None:
    scene.lms.fail("429")
    scene.record()
    pump()
    Lane.objects.update(slow_since=timezone.now() - timedelta(hours=1, minutes=1))
    try_again(scene)
    assert scene.lane().status == "server_error"


@pytest.mark.catalogue("R26")
@pytest.mark.parametrize("value", ["1e309", "-1", "NaN", "abc", "1000000000000", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_retry_after_that_is_nonsense__is_clamped_or_ignored(scene: Scene, value: str) -> None:
    headers = (("Retry-After", value),)
    scene.lms.script([Fault("answer", status=429, headers=headers)])
    scene.record()
    pump()
    lane = scene.lane()
    assert lane.not_before is not None
    assert lane.not_before <= timezone.now() + timedelta(hours=6)
    try_again(scene)
    assert scene.states() == {"delivered": 1}


@pytest.mark.catalogue("R26")
def test_retry_after_twice__does_no_harm(scene: Scene) -> None:
    headers = (("Retry-After", "7"), ("Retry-After", "9"))
    scene.lms.script([Fault("answer", status=503, headers=headers)])
    scene.record()
    pump()
    try_again(scene)
    assert scene.states() == {"delivered": 1}


# Refusals of the whole destination ---------------------------------------------------------------------------------


@pytest.mark.catalogue("R16", "R17", "R19")
@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 410, 412, 501, 502, 504])
def test_answer_about_the_destination__stops_the_lane_and_keeps_everything(scene: Scene, status: int) -> None:
    scene.lms.store().fail(Fault("answer", status=status, body=b"no"))
    scene.record(300)
    pump()
    assert scene.states() == {"queued": 300}
    assert scene.lane().status == "server_error"
    assert len(scene.lms.store().requests) == 1


@pytest.mark.catalogue("R16")
def test_wrong_key__once_it_is_mended__is_tried_at_once(scene: Scene) -> None:
    scene.configuration.set_options(scene.configuration.options, {"key_secret": "wrong"})
    scene.configuration.save()
    scene.record(3)
    pump()
    assert scene.lane().status == "server_error"
    scene.configuration.set_options(scene.configuration.options, {"key_secret": "practice-secret"})
    scene.configuration.save()
    tasks.configuration_saved(scene.configuration)
    pump()
    assert scene.states() == {"delivered": 3}
    assert scene.lane().status == "ok"


def test_recovery__drains_gently(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record(300)
    pump()
    scene.lms.heal()
    try_again(scene)
    assert requests_of(scene) == [200, 1, 10, 200, 89]


def test_failing_lms__is_tried_at_growing_distances(scene: Scene) -> None:
    scene.lms.fail("503")
    waits = []
    with time_machine.travel(datetime(2026, 3, 20, 9, 0, tzinfo=UTC), tick=False) as clock:
        scene.record(1, occurred_at=timezone.now())
        for _turn in range(10):
            pump()
            not_before = scene.lane().not_before
            assert not_before is not None
            waits.append(round((not_before - timezone.now()).total_seconds()))
            clock.move_to(not_before)
    assert waits == [5, 30, 60, 120, 300, 900, 1800, 3600, 3600, 3600]


def test_failing_lms__tried_again_and_again_by_an_impatient_person__is_not_put_off(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record()
    pump()
    for _turn in range(10):
        tasks.retry(Delivery.objects.all())
        pump()
    not_before = scene.lane().not_before
    assert not_before is not None
    assert not_before < timezone.now() + timedelta(seconds=61)


def test_configuration__saved_while_a_request_is_under_way__is_tried_at_once_when_it_fails(scene: Scene) -> None:
    scene.record()
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    attempt = settle.open_attempt(lane, token, [Delivery.objects.get().pk], "")
    assert attempt is not None
    tasks.configuration_saved(scene.configuration)
    settle.destination_failed(attempt, token, ServerError("The LMS reports a fault of its own (503)."))
    assert scene.lane().not_before is None


def test_pause__in_the_middle_of_a_turn__stops_the_next_batch(scene: Scene) -> None:
    scene.record(3)
    lane = scene.lane()
    token = Lane.objects.take(lane.pk)
    assert token is not None
    LMSConfiguration.objects.update(paused=True)
    assert settle.open_attempt(lane, token, [Delivery.objects.all()[0].pk], "") is None


def test_batch_taken_apart__over_several_short_turns__still_comes_to_its_end(scene: Scene) -> None:
    scene.lms.store().fail(Fault("poison", "bad@"))
    LMSConfiguration.objects.update(requests_per_minute=3)
    record_mixed(scene, 50, 1)
    for _turn in range(12):
        pump()
        Attempt.objects.update(opened_at=timezone.now() - timedelta(minutes=2))
        scene.wait_is_over()
    assert scene.states() == {"delivered": 49, "rejected": 1}
    LMSConfiguration.objects.update(requests_per_minute=None)
    scene.record(500)
    pump()
    assert scene.lane().batch_limit is None


def test_id_that_the_store_knows_and_does_not_show__holds_nobody_else_up(scene: Scene) -> None:
    scene.record(6)
    voided = str(Delivery.objects.order_by("pk")[0].uuid)
    posts: list[list[str]] = []

    def script(made: socket.socket) -> None:
        head, _, body = read_request(made).partition(b"\r\n\r\n")
        ids = [] if head.startswith(b"GET") else [statement["id"] for statement in json.loads(body)]
        posts.append(ids)
        if head.startswith(b"GET"):
            made.sendall(answer("404 Not Found", b"", "Connection: close"))
        elif voided in ids:
            made.sendall(answer("409 Conflict", b"known", "Connection: close"))
        else:
            text = json.dumps(ids).encode()
            made.sendall(answer("200 OK", text, "Content-Type: application/json", "Connection: close"))

    with Server(script) as server:
        options = scene.configuration.options | {"url": f"http://127.0.0.2:{server.port}/xapi/"}
        scene.configuration.set_options(options, {"key_secret": "practice-secret"})
        scene.configuration.save()
        pump()
        try_again(scene, 6)
    assert scene.states() == {"delivered": 5, "queued": 1}
    assert str(Delivery.objects.get(state="queued").uuid) == voided


@pytest.mark.catalogue("R36")
@pytest.mark.parametrize("kind", [RuntimeError, DataError])
def test_bug_in_a_connector__pauses_its_lane_and_leaves_no_text_behind(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    def break_down(*_args: Any) -> None:
        raise kind("ann@example.com practice-secret")

    monkeypatch.setattr("integrations.connectors.xapi.XapiConnector.send_results", break_down)
    scene.record()
    assert tasks.pump() == "idle"
    assert scene.lane().not_before is not None
    assert scene.states() == {"queued": 1}
    assert kind.__name__ in caplog.text
    assert "practice-secret" not in caplog.text
    assert "ann@example.com" not in caplog.text


@pytest.mark.database(only="postgresql")
@pytest.mark.django_db(transaction=True)
def test_retry__while_a_worker_settles__never_deadlocks(scene: Scene) -> None:
    scene.record(600)
    ended = threading.Event()

    def work() -> None:
        try:
            while not ended.is_set():
                Lane.objects.update(not_before=None)
                pump()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        for _turn in range(40):
            tasks.retry(Delivery.objects.all())
        until(lambda: not Delivery.objects.exclude(state="delivered").exists(), "everything to be delivered")
        ended.set()
        worker.result(30)
    assert not Attempt.objects.filter(outcome="cut_short").exists()


# Update interval ---------------------------------------------------------------------------------------------------


def test_interval__of_the_plan__batches_results(scene: Scene) -> None:
    Organization.objects.update(plan="free")
    scene.record(3)
    pump()
    [due] = {moment for moment in Delivery.objects.values_list("next_attempt_at", flat=True) if moment is not None}
    assert scene.states() == {"queued": 3}
    assert timedelta(0) < due - timezone.now() <= timedelta(minutes=60)


def test_interval__of_the_configuration__beats_the_plans(scene: Scene) -> None:
    Organization.objects.update(plan="free")
    LMSConfiguration.objects.update(update_interval=0)
    scene.record(3)
    pump()
    assert scene.states() == {"delivered": 3}


def test_interval__made_shorter__ends_the_wait(scene: Scene) -> None:
    LMSConfiguration.objects.update(update_interval=1440)
    scene.record(3)
    scene.configuration.refresh_from_db()
    scene.configuration.update_interval = 0
    scene.configuration.save()
    tasks.configuration_saved(scene.configuration)
    pump()
    assert scene.states() == {"delivered": 3}


def test_next_batch__is_at_a_fixed_distance_from_the_last(scene: Scene) -> None:
    from integrations.dispatch.composing import due_at

    scene.configuration.update_interval = 15
    first = due_at(scene.configuration, datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
    assert due_at(scene.configuration, first) - first == timedelta(minutes=15)
    assert due_at(scene.configuration, first - timedelta(seconds=1)) == first


# What is known of a record, and what of the LMS --------------------------------------------------------------------


@pytest.mark.catalogue("R23")
def test_records_refused_beside_others__revived_on_a_quiet_day__say_nothing_of_the_lms(scene: Scene) -> None:
    scene.lms.store().fail(Fault("poison", "bad@"))
    record_mixed(scene, 19, 6)
    pump()
    assert scene.states() == {"delivered": 13, "rejected": 6}
    Lane.objects.update(last_success_at=timezone.now() - timedelta(hours=12))
    assert tasks.retry(Delivery.objects.all()) == 6
    pump()
    assert scene.states() == {"delivered": 13, "rejected": 6}
    assert scene.lane().status == "ok"


@pytest.mark.catalogue("R20")
def test_lms_that_calls_everything_too_large__rejects_nothing_and_is_a_server_error(scene: Scene) -> None:
    scene.lms.store().fail(Fault("answer", status=413, body=b"too large"))
    scene.record(40)
    pump()
    assert scene.states() == {"queued": 40}
    assert scene.lane().status == "server_error"
    scene.lms.heal()
    try_again(scene)
    assert scene.states() == {"delivered": 40}


def test_failing_lms__in_which_nothing_waits_any_more__is_found_to_be_well(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record()
    pump()
    Delivery.objects.update(state="held", reason="by_person", next_attempt_at=None)
    try_again(scene)
    assert (scene.lane().status, scene.lane().failures) == ("server_error", 2)
    scene.lms.heal()
    try_again(scene)
    assert scene.lane().status == "ok"
    assert scene.lms_ids() == []


def test_healthy_lms__in_which_nothing_waits__is_left_alone(scene: Scene) -> None:
    scene.record()
    pump()
    before = len(scene.lms.store().requests)
    try_again(scene)
    assert len(scene.lms.store().requests) == before


def test_connection_test__that_fails_once_on_a_quiet_lms__is_put_right_by_itself(scene: Scene) -> None:
    scene.record()
    pump()
    scene.lms.fail("503")
    try_connection(scene.configuration)
    assert scene.lane().status == "server_error"
    scene.lms.heal()
    try_again(scene)
    assert scene.lane().status == "ok"


def test_connection_test__of_a_busy_lms__is_no_error(scene: Scene) -> None:
    scene.record()
    pump()
    scene.lms.fail("429", "7")
    assert "slow down" in try_connection(scene.configuration).sentence
    assert scene.lane().status == "ok"


def test_requests_a_minute__count_what_is_read_back_too(scene: Scene) -> None:
    LMSConfiguration.objects.update(requests_per_minute=5)
    Lane.objects.update(batch_limit=1, batch_limit_at=timezone.now())
    scene.lms.store().fail(Fault("empty_list", stores=True))
    scene.record(10)
    pump()
    assert len(scene.lms.store().requests) <= 6


def test_record__cut_short_on_three_days_but_tried_properly_between__is_not_held(scene: Scene) -> None:
    scene.lms.fail("503")
    scene.record()
    for _day in range(4):
        lane = scene.lane()
        token = Lane.objects.take(lane.pk)
        assert token is not None
        settle.open_attempt(lane, token, [Delivery.objects.get().pk], "")
        Lane.objects.update(lease_until=timezone.now() - timedelta(hours=1), not_before=None)
        pump()
    assert scene.states() == {"queued": 1}


def test_lms__that_was_busy_and_answered_since__is_not_busy_all_along(scene: Scene) -> None:
    scene.lms.script(["429", Fault("answer", status=400, body=b"no"), "429"])
    scene.record()
    pump()
    Lane.objects.update(slow_since=timezone.now() - timedelta(hours=3), not_before=None)
    pump()
    assert scene.lane().slow_since is None
    scene.record()
    try_again(scene)
    assert scene.lane().status != "server_error"
