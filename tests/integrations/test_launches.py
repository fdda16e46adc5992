"""Launches from opening to the LMS's confirmation: tokens, relaunches, who is told, and what is told to whom."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from integrations import keeping, launches
from integrations.dispatch import settle
from integrations.dispatch.launches import close_what_was_lost
from integrations.models import Attempt, Delivery, Incident, Lane, Launch, LMSConfiguration
from objectives.models import Participant, Result
from objectives.secrets import Unreadable
from tests.launching import (
    COURSE,
    delivery_of,
    fetch_from,
    finished,
    keyless,
    now,
    opened,
    serve_all,
    statements,
)
from tests.polling import until
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

ACCOUNT = {"objectType": "Agent", "account": {"name": "1625378"}}


def with_home_page(scene: Scene, page: str = "https://people.example.com") -> None:
    configuration = scene.configuration
    configuration.options = {**configuration.options, "account_home_page": page}
    configuration.save()


# The token ---------------------------------------------------------------------------------------------------------


def test_token__is_asked_for_once_and_sealed_and_deleted_in_the_end(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    kept = now(launch)
    assert (kept.token, kept.verified, kept.sealed_fetch) == ("kept", True, "")
    assert kept.token_text() not in kept.sealed_token
    finished(scene, launch)
    pump()
    done = now(launch)
    assert (done.token, done.sealed_token, delivery_of(launch).state) == ("deleted", "", "delivered")
    assert [one.path.split("/")[1] for one in scene.lms.store().requests] == ["fetch", "xapi"]


def test_token__stands_in_no_text_of_the_database(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    token = now(launch).token_text()
    rows = [*Attempt.objects.values(), *Launch.objects.values(), *Lane.objects.values(), *Delivery.objects.values()]
    assert token not in str(rows)


def test_token_address__stands_in_no_text_of_the_database(scene: Scene) -> None:
    address = fetch_from(scene.lms)
    opened(scene, fetch=address)
    before = str([*Launch.objects.values(), *Lane.objects.values()])
    pump()
    after = str([*Attempt.objects.values(), *Launch.objects.values(), *Lane.objects.values()])
    assert address.rpartition("/")[2] not in before + after


def test_token__copied_to_another_launch__does_not_open(scene: Scene) -> None:
    first, second = opened(scene, fetch=fetch_from(scene.lms)), opened(scene, fetch=fetch_from(scene.lms))
    pump()
    Launch.objects.filter(pk=second.pk).update(sealed_token=now(first).sealed_token)
    with pytest.raises(Unreadable):
        now(second).token_text()


@pytest.mark.django_db(transaction=True)
def test_attempt__is_on_record_before_the_token_is_asked_for(scene: Scene) -> None:
    opened(scene, fetch=fetch_from(scene.lms))
    scene.lms.fail("slow", "1")
    worker = threading.Thread(target=_pump_here)
    worker.start()
    try:
        until(Attempt.objects.open().exists, "an open attempt")
        assert scene.lms.store().request_count == 0
    finally:
        worker.join()
    assert Attempt.objects.get().outcome == "token"


def _pump_here() -> None:
    try:
        pump()
    finally:
        connection.close()


@pytest.mark.catalogue("R49")
@pytest.mark.parametrize("fault", ["401", "403", "404", "500", "503", "reset", "close", "login_page", "invalid_json"])
def test_token_address__that_fails__is_never_asked_again(scene: Scene, fault: str) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    scene.lms.script([fault])
    pump()
    finished(scene, launch)
    serve_all()
    assert (now(launch).token, delivery_of(launch).reason) == ("refused", "relaunch")
    assert scene.lms.store().request_count == 1
    assert now(launch).sentence
    assert launches.state(now(launch)).state == "held"


@pytest.mark.catalogue("R49")
def test_token_address__that_fails__is_no_outage_of_the_configuration(scene: Scene) -> None:
    before = scene.configuration.lane.status
    for fault in ("reset", "503", "slow:0"):
        opened(scene, fetch=fetch_from(scene.lms))
        scene.lms.script([fault])
        pump()
    lane = Lane.objects.get(own=scene.configuration)
    assert (lane.status, lane.failures, Incident.objects.count()) == (before, 0, 0)


@pytest.mark.catalogue("R51")
def test_token__lost_between_answer_and_commit__fails_visibly_and_can_be_repeated(scene: Scene) -> None:
    registration = str(uuid.uuid4())
    launch = opened(scene, fetch=fetch_from(scene.lms), registration=registration)
    lane = Lane.objects.get(launch=launch)
    lease = Lane.objects.take(lane.pk)
    assert lease is not None
    # A worker opened the attempt, and died before it kept what came back.
    assert settle.open_attempt(lane, lease, [], launch.fetch_origin) is not None
    Lane.objects.filter(pk=lane.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    finished(scene, launch)
    pump()
    assert (now(launch).token, delivery_of(launch).reason) == ("lost", "relaunch")
    assert scene.lms.store().request_count == 0
    assert launches.state(now(launch)).relaunch
    again = opened(scene, fetch=fetch_from(scene.lms), registration=registration)
    pump()
    assert delivery_of(launch).state == "delivered"
    assert launches.state(now(again)).state == "recorded"


# A launch after another --------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R50")
def test_token__that_ran_out__holds_until_the_learner_launches_again(scene: Scene) -> None:
    scene.record()
    pump()
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    scene.lms.store().sessions.end_all()
    finished(scene, launch)
    serve_all()
    held = delivery_of(launch)
    assert (held.state, held.reason, now(launch).token) == ("held", "relaunch", "expired")
    assert Lane.objects.get(own=scene.configuration).status == "ok"
    assert launches.state(now(launch)).relaunch
    again = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    assert delivery_of(launch).state == "delivered"
    assert launches.state(now(again)).state == "recorded"
    assert now(again).token == "deleted"
    assert len(statements(scene.lms)) == 2


@pytest.mark.catalogue("R50")
def test_token__that_ran_out_when_the_next_launch_was_there__goes_with_that_one(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    scene.lms.store().sessions.end_all()
    opened(scene, fetch=fetch_from(scene.lms))
    pump()
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == "delivered"


@pytest.mark.parametrize("other", [{"activityId": f"{COURSE}/2"}, {"registration": "another"}])
def test_launch__of_something_else__carries_nothing_on(scene: Scene, other: dict[str, Any]) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    scene.lms.store().sessions.end_all()
    finished(scene, launch)
    pump()
    opened(scene, fetch=fetch_from(scene.lms), **other)
    pump()
    assert delivery_of(launch).state == "held"


def test_launch__of_somebody_else__carries_nothing_on(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    scene.lms.store().sessions.end_all()
    finished(scene, launch)
    pump()
    opened(scene, actor={"mbox": "mailto:ben@example.com"}, fetch=fetch_from(scene.lms))
    pump()
    assert delivery_of(launch).state == "held"


def test_launch__that_proved_nothing_and_names_no_enrollment__is_not_carried_on(scene: Scene) -> None:
    """Anybody with the link could have made it up, to have it sent with the learner's own token."""
    forged = opened(scene, fetch=f"{scene.lms.address}/fetch/made-up")
    finished(scene, forged)
    pump()
    opened(scene, fetch=fetch_from(scene.lms))
    pump()
    assert delivery_of(forged).state == "held"
    assert not launches.state(now(forged)).relaunch


