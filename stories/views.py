"""A shared story in the learner's browser: ``/s/<token>/``.

No cookie takes part, so there is nothing that another site could ride on: whoever holds a play's token, which is in
the page and never in an address, may take its next step. That is why no view here asks for a CSRF token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from stories import pages, playing, telling, throttle
from stories.content import Tally
from stories.forms import EmailForm, StepForm
from stories.models import Play, Share
from stories.pages import Stage

View = Callable[..., HttpResponse]
PARAMETERS = {"actor", "activityId", "registration", "sessionId", "fetch", "endpoint"}


def _without_cookies(view: View) -> View:
    """Exempt from CSRF protection since no cookie is read; a test holds it to that."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        return view(request, token)

    return guarded


@_without_cookies
@require_http_methods(["GET", "HEAD", "POST"])
def story(request: HttpRequest, token: str) -> HttpResponse:
    """Open a shared story, or take a step in it."""
    try:
        if request.method == "POST" and (play := _play(request)) is not None:
            return Steps(play, request).take()
        if throttle.is_over(request, "misses"):
            return too_many()
        share = Share.objects.find(token)
        if share is None:
            throttle.count(request, "misses")
            return unknown()
        return Arrival(share, request).answer()
    except playing.Gone:
        return outdated()
    except playing.UsedUp:
        share = Share.objects.find(token)
        return unknown() if share is None else closed(share)


@_without_cookies
@require_POST
def told(request: HttpRequest, token: str) -> HttpResponse:
    """What became of the result, for the page's script: asked for again and again until the LMS has it."""
    play = _play(request)
    if play is None or play.finished_at is None:
        return JsonResponse({"state": telling.KEPT, "words": ""}, status=HTTPStatus.FORBIDDEN)
    response = JsonResponse(telling.told(play).as_json())
    response["Referrer-Policy"] = "no-referrer"
    return response


def _play(request: HttpRequest) -> Play | None:
    token = request.POST.get("play", "")
    return Play.objects.find(token) if token else None


def _origins(share: Share) -> list[str]:
    return []


# Coming in --------------------------------------------------------------------------------------------------------


class Arrival:
    """A learner at the door of a story, with what their link says about them."""

    def __init__(self, share: Share, request: HttpRequest) -> None:
        self.share = share
        self.request = request

    def answer(self) -> HttpResponse:
        """The page for whoever comes by this link."""
        if self.request.method == "POST" and "play" in self.request.POST:
            return outdated(self.share)
        if not is_open(self.share):
            return closed(self.share)
        if self.request.method == "GET":
            Share.objects.count_open(self.share.pk)
        if not self.share.organization.open_stories:
            return start_elsewhere(self.share)
        if self.request.method == "POST":
            return self.enter()
        return self.ask_email()

    def stage(self, play: Play | None = None) -> Stage:
        """What the pages of this story share."""
        version = self.share.story.latest_version if play is None else play.version
        return Stage(
            content={} if version is None else version.content,
            organization=self.share.organization.name,
            origins=_origins(self.share),
            token="" if play is None else play.token(),
        )

    def ask_email(self, **facts: Any) -> HttpResponse:
        """The cover, where learners say who they are."""
        return self.stage().cover(asks_email=True, form=get_random_string(32), **facts)

    def enter(self) -> HttpResponse:
        """Begin, or go on, as the participant with the address that was given."""
        if throttle.is_over(self.request, "people"):
            return too_many()
        throttle.count(self.request, "people")
        form = EmailForm(self.request.POST)
        if not form.is_valid():
            problem = next(iter(form.errors["email"]))
            return self.ask_email(email=self.request.POST.get("email", "")[:254], problem=problem)
        play = playing.by_email(self.share, form.cleaned_data["email"], self.request.POST.get("form", "")[:64])
        return Steps(play, self.request).begin()


# Playing ----------------------------------------------------------------------------------------------------------


