"""Playing a story: every step once, however often it comes, and one result."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from integrations import keeping
from objectives import clock
from objectives.models import Organization, Participant, Result
from stories import playing, publishing
from stories.models import Play, Share, Story
from tests import make
from tests.learner import Learner

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def organization(db: None) -> Organization:
    """One whose stories are open to whoever gives an e-mail address."""
    return make.organization("Northwind", open_stories=True)


@pytest.fixture
def story(organization: Organization) -> Story:
    return make.story(organization, pass_mark=80)


@pytest.fixture
def share(story: Story) -> Share:
    return make.share(story)


@pytest.fixture
def learner(share: Share) -> Learner:
    """Somebody who has given an address and is in the first scene."""
    return Learner(share).open().enter()


def results() -> list[Result]:
    return list(Result.objects.select_related("participant", "objective"))


# The result ---------------------------------------------------------------------------------------------------------


def test_result__of_a_story_that_was_passed(learner: Learner, story: Story) -> None:
    learner.play_through("Leave")

    [result] = results()
    assert result.objective == story.objective
    assert result.participant.participant_id == "ann@example.com"
    assert (result.completion, result.success) == (True, True)
    assert (result.score_raw, result.score_min, result.score_max) == (1, 0, 1)
    assert result.score_scaled == Decimal(1)


def test_result__of_a_story_that_was_not_passed(learner: Learner) -> None:
    learner.play_through("Wait")

    [result] = results()
    assert (result.completion, result.success, result.score_scaled) == (True, False, Decimal(0))


def test_result__without_a_pass_mark__has_a_score_and_no_verdict(organization: Organization) -> None:
    share = make.share(make.story(organization))

    Learner(share).open().enter().play_through("Wait")

    [result] = results()
    assert (result.success, result.score_scaled) == (None, Decimal(0))


def test_result__without_questions__has_no_score(organization: Organization) -> None:
    story = make.draft(organization, scenes=1)
    publishing.publish(story)

    learner = Learner(make.share(story)).open().enter().press("finish")

    [result] = results()
    assert (result.completion, result.success, result.score_raw, result.score_scaled) == (True, None, None, None)
    assert learner.heading == "You have finished"


def test_result__counts_every_question_and_all_options(organization: Organization) -> None:
    story = make.draft(organization, pass_mark=50)
    make.question(story)
    make.question(story, "Windows", right=("Doors", "Stairs"), question="Which ways out?")
    publishing.publish(story)
    learner = Learner(make.share(story)).open().enter()
    first, second = (scene["question"]["options"] for scene in learner.play.version.content["scenes"])
    right = first[0]["id"]
    half_of_the_right = second[0]["id"]

    learner.press("answer", 0, option=right).press("next", 0).press("answer", 1, option=half_of_the_right)
    learner.press("finish", 1)

    assert (results()[0].score_raw, results()[0].success) == (1, True)


def test_time_spent__leaves_out_breaks(learner: Learner) -> None:
    play = learner.play
    Play.objects.filter(pk=play.pk).update(active_at=clock.now() - timedelta(minutes=4))
    learner.to_the_question()
    Play.objects.filter(pk=play.pk).update(active_at=clock.now() - timedelta(hours=9))
    learner.choose("Leave").finish()

    [result] = results()
    assert result.duration is not None
    assert timedelta(minutes=19) <= result.duration < timedelta(minutes=20)


def test_time_spent__of_who_comes_back_on_another_day__begins_anew(share: Share, learner: Learner) -> None:
    Play.objects.update(active_at=clock.now() - timedelta(days=2))

    Learner(share).open().enter().play_through()

    [result] = results()
    assert result.duration is not None
    assert result.duration < timedelta(minutes=1)


# Once ---------------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R48")
def test_finish__pressed_twice__records_one_result(learner: Learner, share: Share) -> None:
    learner.to_the_question().choose("Leave")
    before = learner.answer

    learner.finish()
    first = learner.text
    learner.answer = before
    learner.finish()

    assert len(results()) == 1
    assert learner.text == first
    share.refresh_from_db()
    assert (share.starts, share.completions) == (1, 1)


@pytest.mark.catalogue("R48")
def test_answer__sent_again_with_another_choice__stays_the_first(learner: Learner) -> None:
    learner.to_the_question()
    before = learner.answer
    learner.choose("Wait")

    learner.answer = before
    learner.choose("Leave")

    assert "Your answer: not right" in learner.text
    assert results() == []
    learner.finish()
    assert results()[0].success is False


@pytest.mark.catalogue("R48")
def test_next__pressed_twice__is_one_step(organization: Organization) -> None:
    story = make.draft(organization, scenes=4)
    publishing.publish(story)
    learner = Learner(make.share(story)).open().enter()

    assert learner.press("next", 0).heading == "Scene 2"
    assert learner.press("next", 0).heading == "Scene 2"
    assert learner.play.position == 1


@pytest.mark.catalogue("R48")
def test_back__and_forth_again__changes_nothing(learner: Learner) -> None:
    learner.to_the_question().choose("Leave")
    answers = learner.play.answers

    learner.press("back", 1)
    assert learner.heading == "Scene 1"
    learner.press("next", 0)

    assert (learner.heading, learner.play.answers) == ("Your turn", answers)
    assert "Your answer: right" in learner.text


@pytest.mark.catalogue("R48")
def test_tabs__of_one_learner__are_one_play(share: Share) -> None:
    one, other = Learner(share).open(), Learner(share).open()

    one.enter().to_the_question()
    other.enter().choose("Leave")
    one.choose("Wait").finish()
    other.finish()

    assert Play.objects.count() == 1
    assert len(results()) == 1
    assert results()[0].success is True


@pytest.mark.catalogue("R48")
def test_start__sent_again_after_the_end__shows_the_end(share: Share) -> None:
    learner = Learner(share).open()
    cover = learner.answer
    learner.enter().play_through()

    learner.answer = cover
    learner.enter()

    assert learner.heading == "You passed"
    assert (Play.objects.count(), len(results())) == (1, 1)


@pytest.mark.catalogue("R48")
@pytest.mark.parametrize("step", ["begin", "resume", "show", "next", "back", "answer", "finish", "end"])
def test_finished_play__takes_every_step__and_stays_as_it_is(learner: Learner, step: str) -> None:
    learner.play_through("Wait")
    before = Play.objects.values().get()

    learner.press(step, 1)

    assert learner.answer.status_code == 200
    assert {**before, "active_at": None} == {**Play.objects.values().get(), "active_at": None}
    assert len(results()) == 1


@pytest.mark.catalogue("R48")
@pytest.mark.django_db(transaction=True)
def test_finish__from_many_tabs_at_once__records_one_result(share: Share) -> None:
    learner = Learner(share).open().enter().to_the_question().choose("Leave")
    gate = threading.Barrier(6)

    def press(_tab: int) -> int | None:
        play = Play.objects.find(learner.hidden("play"))
        assert play is not None
        gate.wait()
        try:
            return playing.finish(play)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as tabs:
        assert list(tabs.map(press, range(6))) == [None] * 6

    assert len(results()) == 1
    share.refresh_from_db()
    assert share.completions == 1


# On the way ---------------------------------------------------------------------------------------------------------


def test_finish__before_every_question_is_answered__leads_to_the_first_open(learner: Learner) -> None:
    learner.to_the_question().finish()

    assert (learner.heading, results()) == ("Your turn", [])
    assert "Choose an answer first." in learner.text


def test_finish__before_the_last_scene_was_seen__leads_on(organization: Organization) -> None:
    story = make.draft(organization, scenes=3)
    publishing.publish(story)
    learner = Learner(make.share(story)).open().enter()

    learner.press("finish", 2)

    assert (learner.heading, results()) == ("Scene 1", [])


def test_next__from_an_open_question__asks_for_an_answer(organization: Organization) -> None:
    story = make.draft(organization)
    make.question(story)
    make.scene(story, "After it")
    publishing.publish(story)
    learner = Learner(make.share(story)).open().enter()

    learner.press("next", 0)

    assert (learner.heading, learner.play.position) == ("Your turn", 0)


@pytest.mark.parametrize("option", ["", "99999999", "9" * 40, "x", "-1", "1 OR 1"])
def test_answer__that_is_none__asks_again(learner: Learner, option: str) -> None:
    learner.to_the_question().press("answer", 1, option=option)

    assert learner.answer.status_code == 422
    assert "Choose an answer first." in learner.text
    assert learner.play.answers == {}


def test_answer__of_two_where_one_is_right__is_none(learner: Learner) -> None:
    learner.to_the_question()
    both = [option["id"] for option in learner.play.version.content["scenes"][1]["question"]["options"]]

    learner.press("answer", 1, option=both)

    assert learner.play.answers == {}


@pytest.mark.parametrize("scene", ["1", "99", "-3", "x", ""])
def test_show__of_a_scene_that_was_not_reached__shows_the_furthest(learner: Learner, scene: str) -> None:
    learner.press("show", scene)  # type: ignore[arg-type]  # what a form can hold

    assert (learner.answer.status_code, learner.heading) == (200, "Scene 1")


def test_feedback__says_what_was_right(learner: Learner) -> None:
    learner.to_the_question().choose("Wait")

    assert "Your answer: not right" in learner.text
    assert "Right answer" in learner.text
    assert "No." in learner.text


def test_story__published_anew__leaves_running_plays_as_they_began(learner: Learner, story: Story) -> None:
    story.scenes.update(heading="Changed")
    publishing.publish(story)

    learner.to_the_question()

    assert learner.heading == "Your turn"
    assert Learner(make.share(story)).open().enter("ben@example.com").heading == "Changed"


# Coming back --------------------------------------------------------------------------------------------------------


def test_resume__on_another_day__goes_on_where_it_stopped(share: Share, learner: Learner) -> None:
    learner.to_the_question()

    later = Learner(share).open().enter("Ann@Example.com")

    assert (later.heading, Play.objects.count()) == ("Your turn", 1)
    assert later.hidden("play") == learner.hidden("play")


def test_resume__after_the_site_s_key_was_changed__goes_on(share: Share, learner: Learner, settings: Any) -> None:
    learner.to_the_question()
    settings.SECRET_KEY = "another-key-another-key-another-key-another"

    later = Learner(share).open().enter()

    assert (later.heading, later.choose("Leave").finish().heading) == ("Your turn", "You passed")


def test_email__of_somebody_known__is_that_participant(share: Share, organization: Organization) -> None:
    ann = make.participant(organization, "ann@example.com", name="Ann")

    Learner(share).open().enter("ANN@example.com").play_through()

    assert results()[0].participant == ann
    assert Participant.objects.count() == 1


def test_email__known_in_another_organization__is_another_participant(share: Share) -> None:
    stranger = make.participant(make.organization("Contoso"), "ann@example.com")

    Learner(share).open().enter().play_through()

    assert results()[0].participant != stranger


@pytest.mark.parametrize("email", ["", "ann", "ann@", "a" * 300 + "@example.com", "ann@example.com\x00"])
def test_email__that_is_none__is_asked_for_again(share: Share, email: str) -> None:
    learner = Learner(share).open().enter(email)

    assert learner.answer.status_code == 422
    assert 'aria-invalid="true"' in learner.page
    assert not Participant.objects.exists()


def test_again__after_a_try_that_was_not_passed__is_one_more_play(learner: Learner) -> None:
    learner.play_through("Wait")
    end = learner.answer

    learner.press("again")
    first_again = learner.hidden("play")
    learner.answer = end
    learner.press("again")
    assert learner.hidden("play") == first_again
    learner.play_through("Leave")

    assert [result.success for result in reversed(results())] == [False, True]


def test_again__after_a_try_that_was_passed__shows_the_end(learner: Learner) -> None:
    learner.play_through("Leave").press("again")

    assert (learner.heading, Play.objects.count()) == ("You passed", 1)


# What is counted ----------------------------------------------------------------------------------------------------


def test_share__counts_opens_starts_and_completions(share: Share) -> None:
    Learner(share).open()
    Learner(share).open().enter("ben@example.com")
    Learner(share).open().enter().play_through()

    share.refresh_from_db()
    assert (share.opens, share.starts, share.completions) == (3, 2, 1)


def test_share__asked_for_its_head__counts_nothing(share: Share) -> None:
    Learner(share).client.head(f"/s/{share.token()}/")

    share.refresh_from_db()
    assert share.opens == 0


# Erasure and retention ----------------------------------------------------------------------------------------------


def test_erasure__empties_plays_and_ends_those_under_way(share: Share, learner: Learner) -> None:
    done = Learner(share).open().enter("ben@example.com").play_through()
    ben = done.play
    keeping.erase(learner.play.participant)  # type: ignore[arg-type]  # a play by address has a participant
    keeping.erase(ben.participant)  # type: ignore[arg-type]

    assert learner.to_the_question().answer.status_code == 403
    assert done.press("end").answer.status_code == 403
    [left] = Play.objects.values("pk", "answers", "score_raw")
    assert left == {"pk": ben.pk, "answers": {}, "score_raw": 1}


def test_erasure__while_a_step_is_under_way__lets_it_do_nothing(learner: Learner) -> None:
    under_way = learner.play
    keeping.erase(under_way.participant)  # type: ignore[arg-type]  # a play by address has a participant

    with pytest.raises(playing.Gone):
        playing.leave(under_way, 0)


@pytest.mark.parametrize(
    ("days", "state", "left"),
    [
        (29, {}, True),
        (31, {}, False),
        (31, {"started_at": clock.now()}, True),
        (91, {"started_at": clock.now()}, False),
    ],
    ids=["opened", "opened long ago", "begun", "begun long ago"],
)
def test_retention__of_plays_that_nobody_went_on_with(
    share: Share, days: int, state: dict[str, Any], left: bool
) -> None:
    make.play(share, make.participant(share.organization), active_at=clock.now() - timedelta(days=days), **state)

    keeping.retain(clock.now(), float("inf"))

    assert Play.objects.exists() is left


def test_retention__drops_answers_of_finished_plays_and_keeps_the_figures(learner: Learner) -> None:
    learner.play_through()
    Play.objects.update(finished_at=clock.now() - timedelta(days=31))

    keeping.retain(clock.now(), float("inf"))

    assert (learner.play.answers, learner.play.score_raw) == ({}, 1)
    assert "1 of 1 question right" in learner.press("end").text
    assert learner.press("show", 1).answer.status_code == 200
