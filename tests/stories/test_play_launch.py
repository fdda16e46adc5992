"""Stories that an LMS launches: who plays, what is told, and what a link that proves nobody gives away."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client

from integrations import keeping
from integrations.models import Delivery, Launch, LMSConfiguration
from lmsbridge.practice.faults import Fault
from objectives import clock
from objectives.models import Organization, Participant, Result
from stories import throttle
from stories.models import Play, Share
from tests import make
from tests.learner import Learner
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db]

ANN = {"objectType": "Agent", "name": "Ann Lee", "mbox": "mailto:ann@example.com"}
EMPLOYEE = {"objectType": "Agent", "account": {"name": "1625378"}}
COURSE = "https://lms.example.com/course/1"


def parameters(actor: Any = ANN, **others: str) -> dict[str, str]:
    """The query of a launch."""
    return {"actor": json.dumps(actor), "activityId": COURSE} | others


@pytest.fixture(autouse=True)
def no_earlier_visits() -> None:
    """Counts per address begin at nothing."""
    cache.clear()


@pytest.fixture
def organization(db: None) -> Organization:
    return make.organization("Northwind")


@pytest.fixture
def configuration(organization: Organization) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(organization)
    return found


@pytest.fixture
def share(organization: Organization, configuration: LMSConfiguration) -> Share:
    return make.share(make.story(organization, pass_mark=50), configuration)


# Who plays ----------------------------------------------------------------------------------------------------------


def test_launch__shows_the_cover_and_asks_for_nothing(share: Share) -> None:
    learner = Learner(share).open(**parameters())

    assert (learner.answer.status_code, learner.heading) == (200, "Fire in the warehouse")
    assert 'type="email"' not in learner.page
    assert learner.press("begin").heading == "Scene 1"


def test_launch__with_an_address__is_that_participant(share: Share) -> None:
    Learner(share).open(**parameters()).press("begin").play_through()

    [result] = Result.objects.all()
    assert result.participant.participant_id == "ann@example.com"
    assert Launch.objects.get().result == result


def test_launch__with_an_account_without_home_page__is_a_participant_too(share: Share) -> None:
    Learner(share).open(**parameters(EMPLOYEE, registration="my-registration", sessionId="s1")).press("begin")

    assert Participant.objects.get().participant_id == "https://lms.example.com|1625378"


def test_launch__opened_and_not_begun__is_no_start(share: Share) -> None:
    Learner(share).open(**parameters())

    share.refresh_from_db()
    assert (share.opens, share.starts) == (1, 0)


def test_launch__asked_for_its_head__opens_nothing(share: Share) -> None:
    answer = Client().head(f"/s/{share.token()}/", parameters())

    assert answer.status_code == 200
    assert not Launch.objects.exists()


def test_launch__with_the_query_left_in_the_address__leads_to_the_same_play(share: Share) -> None:
    learner = Learner(share).open(**parameters())
    address = f"{learner.address}?{urlencode(parameters())}"
    data = {"play": learner.hidden("play"), "do": "begin"}
    learner.answer = learner.client.post(address, data)
    learner.to_the_question()

    again = Learner(share).open(**parameters())

    assert "You are at scene 2 of 2." in again.text
    assert again.press("begin").heading == "Your turn"
    assert Play.objects.count() == 1


@pytest.mark.database
@pytest.mark.catalogue("R48")
def test_launch__opened_in_two_tabs__is_one_play_and_one_result(share: Share) -> None:
    one, other = Learner(share).open(**parameters()), Learner(share).open(**parameters())

    one.press("begin").play_through()
    other.press("begin").press("finish", 1)

    assert (Play.objects.count(), Result.objects.count(), Launch.objects.count()) == (1, 1, 1)
    assert other.heading == "You passed"


@pytest.mark.database
def test_launch__on_another_day_in_a_session_of_its_own__goes_on_where_it_stopped(share: Share) -> None:
    Learner(share).open(**parameters(registration="r1", sessionId="s1")).press("begin").to_the_question()

    later = Learner(share).open(**parameters(registration="r1", sessionId="s2"))
    assert later.press("begin").heading == "Your turn"
    later.choose("Leave").finish()

    first, second = Launch.objects.order_by("pk")
    assert (first.result, second.result) == (None, Result.objects.get())


def test_launch__of_another_enrollment__is_another_play(share: Share) -> None:
    Learner(share).open(**parameters(registration="r1")).press("begin").to_the_question()

    other = Learner(share).open(**parameters(registration="r2")).press("begin")

    assert (other.heading, Play.objects.count()) == ("Scene 1", 2)


def test_launch__of_another_learner__is_another_play(share: Share) -> None:
    Learner(share).open(**parameters()).press("begin").to_the_question()

    other = Learner(share).open(**parameters({"mbox": "mailto:ben@example.com"})).press("begin")

    assert (other.heading, Play.objects.count()) == ("Scene 1", 2)


def test_launch__of_two_stories_under_one_name__records_what_it_can(share: Share, configuration: Any) -> None:
    other = make.share(make.story(share.organization, "Another story"), configuration)

    one, two = (Learner(each).open(**parameters()).press("begin") for each in (share, other))
    one.play_through()
    two.play_through()

    assert (one.heading, two.heading) == ("You passed", "You have finished")


# Launches that are no good ------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S15")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"activityId": COURSE}, "The parameter actor is missing."),
        ({"actor": json.dumps(ANN)}, "The parameter activityId is missing."),
        ({"actor": "{", "activityId": COURSE}, "The actor is no JSON"),
        ({"actor": json.dumps([ANN]), "activityId": COURSE}, "The actor is no JSON object."),
        ({"registration": "r1"}, "The parameter actor is missing."),
    ],
    ids=["no actor", "no activity", "broken actor", "list of actors", "registration alone"],
)
def test_launch__that_is_no_good__tells_learner_and_admin(share: Share, query: dict[str, str], said: str) -> None:
    learner = Learner(share).open(**query)

    assert learner.answer.status_code == 400
    assert "Go back to the course and open the story there once more." in learner.text
    assert "For the person who set this course up" in learner.text
    assert said in learner.text
    assert not Launch.objects.exists()
    assert not Play.objects.exists()


def test_launch__by_a_link_that_was_taken_back__opens_nothing(share: Share) -> None:
    share.revoke()

    assert Learner(share).open(**parameters()).answer.status_code == 410
    assert not Launch.objects.exists()


def test_launch__by_an_expired_link__lets_those_go_on_who_have_begun(share: Share) -> None:
    Learner(share).open(**parameters()).press("begin").to_the_question()
    Share.objects.update(expires_at=clock.now())

    assert Learner(share).open(**parameters()).press("begin").heading == "Your turn"
    assert Learner(share).open(**parameters(EMPLOYEE)).heading == "This link has expired"
    assert Play.objects.count() == 1


def test_launch__by_a_link_that_filled_up_before_the_start__is_refused(share: Share) -> None:
    Share.objects.update(most_starts=1)
    one, other = Learner(share).open(**parameters()), Learner(share).open(**parameters(EMPLOYEE))
    share.reissue()

    assert one.press("begin").heading == "Scene 1"
    assert (other.press("begin").answer.status_code, other.heading) == (410, "All places are taken")


def test_launch__by_a_link_that_expired_before_the_start__is_refused(share: Share) -> None:
    learner = Learner(share).open(**parameters())
    Share.objects.update(expires_at=clock.now())

    assert (learner.press("begin").answer.status_code, learner.heading) == (410, "This link has expired")
    assert Play.objects.get().started_at is None


def test_launches__in_masses_from_one_address__have_to_wait(share: Share) -> None:
    cache.set("throttle:people:127.0.0.1", throttle.MOST["people"])

    assert Learner(share).open(**parameters()).answer.status_code == 429
    assert not Launch.objects.exists()


@pytest.mark.catalogue("S16")
def test_launches__in_masses_of_one_learner_without_proof__have_to_wait(share: Share) -> None:
    for number in range(throttle.MOST["claims"]):
        Learner(share, Client(REMOTE_ADDR=f"203.0.113.{number}")).open(**parameters(sessionId=str(number)))

    assert Learner(share).open(**parameters(sessionId="more")).answer.status_code == 429
    assert Learner(share).open(**parameters(EMPLOYEE)).answer.status_code == 200
    assert Learner(share).open(**parameters(fetch="https://lms.example.com/fetch/1")).answer.status_code == 200


# What comes of it ---------------------------------------------------------------------------------------------------


def launched(scene: Scene, **query: str) -> Learner:
    """A learner in the first scene of a story shared with the practice LMS."""
    share = make.share(make.story(scene.organization, pass_mark=50), scene.configuration)
    return Learner(share).open(**parameters(**query)).press("begin")


def look(learner: Learner) -> dict[str, str]:
    """What the page's script is told."""
    found: dict[str, str] = learner.client.post("/s/play/told/", {"play": learner.hidden("play")}).json()
    return found


