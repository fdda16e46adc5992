"""The judge of the practice LMS: each requirement broken once, and sessions that break none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from lmsbridge.practice.cmi5.requirements import REQUIREMENTS
from lmsbridge.practice.cmi5.rules import RULES
from tests.cmi5.player import (
    CATEGORIES,
    MASTERY_SCORE,
    PROGRESS,
    VERBS,
    Player,
    launched,
    registered,
    verbs,
    violated,
)
from tests.cmi5.structure import UNIT, structure, unit
from tests.lms import PracticeLMS, Told, ask

Statement = dict[str, Any]
Change = Callable[[Statement], Any]
OTHER_ID = "0b7c2f5e-6a0e-4f0a-9d0c-3f6c1c1d2e3f"


# Changing a statement that is as it should be


def put(value: Any, *path: str) -> Change:
    """Puts a value into the statement at this path."""

    def change(statement: Statement) -> None:
        for key in path[:-1]:
            statement = statement.setdefault(key, {})
        statement[path[-1]] = value

    return change


def drop(*path: str) -> Change:
    """Takes out what is at this path."""

    def change(statement: Statement) -> None:
        for key in path[:-1]:
            statement = statement[key]
        del statement[path[-1]]

    return change


def categories(*kinds: str) -> Change:
    """Gives the statement these categories, and no other."""
    return put([{"id": CATEGORIES + kind} for kind in kinds], "context", "contextActivities", "category")


def both(*changes: Change) -> Change:
    """One change after the other."""
    return lambda statement: [change(statement) for change in changes]


class Break(NamedTuple):
    """A statement sent after others, with one thing wrong."""

    verb: str
    change: Change = lambda statement: None
    before: tuple[str, ...] = ("initialized",)
    choices: dict[str, Any] = {}
    also: tuple[str, ...] = ()  # what cannot but be broken with it

    def __call__(self, player: Player) -> Told:
        player.start(*self.before)
        statement = player.statement(self.verb)
        self.change(statement)
        return player.send(statement)


SESSION_ID = ("context", "extensions", "https://w3id.org/xapi/cmi5/context/extensions/sessionid")
GROUPING = ("context", "contextActivities", "grouping")

BREAKS: dict[str, Break] = {
    "cmi5-9.3.2-initialized-first": Break("completed", before=()),
    "cmi5-9.3.2-initialized-first-by-time": Break("completed", put("2020-01-01T00:00:00.000Z", "timestamp")),
    "cmi5-9.3.8-terminated-last": Break("completed", before=("initialized", "terminated")),
    "cmi5-9.3.8-terminated-last-by-time": Break(
        "terminated",
        put("2020-01-01T00:00:00.000Z", "timestamp"),
        also=("cmi5-9.3.2-initialized-first-by-time",),
    ),
    "cmi5-9.3-verb-once": Break("initialized"),
    "cmi5-9.3-passed-or-failed": Break("passed", before=("initialized", "failed")),
    "cmi5-10.2.2-mode": Break("completed", choices={"mode": "Review"}),
    "cmi5-6.3-voiding": Break(
        "completed",
        both(put({"id": f"{VERBS}voided"}, "verb"), put({"objectType": "StatementRef", "id": OTHER_ID}, "object")),
        also=("cmi5-9.4-object", "cmi5-7.1.3-cmi5-verbs-only", "cmi5-9.5.3-completion-only-then"),
    ),
    "cmi5-9.1-id": Break("completed", drop("id")),
    "cmi5-9.2-actor": Break("completed", drop("actor", "name")),
    "cmi5-9.3-lms-verbs": Break("terminated", put({"id": "https://w3id.org/xapi/adl/verbs/abandoned"}, "verb")),
    "cmi5-9.4-object": Break("completed", put("https://stories.example.com/another", "object", "id")),
    "cmi5-9.7-timestamp": Break("completed", drop("timestamp")),
    "cmi5-9.7-utc": Break("initialized", put("2026-01-01T12:00:00.000+02:00", "timestamp"), before=()),
    "cmi5-9.6.1-registration": Break("completed", put(OTHER_ID, "context", "registration")),
    "cmi5-9.6.3.1-session-id": Break("completed", put("another", *SESSION_ID), also=("cmi5-10.2.1-template",)),
    "cmi5-9.6.2.3-publisher-id": Break("completed", put([], *GROUPING), also=("cmi5-10.2.1-template",)),
    "cmi5-10.2.1-template": Break("completed", put([{"id": UNIT}], *GROUPING)),
    "cmi5-9.6.2.1-cmi5-category": Break("completed", categories()),
    "cmi5-7.1.3-cmi5-verbs-only": Break("terminated", put({"id": f"{VERBS}experienced"}, "verb")),
    "cmi5-9.6.2.2-moveon-category": Break("completed", categories("cmi5")),
    "cmi5-9.6.2.2-moveon-only-then": Break("terminated", categories("cmi5", "moveon")),
    "cmi5-9.5.1-score-verbs": Break("completed", put({"scaled": 1}, "result", "score")),
    "cmi5-9.5.1-scaled": Break("failed", put({"scaled": -0.5}, "result", "score")),
    "cmi5-9.5.1-raw": Break("passed", put({"scaled": 0.9, "raw": 9}, "result", "score")),
    "cmi5-9.5.1-whole-numbers": Break("passed", put(9.5, "result", "score", "raw")),
    "cmi5-9.5.2-success": Break("passed", put(False, "result", "success")),
    "cmi5-9.5.2-success-only-then": Break("completed", put(True, "result", "success")),
    "cmi5-9.5.3-completion": Break("completed", put(False, "result", "completion")),
    "cmi5-9.5.3-completion-only-then": Break("passed", put(True, "result", "completion")),
    "cmi5-9.5.4.1-duration": Break("passed", drop("result", "duration")),
    "cmi5-9.5.5.1-progress": Break("failed", put({PROGRESS: 150}, "result", "extensions")),
    "cmi5-9.5.5.1-progress-before-completed": Break("completed", put({PROGRESS: 100}, "result", "extensions")),
    "cmi5-9.3.4-mastery": Break("passed", put({"scaled": 0.79}, "result", "score")),
    "cmi5-9.3.5-mastery": Break("failed", put({"scaled": 0.8}, "result", "score")),
    "cmi5-9.6.3.2-masteryscore": Break("passed", drop("context", "extensions", MASTERY_SCORE)),
    "cmi5-9.6.3.2-masteryscore-value": Break("passed", put(0.75, "context", "extensions", MASTERY_SCORE)),
    "xapi-statement": Break("completed", put("now", "timestamp")),
}


# Whole requests


def _second_fetch(player: Player) -> Told:
    player.fetch()
    return player.fetch()


def _bearer(player: Player) -> Told:
    player.fetch()
    return player.ask("statements", Authorization=f"Bearer {player.token}")


def _reading_afterwards(player: Player) -> Told:
    return player.start("initialized", "terminated").state()


def _statement_without_launch_data(player: Player) -> Told:
    player.fetch()
    return player.ask(f"statements?statementId={OTHER_ID}")


def _statement_without_preferences(player: Player) -> Told:
    player.fetch()
    player.launch_data = json.loads(player.state().body)
    return player.send(player.statement("initialized"))


def _wrong_preferences(player: Player) -> Told:
    return player.start().preferences("PUT", b'{"audioPreference":"loud"}')


def _batch(player: Player) -> Told:
    player.start()
    return player.send(player.statement("initialized"), player.statement("completed"))


def _allowed_first(player: Player) -> Told:
    player.start()
    return player.send(player.allowed())


def _id_again(player: Player) -> Told:
    player.start("initialized")
    first, second = player.allowed(), player.allowed()
    player.send(first)
    return player.send(second | {"id": first["id"]})


def _blanks(player: Player) -> Told:
    player.start()
    return player.ask("statements", "POST", json.dumps(player.statement("initialized")).encode())


REQUESTS: dict[str, Callable[[Player], Told]] = {
    "cmi5-8.2.1-post": lambda player: ask(player.given["fetch"]),
    "cmi5-8.2.1-fetch-once": _second_fetch,
    "cmi5-8.2.1-basic": _bearer,
    "cmi5-8.2.1-session-only": _reading_afterwards,
    "cmi5-10.1-state-activity": lambda player: player.start().state(activityId="https://a.example/1"),
    "cmi5-10.1-state-agent": lambda player: player.start().state(agent='{"mbox":"mailto:ann@example.com"}'),
    "cmi5-10.1-state-registration": lambda player: player.start().state(registration=OTHER_ID),
    "cmi5-10.2.1-launch-data-read": _statement_without_launch_data,
    "cmi5-10.2.1-launch-data-kept": lambda player: player.start().state("DELETE"),
    "cmi5-11-preferences-read": _statement_without_preferences,
    "cmi5-11-preferences-agent": lambda player: player.start().preferences(agent='{"mbox":"mailto:a@example.com"}'),
    "cmi5-11-preferences-format": _wrong_preferences,
    "cmi5-9.3.2-initialized-alone": _batch,
    "cmi5-7.1.3-allowed-between": _allowed_first,
    "xapi-request": lambda player: player.start().ask("statements?color=red"),
    "xapi-id-unique": _id_again,
    "seen-compact-json": _blanks,
}


# A second launch in the same registration


FIRST_VERBS = {
    "cmi5-9.3.3-completed-once": ("completed", "completed"),
    "cmi5-9.3.4-passed-once": ("passed", "passed"),
    "cmi5-9.3.5-failed-after-passed": ("passed", "failed"),
}
ABANDONED = "cmi5-9.3.6-abandoned"


@pytest.mark.parametrize("id", BREAKS)
def test_statement__with_one_thing_wrong__is_refused_by_name(practice_lms: PracticeLMS, id: str) -> None:
    session = launched(practice_lms, registered(practice_lms), **BREAKS[id].choices)
    told = BREAKS[id](Player(session.link))
    assert (told.status, session.is_clean) == (REQUIREMENTS[id].status, False)
    assert sorted(violated(session)) == sorted([id, *BREAKS[id].also])


@pytest.mark.parametrize("id", REQUESTS)
def test_request__with_one_thing_wrong__is_refused_by_name(practice_lms: PracticeLMS, id: str) -> None:
    session = launched(practice_lms, registered(practice_lms))
    told = REQUESTS[id](Player(session.link))
    assert (told.status, violated(session)) == (REQUIREMENTS[id].status, [id])
    assert session.is_clean is not REQUIREMENTS[id].foreseeable


@pytest.mark.parametrize("id", FIRST_VERBS)
def test_verb__recorded_in_an_earlier_session__is_refused(practice_lms: PracticeLMS, id: str) -> None:
    registration = registered(practice_lms)
    earlier, later = FIRST_VERBS[id]
    Player(launched(practice_lms, registration).link).start("initialized", earlier, "terminated")
    session = launched(practice_lms, registration)
    player = Player(session.link).start("initialized")
    assert player.send(player.statement(later)).status == REQUIREMENTS[id].status
    assert violated(session) == [id]


def test_session__abandoned_by_a_relaunch__takes_nothing_more(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    session = launched(practice_lms, registration)
    player = Player(session.link).start("initialized")
    launched(practice_lms, registration)
    assert player.send(player.statement("terminated")).status == REQUIREMENTS[ABANDONED].status
    assert (violated(session), session.is_clean) == ([ABANDONED], True)
    assert verbs(session) == ["launched", "initialized", "abandoned"]


def test_table__every_requirement_is_broken_in_a_test() -> None:
    assert {*BREAKS, *REQUESTS, *FIRST_VERBS, ABANDONED} == set(REQUIREMENTS)


def test_table__every_rule_for_statements_is_a_requirement() -> None:
    assert set(RULES) <= set(REQUIREMENTS)


# Nothing wrong


@pytest.mark.parametrize(
    "played", [("completed", "passed"), ("passed", "completed"), ("failed",), ("completed", "failed"), ()]
)
def test_session__that_keeps_the_rules__has_a_clean_log(practice_lms: PracticeLMS, played: tuple[str, ...]) -> None:
    session = launched(practice_lms, registered(practice_lms))
    Player(session.link).start("initialized", *played, "terminated")
    assert violated(session) == []
    assert [one for one in verbs(session) if one != "satisfied"] == ["launched", "initialized", *played, "terminated"]


@pytest.mark.parametrize("mode", ["Browse", "Review"])
def test_session__for_looking_only__has_a_clean_log(practice_lms: PracticeLMS, mode: str) -> None:
    session = launched(practice_lms, registered(practice_lms), mode=mode)
    Player(session.link).start("initialized", "terminated")
    assert violated(session) == []


def test_batch__of_several_verbs__is_taken(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized")
    player.send(*(player.statement(verb) for verb in ("completed", "passed", "terminated")))
    assert (violated(session), session.state.value) == ([], "terminated")


def test_batch__with_one_thing_wrong__is_refused_whole(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized")
    told = player.send(player.statement("completed"), player.statement("passed"), player.statement("passed"))
    assert (told.status, len(session.statements)) == (403, 1)


def test_allowed_statements__with_progress__are_taken(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized")
    assert player.send(player.allowed(extensions={PROGRESS: 50})).status == 200
    assert violated(session) == []


def test_passed__without_a_score__needs_no_mastery_score(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms, structure(unit(masteryScore=""))))
    player = Player(session.link).start("initialized")
    statement = player.statement("passed")
    del statement["result"]["score"]
    assert player.send(statement).status == 200


def test_statement__can_be_read_while_the_session_lives(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized")
    id = session.statements[0]["id"]
    assert json.loads(player.ask(f"statements?statementId={id}").body)["id"] == id
    assert player.ask(f"statements?statementId={OTHER_ID}").status == 404
    assert violated(session) == []
