"""Answers: what StackOne's say about the destination, about one item, or about nothing for certain.

Bodies are read defensively: errors may also be HTML or empty, and a body may name another status than HTTP does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import (
    DestinationError,
    RateLimited,
    ServerError,
    TooLarge,
    Unsupported,
    retry_after,
)
from integrations.connectors.http.answers import clean
from objectives import clock

# What passed between StackOne and the LMS behind it: other people's keys and data.
_TRAFFIC = {"headers", "raw", "url"}
_LONGEST = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read: ``body`` is the JSON object it holds, else empty, ``status`` what it comes to."""

    answer: http.Answer
    status: int
    body: Mapping[str, Any]
    is_object: bool

    @property
    def message(self) -> str:
        """StackOne's own words, short enough for a sentence; empty if there are none."""
        inner = self.body.get("data")
        found = self.body.get("message") or (inner.get("message") if isinstance(inner, dict) else "")
        return shown(found) if isinstance(found, str) else ""

    @property
    def provider_status(self) -> int | None:
        """What the LMS behind StackOne answered, where StackOne tells."""
        errors = self.body.get("provider_errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        return _status(first.get("status")) if isinstance(first, dict) else None

    @property
    def wait(self) -> float | None:
        """The seconds that it asks to wait."""
        return retry_after(self.answer.headers.get("Retry-After"), clock.now())


def read(answer: http.Answer) -> Reply:
    """The answer without what passed between StackOne and the LMS, which must never be kept."""
    try:
        found = answer.json()
        body = _without_traffic(found)
    except (ValueError, RecursionError):
        if b"provider_errors" in answer.body:
            answer = dataclasses.replace(answer, body=b"")
        return Reply(answer, answer.status, {}, is_object=False)
    if body != found:
        answer = dataclasses.replace(answer, body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    if not isinstance(body, dict):
        return Reply(answer, answer.status, {}, is_object=False)
    told = _status(body.get("statusCode"))
    # Once a heartbeat was sent the status line is out before the outcome is known.
    disagrees = 200 <= answer.status < 300 and told is not None and told >= 300
    return Reply(answer, told if disagrees and told else answer.status, body, is_object=True)


def _without_traffic(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_traffic(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_traffic(found) for name, found in value.items() if name not in _TRAFFIC}
    return value


def shown(words: str) -> str:
    """The LMS's own words, fit to stand in a sentence."""
    return clean(words)[:_LONGEST].strip()


def _status(value: Any) -> int | None:
    return value if type(value) is int and 100 <= value <= 999 else None


# What is wrong -----------------------------------------------------------------------------------------------------


class ItemError(Exception):
    """One item is concerned: what was asked of the LMS about it was not done, or not provably."""

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reply = reply


class Refused(ItemError):
    """The LMS refuses this very item."""


class NotThere(ItemError):
    """404 below a user: the learner is not known there, or else the content."""


class Conflict(ItemError):
    """The LMS says that it has this already."""


class Unclear(ItemError):
    """A success that proves nothing."""


def written(reply: Reply) -> Reply:
    """The reply if it proves that the item was taken; 200 is taken for the 201 of StackOne's own description.

    Raises an ``ItemError``, ``Unsupported`` or a ``DestinationError``.
    """
    return _proven(reply, reply.status in {200, 201} and _is_envelope(reply.body))


def accepted(reply: Reply) -> Reply:
    """The reply if it proves that a batch was taken, whose answer need not say anything; raises as ``written``."""
    return _proven(reply, reply.status in {200, 202} and reply.is_object)


def _proven(reply: Reply, is_proof: bool) -> Reply:
    if is_proof:
        return reply
    if 200 <= reply.status < 300:
        if _is_page(reply.answer):
            raise refusal(reply)
        raise Unclear(_("The answer (%(status)s) does not prove anything.") % {"status": reply.status}, reply)
    raise _item_error(reply) or refusal(reply)


def _is_envelope(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("data"), dict) or _status(body.get("statusCode")) is not None


def _is_page(answer: http.Answer) -> bool:
    return answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("Content-Type", "").lower()


def _item_error(reply: Reply) -> ItemError | Unsupported | None:
    status = reply.status
    if status == 404:
        return NotThere(_worded(_("The LMS does not know the learner or the objective (404)."), reply), reply)
    if status == 409:
        return Conflict(_worded(_("The LMS says that it conflicts with what it has (409)."), reply), reply)
    if status == 501:
        return Unsupported(_worded(_("The LMS behind StackOne cannot do this (501)."), reply))
    provider = reply.provider_status if status == 502 else None
    if _blames_the_item(status) or (provider is not None and provider != 429 and _blames_the_item(provider)):
        return Refused(_worded(_("The LMS refuses this (%(status)s).") % {"status": status}, reply), reply)
    return None


def _blames_the_item(status: int) -> bool:
    return 400 <= status < 500 and status not in {401, 403, 405, 406, 408, 410, 412, 413, 415, 425, 429}


def _worded(sentence: str, reply: Reply) -> str:
    return f"{sentence} {reply.message}" if reply.message else sentence


def refusal(reply: Reply) -> DestinationError:
    """What an answer that is no success, and blames no single item, says about the destination."""
    status, answer = reply.status, reply.answer
    provider = reply.provider_status if status == 502 else None
    if status == 413:
        return TooLarge(_("The LMS says the request was too large (413)."), answer=answer)
    if status in {425, 429} or provider == 429 or (status in {408, 503} and reply.wait is not None):
        sentence = _("StackOne asks to slow down (%(status)s).") % {"status": status}
        return RateLimited(sentence, answer=answer, retry_after=reply.wait)
    error = ServerError(_worded(_sentence(reply), reply), answer=answer, retry_after=reply.wait)
    error.perhaps_one_item = status == 500
    error.refuses_credentials = status in {401, 403} or provider in {401, 403}
    return error


def _sentence(reply: Reply) -> str:
    status = reply.status
    if 200 <= status < 300 and reply.answer.truncated:
        return _("StackOne's answer is larger than it may be. Ask StackOne about it.")
    if 200 <= status < 300:
        return _("The address answers, but not as StackOne does. Check the URL.")
    if 300 <= status < 400:
        return _redirect(reply.answer)
    sentences = {
        400: _("StackOne refuses the request itself (400). Check the account id."),
        401: _("StackOne does not accept the API key (401). Enter it again."),
        403: _("StackOne or the LMS does not allow this (403). Check what the key and the account may do."),
        404: _("StackOne does not know this account or address (404). Check account id and URL."),
        408: _("The LMS behind StackOne took too long (408)."),
        412: _("The linked account is switched off or incomplete (412). Link it again in StackOne."),
        501: _("The LMS behind StackOne cannot do this (501)."),
        502: _("The LMS behind StackOne gave no usable answer (502)."),
    }
    if status == 502 and reply.provider_status in {401, 403}:
        return _("The LMS does not accept StackOne's access to it (502). Link the account again in StackOne.")
    if status in sentences:
        return sentences[status]
    if 500 <= status < 600:
        return _("StackOne reports a fault of its own (%(status)s).") % {"status": status}
    return _("StackOne gave an unexpected answer (%(status)s). Check the URL.") % {"status": status}


def _redirect(answer: http.Answer) -> str:
    try:
        target = http.parse(answer.headers.get("Location", "")).origin
    except http.AddressRefused:
        return _("The URL leads elsewhere (%(status)s). Enter the final address.") % {"status": answer.status}
    return _("The URL redirects to %(target)s (%(status)s). Enter the final address instead.") % {
        "target": target,
        "status": answer.status,
    }


# Lists -------------------------------------------------------------------------------------------------------------


def rows(reply: Reply) -> Sequence[Mapping[str, Any]]:
    """The rows of one page. Raises ``NotThere``, ``Unsupported`` or a ``DestinationError``."""
    if reply.status == 200:
        found = reply.body.get("data")
        if isinstance(found, list):
            return [row for row in found if isinstance(row, dict)]
        raise refusal(reply)
    problem = _item_error(reply) if reply.status in {404, 501} else None
    raise problem or refusal(reply)


def cursor(reply: Reply) -> str:
    """Where the next page begins; empty at the end of the list, whatever the number of rows."""
    found = reply.body.get("next")
    return str(found) if isinstance(found, str | int) and found is not True and found is not False else ""


def text(row: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that holds anything, as text: ids may come as numbers."""
    for name in names:
        found = row.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found)
    return ""


def value(row: Mapping[str, Any], name: str) -> str:
    """The unified value of an enumerated field, or else the LMS's own."""
    found = row.get(name)
    return text(found, "value", "source_value") if isinstance(found, dict) else ""
