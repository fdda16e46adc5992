"""What is told: the bodies of StackOne's unified LMS API, and the bytes that are frozen with each delivery."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from integrations.connectors.base import AssignmentFacts, ContentFacts, Facts, Held

Body = dict[str, Any]

_EMAIL = forms.EmailField(max_length=254)
_LOCALE = re.compile(r"([A-Za-z]{2,3})-([A-Za-z]{2})")
_WHOLE = Decimal(100)
_VERDICTS = {True: "Pass", False: "Fail", None: ""}


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What one delivery's frozen bytes say: a body, and whom it is about unless it is content.

    ``learner`` is the id from the participant's profile, for LMSs whose users StackOne does not know.
    """

    body: Body
    is_completion: bool = False
    participant_id: str = ""
    learner: str = ""

    @property
    def reference(self) -> str:
        """The external reference of the content it is about."""
        return str(self.body.get("learning_object_external_reference") or self.body.get("external_reference", ""))


def freeze(told: Told) -> bytes:
    """The bytes to keep; raises ``Held`` where a text holds what cannot be sent."""
    try:
        return json.dumps(
            dataclasses.asdict(told), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except (UnicodeEncodeError, ValueError):
        raise not_valid(_("A name holds characters that cannot be sent. Correct it.")) from None


def thaw(content: bytes) -> Told:
    """What was frozen."""
    return Told(**json.loads(content))


def encode(body: Mapping[str, Any]) -> bytes:
    """A body as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def not_valid(sentence: str) -> Held:
    """What cannot be said in terms of this API."""
    return Held("not_valid", sentence)


# Results -----------------------------------------------------------------------------------------------------------


def completion(facts: Facts) -> Body:
    """The completion that tells a finished result. Raises ``Held`` where it cannot be told."""
    verdict, points = _VERDICTS[facts.success], score(facts)
    return {
        "learning_object_external_reference": _reference(facts.external_reference),
        # Without a result it is complete, and nobody said how well.
        **({"result": {"value": verdict}} if verdict else {}),
        **({"score": points} if points else {}),
        "completed_at": moment(facts.timestamp),
        **({} if facts.duration is None else {"time_spent": duration(facts.duration)}),
    }


def beginning(facts: Facts) -> Body:
    """The assignment that tells an unfinished result: completions cannot say it."""
    return {
        "learning_object_external_reference": _reference(facts.external_reference),
        "status": {"value": "in_progress"},
        "assigned_at": moment(facts.timestamp),
    }


def score(facts: Facts) -> Body:
    """Percentage and raw value, as far as they are known; raises ``Held`` for a score that is not one."""
    given = (facts.score_scaled, facts.score_raw, facts.score_min, facts.score_max)
    if any(value is not None and not value.is_finite() for value in given):
        raise not_valid(_("A score is not a number."))
    percentage = _percentage(facts)
    if percentage is not None and not 0 <= percentage <= _WHOLE:
        raise not_valid(_("The score does not lie between 0 and 100 percent."))
    raw = _raw_value(facts)
    return {
        **({} if percentage is None else {"percentage": number(percentage)}),
        **({"raw_value": raw} if raw else {}),
    }


def _percentage(facts: Facts) -> Decimal | None:
    if facts.score_scaled is not None:
        return facts.score_scaled * _WHOLE
    low = facts.score_min or Decimal(0)
    if facts.score_raw is None or facts.score_max is None or facts.score_max <= low:
        return None
    return (facts.score_raw - low) / (facts.score_max - low) * _WHOLE


def _raw_value(facts: Facts) -> str:
    if facts.score_raw is None:
        return ""
    raw = str(number(facts.score_raw))
    # "35/40" would be misread where the scale does not begin at zero.
    return raw if facts.score_max is None or facts.score_min else f"{raw}/{number(facts.score_max)}"


def number(value: Decimal) -> int | float:
    """As JSON has it: to four decimals, whole numbers without a point."""
    rounded = value.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def duration(value: datetime.timedelta) -> str:
    """ISO 8601 in whole seconds; raises ``Held`` if it is negative."""
    seconds = round(value.total_seconds())
    if seconds < 0:
        raise not_valid(_("The time spent is negative."))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "H"), (minutes, "M"), (seconds, "S")]
    return "PT" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0S")


def moment(value: datetime.datetime) -> str:
    """RFC 3339 in UTC with milliseconds; raises ``Held`` if it has no zone."""
    if value.tzinfo is None:
        raise not_valid(_("The time of the result has no time zone."))
    utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


# Content and assignments -------------------------------------------------------------------------------------------


def content(facts: ContentFacts) -> Body:
    """The whole item: what is left out of an update may be cleared there. Taking it out is ``active: false``."""
    if not facts.title.strip():
        raise not_valid(_("The objective has no name."))
    locale = _LOCALE.fullmatch(facts.language)
    given = {
        "description": facts.description,
        "content_url": facts.url,
        "cover_url": facts.cover_url,
        "duration": duration(datetime.timedelta(minutes=facts.minutes)) if facts.minutes else "",
        # As of 2026-02 the list of locales has no language without a region.
        "languages": [{"value": f"{locale[1].lower()}_{locale[2].upper()}"}] if locale else [],
    }
    return {
        "external_reference": _reference(facts.external_reference),
        "title": facts.title,
        **{name: value for name, value in given.items() if value},
        "active": facts.active,
    }


def assignment(facts: AssignmentFacts) -> Body:
    """The assignment that asks an objective of somebody."""
    return {
        "learning_object_external_reference": _reference(facts.external_reference),
        "assigned_at": moment(facts.assigned_at),
        **({} if facts.due_at is None else {"due_date": moment(facts.due_at)}),
    }


def with_id(body: Body, remote_id: str) -> Body:
    """The body with the content's id there, which LMSs need that know no references of ours."""
    return body | ({"learning_object_id": remote_id} if remote_id else {})


def _reference(reference: str) -> str:
    if not reference.strip():
        raise not_valid(_("The objective has no external reference."))
    return reference


def email(participant_id: str) -> str:
    """The participant id; raises ``Held`` if it is no e-mail address."""
    try:
        return str(_EMAIL.clean(participant_id))
    except forms.ValidationError:
        sentence = _("The participant id is not a valid e-mail address. Correct it on the participant's page.")
        raise Held("no_email", sentence) from None
