"""A shared story in the learner's browser: ``/s/<token>/``.

No cookie takes part, so there is nothing that another site could ride on: whoever holds a play's token, which is in
the page and never in an address, may take its next step. That is why no view here asks for a CSRF token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from integrations import launches
from stories import notices, playing, telling, throttle, words
from stories.arriving import Arrival
from stories.models import Play, Share
from stories.steps import Steps
from stories.uploads import NoFiles

View = Callable[..., HttpResponse]
logger = logging.getLogger(__name__)


def _without_cookies(view: View) -> View:
    """Exempt from CSRF protection since no cookie is read; a test holds it to that.

    Words are English until the story is known. While the database is away the page that says so may be framed.
    """

    @csrf_exempt
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        request.upload_handlers = [NoFiles(request)]
        with translation.override(words.DEFAULT):
            try:
                return view(request, token)
            except (OperationalError, InterfaceError) as problem:
                logger.error("The database failed a learner's request: %s", type(problem).__name__)
                return notices.unavailable()

    return guarded


@_without_cookies
@require_http_methods(["GET", "HEAD", "POST"])
def story(request: HttpRequest, token: str) -> HttpResponse:
    """Open a shared story, or take a step in it."""
    try:
        if request.method == "POST" and (play := _play(request)) is not None:
            return Steps(play, request).take()
        if throttle.is_over(request, "misses"):
            return notices.too_many()
        share = Share.objects.find(token)
        if share is None:
            throttle.count(request, "misses")
            return notices.unknown()
        words.speak(words.choose([], share.story.language))
        return Arrival(share, request).answer()
    except playing.Gone:
        return notices.outdated()
    except playing.UsedUp as refused:
        return notices.closed(refused.share)


@_without_cookies
@require_POST
def told(request: HttpRequest, token: str) -> HttpResponse:
    """What became of the result, for the page's script: asked for again and again until the LMS has it."""
    play = _play(request)
    if play is None or play.finished_at is None:
        return JsonResponse({"state": telling.KEPT, "words": ""}, status=HTTPStatus.FORBIDDEN)
    url = launches.wishes(play.launch).return_url
    # The way back may have become known only after the end was shown.
    back = {"url": url, "host": notices.host_of(url)} if url else None
    response = JsonResponse({**telling.told(play).as_json(), "back": back})
    response["Referrer-Policy"] = "no-referrer"
    return response


@_without_cookies
@require_POST
def alive(request: HttpRequest, token: str) -> HttpResponse:
    """A sign of life of who plays in a session of their LMS: without one it is ended after a while."""
    play = _play(request)
    if play is None or play.finished_at is not None or play.launch is None:
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    launches.seen(play.launch)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _play(request: HttpRequest) -> Play | None:
    """The play whose token came along; from now on words are in its language."""
    token = request.POST.get("play", "")
    play = Play.objects.find(token) if token else None
    if play is not None:
        preferred = launches.wishes(play.launch).languages
        words.speak(words.choose(preferred, play.version.content["language"]))
    return play
