"""cmi5: what an LMS tells of a session, and the statements of an assignable unit.

Source: cmi5 "Quartz", first edition, cited as C5.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import EventFacts, Facts, Held, Launched, Opened, Session
from integrations.connectors.xapi.answers import refusal
from integrations.connectors.xapi.statements import VERB, duration, number, timestamp

CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
MOVE_ON = "https://w3id.org/xapi/cmi5/context/categories/moveon"
MASTERY_SCORE = "https://w3id.org/xapi/cmi5/context/extensions/masteryscore"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
MODES = ("Normal", "Browse", "Review")
# What of the launch data is kept: an entitlement key (C5 10.2.7) and launch parameters (10.2.5), which may be secret,
# are of no use to us, so they are not.
KEPT = ("contextTemplate", "launchMode", "moveOn", "masteryScore", "returnURL")
# Deeper than this no template is that is meant well.
DEEPEST = 20
# What the events of a session are told by; "progressed" is one that cmi5 merely allows (C5 7.1.3).
DEFINED = ("initialized", "completed", "terminated")

# How the connector asks an xAPI resource below the endpoint.
Get = Callable[[str, Mapping[str, str]], http.Answer]


def compact(value: Any) -> str:
    """JSON without spaces or escapes: some LMSs count its bytes after writing it anew."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


# Opening -----------------------------------------------------------------------------------------------------------


def open_session(get: Get, launch: Launched) -> Opened:
    """The state document ``LMS.LaunchData`` (C5 10) and then the learner's preferences (C5 11), in this order.

    Where the LMS refuses the document, or has none that is one, the launch is no cmi5 session. Raises
    ``DestinationError`` where it may yet give it.
    """
    agent = compact(launch.actor)
    answer = get(
        "activities/state",
        {
            "stateId": "LMS.LaunchData",
            "activityId": launch.activity_id,
            "agent": agent,
            "registration": launch.registration,
        },
    )
    if answer.status != 200:
        _raise_what_may_pass(answer)
        sentence = _("The LMS gives no launch data (%(status)s), so the story is told in plain xAPI.")
        return Opened(None, sentence % {"status": answer.status}, answer)
    found = _launch_data(answer)
    if found is None:
        sentence = _("What the LMS gives as launch data is none as cmi5 has it, so the story is told in plain xAPI.")
        return Opened(None, sentence, answer)
    preferences = get("agents/profile", {"profileId": "cmi5LearnerPreferences", "agent": agent})
    if preferences.status != 200:
        # None set is 404 (C5 11.1); whoever refuses them has none for us.
        _raise_what_may_pass(preferences)
    return Opened(Session(found, _preferences(preferences)), "", answer)


def _raise_what_may_pass(answer: http.Answer) -> None:
    # 501: it has no such resource and never will.
    if answer.status in {408, 425, 429} or (answer.status >= 500 and answer.status != 501):
        raise refusal(answer)


def _object(answer: http.Answer) -> dict[str, Any]:
    try:
        found = answer.json() if answer.complete else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _launch_data(answer: http.Answer) -> dict[str, Any] | None:
    found = {name: value for name, value in _object(answer).items() if name in KEPT and value is not None}
    mastery = found.get("masteryScore")
    sound = (
        _can_be_kept(found)
        and _is_template(found.get("contextTemplate"))
        and found.get("launchMode", "Normal") in MODES
        and (mastery is None or (_is_number(mastery) and 0 <= mastery <= 1))
    )
    if not sound:
        return None
    if not isinstance(found.get("returnURL", ""), str):
        del found["returnURL"]
    return {"launchMode": "Normal", **found}


def _can_be_kept(value: Any) -> bool:
    """Not nested without end, nor with what no database keeps as JSON: half a character, NUL, the endless."""
    if not _is_within(value, DEEPEST):
        return False
    try:
        text = compact(value)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def _is_within(value: Any, levels: int) -> bool:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_within(one, levels - 1) for one in below)


def _is_template(value: Any) -> bool:
    """Whether it is a context to which something can be added (X2 2.4.6)."""
    if not isinstance(value, dict):
        return False
    activities, extensions = value.get("contextActivities", {}), value.get("extensions", {})
    if not (isinstance(activities, dict) and isinstance(extensions, dict)):
        return False
    given = activities.get("category", [])
    listed = given if isinstance(given, list) else [given]
    return all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in listed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _preferences(answer: http.Answer) -> dict[str, str]:
    found = _object(answer) if answer.status == 200 else {}
    names = ("languagePreference", "audioPreference")
    return {name: found[name] for name in names if isinstance(found.get(name), str) and _can_be_kept(found[name])}


# Statements --------------------------------------------------------------------------------------------------------


