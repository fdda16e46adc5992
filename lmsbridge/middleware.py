"""What every answer goes through: security headers, and a page of its own for a database in trouble."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

logger = logging.getLogger(__name__)

# The database is away, or does not write. What is wrong with a statement itself is a fault of ours.
TROUBLE = (OperationalError, InterfaceError)


class SecurityHeaders:
    """Adds the Content-Security-Policy of ``SECURE_CSP`` unless a view has set one of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = "; ".join(f"{name} {' '.join(values)}" for name, values in settings.SECURE_CSP.items())

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


class DatabaseTrouble:
    """Answers 503 where the database cannot be reached or written: nothing was saved, and the page says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, _request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """A page that needs no database; other exceptions go their way."""
        return _unavailable(problem) if isinstance(problem, TROUBLE) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to what no view could: also beside the views, as where a session is kept, the database may fail."""
    problem = sys.exc_info()[1]
    return _unavailable(problem) if isinstance(problem, TROUBLE) else defaults.server_error(request)


def _unavailable(problem: BaseException) -> HttpResponse:
    logger.error("The database failed a request: %s", type(problem).__name__)
    return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "30"})
