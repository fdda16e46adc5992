"""Telling a store how to behave: by the forms on its page, or by another process in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from lmsbridge.practice.exchange import Reply, Request, as_json, media_type, sentence
from lmsbridge.practice.faults import KINDS, Fault, fault_from
from lmsbridge.practice.open_elms.campus import campus_of
from lmsbridge.practice.stackone.account import account_of
from lmsbridge.practice.store import Credentials, Store
from lmsbridge.practice.strictjson import parse
from lmsbridge.practice.switches import Switchboard

MOST_TIMES = 1000
# Interfaces that can be switched, by the names they have in JSON.
SWITCHBOARDS: Mapping[str, Callable[[Store], Switchboard]] = {
    "open_elms": lambda store: campus_of(store).switches,
    "stackone": lambda store: account_of(store).switches,
}


def change(store: Store, what: str, request: Request) -> Reply:
    """Does what a form or another process asks for; ``ValueError`` with a sentence if that cannot be done."""
    if media_type(request.headers) == "application/json":
        if what != "faults":
            raise ValueError("JSON is taken at faults only.")
        _change_by_json(store, request.body)
        return as_json(200, behavior(store))
    fields = {key: given[-1] for key, given in parse_qs(request.body.decode("utf-8", "replace")).items()}
    FORMS[what](store, fields)
    return sentence(303, "Done.", (("Location", f"/{store.name}/"),))


def _forget(store: Store, fields: Mapping[str, str]) -> None:
    store.forget()
    account_of(store).forget()


def _change_by_form(store: Store, fields: Mapping[str, str]) -> None:
    if "known_ids" in fields:
        store.refuses_known_ids = fields["known_ids"] == "409"
        return
    times = fields.get("times", "")
    if times and not (times.isascii() and times.isdigit() and 0 < int(times[:9]) <= MOST_TIMES):
        raise ValueError(f"Give how many requests, from 1 to {MOST_TIMES}, or leave it empty.")
    value = fields.get("value", "").strip() if KINDS.get(fields.get("kind", ""), KINDS["ok"]).takes else ""
    fault = Fault(fields.get("kind", ""), value, stores="stores" in fields)
    if times:
        store.script([fault] * int(times))
    else:
        store.heal()
        store.fail(fault)


def _change_credentials(store: Store, fields: Mapping[str, str]) -> None:
    given = Credentials(fields.get("key", ""), fields.get("secret", ""), fields.get("api_key", ""))
    if ":" in given.key:
        raise ValueError("A key must not hold a colon.")
    store.credentials = given


def _end_sessions(store: Store, fields: Mapping[str, str]) -> None:
    store.sessions.end_all()


FORMS: Mapping[str, Callable[[Store, Mapping[str, str]], None]] = {
    "faults": _change_by_form,
    "credentials": _change_credentials,
    "forget": _forget,
    "sessions": _end_sessions,
}


def _change_by_json(store: Store, body: bytes) -> None:
    given = parse(body)
    known = ["always", "script", "known_ids", "credentials", *SWITCHBOARDS]
    if not isinstance(given, dict) or set(given) - set(known):
        raise ValueError(f"Give an object of {', '.join(known)}, each of them optional.")
    always = fault_from(given.get("always", "ok"))
    script = [fault_from(one) for one in _typed(given, "script", list)]
    credentials = _credentials(_typed(given, "credentials", dict))
    for name, board in SWITCHBOARDS.items():
        _switch(board(store), _typed(given, name, dict))
    if "always" in given:
        store.fail(always)
    if "script" in given:
        store.script(script)
    if "known_ids" in given:
        store.refuses_known_ids = str(given["known_ids"]) == "409"
    if "credentials" in given:
        store.credentials = credentials


def _typed(given: dict[str, Any], name: str, kind: type[Any]) -> Any:
    found = given.get(name, kind())
    if not isinstance(found, kind):
        raise ValueError(f"{name} must be {'a list' if kind is list else 'an object'}.")
    return found


def _switch(board: Switchboard, readings: dict[str, Any]) -> None:
    board.switch(**{name: str(reading) for name, reading in readings.items()})


def _credentials(found: dict[str, Any]) -> Credentials:
    if set(found) - {"key", "secret", "api_key"} or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("credentials has key, secret and api_key, each a text.")
    return Credentials(**found)


def behavior(store: Store) -> dict[str, Any]:
    """How the store is told to behave, and how much it received."""
    return {
        "always": str(store.always),
        "script": [str(fault) for fault in store.script_left],
        "known_ids": "409" if store.refuses_known_ids else "204",
        "statements": store.statement_count,
        "requests": store.request_count,
        **{name: board(store).readings for name, board in SWITCHBOARDS.items()},
    }