def event(facts: EventFacts) -> dict[str, Any]:
    """The statement about something in a session beside its result."""
    categories = []
    if facts.verb in DEFINED:
        categories = [CATEGORY, MOVE_ON] if facts.verb == "completed" else [CATEGORY]
    result: dict[str, Any] = {}
    if facts.verb == "completed":
        result["completion"] = True
    if facts.duration is not None:
        result["duration"] = duration(facts.duration)
    if facts.progress is not None:
        result["extensions"] = {PROGRESS: facts.progress}
    return _statement(facts, facts.verb, facts.launch, categories, result)


def result(facts: Facts, launch: Launched) -> dict[str, Any]:
    """The statement about the result: ``passed`` or ``failed``, or ``completed`` where nobody passes or fails.

    The mastery score of the LMS decides, if it gave one (C5 9.3.4, 9.3.5).
    """
    session = _session(launch)
    if session.launch_data.get("launchMode") != "Normal":
        raise Held("not_valid", _("The LMS opened the story to look only, so it takes no result."))
    told: dict[str, Any] = {"duration": duration(facts.duration)} if facts.duration is not None else {}
    verb, extensions = "completed", {}
    if facts.success is None:
        told = {"completion": True, **told}
    else:
        scaled = _scaled(facts)
        success, given = facts.success, session.launch_data.get("masteryScore")
        if given is not None and scaled is not None:
            mastery = Decimal(str(given))
            success, extensions = scaled >= mastery, {MASTERY_SCORE: number(mastery)}
        verb = "passed" if success else "failed"
        told = {**_score(facts, scaled), "success": success, **told}
    found = _statement(facts, verb, launch, [CATEGORY, MOVE_ON], told)
    if extensions:
        context = found["context"]
        context["extensions"] = {**extensions, **context.get("extensions", {})}
    return found


def _session(launch: Launched) -> Session:
    if launch.session is None:
        raise Held("session", _("The LMS has not told about the session yet."))
    return launch.session


def _scaled(facts: Facts) -> Decimal | None:
    """As it is told: by what the LMS reads it compares with its mastery score, so we compare by that, too."""
    found = _exactly_scaled(facts)
    return None if found is None else round(found, 4)


def _exactly_scaled(facts: Facts) -> Decimal | None:
    if facts.score_scaled is not None:
        return facts.score_scaled
    low = facts.score_min or Decimal(0)
    if facts.score_raw is None or facts.score_max is None or facts.score_max <= low:
        return None
    return (facts.score_raw - low) / (facts.score_max - low)


def _score(facts: Facts, scaled: Decimal | None) -> dict[str, Any]:
    """``scaled`` between 0 and 1, and the points where they are whole (C5 9.5.1)."""
    if scaled is None or not 0 <= scaled <= 1:
        return {}
    points = {"raw": facts.score_raw, "min": facts.score_min, "max": facts.score_max}
    whole = {name: int(value) for name, value in points.items() if value is not None and value == int(value)}
    # A raw score needs its bounds.
    return {"score": {"scaled": number(scaled), **(whole if len(whole) == len(points) else {})}}


def _statement(
    facts: Facts | EventFacts, verb: str, launch: Launched, categories: list[str], told: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": str(facts.id),
        "actor": dict(launch.actor),
        "verb": {"id": VERB + verb, "display": {"en": verb}},
        "object": {"objectType": "Activity", "id": launch.activity_id},
        **({"result": told} if told else {}),
        "context": _context(launch, categories),
        "timestamp": timestamp(facts.timestamp),
    }


def _context(launch: Launched, categories: list[str]) -> dict[str, Any]:
    """The context template with nothing in it changed, and what is ours added to it (C5 10.2.1)."""
    context: dict[str, Any] = copy.deepcopy(dict(_session(launch).launch_data["contextTemplate"]))
    context["registration"] = launch.registration
    if categories:
        activities = context.setdefault("contextActivities", {})
        given = activities.get("category", [])
        given = given if isinstance(given, list) else [given]
        known = {one["id"] for one in given}
        activities["category"] = [*given, *({"id": one} for one in categories if one not in known)]
    return context


def is_end(content: bytes) -> bool:
    """Whether a frozen statement tells that the session is over, after which an LMS answers nothing (C5 9.3.8)."""
    return bool(json.loads(content)["verb"]["id"] == f"{VERB}terminated")


def comparable(found: Mapping[str, Any]) -> dict[str, Any]:
    """What shows that a statement is ours: in a later session it may have been worded anew, with another context."""
    verb = found.get("verb")
    named = verb.get("id") if isinstance(verb, Mapping) else None
    told = found.get("object")
    return {
        "id": str(found.get("id", "")).lower(),
        "verb": named,
        "object": told.get("id") if isinstance(told, Mapping) else None,
    }
