"""cmi5 sessions of the practice LMS: what it hands out, what it remembers, what it concludes."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from lmsbridge.practice.cmi5 import courses as memory
from lmsbridge.practice.cmi5 import report
from tests.cmi5.player import CATEGORIES, LEARNER, Player, launched, registered, verbs, violated
from tests.cmi5.structure import COURSE, UNIT, URL, block, structure, unit
from tests.lms import PracticeLMS, post_statements, sample_statement

# Launching


def test_link__has_the_five_parameters_beside_the_units_own(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    link = launched(practice_lms, registration).link
    given = parse_qs(urlsplit(link).query)
    assert link.startswith(URL.partition("?")[0])
    assert set(given) == {"own", "endpoint", "fetch", "actor", "registration", "activityId"}
    assert json.loads(given["actor"][0]) == LEARNER
    assert given["registration"] == [registration.id]
    assert given["activityId"] != [UNIT]


def test_activity_id__is_the_same_at_each_launch(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    first, second = (launched(practice_lms, registration) for _ in range(2))
    assert (first.activity, first.code != second.code) == (second.activity, True)


def test_endpoint__without_a_slash_at_its_end(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms), slash=False)
    player = Player(session.link).start("initialized", "progressed", "terminated")
    assert player.given["endpoint"] == practice_lms.url().removesuffix("/")
    assert verbs(session) == ["launched", "initialized", "progressed (cmi5 allowed)", "terminated"]


def test_sessions__of_two_stores__know_nothing_of_each_other(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms, store="northwind"), "northwind")
    player = Player(session.link).start("initialized")
    assert player.given["endpoint"] == practice_lms.url("northwind")
    player.given["endpoint"] = practice_lms.url()
    assert player.state().status == 404
    assert player.send(player.statement("terminated")).status == 401


def test_launch_data__say_what_the_standard_asks_for(practice_lms: PracticeLMS) -> None:
    document = structure(unit(more="<launchParameters>a</launchParameters><entitlementKey>k</entitlementKey>"))
    session = launched(practice_lms, registered(practice_lms, document), mode="Normal")
    data = Player(session.link).start().launch_data
    assert data["contextTemplate"]["contextActivities"]["grouping"] == [{"objectType": "Activity", "id": UNIT}]
    assert session.id in data["contextTemplate"]["extensions"].values()
    assert (data["launchMode"], data["moveOn"], data["masteryScore"]) == ("Normal", "CompletedAndPassed", 0.8)
    assert (data["launchParameters"], data["entitlementKey"]) == ("a", {"courseStructure": "k"})
    assert session.registration.id in data["returnURL"]


def test_mastery_score__chosen_for_the_launch__beats_the_units(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms), mastery_score="0.95")
    player = Player(session.link).start("initialized")
    assert player.launch_data["masteryScore"] == 0.95
    assert player.send(player.statement("passed")).status == 403


@pytest.mark.parametrize("choices", [{"mode": "Test"}, {"window": "kiosk"}])
def test_launch__as_nobody_can__is_refused(practice_lms: PracticeLMS, choices: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such launch mode or window"):
        launched(practice_lms, registered(practice_lms), **choices)


def test_unit__that_wants_a_window_of_its_own__is_not_framed(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms, structure(unit(launchMethod="OwnWindow")))
    with pytest.raises(ValueError, match="window of its own"):
        launched(practice_lms, registration, window="frame")


@pytest.mark.parametrize("answer", ["1", "2", "3"])
def test_token_address__told_to__answers_with_an_error_that_breaks_no_rule(
    practice_lms: PracticeLMS, answer: str
) -> None:
    session = launched(practice_lms, registered(practice_lms), answer=answer)
    assert json.loads(Player(session.link).fetch().body)["error-code"] == answer
    assert violated(session) == []


def test_token__of_a_session_abandoned_before_it_was_asked_for__is_not_given(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    session = launched(practice_lms, registration)
    launched(practice_lms, registration)
    assert json.loads(Player(session.link).fetch().body)["error-code"] == "1"


def test_token__taken_back__opens_nothing(practice_lms: PracticeLMS) -> None:
    player = Player(launched(practice_lms, registered(practice_lms)).link).start("initialized")
    practice_lms.store().sessions.end_all()
    assert player.send(player.statement("terminated")).status == 401


# Preferences


def test_preferences__that_nobody_set__are_not_there(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    assert Player(session.link).start().preferences().status == 404
    assert violated(session) == []


def test_preferences__chosen_at_the_launch__are_told(practice_lms: PracticeLMS) -> None:
    practice_lms.store().courses.prefer(LEARNER, "fr-BE,en", "off")
    told = Player(launched(practice_lms, registered(practice_lms)).link).start().preferences()
    assert json.loads(told.body) == {"languagePreference": "fr-BE,en", "audioPreference": "off"}


def test_preferences__can_be_changed_by_who_knows_them(practice_lms: PracticeLMS) -> None:
    practice_lms.store().courses.prefer(LEARNER, "en")
    player = Player(launched(practice_lms, registered(practice_lms)).link).start()
    changed = b'{"audioPreference":"off"}'
    tag = str(player.preferences().headers["ETag"])
    assert player.preferences("PUT", changed).status == 409
    assert player.preferences("PUT", changed, **{"If-Match": '"other"'}).status == 412
    assert player.preferences("PUT", changed, **{"If-Match": tag}).status == 204
    assert player.preferences().body == changed


def test_preferences__of_nobody_yet__can_be_made(practice_lms: PracticeLMS) -> None:
    player = Player(launched(practice_lms, registered(practice_lms)).link).start()
    made = player.preferences("PUT", b'{"languagePreference":"de, en-US"}', **{"If-None-Match": "*"})
    assert made.status == 204


@pytest.mark.parametrize(
    ("resource", "method", "status"),
    [
        ("activities/state?stateId=LMS.LaunchData&color=red", "GET", 400),
        ("activities/state?stateId=bookmark", "GET", 400),
        ("agents/profile?profileId=cmi5LearnerPreferences&color=red", "GET", 400),
        ("agents/profile?profileId=notes", "GET", 400),
        ("agents/profile?profileId=cmi5LearnerPreferences&agent=%7B", "GET", 403),
    ],
)
def test_documents__asked_for_as_they_must_not_be(
    practice_lms: PracticeLMS, resource: str, method: str, status: int
) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link)
    player.fetch()
    assert player.ask(resource, method).status == status
    assert len(violated(session)) == 1


def test_documents__asked_for_without_a_version__are_not_given(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start()
    headers = {"X-Experience-API-Version": ""}
    asked = [
        player.ask(one, "GET", None, **headers).status for one in ("activities/state", "agents/profile", "statements")
    ]
    assert (asked, violated(session)) == ([400] * 3, ["xapi-request"] * 3)


def test_preferences__are_not_posted(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    assert Player(session.link).start().preferences("DELETE").status == 405
    assert violated(session) == ["xapi-request"]


def test_about__answers_in_a_session_too(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link)
    player.fetch()
    assert (player.ask("about").status, violated(session)) == (200, [])


# What the LMS concludes


def test_course__is_satisfied_by_what_it_asks_for(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized", "passed")
    assert not session.registration.is_satisfied
    player.send(player.statement("completed"))
    assert session.registration.is_satisfied
    assert verbs(session) == ["launched", "initialized", "passed", "completed", "satisfied"]


@pytest.mark.parametrize(
    ("move_on", "played", "satisfied"),
    [
        ("Passed", ["passed"], True),
        ("Passed", ["completed"], False),
        ("Completed", ["completed"], True),
        ("Completed", ["failed"], False),
        ("CompletedOrPassed", ["passed"], True),
        ("CompletedAndPassed", ["completed", "failed"], False),
        ("NotApplicable", [], True),
    ],
)
def test_unit__is_satisfied_by_its_move_on(
    practice_lms: PracticeLMS, move_on: str, played: list[str], satisfied: bool
) -> None:
    session = launched(practice_lms, registered(practice_lms, structure(unit(moveOn=move_on))))
    Player(session.link).start("initialized", *played, "terminated")
    assert session.registration.is_satisfied is satisfied


def test_course__satisfied_over_two_sessions__is_said_once(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    Player(launched(practice_lms, registration).link).start("initialized", "completed", "failed", "terminated")
    session = launched(practice_lms, registration)
    Player(session.link).start("initialized", "passed", "terminated")
    third = launched(practice_lms, registration)
    Player(third.link).start("initialized", "terminated")
    assert verbs(session).count("satisfied") == 1
    assert "satisfied" not in verbs(third)


def test_block__is_satisfied_before_its_course(practice_lms: PracticeLMS) -> None:
    course = structure(block(f"{COURSE}/b", unit(moveOn="Completed")), unit(f"{COURSE}/u2", moveOn="Passed"))
    session = launched(practice_lms, registered(practice_lms, course))
    Player(session.link).start("initialized", "completed")
    (entry,) = [one for one in session.log if one.what == "satisfied"]
    assert entry.statement is not None
    assert entry.statement["object"]["definition"]["type"].endswith("/block")


def test_lms_statements__are_as_the_standard_asks_for(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    session = launched(practice_lms, registration)
    Player(session.link).start("initialized", "failed")
    launched(practice_lms, registration)
    found = {one.what: one.statement for one in session.log if one.by == "LMS"}
    start, end = found["launched"], found["abandoned"]
    assert start is not None
    assert end is not None
    assert {key.rpartition("/")[2] for key in start["context"]["extensions"]} == {
        *("sessionid", "launchmode", "launchurl", "moveon", "masteryscore")
    }
    assert start["context"]["contextActivities"]["category"] == [{"id": f"{CATEGORIES}cmi5"}]
    assert end["result"]["duration"].startswith("PT")


def test_statements__of_units_are_in_the_store(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    Player(session.link).start("initialized", "terminated")
    assert practice_lms.store().statements == session.statements


def test_store__goes_on_to_take_plain_statements(practice_lms: PracticeLMS) -> None:
    launched(practice_lms, registered(practice_lms))
    assert post_statements(practice_lms.url(), sample_statement()).status == 200


def test_faults__hold_for_sessions_too_and_are_not_the_units(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start()
    practice_lms.script(["503"])
    assert player.send(player.statement("initialized")).status == 503
    assert (violated(session), session.statements) == ([], [])


def test_retry__of_what_was_stored_and_allowed__is_no_second_one(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start("initialized")
    statement = player.allowed()
    assert [player.send(statement).status for _ in range(2)] == [200, 204]
    assert len(session.statements) == 2


def test_put__stores_a_statement_like_post(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms))
    player = Player(session.link).start()
    statement = player.statement("initialized")
    id = statement.pop("id")
    body = json.dumps(statement, separators=(",", ":")).encode()
    assert player.ask(f"statements?statementId={id}", "PUT", body).status == 204
    assert (session.statements[0]["id"], violated(session)) == (id, [])


def test_courses__beyond_a_number__are_dropped_the_oldest_first(
    practice_lms: PracticeLMS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_COURSES", 1)
    monkeypatch.setattr(memory, "MOST_REGISTRATIONS", 1)
    session = launched(practice_lms, registered(practice_lms))
    registered(practice_lms, structure(unit(f"{COURSE}/other"), id=f"{COURSE}/2"))
    courses = practice_lms.store().courses
    assert (list(courses.courses), courses.session(session.code)) == ([f"{COURSE}/2"], None)


def test_store__told_to_forget__keeps_its_courses(practice_lms: PracticeLMS) -> None:
    registration = registered(practice_lms)
    session = launched(practice_lms, registration)
    courses = practice_lms.store().courses
    practice_lms.store().forget()
    assert (list(courses.courses), courses.registrations, courses.session(session.code)) == ([COURSE], {}, None)


def test_report__tells_a_session_in_json(practice_lms: PracticeLMS) -> None:
    session = launched(practice_lms, registered(practice_lms), mode="Browse")
    player = Player(session.link).start("initialized")
    player.send(player.statement("completed"))
    told = json.loads(json.dumps(report.of_registration(session.registration)))
    (found,) = told["sessions"]
    assert (found["state"], found["mode"], found["clean"], found["fetched"]) == ("initialized", "Browse", False, True)
    assert [one["id"] for one in found["violations"]] == ["cmi5-10.2.2-mode"]
    assert (told["satisfied"], told["learner"]) == (False, LEARNER)
