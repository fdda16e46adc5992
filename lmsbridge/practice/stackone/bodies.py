"""Strict checks of what is sent to the practice StackOne (its API's description, version 4.34.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lmsbridge.practice import values
from lmsbridge.practice.values import Check, Invalid

CONTENT_TYPES = (
    *("video", "quiz", "document", "audio", "article", "book", "event"),
    *("course", "collection", "interactive"),
)
STATUSES = ("pending", "in_progress", "completed")
VERDICTS = ("Pass", "Fail")
LEVELS = ("primary", "secondary", "tertiary")
# Of the 410 locales all have this form but one.
_LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}|bs-ME")


def _anything(value: Any, path: str) -> None:
    if type(value) is not dict:
        raise Invalid(f"{path} must be an object.")


def _enumerated(check: Check) -> Check:
    """An object with a unified value, or with the provider's own instead."""

    def either(value: Any, path: str) -> None:
        values.fields(value, path, {"value": check, "source_value": values.text})

    return either


def _locale(value: Any, path: str) -> None:
    if type(value) is not str or not _LOCALE.fullmatch(value):
        raise Invalid(f"{path} must be a locale such as en_GB.")


def _percentage(value: Any, path: str) -> None:
    values.number(value, path)
    if not 0 <= value <= 100:
        raise Invalid(f"{path} must be between 0 and 100.")


def _texts(value: Any, path: str) -> None:
    if type(value) is str:
        return
    values.array_of(values.text)(value, path)


_LANGUAGE = _enumerated(_locale)
_LEVEL = _enumerated(values.one_of(*LEVELS))

CONTENT: Mapping[str, Check] = {
    "external_reference": values.filled_text,
    "title": values.text,
    "description": values.text,
    "content_url": values.iri,
    "mobile_launch_content_url": values.iri,
    "cover_url": values.iri,
    "active": values.boolean,
    "duration": values.duration,
    "content_type": _enumerated(values.one_of(*CONTENT_TYPES)),
    "languages": values.array_of(_LANGUAGE),
    "localizations": values.array_of(
        values.object_with(
            {
                "title": values.text,
                "description": values.text,
                "language": _LANGUAGE,
                "tags": values.array_of(values.text),
            }
        )
    ),
    "categories": values.array_of(
        values.object_with(
            {
                "id": values.text,
                "name": values.text,
                "language": _LANGUAGE,
                "hierarchy": _LEVEL,
                "level": _LEVEL,
                "unified_custom_fields": _anything,
            }
        )
    ),
    "skills": values.array_of(
        values.object_with(
            {
                "id": values.text,
                "name": values.text,
                "language": _LANGUAGE,
                "hierarchy": _LEVEL,
                "level": _LEVEL,
            }
        )
    ),
    "tags": values.array_of(values.text),
    "authors": values.array_of(values.object_with({"id": values.text, "name": values.text})),
    "additional_data": values.array_of(
        values.object_with({"id": values.text, "remote_id": values.text, "value": _texts})
    ),
    "order": values.number,
    "unified_custom_fields": _anything,
    "passthrough": _anything,
    "created_at": values.timestamp,
    "updated_at": values.timestamp,
    "short_description": values.text,
}

_ABOUT: Mapping[str, Check] = {
    "learning_object_external_reference": values.filled_text,
    "learning_object_id": values.filled_text,
    "passthrough": _anything,
}

ASSIGNMENT: Mapping[str, Check] = {
    **_ABOUT,
    "progress": _percentage,
    "status": _enumerated(values.one_of(*STATUSES)),
    "assigned_at": values.timestamp,
    "due_date": values.timestamp,
    "external_reference": values.text,
}

COMPLETION: Mapping[str, Check] = {
    **_ABOUT,
    "result": _enumerated(values.one_of(*VERDICTS)),
    "score": values.object_with({"percentage": _percentage, "raw_value": values.text}),
    "completed_at": values.timestamp,
    "time_spent": values.duration,
    "content_external_reference": values.text,
    "content_id": values.text,
}


def check_content(body: Any, path: str = "content") -> None:
    """One content; ``Invalid`` says what is wrong with it."""
    values.fields(body, path, CONTENT, ["external_reference"])


def check_record(body: Any, checks: Mapping[str, Check], *, needs_id: bool) -> None:
    """An assignment or a completion; with ``needs_id`` from an LMS that knows contents by its own ids only."""
    required: Iterable[str] = ["learning_object_external_reference", *(["learning_object_id"] if needs_id else [])]
    values.fields(body, "body", checks, required)
