"""Answers: what an answer of Open eLMS says of the whole LMS, of one request, or of what is not there.

The API page lists 200, 400, 401, 404, 412, 500, 501 and twice 503, and in its text 403; the rest is careful reading.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import DestinationError, RateLimited, ServerError, Unsupported, retry_after
from objectives import clock

LONGEST_TEXT = 2048
_SPACE_AND_BOM = b" \t\r\n\xef\xbb\xbf"


class Refused(Exception):
    """The LMS refuses this very request, or did not do what it was asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotThere(Exception):
    """404: the person, the learning resource or the address is unknown there."""


def judged(answer: http.Answer, *, optional: bool = False) -> http.Answer:
    """The answer, if it is a success. Raises ``DestinationError``, ``Refused`` or ``NotThere``.

    Where a command is ``optional``, 501 is about it alone and raises ``Unsupported``.
    """
    status = answer.status
    if 200 <= status < 300:
        if is_page(answer):
            raise _page(answer)
        return answer
    if status == 404:
        raise NotThere
    if status == 501 and optional:
        raise Unsupported(_("This LMS does not have the command for this (501)."))
    error = _about_the_lms(answer)
    if error is not None:
        raise error
    raise Refused(_("The LMS refuses this (%(status)s). Its answer may say why.") % {"status": status})


def refusal(answer: http.Answer) -> DestinationError:
    """What an answer that is no success says, where it can only be about the whole LMS."""
    return _about_the_lms(answer) or _server_error(answer)


def _about_the_lms(answer: http.Answer) -> DestinationError | None:
    status = answer.status
    wait = retry_after(answer.headers.get("Retry-After"), clock.now())
    if status in {408, 425, 429} or (status == 503 and (wait is not None or _is_rate_limit(answer))):
        sentence = _("The LMS asks to slow down (%(status)s).") % {"status": status}
        return RateLimited(sentence, answer=answer, retry_after=wait)
    if status < 400 or status >= 500 or status in _NEVER_ABOUT_ONE_REQUEST:
        return _server_error(answer)
    return None


def _is_rate_limit(answer: http.Answer) -> bool:
    """The API page has 503 for an outage and for its rate limit; only the wording tells them apart."""
    said = answer.reason + " " + answer.body[:1024].decode("utf-8", "replace")
    return "rate limit" in said.lower()


_NEVER_ABOUT_ONE_REQUEST = {401, 403, 405, 406, 410, 412, 415}


def _server_error(answer: http.Answer) -> ServerError:
    error = ServerError(_sentence(answer), answer=answer)
    error.perhaps_one_item = answer.status == 500
    # As of 2026-11 the API page says 401 in its table and 403 in its text for a wrong token.
    error.refuses_credentials = answer.status in {401, 403}
    return error


def _sentence(answer: http.Answer) -> str:
    status = answer.status
    if 300 <= status < 400:
        return _redirect(answer)
    sentences = {
        401: _("The LMS does not accept the token (401). Check APITokenAccess there and enter it again."),
        403: _("The LMS does not accept the token (403). Check APITokenAccess there and enter it again."),
        404: _("There is no Open eLMS at this address (404). Check the URL."),
        410: _("The API at this address is gone (410). Ask Open eLMS support for the new URL."),
        412: _("The LMS refuses the request's headers (412). Ask Open eLMS support to look at the API's access."),
        500: _("The LMS reports a fault of its own (500)."),
        501: _("This LMS does not know the command (501). Check the URL."),
    }
    if status in sentences:
        return sentences[status]
    if status >= 500:
        return _("The LMS reports a fault of its own (%(status)s).") % {"status": status}
    return _("The LMS gave an unexpected answer (%(status)s). Check the URL.") % {"status": status}


def _redirect(answer: http.Answer) -> str:
    try:
        target = http.parse(answer.headers.get("Location", "")).origin
    except http.AddressRefused:
        return _("The URL leads elsewhere (%(status)s). Enter the final address.") % {"status": answer.status}
    said = _("The URL redirects to %(target)s (%(status)s). Enter the final address instead.")
    return said % {"target": target, "status": answer.status}


def is_page(answer: http.Answer) -> bool:
    """Whether the body is HTML or XML. PHP declares everything as HTML, so the body tells and not the header."""
    return _beginning(answer) == b"<"


def _beginning(answer: http.Answer) -> bytes:
    return answer.body[:64].lstrip(_SPACE_AND_BOM)[:1]


def _page(answer: http.Answer) -> ServerError:
    sentence = _("The address answers with a web page. Check the URL, and that the API is switched on there.")
    return ServerError(sentence, answer=answer)


def prove(answer: http.Answer) -> None:
    """Raise ``DestinationError`` unless it is a list such as Open eLMS gives, however much of it was read."""
    if answer.status != 200:
        raise refusal(answer)
    if is_page(answer):
        raise _page(answer)
    if answer.encoded or _beginning(answer) not in {b"[", b"{"}:
        raise unreadable(answer)
    if not answer.truncated:
        as_json(answer)


def as_json(answer: http.Answer) -> Any:
    """The body as JSON. Raises ``ServerError`` where it is none, or did not come whole."""
    if answer.truncated:
        raise ServerError(_("The LMS's answer is larger than LMS Bridge reads."), answer=answer)
    if not answer.complete:
        raise ServerError(_("The LMS broke off within its answer."), answer=answer)
    try:
        return answer.json()
    except ValueError:
        raise unreadable(answer) from None


def unreadable(answer: http.Answer) -> ServerError:
    """A success whose body has another shape than Open eLMS's."""
    sentence = _("The address answers, but not as Open eLMS does. Check the URL.")
    return ServerError(sentence, answer=answer)


def as_text(answer: http.Answer) -> str:
    """A bare string, plain or as JSON; empty where there is none that could be an id or a URL."""
    if answer.encoded or not answer.complete or len(answer.body) > LONGEST_TEXT:
        return ""
    text = answer.body.decode("utf-8-sig", "replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    return str(found).strip().strip("\"'").strip()


def as_url(answer: http.Answer) -> str:
    """A bare web address, for a person's browser; empty where there is none."""
    url = as_text(answer)
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_sound = parts.scheme in {"http", "https"} and parts.hostname and url.isprintable() and " " not in url
    return url if is_sound else ""
