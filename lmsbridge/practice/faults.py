"""The ways in which the practice LMS can be told to fail."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmsbridge.practice.exchange import Ending, Headers, Reply, as_json, sentence

MOST_SECONDS = 3600.0
LOGIN_PAGE = (
    b"<!doctype html><html lang=en><title>Sign in</title><h1>Sign in</h1>"
    b"<form method=post><label>User <input name=user></label><button>Sign in</button></form></html>"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a fault.

    ``answer`` processes it as a healthy LMS would; ``items`` are the texts of what it would store; ``wait`` sleeps
    for some seconds and says whether the server was stopped meanwhile.
    """

    answer: Callable[[], Reply]
    items: Callable[[], Sequence[str]]
    wait: Callable[[float], bool]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: a kind from ``KINDS`` and what that kind takes.

    With ``stores`` the request is processed as if all was well before the fault shows. ``status``, ``headers`` and
    ``body`` are for the kind ``answer``, ``status`` also for ``poison``. Raises ``ValueError`` with a sentence if the
    parts do not fit together.
    """

    kind: str
    value: str = ""
    stores: bool = False
    status: int = 400
    headers: Headers = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"There is no fault {self.kind!r}; choose one of {', '.join(KINDS)}.")
        kind.check(self.value)
        if not 200 <= self.status <= 999:
            raise ValueError("The status must be between 200 and 999.")
        lines = [part for header in self.headers for part in header]
        if any("\r" in part or "\n" in part for part in [self.value, *lines]):
            raise ValueError("A header must not hold a line break.")
        try:
            "".join([self.value if kind.in_header else "", *lines]).encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError("A header takes Latin-1 characters only.") from None

    def __str__(self) -> str:
        words = KINDS[self.kind].words.format(value=self.value, status=self.status)
        return f"{words}, after storing what came" if self.stores else words


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: what it does in plain words, what its value is, and the deed itself."""

    words: str
    act: Callable[[Fault, Call], Reply]
    check: Callable[[str], object] = lambda value: None
    takes: str = ""
    in_header: bool = False
    by_form: bool = True


# What values may be ------------------------------------------------------------------------------------------------


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_SECONDS:
        raise ValueError("Give a number of seconds between 0 and 3600.")
    return seconds


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise ValueError("Give a number of statements, for example 7.")
    return int(value)


def _word(value: str) -> str:
    if not value.strip():
        raise ValueError("Give the word that the activity id or the actor must contain.")
    return value.casefold()


# Deeds -------------------------------------------------------------------------------------------------------------


def _healthy(fault: Fault, call: Call) -> Reply:
    return call.answer()


def _end(ending: Ending) -> Callable[[Fault, Call], Reply]:
    return lambda fault, call: Reply(0, ending=ending)


def _store_then_reset(fault: Fault, call: Call) -> Reply:
    return dataclasses.replace(call.answer(), ending=Ending.RESET)


def _says(status: int, words: str) -> Callable[[Fault, Call], Reply]:
    def say(fault: Fault, call: Call) -> Reply:
        return sentence(status, words, (("Retry-After", fault.value),) if fault.value else ())

    return say


def _own_answer(fault: Fault, call: Call) -> Reply:
    kept = tuple(header for header in fault.headers if header[0].lower() != "content-type")
    declared = {name.lower(): value for name, value in fault.headers}.get("content-type", "text/plain")
    return Reply(fault.status, fault.body, declared, kept)


def _slow(fault: Fault, call: Call) -> Reply:
    stopped = call.wait(_seconds(fault.value))
    return Reply(0, ending=Ending.CLOSE) if stopped else call.answer()


def _login_page(fault: Fault, call: Call) -> Reply:
    return Reply(200, LOGIN_PAGE, "text/html; charset=utf-8")


def _too_large(fault: Fault, call: Call) -> Reply:
    most, found = _count(fault.value), len(call.items())
    return sentence(413, f"This LMS takes at most {most} at once; {found} came.") if found > most else call.answer()


def _poison(fault: Fault, call: Call) -> Reply:
    word = _word(fault.value)
    for index, item in enumerate(call.items()):
        if word in item.casefold():
            return sentence(fault.status, f"Statement at index {index}: its activity or actor is not accepted here.")
    return call.answer()


