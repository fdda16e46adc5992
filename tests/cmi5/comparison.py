"""Comparing two sessions statement by statement, field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lmsbridge.practice import values

Statement = dict[str, Any]

# Each session has its own of these; that they are sound is looked at, and that they are where they should be.
OWN: dict[str, re.Pattern[str]] = {
    "id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\d*Z"),
    "context.registration": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "context.extensions.https://w3id.org/xapi/cmi5/context/extensions/sessionid": re.compile(r".+"),
}
DURATION = "result.duration"


def differences(ours: Sequence[Statement], theirs: Sequence[Statement]) -> list[str]:
    """How the statements of our session differ from those of another one of the same course, one sentence each.

    What every session has of its own (ids, registration, session id, times) must be of the same form; texts for
    people (``verb.display``, ``object.definition``) may differ, and lists of activities may be in any order.
    """
    found = []
    if len(ours) != len(theirs):
        found.append(f"We sent {len(ours)} statements, they {len(theirs)}.")
    for number, (our, their) in enumerate(zip(ours, theirs, strict=False), start=1):
        one, other = dict(_fields(our)), dict(_fields(their))
        for path in sorted(one.keys() | other.keys()):
            if problem := _difference(path, one.get(path), other.get(path)):
                found.append(f"Statement {number} ({our['verb']['id'].rpartition('/')[2]}): {problem}")
    return found


def _difference(path: str, our: Any, their: Any) -> str:
    if path in OWN:
        is_sound = isinstance(our, str) and OWN[path].fullmatch(our)
        return "" if is_sound else f"{path} is {our!r}, which is not of its form."
    if path == DURATION and our and their:
        return "" if _is_duration(our) else f"{path} is {our!r}, which is no duration."
    return "" if our == their else f"{path} is {our!r} here and {their!r} there."


def _is_duration(text: Any) -> bool:
    try:
        values.duration(text, DURATION)
    except values.Invalid:
        return False
    return True


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with the path to it, those for people left out; activities stand under their ids."""
    if path in {"verb.display", "object.definition"}:
        return
    if isinstance(value, list):
        value = {str(one.get("id")): one for one in value} if all(isinstance(one, dict) for one in value) else value
    if not isinstance(value, dict):
        yield path, value
        return
    for key, member in value.items():
        yield from _fields(member, f"{path}.{key}" if path else key)
