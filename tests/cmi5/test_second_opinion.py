"""The judge and our statements, held against the npm library @xapi/cmi5."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from lmsbridge.practice.cmi5.sessions import Session
from tests.cmi5.comparison import differences
from tests.cmi5.fixtures import Play
from tests.cmi5.player import MASTERY_SCORE, RESULTS, Player, launched, registered, violated
from tests.cmi5.structure import structure, unit
from tests.lms import PracticeLMS

PASS = f"pass:{json.dumps(RESULTS['passed']['score'])}"
FAIL = f"fail:{json.dumps(RESULTS['failed']['score'])}"
SESSIONS = {
    "passing": (["initialize", "complete", PASS, "terminate"], ["initialized", "completed", "passed", "terminated"]),
    "failing": (["initialize", "complete", FAIL, "terminate"], ["initialized", "completed", "failed", "terminated"]),
    "leaving": (["initialize", "progress:50", "terminate"], ["initialized", "progressed", "terminated"]),
}


def played_by_them(lms: PracticeLMS, play: Play, steps: list[str], **choices: Any) -> Session:
    session = launched(lms, registered(lms), **choices)
    ended = play(session.link, *steps)
    assert ended.returncode == 0, ended.stderr
    return session


def played_by_hand(lms: PracticeLMS, verbs: list[str], **choices: Any) -> Session:
    session = launched(lms, registered(lms), **choices)
    Player(session.link).start(*verbs)
    return session


# The library


@pytest.mark.alone
@pytest.mark.parametrize("name", SESSIONS)
def test_library__plays_a_session__that_breaks_no_rule(
    practice_lms: PracticeLMS, second_opinion: Play, name: str
) -> None:
    session = played_by_them(practice_lms, second_opinion, SESSIONS[name][0])
    assert (violated(session), session.state.value) == ([], "terminated")


@pytest.mark.alone
@pytest.mark.parametrize("name", SESSIONS)
def test_library__sends_what_a_session_by_hand_sends(
    practice_lms: PracticeLMS, second_opinion: Play, name: str
) -> None:
    steps, verbs = SESSIONS[name]
    theirs = played_by_them(practice_lms, second_opinion, steps)
    ours = played_by_hand(practice_lms, verbs)
    assert differences(ours.statements, theirs.statements) == []


@pytest.mark.alone
def test_library__told_to_break_a_rule__is_refused(practice_lms: PracticeLMS, second_opinion: Play) -> None:
    session = launched(practice_lms, registered(practice_lms, structure(unit(masteryScore=""))))
    ended = second_opinion(session.link, "initialize", "pass:0.9", "fail:0.1")
    assert ended.returncode == 1
    assert "403" in ended.stderr
    assert violated(session) == ["cmi5-9.3-passed-or-failed", "cmi5-9.3.5-failed-after-passed"]


# The comparison


def test_comparison__of_two_like_sessions__finds_nothing(practice_lms: PracticeLMS) -> None:
    verbs = SESSIONS["passing"][1]
    first, second = (played_by_hand(practice_lms, verbs) for _ in range(2))
    assert differences(first.statements, second.statements) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["result", "score", "scaled"], 0.91),
        (["result", "duration"], "63 s"),
        (["context", "extensions", MASTERY_SCORE], 0.7),
        (["context", "registration"], "mine"),
        (["timestamp"], "2026-01-01T00:00:00+02:00"),
        (["verb", "id"], "http://adlnet.gov/expapi/verbs/failed"),
        (["context", "contextActivities", "category"], []),
        (["object", "id"], "https://a.example/1"),
        (["extra"], 1),
    ],
)
def test_comparison__of_a_statement_with_one_thing_changed__names_it(
    practice_lms: PracticeLMS, path: list[str], value: Any
) -> None:
    theirs = played_by_hand(practice_lms, ["initialized", "passed"]).statements
    ours = copy.deepcopy(theirs)
    place = ours[1]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    found = differences(ours, theirs)
    assert found
    assert all(".".join(path) in one for one in found)


def test_comparison__of_a_session_that_lacks_a_statement__says_so(practice_lms: PracticeLMS) -> None:
    theirs = played_by_hand(practice_lms, ["initialized", "terminated"]).statements
    assert differences(theirs[:1], theirs) == ["We sent 1 statements, they 2."]
