"""Learners at the door of a story: by a launch of their LMS, by an e-mail address, or where neither is possible."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from integrations import launches
from integrations.launches import BadLaunch
from stories import framing, notices, playing, telling, throttle, words
from stories.forms import EmailForm
from stories.models import Play, Share
from stories.pages import Stage
from stories.steps import Steps, is_shut


class Arrival:
    """Somebody who opened the link of a share, with what it says about them."""

    def __init__(self, share: Share, request: HttpRequest) -> None:
        self.share = share
        self.request = request

    def answer(self) -> HttpResponse:
        """The page to show."""
        if "play" in self.request.POST:
            return notices.outdated(self.share)
        if is_shut(self.share):
            return notices.closed(self.share)
        if self.request.method == "GET":
            Share.objects.count_open(self.share.pk)
        if self.request.method != "POST" and launches.is_launch(self.request.GET):
            return self.launch()
        if not self.share.organization.open_stories:
            return notices.start_elsewhere(self.share) if self.is_open else notices.closed(self.share)
        return self.enter() if self.request.method == "POST" else self.ask_email()

    @property
    def is_open(self) -> bool:
        """Whether somebody may begin; else only who has begun may go on."""
        return self.share.standing() is Share.Standing.OPEN

    # By a launch -----------------------------------------------------------------------------------------------

    def launch(self) -> HttpResponse:
        """The cover, for whom the LMS says it is."""
        if throttle.is_over(self.request, "people"):
            return notices.too_many()
        try:
            parameters = launches.read(self.request.GET, self.share.configuration)
        except BadLaunch as bad:
            return notices.bad_launch(self.share, bad)
        if self.request.method == "HEAD":
            return HttpResponse()
        throttle.count(self.request, "people")
        if parameters.fetch is None:
            learner = throttle.learner(self.share.pk, parameters.actor)
            if throttle.is_over(self.request, "claims", learner):
                return notices.too_many()
            throttle.count(self.request, "claims", learner)
        if not self.is_open and not playing.has_begun(
            self.share, launches.known(self.share.organization, self.share.configuration, parameters)
        ):
            # Nothing is written down, and no token spent, for who cannot begin.
            return notices.closed(self.share)
        launch = launches.open_launch(self.share.organization, self.share.configuration, parameters)
        words.speak(words.choose(launches.wishes(launch).languages, self.share.story.language))
        if launch.ended_at is not None and launch.finished_at is None:
            return notices.session_over(self.share, launch)
        play = playing.by_launch(self.share, launch)
        told = telling.of_launch(launch, self.share.organization.name)
        if play is None or play.finished_at is not None:
            return notices.finished(self.share, launch, told)
        return self.stage(play).cover(
            resumes=None if play.started_at is None else play.position + 1,
            note=_note(play, told),
        )

    # By an e-mail address --------------------------------------------------------------------------------------

    def ask_email(self, **facts: Any) -> HttpResponse:
        """The cover, where learners say who they are."""
        if not self.is_open:
            facts |= {"note": notices.why_closed(self.share)[1], "goes_on": True}
        return self.stage().cover(asks_email=True, form=get_random_string(32), **facts)

    def enter(self) -> HttpResponse:
        """Begin, or go on, as the participant with the address that was given."""
        if throttle.is_over(self.request, "people"):
            return notices.too_many()
        throttle.count(self.request, "people")
        form = EmailForm(self.request.POST)
        if not form.is_valid():
            problem = next(iter(form.errors["email"]))
            return self.ask_email(email=self.request.POST.get("email", "")[:254], problem=problem)
        play = playing.by_email(self.share, form.cleaned_data["email"], self.request.POST.get("form", "")[:64])
        return Steps(play, self.request).begin()

    def stage(self, play: Play | None = None) -> Stage:
        """What the pages of this story share."""
        version = self.share.story.latest_version if play is None else play.version
        return Stage(
            content={} if version is None else version.content,
            organization=self.share.organization.name,
            origins=framing.origins(self.share.configuration, None if play is None else play.launch),
            token="" if play is None else play.token(),
        )


def _note(play: Play, told: telling.Told) -> str:
    """What learners should know before they begin."""
    if play.looks:
        return _("Your course opened this story to look at only, so nothing is recorded.")
    return told.words if told.state in {telling.HELD, telling.NOWHERE} else ""
