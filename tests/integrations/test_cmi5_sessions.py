"""Stories as cmi5 sessions: from the launch by a strict LMS to its log, which stays clean."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from integrations import keeping, tasks
from integrations.models import Delivery, Lane, Launch
from lmsbridge.practice.faults import Fault
from objectives import clock
from objectives.models import Membership, Result
from stories import publishing
from stories.models import Play
from tests import make
from tests.cmi5.comparison import differences
from tests.cmi5.enrolled import FAILED, PASSED, Enrolled, deliveries, verbs
from tests.cmi5.fixtures import Play as SecondOpinion
from tests.cmi5.player import launched, registered
from tests.cmi5.structure import structure, unit
from tests.learner import Learner
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ELSEWHERE = ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "data:text/html,x"]


@pytest.fixture
def enrolled(scene: Scene) -> Enrolled:
    return Enrolled(scene)


# To the end --------------------------------------------------------------------------------------------------------


def test_session__passed__is_told_in_order(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through()
    assert enrolled.told() == PASSED
    assert enrolled.registration.is_satisfied


def test_session__failed__is_told_as_that(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through("Wait")
    assert enrolled.told() == FAILED
    assert not enrolled.registration.is_satisfied


def test_session__played_before_the_lms_has_told_about_it__is_told_in_order(enrolled: Enrolled) -> None:
    enrolled.arrive().press("begin").play_through()
    assert deliveries("held") == ["result"]
    assert enrolled.told() == PASSED


def test_session__of_a_story_without_questions__is_completed(scene: Scene) -> None:
    story = make.draft(scene.organization, objective=scene.objective, scenes=2)
    publishing.publish(story)
    enrolled = Enrolled(scene, story)
    enrolled.launch().press("begin").press("next").press("finish", 1)
    assert enrolled.told() == ["initialized", "progressed", "completed", "terminated"]


def test_result__by_the_mastery_score_of_the_lms__is_passed_though_the_story_asks_for_more(
    enrolled: Enrolled,
) -> None:
    enrolled.launch(mastery_score="0").press("begin").play_through("Wait")
    assert enrolled.told()[-2] == "passed"
    assert Result.objects.get().success is True


# Left, resumed, silent ---------------------------------------------------------------------------------------------


def test_session__left_half_way__is_terminated_and_resumed_where_it_was(enrolled: Enrolled) -> None:
    left = enrolled.launch().press("begin").to_the_question().press("leave", 1)
    assert left.heading == "Your place is kept"
    assert enrolled.told() == ["initialized", "progressed", "terminated"]

    back = enrolled.launch().press("begin")
    assert back.heading == "Your turn"
    back.choose("Leave").finish()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]
    assert Play.objects.count() == 1


def test_launch__whose_session_was_left__says_to_open_the_story_in_the_course(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").press("leave")
    learner.open(**dict(parse_qsl(urlsplit(enrolled.session.link).query)))
    assert learner.heading == "Open the story in your course again"


def test_session__without_a_sign_of_life__is_ended_as_of_the_last(enrolled: Enrolled) -> None:
    enrolled.arrive().press("begin")
    launch, began = Launch.objects.get(), clock.now() - timedelta(hours=1)
    launch.opened_at, launch.seen_at = began, began + timedelta(minutes=7)
    launch.events = [{**launch.events[0], "at": began.isoformat()}]
    launch.save()
    tasks.sweep()
    assert enrolled.told()[-1] == "terminated"
    assert enrolled.session.statements[-1]["result"]["duration"] == "PT7M"


def test_session__with_a_sign_of_life__goes_on(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin")
    Launch.objects.update(seen_at=clock.now() - timedelta(minutes=45))
    token = learner.hidden("play")
    assert learner.client.post("/s/play/alive/", {"play": token}).status_code == 204
    tasks.sweep()
    assert "terminated" not in enrolled.told()


def test_result__after_the_session_was_ended__goes_with_the_next_launch(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").to_the_question()
    Launch.objects.update(seen_at=clock.now() - timedelta(minutes=45))
    tasks.sweep()
    learner.choose("Leave").finish()
    assert enrolled.told()[-1] == "terminated"
    assert deliveries("held") == ["result"]

    enrolled.launch()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]


# Launched again ----------------------------------------------------------------------------------------------------


def test_session__after_a_pass__tells_of_neither_pass_nor_failure(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through()
    pump()
    enrolled.launch().press("begin").play_through("Wait")
    assert enrolled.told() == ["initialized", "terminated"]


def test_session__after_a_failure__may_still_be_passed(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through("Wait")
    pump()
    enrolled.launch().press("begin").play_through()
    assert enrolled.told() == ["initialized", "passed", "terminated"]
    assert enrolled.registration.is_satisfied


def test_session__launched_again_while_it_is_open__goes_on_in_the_later_one(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").to_the_question()
    earlier = enrolled.session
    pump()
    enrolled.launch().press("begin").choose("Leave").finish()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]
    assert verbs(earlier) == ["initialized", "progressed"]


def test_result__that_the_earlier_session_could_not_tell__is_told_in_the_later_one(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Leave")
    # The LMS is told nothing until the learner has launched again.
    Lane.objects.filter(launch__isnull=False).update(not_before=clock.now() + timedelta(hours=1))
    learner.finish()
    enrolled.launch()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]
    assert enrolled.registration.is_satisfied
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered", "expired"}


# Browse and review -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["Browse", "Review"])
def test_session__to_look_only__records_nothing(enrolled: Enrolled, mode: str) -> None:
    learner = enrolled.launch(mode=mode).press("begin").play_through()
    assert "nothing is recorded" in learner.page
    assert enrolled.told() == ["initialized", "terminated"]
    assert not Result.objects.exists()


def test_session__to_look_only__leaves_what_was_begun_as_it_is(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").to_the_question()
    enrolled.launch(mode="Browse").press("begin").play_through("Wait")
    pump()
    assert enrolled.launch().press("begin").heading == "Your turn"


def test_session__to_look_only_and_not_known_as_such_before__records_nothing(enrolled: Enrolled) -> None:
    learner = enrolled.arrive(mode="Browse")
    pump()
    learner.press("begin").play_through()
    assert enrolled.told() == ["initialized", "terminated"]


# Where it is no session --------------------------------------------------------------------------------------------


def test_launch__whose_lms_has_no_launch_data__is_told_in_plain_xapi(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    enrolled.session.launch_data.clear()
    learner.press("begin").play_through()
    pump()
    launch = Launch.objects.get()
    assert (launch.cmi5, bool(launch.cmi5_sentence)) == ("refused", True)
    assert list(Delivery.objects.values_list("kind", flat=True)) == ["result"]


# What may go wrong -------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R51")
@pytest.mark.parametrize("fault", ["store_then_reset", "500"])
def test_session__whose_answers_are_lost__is_told_once(enrolled: Enrolled, fault: str) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Wait")
    pump()
    lost = Fault(fault, stores=True)
    enrolled.scene.lms.script([lost, lost, lost])
    learner.finish()
    for _turn in range(6):
        pump()
        enrolled.scene.wait_is_over()
    assert enrolled.told() == FAILED


def test_session__whose_token_is_dead__waits_for_the_learner_to_launch_again(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").to_the_question().choose("Leave")
    pump()
    # Somebody else launched the same enrollment: the LMS gives this session up.
    launched(enrolled.scene.lms, enrolled.registration)
    learner.finish()
    pump()
    assert set(deliveries("held")) == {"completed", "result"}
    assert deliveries("expired") == ["terminated"]
    assert Launch.objects.get().token == "expired"

    enrolled.launch()
    assert enrolled.told() == ["initialized", "completed", "passed", "terminated"]
    assert "held" not in Delivery.objects.values_list("state", flat=True)


def test_session__whose_lms_is_down_as_it_opens__is_one_later(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    enrolled.scene.lms.script(["ok", "503", "503"])
    pump()
    assert Launch.objects.get().cmi5 == "wanted"
    learner.press("begin").play_through()
    Lane.objects.update(not_before=None)
    pump()
    Lane.objects.update(not_before=None)
    assert enrolled.told() == PASSED


# The way back ------------------------------------------------------------------------------------------------------


def test_end__has_the_way_back_that_the_lms_gave(enrolled: Enrolled) -> None:
    learner = enrolled.launch().press("begin").play_through()
    back = enrolled.session.launch_data["returnURL"]
    assert f'href="{back}"' in learner.page
    assert f'This leads to <span id="back-host">{urlsplit(back).netloc}</span>.' in learner.page


def test_end__has_the_way_back_into_a_course_that_is_one_page(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    back = enrolled.session.launch_data["returnURL"] + "#/courses/1"
    enrolled.session.launch_data["returnURL"] = back
    pump()
    learner.press("begin").play_through()
    assert f'href="{back}"' in learner.page


@pytest.mark.catalogue("S19")
@pytest.mark.parametrize(
    "url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "data:text/html,x"]
)
def test_end__has_no_way_back_to_anywhere_else(enrolled: Enrolled, url: str) -> None:
    learner = enrolled.arrive()
    enrolled.session.launch_data["returnURL"] = url
    pump()
    learner.press("begin").play_through()
    assert '<div class="return" id="back" hidden>' in learner.page
    assert "evil" not in learner.page


# What the learner prefers ------------------------------------------------------------------------------------------


def test_pages__speak_the_language_that_the_learner_prefers(enrolled: Enrolled) -> None:
    prefer(enrolled, language="xx,fr-CA,de")
    assert 'lang="fr"' in enrolled.launch().press("begin").page


def test_video__of_who_prefers_no_sound__says_that_it_has_some(enrolled: Enrolled) -> None:
    scene = enrolled.story.scenes.get(position=0)
    scene.video_url = "https://videos.example.com/fire.mp4"
    scene.save()
    publishing.publish(enrolled.story)
    prefer(enrolled, audio="off")
    assert "would rather do without" in enrolled.launch().press("begin").page


def prefer(enrolled: Enrolled, **preferences: str) -> None:
    """Let the learner have these preferences in the LMS."""
    courses = enrolled.scene.lms.store("default").courses
    courses.prefer(enrolled.registration.learner, **preferences)


# The page in the admin ---------------------------------------------------------------------------------------------


def test_launch_page__shows_what_happened_and_how_the_lms_answered(enrolled: Enrolled, client: Client) -> None:
    enrolled.launch().press("begin").play_through()
    pump()
    client.force_login(make.member(enrolled.scene.organization, Membership.Role.VIEWER))
    html = client.get(f"/admin/integrations/launch/{Launch.objects.get().pk}/change/").content.decode()
    shown = [html.index(f"> {name} ") if f"> {name} " in html else html.index(name) for name in PASSED]
    assert shown == sorted(shown)
    assert "kept to cmi5" in html
    assert "contextTemplate" in html
    assert html.count("The LMS answered 200.") == len(PASSED)


def test_launch_page__of_plain_xapi__says_why(enrolled: Enrolled, client: Client) -> None:
    enrolled.arrive()
    enrolled.session.launch_data.clear()
    pump()
    client.force_login(make.member(enrolled.scene.organization, Membership.Role.VIEWER))
    html = client.get(f"/admin/integrations/launch/{Launch.objects.get().pk}/change/").content.decode()
    assert "told in plain xAPI" in html


@pytest.mark.catalogue("S41")
def test_session__of_an_erased_learner__is_forgotten(enrolled: Enrolled) -> None:
    enrolled.launch().press("begin").play_through()
    pump()
    launch = Launch.objects.get()
    keeping.erase(launch.participant)
    launch.refresh_from_db()
    assert (launch.given_actor, launch.session, launch.sealed_token) == ({}, {}, "")
    assert not Delivery.objects.exclude(content="").exists()


# A second opinion --------------------------------------------------------------------------------------------------


def test_session__says_what_another_implementation_says(enrolled: Enrolled, second_opinion: SecondOpinion) -> None:
    enrolled.launch().press("begin").play_through()
    assert enrolled.told() == PASSED
    ours = enrolled.session.statements
    score = json.dumps(ours[3]["result"]["score"])
    again = registered(enrolled.scene.lms, structure(unit(url=enrolled.session.unit.url, masteryScore="0.5")))
    theirs = launched(enrolled.scene.lms, again)
    steps = ("initialize", "progress:50", "complete", f"pass:{score}", "terminate")
    ended = second_opinion(theirs.link, *steps)
    assert ended.returncode == 0, ended.stderr
    assert differences(ours, theirs.statements) == []


# What people are told ----------------------------------------------------------------------------------------------


def test_end__of_a_failure_after_a_pass__says_that_the_lms_keeps_the_pass(enrolled: Enrolled, client: Client) -> None:
    enrolled.launch().press("begin").play_through()
    pump()
    learner = enrolled.launch().press("begin").play_through("Wait")
    pump()
    assert "already has your pass" in learner.press("end").page
    client.force_login(make.member(enrolled.scene.organization, Membership.Role.VIEWER))
    latest = Launch.objects.first()
    assert latest is not None
    assert (
        "has a pass of this enrollment"
        in client.get(f"/admin/integrations/launch/{latest.pk}/change/").content.decode()
    )
    assert client.get("/admin/integrations/launch/").content.decode().count("</span> Delivered</span>") == 1


def test_cover__of_a_session_to_look_only__says_so(enrolled: Enrolled) -> None:
    enrolled.launch(mode="Browse")
    again = Learner(enrolled.share).open(**dict(parse_qsl(urlsplit(enrolled.session.link).query)))
    assert "nothing is recorded" in again.page