def test_end__turns_from_sending_to_recorded(scene: Scene) -> None:
    learner = launched(scene).play_through()
    assert "Your result is being sent to your learning management system." in learner.text
    assert look(learner)["state"] == "sending"

    pump()

    assert look(learner) == {
        "state": "recorded",
        "words": "Your result is recorded in your learning management system.",
        "back": None,
    }
    assert "Your result is recorded in your learning management system." in learner.press("end").text
    [statement] = scene.lms.store().statements
    assert statement["object"]["id"] == COURSE
    assert statement["result"]["score"]["scaled"] == 1


@pytest.mark.catalogue("S09")
@pytest.mark.parametrize("status", [400, 403, 500, 200])
def test_end__of_a_result_that_an_lms_does_not_take__shows_nothing_of_its_answer(scene: Scene, status: int) -> None:
    scene.lms.store().fail(Fault("answer", status=status, body=b"<h1>marked7f3a</h1>"))
    learner = launched(scene).play_through()

    pump()

    told = look(learner)
    assert told["state"] in {"sending", "held"}
    assert told["words"].startswith("Your result is")
    assert "marked7f3a" not in f"{told}{learner.press('end').page}"


def test_end__while_sending_is_paused__says_so(scene: Scene) -> None:
    LMSConfiguration.objects.all().pause()

    learner = launched(scene).play_through()

    assert "It is sent once your organization resumes sending." in learner.text


