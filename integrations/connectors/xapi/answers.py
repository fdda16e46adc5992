"""Answers: what a record store's answer proves, blames or says of itself (xAPI 1.0.3, Part Three, cited as X3)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import (
    DestinationError,
    Exchange,
    Item,
    ItemResult,
    Outcome,
    RateLimited,
    ServerError,
    TooLarge,
    retry_after,
)
from objectives import clock


def refusal(answer: http.Answer) -> DestinationError:
    """What an answer that is no success, and blames no single statement, says about the destination."""
    status = answer.status
    wait = retry_after(answer.headers.get("Retry-After"), clock.now())
    if status == 413:
        return TooLarge(_("The LMS says the request was too large (413)."), answer=answer)
    if status in {408, 425, 429} or (status == 503 and wait is not None):
        sentence = _("The LMS asks to slow down (%(status)s).") % {"status": status}
        return RateLimited(sentence, answer=answer, retry_after=wait)
    error = ServerError(_sentence(answer), answer=answer, retry_after=wait)
    # Ralph 5.1 answers 500 to a batch with one malformed mbox; others to what their validation has missed.
    error.perhaps_one_item = status == 500
    error.refuses_credentials = status in {401, 403}
    return error


def _sentence(answer: http.Answer) -> str:
    status = answer.status
    if 300 <= status < 400:
        return _redirect(answer)
    sentences = {
        400: _("The LMS refuses the request itself (400). Check the xAPI version."),
        401: _("The LMS does not accept the credentials (401). Check key and secret."),
        403: _("The LMS knows the credentials but does not allow this (403). Ask for the right to write statements."),
        404: _("There is no record store at this address (404). Check the path of the URL."),
        405: _("This address takes no statements (405). Check the path of the URL."),
        410: _("The record store at this address is gone (410). Ask the LMS's administrator for the new URL."),
        412: _("The LMS refuses the request's headers (412). Check the xAPI version."),
        501: _("This address takes no statements (501). Check the path of the URL."),
    }
    if status in sentences:
        return sentences[status]
    if 500 <= status < 600:
        return _("The LMS reports a fault of its own (%(status)s).") % {"status": status}
    return _("The LMS gave an unexpected answer (%(status)s). Check the URL.") % {"status": status}


def _redirect(answer: http.Answer) -> str:
    try:
        target = http.parse(answer.headers.get("Location", "")).origin
    except http.AddressRefused:
        target = ""
    if not target:
        return _("The URL leads elsewhere (%(status)s). Enter the final address.") % {"status": answer.status}
    return _("The URL redirects to %(target)s (%(status)s). Enter the final address instead.") % {
        "target": target,
        "status": answer.status,
    }


def _all(items: Sequence[Item], outcome: Outcome, sentence: str, answer: http.Answer) -> Exchange:
    return Exchange([ItemResult(item.id, outcome, sentence) for item in items], answer)


def read_answer(answer: http.Answer, items: Sequence[Item]) -> Exchange:
    """The outcome of each item by the answer to a POST. Raises ``DestinationError`` where no item is to blame.

    Proof is 204, or 200 with a list that holds at least one id and none but ids that were sent: some stores leave
    out those they had already.
    """
    status = answer.status
    if status == 204:
        return _all(items, Outcome.DELIVERED, "", answer)
    if status == 200:
        return _read_success(answer, items)
    if 200 <= status < 300:
        sentence = _("The LMS answered %(status)s, which does not prove that it kept the results.")
        return _all(items, Outcome.UNPROVEN, sentence % {"status": status}, answer)
    if status == 409:
        return _all(items, Outcome.CONFLICT, _("The LMS says that it knows this id already (409)."), answer)
    if status in {400, 415, 422} and "experience-api-version" not in answer.text().lower():
        sentence = _("The LMS refuses this statement (%(status)s).") % {"status": status}
        return _all(items, Outcome.REJECTED, sentence, answer)
    raise refusal(answer)


def _read_success(answer: http.Answer, items: Sequence[Item]) -> Exchange:
    if not is_json(answer):
        sentence = _("The address answers with a page that is no record store's. Check the path of the URL.")
        raise ServerError(sentence, answer=answer)
    try:
        ids = answer.json()
    except ValueError:
        ids = None
    sent = {str(item.id) for item in items}
    if isinstance(ids, list) and ids and all(isinstance(one, str) and one.lower() in sent for one in ids):
        return _all(items, Outcome.DELIVERED, "", answer)
    sentence = _("The LMS answered 200, but not with the ids of what was sent.")
    return _all(items, Outcome.UNPROVEN, sentence, answer)


def is_json(answer: http.Answer) -> bool:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def comparable(found: Mapping[str, Any]) -> dict[str, Any]:
    """A statement without what a store may add or reword (X2 2.3.1), so that two of them can be compared."""
    kept = {name: value for name, value in found.items() if name not in {"stored", "authority", "version"}}
    kept["id"] = str(kept.get("id", "")).lower()
    for name, fallback in (("actor", "Agent"), ("object", "Activity")):
        if isinstance(kept.get(name), Mapping):
            kept[name] = {"objectType": fallback} | {k: v for k, v in kept[name].items() if k != "definition"}
    if isinstance(kept.get("verb"), Mapping):
        kept["verb"] = kept["verb"].get("id")
    try:
        kept["timestamp"] = datetime.datetime.fromisoformat(str(kept.get("timestamp"))).timestamp()
    except ValueError:
        kept["timestamp"] = None
    return kept
