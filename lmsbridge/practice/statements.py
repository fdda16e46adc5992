"""Strict checks of whole xAPI statements (xAPI 1.0.3, part two, section 2) and when two of them are the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lmsbridge.practice import values
from lmsbridge.practice.values import Check, Invalid

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
# A provider's clock may be a little ahead of ours.
CLOCK_DIFFERENCE = timedelta(seconds=60)

# Actors ------------------------------------------------------------------------------------------------------------

ACCOUNT = {"homePage": values.iri, "name": values.filled_text}
AGENT: dict[str, Check] = {
    "objectType": values.one_of("Agent"),
    "name": values.text,
    "mbox": values.mailto,
    "mbox_sha1sum": values.sha1,
    "openid": values.iri,
    "account": values.object_with(ACCOUNT, "homePage", "name"),
}


def _identifiers(value: dict[str, Any]) -> list[str]:
    return [key for key in IDENTIFIERS if key in value]


def agent(value: Any, path: str) -> None:
    """An Agent with exactly one identifier."""
    values.fields(value, path, AGENT)
    found = _identifiers(value)
    if len(found) != 1:
        number = "no identifier" if not found else "more than one identifier"
        raise Invalid(f"{path} has {number}; it must have exactly one of {', '.join(IDENTIFIERS)}.")


GROUP: dict[str, Check] = AGENT | {"objectType": values.one_of("Group"), "member": values.array_of(agent)}


def group(value: Any, path: str) -> None:
    """A Group with one identifier, or without one and with members."""
    values.fields(value, path, GROUP, ("objectType",))
    found = _identifiers(value)
    if len(found) > 1:
        raise Invalid(f"{path} has more than one identifier; it may have one of {', '.join(IDENTIFIERS)}.")
    if not found and not value.get("member"):
        raise Invalid(f"{path} has neither an identifier nor members.")


def actor(value: Any, path: str) -> None:
    """An Agent or a Group."""
    (group if type(value) is dict and value.get("objectType") == "Group" else agent)(value, path)


# Verbs and objects -------------------------------------------------------------------------------------------------

VERB: dict[str, Check] = {"id": values.iri, "display": values.language_map}
verb = values.object_with(VERB, "id")

_component = values.object_with({"id": values.filled_text, "description": values.language_map}, "id")
COMPONENTS = {
    "choices": ("choice", "sequencing"),
    "scale": ("likert",),
    "source": ("matching",),
    "target": ("matching",),
    "steps": ("performance",),
}
INTERACTIONS = (
    *("true-false", "choice", "fill-in", "long-fill-in", "matching"),
    *("performance", "sequencing", "likert", "numeric", "other"),
)


def _components(value: Any, path: str) -> None:
    values.array_of(_component)(value, path)
    if len({member["id"] for member in value}) != len(value):
        raise Invalid(f"{path} has the same id twice.")


DEFINITION: dict[str, Check] = {
    "name": values.language_map,
    "description": values.language_map,
    "type": values.iri,
    "moreInfo": values.iri,
    "extensions": values.extensions,
    "interactionType": values.one_of(*INTERACTIONS),
    "correctResponsesPattern": values.array_of(values.text),
} | dict.fromkeys(COMPONENTS, _components)


def _definition(value: Any, path: str) -> None:
    values.fields(value, path, DEFINITION)
    kind = value.get("interactionType")
    if kind is None and "correctResponsesPattern" in value:
        raise Invalid(f"{path} has correctResponsesPattern but no interactionType.")
    for name, kinds in COMPONENTS.items():
        if name in value and kind not in kinds:
            raise Invalid(f"{path} has {name}, which goes with interactionType {' or '.join(kinds)} only.")


ACTIVITY: dict[str, Check] = {
    "objectType": values.one_of("Activity"),
    "id": values.iri,
    "definition": _definition,
}
activity = values.object_with(ACTIVITY, "id")
statement_ref = values.object_with(
    {"objectType": values.one_of("StatementRef"), "id": values.uuid}, "objectType", "id"
)


def _object(value: Any, path: str) -> None:
    kind = value.get("objectType", "Activity") if type(value) is dict else "Activity"
    check = OBJECTS.get(kind) if type(kind) is str else None
    if check is None:
        raise Invalid(f"{path}.objectType must be one of {', '.join(OBJECTS)}.")
    check(value, path)


# Result and context ------------------------------------------------------------------------------------------------

SCORE: dict[str, Check] = dict.fromkeys(("scaled", "raw", "min", "max"), values.number)


def _score(value: Any, path: str) -> None:
    values.fields(value, path, SCORE)
    scaled, raw, low, high = (value.get(key) for key in SCORE)
    if scaled is not None and not -1 <= scaled <= 1:
        raise Invalid(f"{path}.scaled must be between -1 and 1.")
    if low is not None and high is not None and low >= high:
        raise Invalid(f"{path}.min must be below {path}.max.")
    if raw is not None and high is not None and raw > high:
        raise Invalid(f"{path}.raw must not be above {path}.max.")
    if raw is not None and low is not None and raw < low:
        raise Invalid(f"{path}.raw must not be below {path}.min.")


RESULT: dict[str, Check] = {
    "score": _score,
    "success": values.boolean,
    "completion": values.boolean,
    "response": values.text,
    "duration": values.duration,
    "extensions": values.extensions,
}
result = values.object_with(RESULT)

_activities = values.array_of(activity)


def _activity_or_activities(value: Any, path: str) -> None:
    (_activities if type(value) is list else activity)(value, path)


CONTEXT: dict[str, Check] = {
    "registration": values.uuid,
    "instructor": actor,
    "team": group,
    "contextActivities": values.object_with(
        dict.fromkeys(("parent", "grouping", "category", "other"), _activity_or_activities)
    ),
    "revision": values.text,
    "platform": values.text,
    "language": values.language,
    "statement": statement_ref,
    "extensions": values.extensions,
}
_types = values.array_of(values.iri)
# xAPI 2.0 (IEEE 9274.1.1) adds these two; to a 1.0.3 store they are unknown properties.
CONTEXT_2: dict[str, Check] = CONTEXT | {
    f"context{kind}s": values.array_of(
        values.object_with(
            {"objectType": values.one_of(f"context{kind}"), kind.lower(): check, "relevantTypes": _types},
            "objectType",
            kind.lower(),
        )
    )
    for kind, check in (("Agent", agent), ("Group", group))
}

# Statements --------------------------------------------------------------------------------------------------------

ATTACHMENT: dict[str, Check] = {
    "usageType": values.iri,
    "display": values.language_map,
    "description": values.language_map,
    "contentType": values.filled_text,
    "length": values.whole_number,
    "sha2": values.filled_text,
    "fileUrl": values.iri,
}
# Without a file URL the data would have to be in the request, which takes multipart/mixed.
attachment = values.object_with(ATTACHMENT, "usageType", "display", "contentType", "length", "sha2", "fileUrl")

SUB_STATEMENT: dict[str, Check] = {
    "objectType": values.one_of("SubStatement"),
    "actor": actor,
    "verb": verb,
    "object": _object,
    "result": result,
    "context": values.object_with(CONTEXT),
    "timestamp": values.timestamp,
    "attachments": values.array_of(attachment),
}
STATEMENT: dict[str, Check] = {key: check for key, check in SUB_STATEMENT.items() if key != "objectType"} | {
    "id": values.uuid,
    "stored": values.timestamp,
    "authority": actor,
    "version": values.one_of("1.0.0"),
}
STATEMENT_2: dict[str, Check] = STATEMENT | {
    "context": values.object_with(CONTEXT_2),
    "version": values.one_of("1.0.0", "2.0.0"),
}


def _together(value: dict[str, Any], path: str = "") -> None:
    kind = value["object"].get("objectType", "Activity")
    for key in ("revision", "platform"):
        if kind != "Activity" and key in value.get("context", ()):
            raise Invalid(f"{path}context.{key} goes with an Activity as object only.")
    if value["verb"]["id"] == VOIDED and kind != "StatementRef":
        raise Invalid(f"{path}object must be a StatementRef where the verb is voided.")


def sub_statement(value: Any, path: str) -> None:
    """A statement inside another one: it has no id of its own and holds no further one."""
    values.fields(value, path, SUB_STATEMENT, ("objectType", "actor", "verb", "object"))
    if value["object"].get("objectType") == "SubStatement":
        raise Invalid(f"{path}.object must not be a SubStatement again.")
    _together(value, f"{path}.")


OBJECTS: dict[str, Check] = {
    "Activity": activity,
    "Agent": agent,
    "Group": group,
    "StatementRef": statement_ref,
    "SubStatement": sub_statement,
}


def check_statement(value: Any, *, now: datetime, second_edition: bool = False) -> None:
    """Raises ``Invalid`` unless the value is a valid statement of xAPI 1.0.3, or of 2.0 if told so."""
    values.fields(value, "", STATEMENT_2 if second_edition else STATEMENT, ("actor", "verb", "object"))
    _together(value)
    if "timestamp" in value and values.moment(value["timestamp"]) > now + CLOCK_DIFFERENCE:
        raise Invalid("timestamp lies in the future.")


# Sameness ----------------------------------------------------------------------------------------------------------


def essence(statement: dict[str, Any]) -> dict[str, Any]:
    """What makes a statement the one it is (xAPI 1.0.3, part two, 2.3.1).

    What the store sets, display texts, definitions, the way a time zone is written and a lone context activity
    instead of an array of one are no part of it.
    """
    kept = {key: part for key, part in statement.items() if key not in {"stored", "authority", "version"}}
    kept["verb"] = statement["verb"]["id"]
    kept["actor"] = _typed(statement["actor"], "Agent")
    kept["object"] = _object_essence(statement["object"])
    if "id" in kept:
        kept["id"] = kept["id"].lower()
    if "timestamp" in kept:
        kept["timestamp"] = values.moment(kept["timestamp"]).isoformat()
    if "contextActivities" in kept.get("context", ()):
        kept["context"] = {**kept["context"], "contextActivities": _ids(kept["context"]["contextActivities"])}
    return kept


def _typed(value: dict[str, Any], default: str) -> dict[str, Any]:
    return {"objectType": default, **value}


def _object_essence(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("objectType") == "SubStatement":
        return essence(value)
    return {key: part for key, part in _typed(value, "Activity").items() if key != "definition"}


def _ids(activities: dict[str, Any]) -> dict[str, list[str]]:
    return {
        key: [one["id"] for one in (found if isinstance(found, list) else [found])]
        for key, found in activities.items()
    }