# Opening -----------------------------------------------------------------------------------------------------------


def test_launch__opened_twice__is_one(scene: Scene) -> None:
    assert opened(scene, sessionId="s1") == opened(scene, sessionId="s1")
    assert opened(scene, sessionId="s2").pk != opened(scene, sessionId="s1").pk


def test_launch__opened_again_after_half_an_hour__is_another(scene: Scene) -> None:
    launch = opened(scene)
    Launch.objects.update(seen_at=timezone.now() - timedelta(minutes=31))
    assert opened(scene).pk != launch.pk


def test_launch__with_a_token__goes_on_after_half_an_hour(scene: Scene) -> None:
    address = fetch_from(scene.lms)
    launch = opened(scene, fetch=address)
    pump()
    Launch.objects.update(seen_at=timezone.now() - timedelta(minutes=31))
    assert opened(scene, fetch=address) == launch


@pytest.mark.catalogue("S17")
def test_launch__replayed_when_it_is_finished__is_found_finished_and_records_nothing(scene: Scene) -> None:
    launch = opened(scene)
    finished(scene, launch)
    Launch.objects.update(seen_at=timezone.now() - timedelta(minutes=31))
    again = opened(scene)
    finished(scene, again)
    pump()
    assert (again, Result.objects.count(), len(statements(scene.lms))) == (launch, 1, 1)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_launch__opened_by_ten_at_once__is_one(scene: Scene) -> None:
    found: list[Any] = []

    def once() -> None:
        try:
            found.append(opened(scene, sessionId="s1").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=once) for _number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert set(found) == set(Launch.objects.values_list("pk", flat=True))
    assert Launch.objects.count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_launch__finished_by_ten_at_once__has_one_result(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    problems: list[Exception] = []

    def once() -> None:
        try:
            finished(scene, Launch.objects.get(pk=launch.pk))
        except Exception as problem:  # noqa: BLE001 - told by the assertion below
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=once) for _number in range(10)]
    for thread in threads:
        thread.start()
    pump()
    for thread in threads:
        thread.join()
    pump()
    assert problems == []
    assert (Result.objects.count(), len(statements(scene.lms))) == (1, 1)


