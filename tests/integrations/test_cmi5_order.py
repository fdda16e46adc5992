"""What a cmi5 session tells, in its order, whatever people, clocks, workers and later launches do to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from integrations import keeping, launches, tasks
from integrations.connectors.xapi import XapiConnector
from integrations.models import Attempt, Delivery, Lane, Launch
from lmsbridge.practice.faults import Fault
from objectives import clock
from objectives.models import Membership, Result
from stories.models import Play
from tests import make
from tests.cmi5.enrolled import FAILED, PASSED, Enrolled, deliveries, verbs
from tests.cmi5.player import launched
from tests.launching import now
from tests.learner import Learner
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def enrolled(scene: Scene) -> Enrolled:
    return Enrolled(scene)


def later() -> None:
    """The LMS is told nothing for an hour."""
    Lane.objects.filter(launch__isnull=False).update(not_before=clock.now() + timedelta(hours=1))


def soon() -> None:
    """The waiting is over."""
    Lane.objects.update(not_before=None)


# What workers do ---------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R51")
def test_worker__killed_between_token_and_launch_data__leaves_the_session_to_the_next(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = enrolled.arrive().press("begin")
    asking = XapiConnector.open_session

    def die(*args: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(XapiConnector, "open_session", die)
    with pytest.raises(KeyboardInterrupt):
        pump()
    assert Attempt.objects.open().count() == 1
    assert (Launch.objects.get().token, Launch.objects.get().cmi5) == ("kept", "wanted")
    monkeypatch.setattr(XapiConnector, "open_session", asking)
    Lane.objects.update(lease_until=None, lease_token=None)
    learner.play_through()
    assert enrolled.told() == PASSED
    assert_sound()


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_worker__killed_between_two_statements__is_followed_by_one_that_tells_the_rest_once(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Wait")
    later()
    learner.finish()
    soon()
    sending, count = XapiConnector.send_results, 0

    def die_after(*args: Any) -> Any:
        nonlocal count
        count += 1
        found = sending(*args)
        if count == dies_at:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(XapiConnector, "send_results", die_after)
    try:
        pump()
    except KeyboardInterrupt:
        Lane.objects.update(lease_until=None, lease_token=None)
    pump()
    assert verbs(enrolled.session) == FAILED
    # After the end an LMS lets nothing be read, so that nobody can look whether it came.
    assert enrolled.session.is_clean
    assert deliveries("queued") == deliveries("held") == []
    assert_sound()


def test_lane__of_who_was_erased_while_the_token_was_asked_for__rests(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled.arrive()
    asking = XapiConnector.fetch_token

    def erase_meanwhile(*args: Any) -> Any:
        keeping.erase(Launch.objects.get().participant)
        return asking(*args)

    monkeypatch.setattr(XapiConnector, "fetch_token", erase_meanwhile)
    pump()
    assert Lane.objects.filter(launch__isnull=False, resting=True, token_wanted=False).exists()
    assert Launch.objects.get().sealed_token == ""


def test_session__of_who_was_erased__ends_in_silence(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin")
    keeping.erase(Launch.objects.get().participant)
    Launch.objects.update(seen_at=clock.now() - timedelta(hours=1))
    tasks.sweep()
    launches.leave(Launch.objects.get())
    assert [one.event for one in Delivery.objects.all()] == ["initialized"]
    assert not Delivery.objects.exclude(content="").exists()


# Where nobody approved the server ----------------------------------------------------------------------------------


def test_session__whose_server_is_approved_later__is_one_then(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    enrolled.scene.lms.script(["ok", "503"])
    pump()
    configuration = enrolled.scene.configuration
    configuration.set_options({**configuration.options, "url": "https://lrs.example.com/xapi"}, {})
    configuration.save()
    soon()
    pump()
    learner.press("begin").play_through()
    assert Launch.objects.get().cmi5 == "wanted"
    assert {one.reason for one in Delivery.objects.all()} == {"not_approved"}
    launches.approve(configuration, enrolled.scene.lms.address, by="ann")
    assert enrolled.told() == PASSED


# What later launches do --------------------------------------------------------------------------------------------


def test_result__that_was_taken_over__breaks_no_promise_and_shows_on_both_pages(
    enrolled: Enrolled, client: Client
) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Leave")
    pump()
    launched(enrolled.scene.lms, enrolled.registration)
    learner.finish()
    pump()
    enrolled.launch()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]
    assert_sound()
    client.force_login(make.member(enrolled.scene.organization, Membership.Role.VIEWER))
    html = client.get(f"/admin/integrations/launch/{Launch.objects.latest('pk').pk}/change/").content.decode()
    shown = [html.index(f" {name} <") for name in ("initialized", "completed", "passed", "terminated")]
    assert shown == sorted(shown)


def test_result__that_was_taken_over__counts_by_the_terms_of_the_later_session(enrolled: Enrolled) -> None:
    learner = enrolled.launch(mastery_score="0").press("begin").to_the_question().choose("Wait")
    pump()
    launched(enrolled.scene.lms, enrolled.registration)
    learner.finish()
    pump()
    enrolled.launch(mastery_score="1")
    assert enrolled.told() == ["initialized", "completed", "failed", "terminated"]
    enrolled.launch().press("begin").play_through()
    assert enrolled.told() == ["initialized", "passed", "terminated"]


def test_launch__before_the_lms_told_about_the_earlier__is_the_only_one_asked_about(enrolled: Enrolled) -> None:
    enrolled.arrive().press("begin").to_the_question()
    earlier = enrolled.session
    later()
    again = enrolled.arrive()
    soon()
    again.press("begin").choose("Leave").finish()
    assert enrolled.told()[-2:] == ["passed", "terminated"]
    assert verbs(earlier) == []
    assert [str(entry.what) for entry in earlier.violations] == []


def test_session__launched_again_long_after_a_pass__still_tells_of_no_other(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through()
    pump()
    Launch.objects.update(seen_at=clock.now() - timedelta(days=90))
    keeping.retain(clock.now(), float("inf"))
    assert Launch.objects.get().dropped_at is not None
    enrolled.launch().press("begin").play_through()
    assert enrolled.told() == ["initialized", "terminated"]


def test_tab__closed_after_the_token_died__leaves_nothing_to_wait_for(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin")
    launched(enrolled.scene.lms, enrolled.registration)
    Launch.objects.update(seen_at=clock.now() - timedelta(hours=1))
    tasks.sweep()
    pump()
    assert now(Launch.objects.get()).token == "expired"
    assert deliveries("held") == []
    assert_sound()


def test_token__of_a_session_that_was_left__is_deleted_and_never_asked_for_again(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").press("leave")
    assert enrolled.told() == ["initialized", "terminated"]
    assert Launch.objects.get().token == "deleted"
    Launch.objects.update(seen_at=clock.now() - timedelta(hours=1))
    again = Learner(enrolled.share).open(**dict(parse_qsl(urlsplit(enrolled.session.link).query)))
    assert again.heading == "Open the story in your course again"
    assert enrolled.told() == ["initialized", "terminated"]
    assert Launch.objects.count() == 1


# To look only ------------------------------------------------------------------------------------------------------


def test_session__known_to_be_for_looking_only_in_the_middle__records_nothing(enrolled: Enrolled) -> None:
    learner = enrolled.arrive(mode="Browse").press("begin").to_the_question()
    pump()
    learner.choose("Wait").finish()
    assert enrolled.told() == ["initialized", "terminated"]
    assert not Result.objects.exists()
    assert Play.objects.filter(looks=False, finished_at__isnull=True).count() == 1


@pytest.mark.parametrize("status", [401, 403])
def test_launch_data__that_the_lms_refuses__leaves_the_result_to_plain_xapi(enrolled: Enrolled, status: int) -> None:
    learner = enrolled.arrive()
    enrolled.scene.lms.script(["ok", Fault("answer", status=status)])
    pump()
    assert Launch.objects.get().cmi5 == "refused"
    learner.press("begin").play_through()
    assert [one.kind for one in Delivery.objects.all()] == ["result"]
