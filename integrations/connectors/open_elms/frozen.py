"""What is frozen of a result, an assignment or a content, to be read again when it is sent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from django import forms
from django.utils.translation import gettext as _

from integrations.connectors.base import AssignmentFacts, ContentFacts, Facts, Held, Person

_EMAIL = forms.EmailField(max_length=254)


@dataclasses.dataclass(frozen=True, slots=True)
class _Frozen:
    """A dataclass of JSON values."""

    def encode(self) -> bytes:
        """Compact JSON in UTF-8."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise Held("not_valid", _("A name holds characters that cannot be sent. Correct it.")) from None

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """What was encoded."""
        return cls(**json.loads(content))


@dataclasses.dataclass(frozen=True, slots=True)
class _OfSomebody(_Frozen):
    """What concerns a participant and a learning resource."""

    participant_id: str
    name: str
    profile: Mapping[str, str]
    reference: str
    title: str

    @property
    def person(self) -> Person:
        """Who it is about."""
        return Person(self.participant_id, self.name, self.profile)


@dataclasses.dataclass(frozen=True, slots=True)
class Achieved(_OfSomebody):
    """A result: its verdict is ``started``, ``completed``, ``passed`` or ``failed``, its score whole or unknown."""

    verdict: str
    score: int | None

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """Raises ``Held`` where a fact is missing or cannot be said."""
        return cls(
            **_about(facts),
            verdict=_verdict(facts.completion, facts.success),
            score=whole_percent(facts.score_scaled),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Asked(_OfSomebody):
    """An objective asked of somebody, or no more."""

    withdrawn: bool
    has_due_date: bool

    @classmethod
    def of(cls, facts: AssignmentFacts) -> Self:
        """Raises ``Held`` where a fact is missing."""
        return cls(**_about(facts), withdrawn=facts.withdrawn, has_due_date=facts.due_at is not None)


@dataclasses.dataclass(frozen=True, slots=True)
class Offered(_Frozen):
    """An objective or a story as a learning resource. Nothing but its name can be told."""

    reference: str
    title: str
    active: bool

    @classmethod
    def of(cls, facts: ContentFacts) -> Self:
        """Raises ``Held`` where a fact is missing."""
        title = " ".join(facts.title.split())
        if not title:
            raise Held("not_valid", _("It has no name. Enter one."))
        return cls(_reference(facts.external_reference), title, facts.active)


def _about(facts: Facts | AssignmentFacts) -> dict[str, Any]:
    return {
        "participant_id": _email(facts.participant_id),
        "name": " ".join(facts.participant_name.split()),
        "profile": {str(name): str(value) for name, value in facts.profile.items()},
        "reference": _reference(facts.external_reference),
        "title": " ".join(facts.activity_name.split()),
    }


def _email(participant_id: str) -> str:
    try:
        return str(_EMAIL.clean(participant_id))
    except forms.ValidationError:
        raise Held(
            "no_email",
            _("The participant id is not a valid e-mail address. Correct it on the participant's page."),
        ) from None


def _reference(external_reference: str) -> str:
    if not external_reference:
        raise Held("not_valid", _("The objective has no external reference."))
    return external_reference


def _verdict(completion: bool, success: bool | None) -> str:
    if success is not None:
        return "passed" if success else "failed"
    return "completed" if completion else "started"


def whole_percent(scaled: Decimal | None) -> int | None:
    """A scaled score in percent, rounded half up: the page says "numeric" only, so decimals are not risked."""
    if scaled is None:
        return None
    if not scaled.is_finite() or not 0 <= scaled <= 1:
        raise Held("not_valid", _("Open eLMS takes scores from 0 to 100 %; this one lies outside."))
    return int((scaled * 100).quantize(Decimal(1), ROUND_HALF_UP))
