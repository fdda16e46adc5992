"""The two documents that a unit reads as it starts: its launch data (10) and the learner's preferences (11)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lmsbridge.practice import values
from lmsbridge.practice.cmi5.courses import key_of
from lmsbridge.practice.cmi5.refusing import noted, refused
from lmsbridge.practice.cmi5.sessions import Session
from lmsbridge.practice.cmi5.vocabulary import LAUNCH_DATA, PREFERENCES
from lmsbridge.practice.exchange import Reply, Request, not_allowed, sentence
from lmsbridge.practice.store import Store
from lmsbridge.practice.strictjson import parse
from lmsbridge.practice.values import Invalid
from lmsbridge.practice.xapi import READ, Refused, edition_of, parameters, with_headers

STATE_PARAMETERS = frozenset({"stateId", "activityId", "agent", "registration"})
PROFILE_PARAMETERS = frozenset({"profileId", "agent"})


# Launch data -------------------------------------------------------------------------------------------------------


def state(store: Store, session: Session, request: Request) -> Reply:
    """The State resource: LMS.LaunchData of this launch, for reading only."""
    try:
        version = edition_of(request)
        given = parameters(request, STATE_PARAMETERS)
    except Refused as problem:
        return noted(session, problem.reply)
    return with_headers(_state(session, request, given), version)


def _state(session: Session, request: Request, given: dict[str, str]) -> Reply:
    if given.get("stateId") != LAUNCH_DATA:
        return refused(session, "xapi-request", f"This LMS keeps the state document {LAUNCH_DATA} only.")
    if request.method not in READ:
        return refused(session, "cmi5-10.2.1-launch-data-kept")
    if given.get("activityId") != session.activity:
        return refused(session, "cmi5-10.1-state-activity")
    if not _is_learner(session, given):
        return refused(session, "cmi5-10.1-state-agent")
    if given.get("registration") != session.registration.id:
        return refused(session, "cmi5-10.1-state-registration")
    session.has_read.add(LAUNCH_DATA)
    session.note(f"read {LAUNCH_DATA}")
    body = json.dumps(session.launch_data, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(200, body, "application/json", (("ETag", _etag(body)),))


def _is_learner(session: Session, given: dict[str, str]) -> bool:
    try:
        agent = parse(given.get("agent", "").encode())
    except Invalid:
        return False
    return bool(agent == session.registration.learner)


# Preferences -------------------------------------------------------------------------------------------------------


def profile(store: Store, session: Session, request: Request) -> Reply:
    """The Agent Profile resource: the learner's preferences, to read and to replace; 404 where there are none."""
    try:
        version = edition_of(request)
        given = parameters(request, PROFILE_PARAMETERS)
    except Refused as problem:
        return noted(session, problem.reply)
    return with_headers(_profile(store, session, request, given), version)


def _profile(store: Store, session: Session, request: Request, given: dict[str, str]) -> Reply:
    if given.get("profileId") != PREFERENCES:
        return refused(session, "xapi-request", f"This LMS keeps the profile document {PREFERENCES} only.")
    if not _is_learner(session, given):
        return refused(session, "cmi5-11-preferences-agent")
    if request.method == "PUT":
        return _replace(store, session, request)
    if request.method not in READ:
        return noted(session, not_allowed(*READ, "PUT"))
    session.has_read.add(PREFERENCES)
    session.note("read the learner's preferences")
    found = store.courses.preferences.get(key_of(session.registration.learner))
    if found is None:
        return sentence(404, "The learner has set no preferences.")
    return Reply(200, found, "application/json", (("ETag", _etag(found)),))


def _replace(store: Store, session: Session, request: Request) -> Reply:
    key = key_of(session.registration.learner)
    problem = _precondition(request, store.courses.preferences.get(key))
    if problem:
        return problem
    if not _are_preferences(request.body):
        return refused(session, "cmi5-11-preferences-format")
    store.courses.preferences[key] = request.body
    session.note("changed the learner's preferences")
    return Reply(204)


def _precondition(request: Request, known: bytes | None) -> Reply | None:
    """The refusal of a change that does not know what it changes (xAPI 1.0.3, part three, 3.1)."""
    expected, absent = request.headers["If-Match"], request.headers["If-None-Match"]
    if expected is None and absent is None:
        return sentence(409, "Say by If-Match which document this is to replace.") if known else None
    is_expected = expected is None or (known is not None and expected in {"*", _etag(known)})
    is_absent = absent is None or known is None
    return None if is_expected and is_absent else sentence(412, "The document is another one meanwhile.")


def _are_preferences(body: bytes) -> bool:
    try:
        found = parse(body)
        values.fields(found, "the document", {"languagePreference": languages, "audioPreference": _audio})
    except Invalid:
        return False
    return True


def languages(value: Any, path: str) -> None:
    """Language tags of RFC 5646 with commas between them (section 11.1)."""
    values.text(value, path)
    for tag in value.split(","):
        values.language(tag.strip(), path)


_audio = values.one_of("on", "off")


def _etag(document: bytes) -> str:
    # Quoted SHA-1 in hexadecimal digits, as xAPI wants it of an LRS.
    return f'"{hashlib.sha1(document, usedforsecurity=False).hexdigest()}"'
