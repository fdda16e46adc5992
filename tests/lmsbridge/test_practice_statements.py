"""What the practice LMS takes for a valid statement."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from lmsbridge.practice.statements import check_statement, essence
from lmsbridge.practice.strictjson import parse
from lmsbridge.practice.values import Invalid
from tests.fixtures_validator import Validator
from tests.lms import sample_statement

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UUID = "0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f"
AGENT = {"mbox": "mailto:ann@example.com"}
ACTIVITY = {"id": "https://product.example/objectives/42"}
VERB = {"id": "http://adlnet.gov/expapi/verbs/passed"}
SUB = {"objectType": "SubStatement", "actor": AGENT, "verb": VERB, "object": ACTIVITY}
GONE = object()


def with_part(path: str, value: Any) -> dict[str, Any]:
    """A sample statement in which the part at this path has this value, or is left out if that is ``GONE``."""
    statement = copy.deepcopy(sample_statement())
    *parents, last = path.split("/")
    place = statement
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    if value is GONE:
        del place[last]
    return statement


REFUSED = {
    "actor missing": ("actor", GONE, "the statement lacks"),
    "verb missing": ("verb", GONE, "the statement lacks"),
    "object missing": ("object", GONE, "the statement lacks"),
    "actor without identifier": ("actor", {"name": "Ann"}, "actor has no identifier"),
    "actor with two identifiers": ("actor", AGENT | {"openid": "https://a.example/"}, "actor has more than one"),
    "actor as array": ("actor", [AGENT], "actor must be an object"),
    "actor of unknown type": ("actor/objectType", "Person", "actor.objectType must be"),
    "agent with members": ("actor/member", [AGENT], "unknown property"),
    "account without home page": ("actor", {"account": {"name": "1"}}, "lacks the property"),
    "account without name": ("actor", {"account": {"homePage": "https://a.example"}}, "lacks the property"),
    "account with empty name": ("actor", {"account": {"homePage": "https://a.example", "name": ""}}, "not empty"),
    "account home page no IRI": ("actor", {"account": {"homePage": "a.example", "name": "1"}}, "an IRI"),
    "mbox without mailto": ("actor/mbox", "ann@example.com", "mailto:"),
    "mbox without domain": ("actor/mbox", "mailto:ann", "mailto:"),
    "mbox with line break": ("actor/mbox", "mailto:ann@example.com\n", "mailto:"),
    "mbox with header fields": ("actor/mbox", "mailto:ann@example.com?cc=x@example.com", "mailto:"),
    "sha1sum too short": ("actor", {"mbox_sha1sum": "abc"}, "SHA-1"),
    "openid no IRI": ("actor", {"openid": "ann"}, "an IRI"),
    "anonymous group without members": ("actor", {"objectType": "Group", "name": "All"}, "neither"),
    "group with two identifiers": ("actor", {"objectType": "Group", **AGENT, "openid": "x:y"}, "more than one"),
    "group in a group": ("actor", {"objectType": "Group", "member": [{"objectType": "Group", **AGENT}]}, "member[0]"),
    "Context": ("Context", {"platform": "x"}, 'its name is written "context"'),
    "unknown property": ("colour", "red", 'unknown property "colour"'),
    "unknown property in result": ("result/Extensions", {"x:y": 1}, 'its name is written "extensions"'),
    "unknown property in context": ("context/Registration", UUID, 'its name is written "registration"'),
    "context agents in 1.0.3": ("context/contextAgents", [], "unknown property"),
    "id no UUID": ("id", "1", "id must be a UUID"),
    "id with braces": ("id", f"{{{UUID}}}", "id must be a UUID"),
    "id with line break": ("id", f"{UUID}\n", "id must be a UUID"),
    "id without hyphens": ("id", UUID.replace("-", ""), "id must be a UUID"),
    "registration no UUID": ("context/registration", "this-is-my-registration-id", "must be a UUID"),
    "verb without id": ("verb", {"display": {"en": "passed"}}, "verb lacks"),
    "verb no IRI": ("verb/id", "passed", "verb.id must be an IRI"),
    "verb with a space": ("verb/id", "http://a.example/has passed", "verb.id must be an IRI"),
    "verb without host": ("verb/id", "http:///passed", "verb.id must be an IRI"),
    "verb with bad percent sign": ("verb/id", "http://a.example/100%", "verb.id must be an IRI"),
    "display no language map": ("verb/display", "passed", "text for each language"),
    "display with bad tag": ("verb/display", {"en_US": "passed"}, "not a language tag"),
    "display with a number": ("verb/display", {"en": 1}, "must be text"),
    "object no IRI": ("object/id", "42", "object.id must be an IRI"),
    "object of unknown type": ("object/objectType", "Course", "object.objectType must be"),
    "object type no text": ("object/objectType", 1, "object.objectType must be"),
    "definition type no IRI": ("object/definition/type", "course", "an IRI"),
    "definition empty": ("object/definition", {}, "is empty"),
    "interaction unknown": ("object/definition/interactionType", "quiz", "must be"),
    "pattern without interaction": ("object/definition/correctResponsesPattern", ["a"], "no interactionType"),
    "choices without choice": (
        "object/definition",
        {"interactionType": "numeric", "choices": [{"id": "a"}]},
        "choices, which goes with",
    ),
    "choice id twice": (
        "object/definition",
        {"interactionType": "choice", "choices": [{"id": "a"}, {"id": "a"}]},
        "same id twice",
    ),
    "statement ref no UUID": ("object", {"objectType": "StatementRef", "id": "1"}, "must be a UUID"),
    "sub-statement with id": ("object", SUB | {"id": UUID}, 'unknown property "id"'),
    "sub-statement in itself": ("object", SUB | {"object": SUB}, "must not be a SubStatement"),
    "sub-statement without verb": ("object", {k: v for k, v in SUB.items() if k != "verb"}, "lacks"),
    "voiding an activity": ("verb/id", "http://adlnet.gov/expapi/verbs/voided", "must be a StatementRef"),
    "scaled 1.5": ("result/score/scaled", 1.5, "between -1 and 1"),
    "scaled -1.1": ("result/score/scaled", -1.1, "between -1 and 1"),
    "scaled as text": ("result/score/scaled", "0.9", "must be a number"),
    "scaled as boolean": ("result/score/scaled", True, "must be a number"),
    "scaled not a number": ("result/score/scaled", float("nan"), "must be a number"),
    "raw endless": ("result/score/raw", float("inf"), "must be a number"),
    "raw of 400 digits": ("result/score/raw", 10**400, "must be a number"),
    "raw above max": ("result/score/raw", 11, "must not be above"),
    "raw below min": ("result/score/raw", -1, "must not be below"),
    "min not below max": ("result/score", {"min": 5, "max": 5}, "must be below"),
    "score empty": ("result/score", {}, "result.score is empty"),
    "score with own key": ("result/score/grade", "A", "unknown property"),
    "success as text": ("result/success", "true", "true or false"),
    "completion as number": ("result/completion", 1, "true or false"),
    "response as number": ("result/response", 1, "must be text"),
    "result empty": ("result", {}, "result is empty"),
    "duration in words": ("result/duration", "63 s", "ISO 8601 duration"),
    "duration P": ("result/duration", "P", "ISO 8601 duration"),
    "duration PT": ("result/duration", "PT", "ISO 8601 duration"),
    "duration ending in T": ("result/duration", "P1DT", "ISO 8601 duration"),
    "duration with weeks and days": ("result/duration", "P1W2D", "ISO 8601 duration"),
    "duration with early fraction": ("result/duration", "PT1.5M3S", "ISO 8601 duration"),
    "duration as clock": ("result/duration", "PT00:01:03", "ISO 8601 duration"),
    "extension key no IRI": ("result/extensions", {"progress": 1}, "not an IRI"),
    "context extension key no IRI": ("context/extensions", {"session": 1}, "not an IRI"),
    "definition extension key no IRI": ("object/definition/extensions", {"a b": 1}, "not an IRI"),
    "extensions empty": ("context/extensions", {}, "is empty"),
    "context empty": ("context", {}, "context is empty"),
    "context language": ("context/language", "English, please", "language tag"),
    "context activities with own key": ("context/contextActivities/course", [ACTIVITY], "unknown property"),
    "context activity without id": ("context/contextActivities/parent", [{}], "is empty"),
    "context activity is an agent": ("context/contextActivities/parent", {"objectType": "Agent", **AGENT}, "must be"),
    "team is an agent": ("context/team", AGENT, "lacks"),
    "context statement no ref": ("context/statement", {"id": UUID}, "lacks"),
    "timestamp without zone": ("timestamp", "2025-11-21T10:11:12", "no time zone"),
    "timestamp -00:00": ("timestamp", "2025-11-21T10:11:12-00:00", "-00:00"),
    "timestamp without time": ("timestamp", "2025-11-21", "a date and time"),
    "timestamp with a blank": ("timestamp", "2025-11-21 10:11:12Z", "a date and time"),
    "timestamp of no day": ("timestamp", "2025-02-30T10:11:12Z", "does not exist"),
    "timestamp in year 0": ("timestamp", "0000-01-01T00:00:00Z", "does not exist"),
    "timestamp out of range": ("timestamp", "0001-01-01T00:00:00+05:00", "does not exist"),
    "timestamp as number": ("timestamp", 1763719872, "a date and time"),
    "timestamp in the future": ("timestamp", "2026-11-21T12:01:01Z", "in the future"),
    "version of the header": ("version", "1.0.3", "version must be"),
    "authority without identifier": ("authority", {"name": "x"}, "no identifier"),
    "stored without zone": ("stored", "2025-11-21T10:11:12", "no time zone"),
    "attachment without URL": (
        "attachments",
        [{"usageType": "x:y", "display": {"en": "x"}, "contentType": "text/plain", "length": 1, "sha2": "00"}],
        "lacks",
    ),
    "null result": ("result", None, "result is null"),
    "null timestamp": ("timestamp", None, "timestamp is null"),
    "null score": ("result/score/raw", None, "result.score.raw is null"),
    "null language": ("verb/display", {"en": None}, "verb.display.en is null"),
    "null actor name": ("actor/name", None, "actor.name is null"),
}


@pytest.mark.parametrize(("path", "value", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_statement__one_fault(path: str, value: Any, words: str) -> None:
    with pytest.raises(Invalid) as problem:
        check_statement(with_part(path, value), now=NOW)
    assert words in str(problem.value)


@pytest.mark.parametrize("value", [None, [], "text", 1, {}])
def test_statement__no_object_at_all(value: Any) -> None:
    with pytest.raises(Invalid, match="the statement"):
        check_statement(value, now=NOW)


ACCEPTED = {
    "sample": ("id", UUID),
    "no id": ("id", GONE),
    "no timestamp": ("timestamp", GONE),
    "account": ("actor", {"account": {"homePage": "https://lms.example.com", "name": "1625378"}}),
    "sha1sum": ("actor", {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"}),
    "openid": ("actor", {"openid": "https://ann.openid.example/"}),
    "anonymous group": ("actor", {"objectType": "Group", "member": [AGENT]}),
    "identified group": ("actor", {"objectType": "Group", "mbox": "mailto:team@example.com"}),
    "mbox with plus and quotes": ("actor/mbox", "mailto:o'neil+x@mail.example.co.uk"),
    "mbox beyond ASCII": ("actor/mbox", "mailto:jürgen@bücher.example"),
    "verb IRI beyond ASCII": ("verb/id", "https://example.com/verbs/bestätigt"),
    "urn": ("object/id", "urn:uuid:0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f"),
    "language tags": ("verb/display", {"zh-Hant-TW": "x", "de-CH-1996": "x", "x-own": "x", "en": ""}),
    "choice": ("object/definition", {"interactionType": "choice", "choices": [{"id": "a"}]}),
    "agent as object": ("object", {"objectType": "Agent", **AGENT}),
    "group as object": ("object", {"objectType": "Group", **AGENT}),
    "statement ref": ("object", {"objectType": "StatementRef", "id": UUID}),
    "sub-statement": ("object", SUB),
    "scaled -1": ("result/score/scaled", -1),
    "raw alone": ("result/score", {"raw": 120}),
    "duration": ("result/duration", "PT4M5.25S"),
    "duration of weeks": ("result/duration", "P4W"),
    "duration of all": ("result/duration", "P1Y2M3DT4H5M6S"),
    "null in an extension": ("result/extensions", {"https://a.example/x": None}),
    "empty object in an extension": ("context/extensions", {"https://a.example/x": {}}),
    "registration": ("context/registration", UUID.upper()),
    "context activity alone": ("context/contextActivities/parent", ACTIVITY),
    "context activities": ("context/contextActivities/grouping", [ACTIVITY, ACTIVITY]),
    "offset": ("timestamp", "2025-11-21T10:11:12.123456789+05:30"),
    "leap day": ("timestamp", "2024-02-29T23:59:59Z"),
    "year 2038": ("object", SUB | {"timestamp": "2038-01-19T03:14:08Z"}),
    "clock a minute ahead": ("timestamp", "2026-11-21T12:01:00Z"),
    "version 1.0.0": ("version", "1.0.0"),
    "attachment by URL": (
        "attachments",
        [
            {"usageType": "x:y", "display": {"en": "x"}, "contentType": "text/plain", "length": 1, "sha2": "00"}
            | {"fileUrl": "https://a.example/file"}
        ],
    ),
}


@pytest.mark.parametrize(("path", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_statement__valid(path: str, value: Any) -> None:
    check_statement(with_part(path, value), now=NOW)


# The standard allows both; the independent validator does not take them.
NOT_TAKEN_BY_ALL = {"mbox beyond ASCII", "context activity alone"}


def test_statement__valid_for_the_independent_validator(xapi_validator: Validator) -> None:
    shared = {name: part for name, part in ACCEPTED.items() if name not in NOT_TAKEN_BY_ALL}
    found = xapi_validator([with_part(path, value) for path, value in shared.values()])
    assert {name: problems for name, problems in zip(shared, found, strict=True) if problems} == {}


def test_statement__context_agents_in_second_edition() -> None:
    agents = [{"objectType": "contextAgent", "agent": AGENT, "relevantTypes": ["https://a.example/type"]}]
    check_statement(with_part("context/contextAgents", agents), now=NOW, second_edition=True)


def test_statement__context_group_of_an_agent_in_second_edition() -> None:
    groups = [{"objectType": "contextGroup", "group": AGENT}]
    with pytest.raises(Invalid, match="lacks"):
        check_statement(with_part("context/contextGroups", groups), now=NOW, second_edition=True)


@pytest.mark.parametrize("key", ["revision", "platform"])
def test_statement__activity_words_beside_an_agent(key: str) -> None:
    statement = with_part("object", {"objectType": "Agent", **AGENT}) | {"context": {key: "x"}}
    with pytest.raises(Invalid, match=f"context.{key} goes with an Activity"):
        check_statement(statement, now=NOW)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1, "a": 2}', "same property twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "too deeply"),
        (b"1" * 5000, "not JSON"),
    ],
)
def test_body__not_strict_json(body: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse(body)


def test_essence__what_a_store_may_change() -> None:
    one = sample_statement(id=UUID, context={"contextActivities": {"parent": ACTIVITY}})
    other = copy.deepcopy(one) | {
        "id": UUID.upper(),
        "timestamp": "2025-11-21T12:11:12.123000+02:00",
        "version": "1.0.0",
    }
    other["verb"]["display"] = {"en": "has passed"}
    other["object"] = {"objectType": "Activity", **ACTIVITY, "definition": {"name": {"en": "Another"}}}
    other["context"] = {"contextActivities": {"parent": [ACTIVITY]}}
    other |= {"stored": "2025-11-21T12:11:13Z", "authority": AGENT}
    assert essence(one) == essence(other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("actor/mbox", "mailto:bob@example.com"),
        ("verb/id", "http://adlnet.gov/expapi/verbs/failed"),
        ("object/id", "https://product.example/objectives/43"),
        ("object", SUB),
        ("result/score/raw", 8),
        ("timestamp", "2025-11-21T10:11:12.124Z"),
    ],
)
def test_essence__what_nobody_may_change(path: str, value: Any) -> None:
    assert essence(with_part("id", UUID)) != essence(with_part(path, value) | {"id": UUID})