class Steps:
    """One step of a play, whose token the request carried."""

    def __init__(self, play: Play, request: HttpRequest) -> None:
        self.play = play
        self.form = StepForm(request.POST)

    def take(self) -> HttpResponse:
        """Do what was asked, and show where that leads."""
        if not may_go_on(self.play):
            return closed(self.play.share)
        do, scene, chosen = self.form.step()
        if do == "again":
            return self.again()
        if do in {"begin", "resume"} or self.play.started_at is None:
            return self.begin()
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
        return self.stage().scene(way, index, finished=self.play.finished_at is not None, problem=problem)

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
            may_try_again=self.play.success is False and self.play.launch_id is None,
        )

    def again(self) -> HttpResponse:
        """Another try, where the last was not passed."""
        if self.play.success is not False or self.play.launch_id is not None:
            return self.begin()
        self.play = Play.objects.find(playing.again(self.play).token()) or self.play
        return self.begin()

    def stage(self) -> Stage:
        """What all pages of this play share."""
        share = self.play.share
        return Stage(self.play.version.content, share.organization.name, _origins(share), self.play.token())


def time_spent(seconds: int) -> str:
    """In words: minutes, or seconds where it was less than one."""
    if seconds < 60:
        return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


# Where there is nothing to play -----------------------------------------------------------------------------------


def is_open(share: Share) -> bool:
    """Whether learners may begin by this link now."""
    return share.organization.is_active and share.standing() is Share.Standing.OPEN


def may_go_on(play: Play) -> bool:
    """What was begun may be ended, whatever else became of the link; unless somebody took it back."""
    share = play.share
    stopped = {Share.Standing.REVOKED, Share.Standing.ARCHIVED}
    return play.finished_at is not None or (share.organization.is_active and share.standing() not in stopped)


def unknown() -> HttpResponse:
    """For every link that leads nowhere the same page, byte for byte."""
    response = pages.notice(
        _("This link leads nowhere"),
        _("Perhaps it was cut off on its way. Copy the whole link, or ask whoever sent it for a new one."),
        status=HTTPStatus.NOT_FOUND,
        sign="mend",
        landing=False,
    )
    return response


def too_many() -> HttpResponse:
    """For addresses from which much was tried that is not there."""
    response = pages.notice(
        _("Please wait a minute"),
        _("There were very many tries from your network just now. Open the link again in a minute."),
        status=HTTPStatus.TOO_MANY_REQUESTS,
        sign="clock",
    )
    response["Retry-After"] = str(throttle.WINDOW)
    return response


def outdated(share: Share | None = None) -> HttpResponse:
    """For a step of a play that is not known."""
    return pages.notice(
        _("Please open the story again"),
        _("This page is out of date. Go back to where you found the story and open it from there."),
        status=HTTPStatus.FORBIDDEN,
        sign="mend",
        origins=[] if share is None else _origins(share),
        landing=False,
    )


def closed(share: Share) -> HttpResponse:
    """For a link by which nobody can begin any more."""
    standing = share.standing()
    if standing is Share.Standing.FULL:
        heading, why = _("All places are taken"), _("As many people have started this story as this link allows.")
    elif standing is Share.Standing.EXPIRED:
        heading, why = _("This link has expired"), _("The time in which this story could be started is over.")
    else:
        heading, why = _("This story is not available any more"), _("Its link was taken back, or it was archived.")
    todo = _("If you still need it, ask %(organization)s for a new link.")
    return pages.notice(
        heading,
        why,
        todo % {"organization": share.organization.name},
        status=HTTPStatus.GONE,
        sign="clock" if standing is Share.Standing.EXPIRED else "closed",
        origins=_origins(share),
        organization=share.organization.name,
    )


def start_elsewhere(share: Share) -> HttpResponse:
    """For a story that begins in an LMS, opened without one."""
    return pages.notice(
        _("Start this story from your course"),
        _("So that your result is recorded, the story has to be opened in the course in your learning platform."),
        _("Go to the course there and press its link to this story. Progress you have made is not lost."),
        status=HTTPStatus.FORBIDDEN,
        sign="course",
        origins=_origins(share),
        organization=share.organization.name,
    )