def test_launch__on_a_share_without_an_lms__plays_and_says_that_nothing_is_sent(organization: Organization) -> None:
    share = make.share(make.story(organization))
    learner = Learner(share).open(**parameters())
    said = "This link belongs to no learning management system, so nothing is sent to one."
    assert said in learner.text

    learner.press("begin").play_through()

    assert said in learner.text
    assert (Result.objects.count(), Delivery.objects.count()) == (1, 0)


# Again by the same link ---------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S17")
@pytest.mark.parametrize("minutes", [0, 31])
def test_launch__that_is_finished__opened_by_somebody_else__shows_nothing_and_records_nothing(
    share: Share, minutes: int
) -> None:
    Learner(share).open(**parameters()).press("begin").play_through()
    Launch.objects.update(seen_at=clock.now() - timedelta(minutes=minutes))

    other = Learner(share, Client(REMOTE_ADDR="203.0.113.9")).open(**parameters())

    assert (other.answer.status_code, other.heading) == (200, "This story is finished")
    assert other.hidden("play") == ""
    assert not any(word in other.text for word in ("ann", "Ann", "%", "passed", "question"))
    assert (Result.objects.count(), Play.objects.count(), Launch.objects.count()) == (1, 1, 1)


def test_launch__after_a_try_that_was_not_passed__is_another_try(share: Share) -> None:
    learner = Learner(share).open(**parameters()).press("begin").play_through("Wait")
    assert "To try again, go back to your course" in learner.text

    again = Learner(share).open(**parameters()).press("begin")
    assert again.heading == "Scene 1"
    again.play_through("Leave")

    assert [one.success for one in Result.objects.order_by("pk")] == [False, True]
    assert Learner(share).open(**parameters()).heading == "This story is finished"


@pytest.mark.catalogue("S19")
@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/", "javascript:evil()", "data:,evil"])
def test_launch__with_an_address_to_return_to__leads_nowhere(share: Share, address: str) -> None:
    learner = Learner(share).open(**parameters(), returnURL=address, returnUrl=address)
    pages = [learner.page, learner.press("begin").page, learner.play_through().page]

    assert learner.answer.status_code == 200
    assert not any("evil" in page for page in pages)


def test_erasure__ends_a_play_that_a_launch_began(share: Share) -> None:
    learner = Learner(share).open(**parameters()).press("begin")
    keeping.erase(Participant.objects.get())

    assert learner.to_the_question().answer.status_code == 403
    assert not Play.objects.exists()


# Links that are closed ----------------------------------------------------------------------------------------------


def test_launch__by_an_expired_link__is_told_so_and_leaves_no_trace(share: Share) -> None:
    Share.objects.update(expires_at=clock.now() - timedelta(minutes=1))
    learner = Learner(share).open(**parameters())
    assert (learner.answer.status_code, learner.heading) == (410, "This link has expired")
    assert not Launch.objects.exists()


def test_launch__in_other_letters__is_the_same_participant(share: Share) -> None:
    Learner(share).open(**parameters()).press("begin")
    Learner(share).open(**parameters({"mbox": "mailto:Ann@Example.COM"}, registration="2")).press("begin")
    assert Participant.objects.count() == 1