def test_launch__without_a_configuration__is_sent_nowhere(scene: Scene) -> None:
    parameters = launches.read(_query(endpoint=scene.lms.url()), None)
    launch = launches.open_launch(scene.organization, None, parameters)
    finished(scene, launch)
    pump()
    assert launches.state(launch).state == "nowhere"
    assert not Delivery.objects.exists()
    assert scene.lms.store().requests == []


def _query(**given: str) -> Any:
    from tests.launching import query

    return query(**given)


# The learner -------------------------------------------------------------------------------------------------------


def test_participant__of_an_mbox__is_the_address(scene: Scene) -> None:
    assert launches.participant(opened(scene)) == scene.ann


def test_participant__of_an_account__is_home_page_and_name(scene: Scene) -> None:
    with_home_page(scene)
    launch = opened(scene, actor=ACCOUNT)
    assert launch.participant.participant_id == "https://people.example.com|1625378"
    finished(scene, launch)
    pump()
    [told] = statements(scene.lms)
    assert told["actor"]["account"] == {"homePage": "https://people.example.com", "name": "1625378"}


def test_participant__of_an_account__without_a_home_page_anywhere__belongs_to_the_lms(scene: Scene) -> None:
    launch = opened(scene, actor=ACCOUNT)
    assert launch.participant.participant_id == f"{scene.lms.address}|1625378"


def test_participant__with_a_very_long_account_name__is_somebody_of_their_own(scene: Scene) -> None:
    first, second = ({"account": {"name": "x" * 900 + last}} for last in "ab")
    people = {opened(scene, actor=one).participant.participant_id for one in (first, second)}
    assert len(people) == 2
    assert max(map(len, people)) <= 254


# What is told ------------------------------------------------------------------------------------------------------


def test_statement__of_a_loose_launch__is_valid_and_says_what_the_lms_said(scene: Scene) -> None:
    with_home_page(scene)
    launch = opened(scene, actor=ACCOUNT, registration="this-is-my-registration-id", sessionId="this-is-my-sessionid")
    finished(scene, launch, duration=timedelta(minutes=2))
    pump()
    [told] = statements(scene.lms)
    extensions = {
        "https://w3id.org/xapi/cmi5/context/extensions/sessionid": "this-is-my-sessionid",
        "http://testserver/xapi/extensions/launch-registration": "this-is-my-registration-id",
    }
    assert told["context"] == {"platform": "LMS Bridge", "extensions": extensions}
    assert (told["object"]["id"], told["verb"]["id"].rpartition("/")[2]) == (COURSE, "completed")
    assert told["result"] == {"success": True, "completion": True, "duration": "PT2M"}


