"""Launches by an LMS that speaks cmi5, wholly or loosely: the token that it gives, and where its results go.

Source: cmi5, Quartz, 1st edition, cited as C5.
"""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import Connection, Fetched, Secret

# What may stand after "Basic" (RFC 9110 11.2, token68, and what some LMSs put there besides).
_TOKEN = re.compile(r"[!-~]{1,4096}")


def fetch_token(door: http.Door, address: http.Destination) -> Fetched:
    """Ask for the token, by one POST without a body and without any credential of ours (C5 8.2.1).

    Raises ``CannotConnect``. What came back holds the token, so none of it is handed on but the status.
    """
    answer = door.request("POST", address, headers={"Accept": "application/json"})
    token = _token(answer)
    if token is not None:
        return Fetched(Secret(token), "", answer.status)
    return Fetched(None, _refusal(answer), answer.status)


def _told(answer: http.Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _token(answer: http.Answer) -> str | None:
    token = _told(answer).get("auth-token") if answer.status == 200 else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def _refusal(answer: http.Answer) -> str:
    """Valid and error answers are both 200 with JSON (C5 8.2.3); their text is the LMS's own and not repeated."""
    reasons = {
        "1": _("The LMS says that the launch's token was given out before, or that it ran out (error 1)."),
        "2": _("The LMS refuses the token for reasons of security (error 2)."),
        "3": _("The LMS met a fault of its own when it was asked for the token (error 3)."),
    }
    if answer.status != 200:
        return _("The address for the token answered %(status)s.") % {"status": answer.status}
    code = str(_told(answer).get("error-code", ""))
    return reasons.get(code, _("The address for the token answered, but gave no token."))


def connection_of(
    connection: Connection, url: str, token: Secret | None, *, own_key: bool, in_session: bool
) -> Connection:
    """How to reach ``url``: with the token of a launch, with the configured key if ``own_key``, else with none."""
    if own_key:
        return Connection({**connection.options, "url": url}, connection.secrets)
    version = connection.options.get("version", "1.0.3")
    options = {"url": url, "auth": "basic", "version": version, "in_session": in_session}
    return Connection(options, {} if token is None else {"api_key": token})
