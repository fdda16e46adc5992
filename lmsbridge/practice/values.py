"""Strict checks of the single values an xAPI statement is made of (xAPI 1.0.3, part two, sections 2.2 and 4).

Every check takes a value and the path to it and raises ``Invalid`` with a sentence; none changes anything.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Check = Callable[[Any, str], None]

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
# RFC 3987: a scheme, then no space, control character or delimiter; a percent sign only before two hex digits.
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[^\x00-\x20\x7f-\xa0<>\"{}|\\^`%\ud800-\udfff]|%[0-9A-Fa-f]{2})+")
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_MAILTO = re.compile(
    r"mailto:[\w.!#$%&'*+/=?^`{|}~-]+@(?:\w(?:[\w-]*\w)?\.)*\w(?:[\w-]*\w)?",
)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
# RFC 5646 2.1: language, script, region, variants, extensions, private use; or private use or i-… alone.
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|i(?:-[a-z0-9]{2,8})+",
    re.IGNORECASE,
)
# ISO 8601 with designators; weeks stand alone and only the last number may have a fraction.
_NUMBER = r"[0-9]+(?:\.[0-9]+(?=[A-Z]\Z))?"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}W|(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
# RFC 3339 5.6; an offset of -00:00 means "zone unknown" there and is refused.
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|(?!-00:00)[+-][0-9]{2}:[0-9]{2})",
)
_ZONELESS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?")


class Invalid(ValueError):
    """A statement breaks a rule; the text is a sentence that names the place and the rule."""


def _not_a(value: Any, path: str, expected: str) -> Invalid:
    where = path or "the statement"
    if value is None:
        return Invalid(f"{where} is null; leave it out.")
    return Invalid(f"{where} must be {expected}.")


def shown(key: str) -> str:
    """A key as it may stand in a sentence: quoted and short."""
    return f'"{key}"' if len(key) <= 60 else f'"{key[:60]}…"'


def text(value: Any, path: str) -> None:
    """Any text."""
    if type(value) is not str:
        raise _not_a(value, path, "text")


def filled_text(value: Any, path: str) -> None:
    """Text of at least one character."""
    if type(value) is not str or not value:
        raise _not_a(value, path, "text that is not empty")


def boolean(value: Any, path: str) -> None:
    """``true`` or ``false``, not a text that says so."""
    if type(value) is not bool:
        raise _not_a(value, path, "true or false")


def number(value: Any, path: str) -> None:
    """A finite number, not a text that holds one."""
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        raise _not_a(value, path, "a number")


def whole_number(value: Any, path: str) -> None:
    """A whole number from 0 up."""
    if type(value) is not int or value < 0:
        raise _not_a(value, path, "a whole number")


def uuid(value: Any, path: str) -> None:
    """A UUID in its standard form of 36 characters."""
    if type(value) is not str or not _UUID.fullmatch(value):
        raise _not_a(value, path, "a UUID")


def is_iri(value: str) -> bool:
    """Whether the text is an absolute IRI; one of the web needs a host."""
    return _is_short_iri(value) if len(value) < 300 else _is_iri(value)


def _is_iri(value: str) -> bool:
    if not _IRI.fullmatch(value):
        return False
    return bool(_WEB.match(value)) if value[:5].lower() in {"http:", "https"} else True


# The same few verbs, types and keys come again and again.
_is_short_iri = functools.lru_cache(maxsize=4096)(_is_iri)


def iri(value: Any, path: str) -> None:
    """An absolute IRI, with its scheme."""
    if type(value) is not str or not is_iri(value):
        raise _not_a(value, path, "an IRI with a scheme")


def mailto(value: Any, path: str) -> None:
    """``mailto:`` and one mail address."""
    if type(value) is not str or not _MAILTO.fullmatch(value):
        raise _not_a(value, path, "mailto: followed by a mail address")


def sha1(value: Any, path: str) -> None:
    """A SHA-1 sum in 40 hexadecimal digits."""
    if type(value) is not str or not _SHA1.fullmatch(value):
        raise _not_a(value, path, "a SHA-1 sum of 40 hexadecimal digits")


@functools.lru_cache(maxsize=1024)
def _is_language(value: str) -> bool:
    return bool(_LANGUAGE.fullmatch(value))


def language(value: Any, path: str) -> None:
    """A language tag of RFC 5646."""
    if type(value) is not str or not _is_language(value):
        raise _not_a(value, path, "a language tag such as en or en-US")


def duration(value: Any, path: str) -> None:
    """An ISO 8601 duration such as PT4M5.25S."""
    if type(value) is not str or not _DURATION.fullmatch(value):
        raise _not_a(value, path, "an ISO 8601 duration such as PT4M5S")


def moment(value: str) -> datetime:
    """The instant that a checked timestamp names."""
    return datetime.fromisoformat(value).astimezone(UTC)


def timestamp(value: Any, path: str) -> None:
    """A date and time of RFC 3339 with its time zone, ``-00:00`` excluded."""
    if type(value) is str and _TIMESTAMP.fullmatch(value):
        try:
            moment(value)
        except (ValueError, OverflowError):
            raise Invalid(f"{path} names a date or time that does not exist.") from None
        return
    if type(value) is str and _ZONELESS.fullmatch(value):
        raise Invalid(f"{path} has no time zone; end it with Z or an offset such as +02:00.")
    if type(value) is str and value.endswith(("-00:00", "-0000", "-00")):
        raise Invalid(f"{path} has the offset -00:00, which names no time zone; end it with Z.")
    raise _not_a(value, path, "a date and time such as 2026-11-21T10:11:12.123Z")


def one_of(*choices: str) -> Check:
    """Exactly one of these texts."""

    def check(value: Any, path: str) -> None:
        if type(value) is not str or value not in choices:
            raise _not_a(value, path, " or ".join(f'"{choice}"' for choice in choices))

    return check


def array_of(check: Check) -> Check:
    """An array, each member of which passes the check."""

    def each(value: Any, path: str) -> None:
        if type(value) is not list:
            raise _not_a(value, path, "an array")
        for index, member in enumerate(value):
            check(member, f"{path}[{index}]")

    return each


def fields(value: Any, path: str, checks: Mapping[str, Check], required: Iterable[str] = ()) -> None:
    """An object that is not empty, has no property beyond those of the table, and has all required ones."""
    if type(value) is not dict:
        raise _not_a(value, path, "an object")
    where = path or "the statement"
    if not value:
        raise Invalid(f"{where} is empty; leave it out.")
    for key, member in value.items():
        check = checks.get(key)
        if check is None:
            raise _unknown(key, where, checks)
        check(member, f"{path}.{key}" if path else key)
    for key in required:
        if key not in value:
            raise Invalid(f"{where} lacks the property {shown(key)}.")


def _unknown(key: str, where: str, checks: Mapping[str, Check]) -> Invalid:
    for known in checks:
        if known.lower() == key.lower():
            return Invalid(f"{where} has the property {shown(key)}; its name is written {shown(known)}.")
    return Invalid(f"{where} has the unknown property {shown(key)}.")


def object_with(checks: Mapping[str, Check], *required: str) -> Check:
    """``fields`` as a check of its own."""
    return lambda value, path: fields(value, path, checks, required)


def language_map(value: Any, path: str) -> None:
    """Texts by language tag."""
    if type(value) is not dict:
        raise _not_a(value, path, "an object with a text for each language")
    if not value:
        raise Invalid(f"{path} is empty; leave it out.")
    for tag, words in value.items():
        if not _is_language(tag):
            raise Invalid(f"{path} has the key {shown(tag)}, which is not a language tag.")
        text(words, f"{path}.{tag}")


def extensions(value: Any, path: str) -> None:
    """Values of any kind by IRI."""
    if type(value) is not dict:
        raise _not_a(value, path, "an object")
    if not value:
        raise Invalid(f"{path} is empty; leave it out.")
    for key in value:
        if not is_iri(key):
            raise Invalid(f"{path} has the key {shown(key)}, which is not an IRI with a scheme.")