def test_statement__of_a_launch_with_a_uuid__registers_by_it(scene: Scene) -> None:
    registration = str(uuid.uuid4()).upper()
    launch = opened(scene, registration=registration)
    finished(scene, launch)
    pump()
    [told] = statements(scene.lms)
    assert told["context"] == {"platform": "LMS Bridge", "registration": registration.lower()}


def test_statement__of_a_failure__says_failed(scene: Scene) -> None:
    finished(scene, opened(scene), success=False)
    pump()
    [told] = statements(scene.lms)
    assert told["verb"]["id"].rpartition("/")[2] == "failed"


ACTORS: dict[str, dict[str, Any]] = {
    "mbox": {"mbox": "mailto:ann@example.com", "name": "Ann"},
    "sha1": {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"},
    "openid": {"openid": "https://people.example.com/ann"},
    "account": {"account": {"homePage": "https://people.example.com", "name": "ann"}},
    "bare account": {"account": {"name": "ann"}, "name": "Ann"},
}


@pytest.mark.parametrize("kind", list(ACTORS))
def test_statement__for_any_kind_of_actor__is_taken_by_the_strict_store(scene: Scene, kind: str) -> None:
    finished(scene, opened(scene, actor=ACTORS[kind]))
    pump()
    assert len(statements(scene.lms)) == 1


def test_statements__of_launches__are_valid_to_an_independent_validator(scene: Scene, xapi_validator: Any) -> None:
    for number, actor in enumerate(ACTORS.values()):
        finished(scene, opened(scene, actor=actor, sessionId=f"s{number}", registration=f"r{number}"))
    pump()
    told = statements(scene.lms)
    assert len(told) == len(ACTORS)
    assert xapi_validator(told) == [[]] * len(ACTORS)


# To whom it is told ------------------------------------------------------------------------------------------------


def test_result__of_a_verified_launch__goes_to_the_attached_lmss_as_well(scene: Scene) -> None:
    scene.connect("Other", url=scene.lms.url("other"))
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    finished(scene, launch)
    pump()
    assert len(statements(scene.lms)) == 1
    [other] = statements(scene.lms, "other")
    assert other["object"]["id"] == scene.objective.activity_iri


def test_result__of_an_unverified_launch__goes_to_its_own_lms_alone(scene: Scene) -> None:
    scene.connect("Other", url=scene.lms.url("other"))
    finished(scene, opened(scene))
    pump()
    assert (len(statements(scene.lms)), statements(scene.lms, "other")) == (1, [])


def test_result__recorded_before_its_launch_was_verified__goes_to_the_others_then(scene: Scene) -> None:
    scene.connect("Other", url=scene.lms.url("other"))
    launch = opened(scene, fetch=fetch_from(scene.lms))
    finished(scene, launch)
    assert Delivery.objects.count() == 1
    pump()
    assert len(statements(scene.lms, "other")) == 1


def test_result__goes_once_to_an_lms_that_the_launch_itself_leads_to(scene: Scene) -> None:
    own = keyless(scene)
    launch = opened(scene, own, fetch=fetch_from(scene.lms), endpoint=scene.lms.url().rstrip("/"))
    pump()
    finished(scene, launch)
    pump()
    [told] = statements(scene.lms)
    assert told["object"]["id"] == COURSE


def test_result__of_a_launch_by_an_lms_that_is_not_attached__goes_there(scene: Scene) -> None:
    scene.configuration.attachments.all().delete()
    finished(scene, opened(scene))
    pump()
    assert len(statements(scene.lms)) == 1


def test_result__without_a_launch__goes_the_ordinary_way(scene: Scene) -> None:
    launches.record(None, Result(participant=scene.ann, objective=scene.objective, success=True))
    pump()
    [told] = statements(scene.lms)
    assert told["object"]["id"] == scene.objective.activity_iri


# Its own lane ------------------------------------------------------------------------------------------------------


def test_launch__with_a_token__waits_for_no_interval_and_no_outage(scene: Scene) -> None:
    scene.configuration.update_interval = 1440
    scene.configuration.save()
    Lane.objects.filter(own=scene.configuration).update(
        status="server_error", failures=5, not_before=timezone.now() + timedelta(hours=1)
    )
    launch = opened(scene, fetch=fetch_from(scene.lms))
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == "delivered"
    assert Lane.objects.get(own=scene.configuration).status == "server_error"


def test_launch__whose_destination_fails__changes_no_status_and_opens_no_incident(scene: Scene) -> None:
    scene.record()
    pump()
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    finished(scene, launch)
    scene.lms.fail("503")
    for _turn in range(4):
        serve_all()
    assert delivery_of(launch).state == "queued"
    assert (Lane.objects.get(own=scene.configuration).status, Incident.objects.count()) == ("ok", 0)
    scene.lms.heal()
    serve_all()
    assert delivery_of(launch).state == "delivered"


def test_lane__of_a_launch_with_nothing_to_do__is_looked_at_by_nobody(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    assert Lane.objects.get(launch=launch).resting
    finished(scene, launch)
    assert not Lane.objects.get(launch=launch).resting
    pump()
    assert Lane.objects.get(launch=launch).resting


def test_paused_configuration__asks_for_no_token_until_it_is_resumed(scene: Scene) -> None:
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).pause()
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    assert scene.lms.store().requests == []
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).resume()
    pump()
    assert now(launch).token == "kept"


