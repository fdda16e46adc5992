"""What learners see where there is nothing to play: what that means, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.utils.translation import gettext as _

from integrations.launches import BadLaunch
from integrations.models import Launch
from stories import framing, pages, throttle
from stories.models import Play, Share
from stories.telling import Told


def unknown() -> HttpResponse:
    """For every link that leads nowhere the same page, byte for byte."""
    return pages.notice(
        _("This link leads nowhere"),
        _("Perhaps it was cut off on its way. Copy the whole link, or ask whoever sent it for a new one."),
        status=HTTPStatus.NOT_FOUND,
        sign="mend",
        landing=False,
    )


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


def unavailable() -> HttpResponse:
    """For as long as the database is away. There is nothing to press on it, so any LMS may show it in its frame."""
    response = pages.notice(
        _("One moment, please"),
        _("The story cannot be shown just now. Nothing is lost: open it again in a minute."),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        sign="clock",
        landing=False,
        anywhere=True,
    )
    response["Retry-After"] = "30"
    return response


def outdated(share: Share | None = None) -> HttpResponse:
    """For a step of a play that is not known."""
    return pages.notice(
        _("Please open the story again"),
        _("This page is out of date. Go back to where you found the story and open it from there."),
        status=HTTPStatus.FORBIDDEN,
        sign="mend",
        origins=[] if share is None else framing.origins(share.configuration),
        landing=False,
    )


def why_closed(share: Share) -> tuple[str, str]:
    """Why nobody can begin by this link any more: as a heading, and in a sentence."""
    standing = share.standing()
    if standing is Share.Standing.FULL:
        return _("All places are taken"), _("As many people have started this story as this link allows.")
    if standing is Share.Standing.EXPIRED:
        return _("This link has expired"), _("The time in which this story could be started is over.")
    return _("This story is not available any more"), _("Its link was taken back, or it was archived.")


def closed(share: Share) -> HttpResponse:
    """For a link by which nobody can begin any more."""
    heading, why = why_closed(share)
    todo = _("If you still need it, ask %(organization)s for a new link.")
    return pages.notice(
        heading,
        why,
        todo % {"organization": share.organization.name},
        status=HTTPStatus.GONE,
        sign="clock" if share.standing() is Share.Standing.EXPIRED else "closed",
        origins=framing.origins(share.configuration),
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
        origins=framing.origins(share.configuration),
        organization=share.organization.name,
    )


def bad_launch(share: Share, bad: BadLaunch) -> HttpResponse:
    """For launch parameters that are missing or malformed."""
    return pages.notice(
        _("Your course did not open this story as it should"),
        bad.learner,
        status=HTTPStatus.BAD_REQUEST,
        sign="mend",
        origins=framing.origins(share.configuration),
        organization=share.organization.name,
        for_admin=bad.admin,
        landing=False,
    )


def left(share: Share, play: Play, return_url: str) -> HttpResponse:
    """For who left before the end: where they were is kept."""
    return pages.notice(
        _("Your place is kept"),
        _("Open the story in your course again whenever you like: you go on where you left off."),
        status=HTTPStatus.OK,
        sign="clock",
        origins=framing.origins(share.configuration, play.launch),
        organization=share.organization.name,
        landing=False,
        back=(return_url, host_of(return_url)),
    )


def session_over(share: Share, launch: Launch) -> HttpResponse:
    """For who comes again by a launch whose session was ended before the story was."""
    return pages.notice(
        _("Open the story in your course again"),
        _("You left the story, or were away for long, so your course has closed this session."),
        _("Your place is kept: you go on where you left off."),
        status=HTTPStatus.OK,
        sign="course",
        origins=framing.origins(share.configuration, launch),
        organization=share.organization.name,
        landing=False,
    )


def host_of(url: str) -> str:
    """The server that a checked address leads to, to be shown."""
    return urlsplit(url).netloc if url else ""


def finished(share: Share, launch: Launch, told: Told) -> HttpResponse:
    """For who comes again by the link of a launch that is over: the link proves nobody, so no figures are shown."""
    return pages.notice(
        _("This story is finished"),
        told.words,
        _("You can close this page and go back to your course."),
        status=HTTPStatus.OK,
        sign="done",
        origins=framing.origins(share.configuration, launch),
        organization=share.organization.name,
    )
