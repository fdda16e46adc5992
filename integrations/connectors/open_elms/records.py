"""Records: people, learning resources and progress, in every shape that the API page leaves open.

It names no key for ids, says "a list" or "JSON array" for everything, and PHP turns lists with gaps into objects.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.connectors.base import CatalogueEntry, Progress, RemoteAccount
from integrations.connectors.http.answers import clean

Record = Mapping[str, Any]

_LONGEST_NUMBER = 20
_HIGHEST_SCORE = 1_000_000
_LONGEST_NAME = 500
_LONGEST_WORD = 100
_DEEPEST_WRAPPING = 3
_ID = re.compile(r"[^\s<>\x00-\x20\x7f\ud800-\udfff]{1,64}")

# By the page's list "completed" and "failed", by its text "complete"; nothing yet means not attempted.
_STATUSES = {
    "": "not_started",
    "not attempted": "not_started",
    "in progress": "started",
    "complete": "completed",
    "completed": "completed",
    "fail": "failed",
    "failed": "failed",
}
_STATUS_KEYS = ("completion_status", "status")
_DATE_KEYS = ("completed_at", "completion_date", "date")
UNKNOWN_STATUS = "unknown"


def identifier(found: Any) -> str:
    """An id as text, whether it came as a number or as text; empty if it is none."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    text = str(found).strip()
    return text if _ID.fullmatch(text) and text not in {".", ".."} else ""


def _first(record: Record, *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _text(found: Any, longest: int = _LONGEST_NAME) -> str:
    """Text that can be shown and stored, whatever came."""
    return clean(found)[:longest].strip() if isinstance(found, str) else ""


def _objects(found: Any, is_one: Callable[[Record], bool], deepest: int = _DEEPEST_WRAPPING) -> list[Any]:
    """What a list holds: a list, an object by number, a list under one name, or one record alone."""
    if found is None:
        return []
    if isinstance(found, list):
        return found
    if not isinstance(found, Mapping) or not deepest:
        raise ValueError("neither a list nor an object")
    if is_one(found):
        return [found]
    lists = [value for value in found.values() if isinstance(value, list)]
    if len(lists) == 1:
        return lists[0]
    if all(isinstance(value, Mapping) for value in found.values()):
        return [one for value in found.values() for one in _objects(value, is_one, deepest - 1)]
    raise ValueError("an object of another kind")


def _records(found: Any, is_one: Callable[[Record], bool]) -> list[Record]:
    records = _objects(found, is_one)
    if not all(isinstance(one, Mapping) for one in records):
        raise ValueError("the list holds something else")
    return records


# People ------------------------------------------------------------------------------------------------------------


def people(found: Any) -> list[Record]:
    """The accounts in an answer; ``ValueError`` if it has another shape."""
    return _records(found, lambda one: "email" in one or "username" in one)


def has_email(record: Record, email: str) -> bool:
    """Whether it is this very address: nobody says that the search is exact."""
    given = record.get("email")
    return isinstance(given, str) and given.strip().casefold() == email.strip().casefold()


def user_id(record: Record) -> str:
    """The id of an account; the page lists the fields of an account without it. Empty if there is none."""
    return identifier(record.get("id")) or identifier(record.get("user_id"))


def account(record: Record) -> RemoteAccount:
    """Who an account belongs to."""
    email, first, last = (_text(record.get(name)) for name in ("email", "fname", "lname"))
    return RemoteAccount(user_id(record), email, f"{first} {last}".strip())


# Learning resources ------------------------------------------------------------------------------------------------


def resources(found: Any) -> list[CatalogueEntry]:
    """The learning resources in an answer; ``ValueError`` if it has another shape."""
    records = _records(found, lambda one: _learning_id(one) != "")
    return [_entry(one) for one in records if _learning_id(one)]


def _learning_id(record: Record) -> str:
    return identifier(_first(record, "id", "learning_id"))


def _entry(record: Record) -> CatalogueEntry:
    name, kind = _first(record, "name", "title"), _first(record, "type", "learning_type")
    if isinstance(kind, Mapping):
        kind = _first(kind, "slug", "name")
    return CatalogueEntry(
        remote_id=_learning_id(record),
        name=_text(name),
        kind=_text(kind, _LONGEST_WORD),
    )


# Progress ----------------------------------------------------------------------------------------------------------


def progresses(found: Any) -> list[Progress]:
    """The progress records in an answer; ``ValueError`` if it has another shape."""
    if isinstance(found, list) and _is_positional(found):
        return [_positional(found)]
    return [_progress(one) for one in _objects(found, _has_status)]


def _has_status(record: Record) -> bool:
    """Whether it is a record itself, and no wrapping that says how it is, too."""
    is_wrapping = any(isinstance(value, list) for value in record.values())
    return any(key in record for key in _STATUS_KEYS) and not is_wrapping


def _is_positional(found: Sequence[Any]) -> bool:
    """``[status, score, date]``, as the page's text can be read."""
    return (
        0 < len(found) <= 3 and isinstance(found[0], str) and not any(isinstance(one, list | dict) for one in found)
    )


def _positional(found: Sequence[Any]) -> Progress:
    status, score, at = [*found, None, None][:3]
    return Progress(_status(status), _score(score), _moment(at))


def _progress(record: Any) -> Progress:
    if isinstance(record, list) and _is_positional(record):
        return _positional(record)
    if not isinstance(record, Mapping) or not _has_status(record):
        raise ValueError("no progress")
    who: Record = next((record[key] for key in ("user", "trainee") if isinstance(record.get(key), Mapping)), {})
    id = identifier(_first(record, "user_id", "trainee_id")) or user_id(who)
    email = _text(_first(record, "email") or _first(who, "email"))
    return Progress(
        status=_status(_first(record, *_STATUS_KEYS)),
        score=_score(record.get("score")),
        at=_moment(_first(record, *_DATE_KEYS)),
        learner=email or id or identifier(record.get("id")),
        remote_id=id,
    )


def _status(found: Any) -> str:
    if found is None:
        return "not_started"
    words = str(found).strip().lower().replace("_", " ").replace("-", " ")
    return _STATUSES.get(words, UNKNOWN_STATUS)


def _score(found: Any) -> Decimal | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str) or len(str(found)) > _LONGEST_NUMBER:
        return None
    try:
        score = Decimal(str(found).strip())
    except InvalidOperation:
        return None
    is_one = score.is_finite() and -_HIGHEST_SCORE <= score <= _HIGHEST_SCORE
    return score.quantize(Decimal("0.0001")) if is_one else None


def _moment(found: Any) -> datetime.datetime | None:
    """A moment, taken as UTC where it has no zone. MySQL's zero date and unknown formats are none."""
    if not isinstance(found, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(found.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def newest(found: Iterable[Progress]) -> Progress | None:
    """The newest by date, of one second the last: repeated trainings have a record each.

    What has no date comes before what has one.
    """
    in_order = sorted(found, key=lambda one: one.at or _LONG_AGO)
    return in_order[-1] if in_order else None


# Fields of profiles ------------------------------------------------------------------------------------------------


def field_values(found: Any) -> dict[str, list[str]]:
    """The values that each field of a profile may have, whatever form values and labels came in."""
    if not isinstance(found, Mapping):
        raise ValueError("no object")
    return {str(name): list(_values(values)) for name, values in found.items()}


def _values(found: Any) -> Iterable[str]:
    if isinstance(found, Mapping):
        return [str(key) for key in found]
    if not isinstance(found, list):
        return []
    values = [_first(one, "value", "id", "key") if isinstance(one, Mapping) else one for one in found]
    return [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