# Forgetting --------------------------------------------------------------------------------------------------------


def test_erasure__leaves_nothing_of_a_launch(scene: Scene) -> None:
    registration = str(uuid.uuid4())
    launch = opened(
        scene,
        actor={"mbox": "mailto:ann@example.com", "name": "Ann Lee"},
        fetch=fetch_from(scene.lms),
        registration=registration,
        sessionId="session-of-ann",
    )
    pump()
    finished(scene, launch)
    done = keeping.erase(Participant.objects.get(pk=launch.participant_id))
    left = str(list(Launch.objects.values()))
    assert done.launches == 1
    assert [word for word in ("ann@", "Ann Lee", registration, "session-of-ann") if word in left] == []
    assert (now(launch).token, now(launch).sealed_token, now(launch).key) == ("deleted", "", "")
    pump()
    assert statements(scene.lms) == []


def test_erasure__before_the_token_was_asked_for__asks_for_none(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    keeping.erase(Participant.objects.get(pk=launch.participant_id))
    pump()
    assert (scene.lms.store().requests, now(launch).token) == ([], "deleted")


def test_retention__forgets_what_a_launch_carried_and_finds_it_finished_still(scene: Scene) -> None:
    launch = opened(scene, sessionId="s1")
    finished(scene, launch)
    pump()
    keeping.retain(timezone.now() + timedelta(days=40), _later())
    forgotten = now(launch)
    assert (forgotten.actor, forgotten.session_id) == ({}, "")
    assert opened(scene, sessionId="s1") == launch


def test_retention__deletes_the_token_of_a_launch_that_nobody_came_back_to(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    keeping.retain(timezone.now() + timedelta(days=3), _later())
    assert (now(launch).token, now(launch).sealed_token) == ("deleted", "")


def test_retention__keeps_what_a_held_result_needs(scene: Scene) -> None:
    launch = opened(scene, endpoint="https://elsewhere.example.com/xapi/")
    finished(scene, launch)
    keeping.retain(timezone.now() + timedelta(days=40), _later())
    assert now(launch).actor


def _later() -> float:
    import time

    return time.monotonic() + 60


@pytest.mark.catalogue("R39")
def test_exchange__of_the_worker_that_has_the_lane_now__is_not_closed_by_one_that_slept(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    lane = Lane.objects.get(launch=launch)
    token = Lane.objects.take(lane.pk)
    assert token is not None
    attempt = settle.open_attempt(lane, token, [], launch.fetch_origin)
    assert attempt is not None
    close_what_was_lost(lane, uuid.uuid4(), launch)
    attempt.refresh_from_db()
    assert (attempt.closed_at, now(launch).token) == (None, "wanted")
