"""The steps of a play, as the learner's forms send them, and the page that each leads to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext

from integrations import launches
from integrations.launches import Wishes
from stories import framing, notices, pages, playing, telling
from stories.content import Tally
from stories.forms import StepForm
from stories.models import Play, Share
from stories.pages import Stage


class Steps:
    """One step of a play, whose token the request carried."""

    def __init__(self, play: Play, request: HttpRequest) -> None:
        self.play = play
        self.form = StepForm(request.POST)

    def take(self) -> HttpResponse:
        """Do what was asked, and show where that leads."""
        if not may_go_on(self.play):
            return notices.closed(self.play.share)
        do, scene, chosen = self.form.step()
        if self.play.launch is not None:
            launches.seen(self.play.launch)
        if do == "leave":
            return self.leave()
        if do == "again":
            return self.again()
        if do in {"begin", "resume"} or self.play.started_at is None:
            return self.begin()
        self.play = playing.in_session(self.play, begun=True)
        if do == "answer":
            return self.answer(scene, chosen)
        if do == "next":
            return self.scene(playing.leave(self.play, scene), left=scene)
        if do in {"finish", "end"}:
            return self.finish()
        return self.scene(playing.reachable(self.play, scene - (do == "back")))

    def begin(self) -> HttpResponse:
        """The scene to go on with, or the end where that was reached."""
        if self.play.finished_at is not None:
            return self.end()
        self.play = playing.in_session(self.play)
        playing.begin(self.play)
        return self.scene(playing.reachable(self.play, self.play.position))

    def answer(self, scene: int, chosen: set[int]) -> HttpResponse:
        """The scene with what is right; again without an answer to it."""
        has_one = playing.answer(self.play, scene, chosen)
        problem = "" if has_one else pages.CHOOSE
        return self.scene(playing.reachable(self.play, scene), problem=problem)

    def scene(self, index: int, *, left: int | None = None, problem: Any = "") -> HttpResponse:
        """One scene of this play."""
        way = playing.way(self.play)
        if left is not None and index == left and way.is_open(index) and self.play.finished_at is None:
            problem = pages.CHOOSE
        return self.stage().scene(
            way,
            index,
            finished=self.play.finished_at is not None,
            problem=problem,
            may_leave=self.wishes.in_session and self.play.finished_at is None,
            quiet=self.wishes.sound is False,
            alive_url=reverse("story_alive", args=["play"]) if self.wishes.in_session else "",
        )

    @property
    def wishes(self) -> Wishes:
        """What the LMS wants of the session."""
        return launches.wishes(self.play.launch)

    def leave(self) -> HttpResponse:
        """The session ended for now, and the way back."""
        if not self.wishes.in_session or self.play.finished_at is not None:
            return self.begin()
        playing.interrupt(self.play)
        return notices.left(self.play.share, self.play, self.wishes.return_url)

    def finish(self) -> HttpResponse:
        """The end, with the result recorded; or the scene where something is left to do."""
        left = playing.finish(self.play)
        return self.end() if left is None else self.scene(left, left=left)

    def end(self) -> HttpResponse:
        """How it went."""
        return self.stage().end(
            Tally(self.play.score_raw, self.play.score_max, self.play.success),
            telling.told(self.play),
            told_url=reverse("story_told", args=["play"]),
            spent=time_spent(self.play.seconds),
            launched=self.play.launch_id is not None,
            looks=self.play.looks,
            return_url=self.wishes.return_url,
            return_host=notices.host_of(self.wishes.return_url),
            needed=self._needed(),
            may_try_again=self.play.success is False and self.play.launch_id is None,
        )

    def _needed(self) -> int | None:
        """From how many percent on it is passed, where the LMS has a say in that."""
        mastery = self.wishes.mastery_score
        return self.play.version.content["pass_mark"] if mastery is None else round(mastery * 100)

    def again(self) -> HttpResponse:
        """Another try, where the last was not passed."""
        if self.play.success is not False or self.play.launch_id is not None:
            return self.begin()
        self.play = Play.objects.find(playing.again(self.play).token()) or self.play
        return self.begin()

    def stage(self) -> Stage:
        """What all pages of this play share."""
        share = self.play.share
        origins = framing.origins(share.configuration, self.play.launch)
        return Stage(self.play.version.content, share.organization.name, origins, self.play.token())


def time_spent(seconds: int) -> str:
    """In words: minutes, or seconds where it was less than one."""
    if seconds < 60:
        return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


def may_go_on(play: Play) -> bool:
    """What was begun may be ended, whatever else became of the link; unless somebody took it back."""
    return play.finished_at is not None or not is_shut(play.share)


def is_shut(share: Share) -> bool:
    """Whether nobody plays by this link any more, not even who has begun."""
    stopped = {Share.Standing.REVOKED, Share.Standing.ARCHIVED}
    return not share.organization.is_active or share.standing() in stopped