def _empty_list(fault: Fault, call: Call) -> Reply:
    return as_json(200, []) if call.items() else call.answer()


def _wrong_ids(fault: Fault, call: Call) -> Reply:
    items = call.items()
    return as_json(200, [str(uuid.uuid4()) for _ in items]) if items else call.answer()


def _invalid_json(fault: Fault, call: Call) -> Reply:
    return Reply(200, b'["this list never ends", ', "application/json")


def _status(status: int, reason: str, words: str, *, waits: bool = False) -> Kind:
    if not waits:
        return Kind(f"answers {status} {reason}", _says(status, words), _no_value)
    return Kind(
        f"answers {status} {reason}, Retry-After “{{value}}”",
        _says(status, words),
        takes="seconds to wait (may be empty)",
        in_header=True,
    )


def _no_value(value: str) -> None:
    if value:
        raise ValueError("This fault takes no value.")


KINDS: Mapping[str, Kind] = {
    "ok": Kind("answers as it should", _healthy, _no_value),
    "reset": Kind("resets the connection before any answer", _end(Ending.RESET), _no_value),
    "close": Kind("closes the connection before any answer", _end(Ending.CLOSE), _no_value),
    "store_then_reset": Kind("stores what came, then resets before the answer", _store_then_reset, _no_value),
    "slow": Kind("takes {value} seconds to answer", _slow, _seconds, "seconds"),
    "401": _status(401, "Unauthorized", "The key is wrong."),
    "403": _status(403, "Forbidden", "This key may not do that."),
    "404": _status(404, "Not Found", "There is nothing at this address."),
    "409": _status(409, "Conflict", "A statement with this id is already known."),
    "413": Kind("answers 413 to more than {value} statements at once", _too_large, _count, "number of statements"),
    "429": _status(429, "Too Many Requests", "Slow down.", waits=True),
    "500": _status(500, "Internal Server Error", "Something went wrong here."),
    "502": _status(502, "Bad Gateway", "The server behind this one does not answer."),
    "503": _status(503, "Service Unavailable", "Closed for maintenance.", waits=True),
    "504": _status(504, "Gateway Timeout", "The server behind this one is too slow."),
    "login_page": Kind("answers 200 with a login page", _login_page, _no_value),
    "empty_list": Kind("answers 200 with an empty list of ids", _empty_list, _no_value),
    "wrong_ids": Kind("answers 200 with ids that were not sent", _wrong_ids, _no_value),
    "invalid_json": Kind("answers 200 with broken JSON", _invalid_json, _no_value),
    "poison": Kind("answers {status} where activity id or actor contains “{value}”", _poison, _word, "word"),
    "answer": Kind("answers {status} with a text of its own", _own_answer, _no_value, by_form=False),
}

OK = Fault("ok")


def apply(fault: Fault, call: Call) -> Reply:
    """What the client gets for this request under this fault."""
    if fault.stores:
        done = call.answer()
        call = dataclasses.replace(call, answer=lambda: done)
    return KINDS[fault.kind].act(fault, call)


def fault_from(given: Any) -> Fault:
    """A fault from a ``Fault``, a text (``503``, ``429:7``) or a JSON object; ``ValueError`` says why not."""
    if isinstance(given, Fault):
        return given
    if isinstance(given, str):
        kind, _, value = given.partition(":")
        return Fault(kind, value)
    if not isinstance(given, dict):
        raise ValueError("A fault is a text or an object.")
    unknown = set(given) - {"kind", "value", "stores", "status", "headers", "body"}
    if unknown:
        raise ValueError(f"A fault has no part {min(unknown)!r}.")
    return _fault_from_json(given)


def _fault_from_json(given: dict[str, Any]) -> Fault:
    headers = given.get("headers", {})
    status = given.get("status", 400)
    if not isinstance(headers, dict) or not isinstance(status, int):
        raise ValueError("headers is an object of texts and status is a whole number.")
    body = given.get("body", "")
    return Fault(
        kind=str(given.get("kind", "")),
        value=str(given.get("value", "")),
        stores=given.get("stores") is True,
        status=status,
        headers=tuple((str(name), str(value)) for name, value in headers.items()),
        body=(body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "replace"),
    )
