"""Statements: what is told about a result (xAPI 1.0.3, Part Two: Data, cited as X2)."""

from __future__ import annotations

import datetime
import json
import re
import urllib.parse
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import idna
from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from integrations.connectors.base import Facts, Held, Launched

VERB = "http://adlnet.gov/expapi/verbs/"
ACTIVITY_TYPE = "http://adlnet.gov/expapi/activities/objective"
LAUNCHED_TYPE = "http://adlnet.gov/expapi/activities/course"
SESSION_ID = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
# RFC 5646 without its rare forms: language, script, region, variants.
LANGUAGE_TAG = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]+")


def number(value: Decimal) -> int | float:
    """Whole numbers without ``.0``: some stores count bytes before they re-encode."""
    return int(value) if value == value.to_integral_value() else float(value)


def duration(value: datetime.timedelta) -> str:
    """ISO 8601 with designators, no finer than 0.01 s (X2 4.6)."""
    hundredths = round(value.total_seconds() * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 100:.2f}".rstrip("0").rstrip(".")
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{seconds}S" if rest else ""]
    return "PT" + ("".join(parts) or "0S")


def timestamp(moment: datetime.datetime) -> str:
    """RFC 3339 in UTC to the millisecond, as cmi5 9.7 wants it and every store takes it."""
    utc = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


_EMAIL = forms.EmailField(max_length=254)


def mailto(participant_id: str) -> str | None:
    """The ``mbox`` of a participant (X2 2.4.2.3, RFC 6068), or ``None`` if the id is no e-mail address."""
    try:
        address = _EMAIL.clean(participant_id)
        local, _at, domain = str(address).rpartition("@")
        # Not Python's own codec: by its older standard straße.example becomes strasse.example, somebody else's.
        host = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (forms.ValidationError, idna.IDNAError):
        return None
    if host.startswith("["):
        return None
    quoted = urllib.parse.quote(local, safe="!$&'*+-=_~.")
    return f"mailto:{quoted}@{host}"


def verb(completion: bool, success: bool | None) -> str:
    """The verb for an outcome, by its last path segment under ``VERB``."""
    if success is not None:
        return "passed" if success else "failed"
    return "completed" if completion else "attempted"


def statement(facts: Facts) -> dict[str, Any]:
    """The statement that tells these facts. Raises ``Held`` if the participant id is no e-mail address.

    After a launch it speaks of learner and activity as the LMS itself did.
    """
    about = _about_objective(facts) if facts.launch is None else _about_launch(facts, facts.launch)
    return {
        "id": str(facts.id),
        **about,
        "result": _result(facts),
        "timestamp": timestamp(facts.timestamp),
    }


def _verb(name: str) -> dict[str, Any]:
    return {"id": VERB + name, "display": {"en": name}}


def _about_launch(facts: Facts, launch: Launched) -> dict[str, Any]:
    # LMSs that launch loosely wait for "completed", whatever else the result says; a failure completes nothing.
    done = facts.completion and facts.success is not False
    extensions = {SESSION_ID: launch.session_id} if launch.session_id else {}
    context: dict[str, Any] = {"platform": "LMS Bridge"}
    if _is_uuid(launch.registration):
        context["registration"] = launch.registration.lower()
    elif launch.registration:
        extensions[f"{settings.PUBLIC_URL}/xapi/extensions/launch-registration"] = launch.registration
    return {
        "actor": dict(launch.actor),
        "verb": _verb("completed" if done else verb(facts.completion, facts.success)),
        "object": {
            "objectType": "Activity",
            "id": launch.activity_id,
            "definition": {"type": LAUNCHED_TYPE},
        },
        "context": {**context, **({"extensions": extensions} if extensions else {})},
    }


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _about_objective(facts: Facts) -> dict[str, Any]:
    mbox = mailto(facts.participant_id)
    if mbox is None:
        raise Held(
            "no_email",
            _("The participant id is not a valid e-mail address. Correct it on the participant's page."),
        )
    definition: dict[str, Any] = {"type": ACTIVITY_TYPE, "name": {facts.language: facts.activity_name}}
    if facts.activity_description:
        definition["description"] = {facts.language: facts.activity_description}
    return {
        "actor": {
            "objectType": "Agent",
            **({"name": facts.participant_name} if facts.participant_name else {}),
            "mbox": mbox,
        },
        "verb": _verb(verb(facts.completion, facts.success)),
        "object": {"objectType": "Activity", "id": facts.activity_iri, "definition": definition},
        "context": {"platform": "LMS Bridge"},
    }


def _result(facts: Facts) -> dict[str, Any]:
    values = {
        "scaled": facts.score_scaled,
        "raw": facts.score_raw,
        "min": facts.score_min,
        "max": facts.score_max,
    }
    score = {name: number(value) for name, value in values.items() if value is not None}
    return {
        **({"score": score} if score else {}),
        **({} if facts.success is None else {"success": facts.success}),
        "completion": facts.completion,
        **({} if facts.duration is None else {"duration": duration(facts.duration)}),
    }


def problem(facts: Facts) -> str | None:
    """Why these facts cannot be said in valid xAPI, in a sentence; ``None`` if they can."""
    low, raw, high, scaled = facts.score_min, facts.score_raw, facts.score_max, facts.score_scaled
    unnamed = _problem_of_objective(facts) if facts.launch is None else None
    if unnamed is not None:
        return unnamed
    if any(value is not None and not value.is_finite() for value in (low, raw, high, scaled)):
        return _("A score is not a number.")
    if scaled is not None and not -1 <= scaled <= 1:
        return _("The scaled score does not lie between -1 and 1.")
    if low is not None and high is not None and low >= high:
        return _("The lowest possible score is not below the highest.")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        return _("The score does not lie between the lowest and the highest possible score.")
    if facts.duration is not None and facts.duration < datetime.timedelta(0):
        return _("The time spent is negative.")
    if facts.timestamp.tzinfo is None:
        return _("The time of the result has no time zone.")
    return None


def _problem_of_objective(facts: Facts) -> str | None:
    if not IRI.fullmatch(facts.activity_iri):
        return _("The objective's activity IRI is not a full IRI.")
    if not LANGUAGE_TAG.fullmatch(facts.language):
        return _("The objective's language is not a language tag such as en or pt-BR.")
    if not facts.activity_name.strip():
        return _("The objective has no name.")
    return None


def encode(document: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8, not escaped: some stores count characters where they should count bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
