"""cmi5 sessions with LMSs that say what no LMS should, and with scores at the edge."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from integrations import launches
from integrations.connectors.xapi import cmi5
from integrations.models import Attempt, Launch
from lmsbridge.practice.faults import Fault
from objectives.models import Membership, Result
from tests import make
from tests.cmi5.enrolled import Enrolled
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CATEGORY = {"id": "https://lms.example.com/kind"}
TEMPLATES: list[Any] = [
    [],
    "context",
    {"contextActivities": []},
    {"contextActivities": None},
    {"contextActivities": {"category": "cmi5"}},
    {"contextActivities": {"category": [{}]}},
    {"contextActivities": {"category": [{"id": ["unhashable"]}]}},
    {"contextActivities": {"category": {"id": {}}}},
    {"extensions": "none"},
    {"extensions": ["none"]},
    {"extensions": {"https://lms.example.com/nul": "\0"}},
    {"extensions": {"https://lms.example.com/half": "\ud800"}},
    {"extensions": {"https://lms.example.com/endless": float("1e400")}},
]


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    found: Any = "x"
    for _level in range(levels):
        found = [found]
    return found


@pytest.fixture
def enrolled(scene: Scene) -> Enrolled:
    return Enrolled(scene)


def told_by(enrolled: Enrolled, **launch_data: Any) -> Launch:
    """The launch of a story that is played to its end, by an LMS that says this in its launch data."""
    learner = enrolled.arrive()
    enrolled.session.launch_data.update(launch_data)
    pump()
    learner.press("begin").play_through()
    pump()
    return Launch.objects.get()


@pytest.mark.parametrize("template", [*TEMPLATES, {"extensions": {"https://x.example/deep": deep(900)}}], ids=repr)
def test_template__that_is_none__is_no_session_and_stops_nobody(enrolled: Enrolled, template: Any) -> None:
    found = cmi5._is_template(template) and cmi5._can_be_kept(template)
    assert not found


@pytest.mark.parametrize(
    "template", [{"contextActivities": []}, {"extensions": {"https://x.example/deep": deep(300)}}]
)
def test_launch__with_a_template_that_is_none__is_told_in_plain_xapi(enrolled: Enrolled, template: Any) -> None:
    launch = told_by(enrolled, contextTemplate=template)
    assert launch.cmi5 == "refused"
    assert "none as cmi5 has it" in launch.cmi5_sentence
    assert not Attempt.objects.open().exists()
    assert_sound()


def test_template__with_a_category_of_its_own__keeps_it(enrolled: Enrolled) -> None:
    learner = enrolled.arrive()
    enrolled.session.launch_data["contextTemplate"]["contextActivities"]["category"] = [CATEGORY]
    pump()
    learner.press("begin").play_through()
    assert enrolled.told()[-1] == "terminated"
    for statement in enrolled.session.statements:
        ids = [one["id"] for one in statement["context"]["contextActivities"]["category"]]
        assert ids[0] == CATEGORY["id"]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("mastery", [True, "0.5", -1, 2])
def test_mastery_score__that_is_none__is_no_session(enrolled: Enrolled, mastery: Any) -> None:
    assert told_by(enrolled, masteryScore=mastery).cmi5 == "refused"


def test_launch_data__that_may_be_secret__is_not_kept(enrolled: Enrolled, client: Client) -> None:
    told_by(enrolled, entitlementKey={"courseStructure": "CANARY-1"}, launchParameters="key=CANARY-2")
    launch = Launch.objects.get()
    assert set(launch.session["launch_data"]) <= set(cmi5.KEPT)
    client.force_login(make.member(enrolled.scene.organization, Membership.Role.ADMIN))
    assert "CANARY" not in client.get(f"/admin/integrations/launch/{launch.pk}/change/").content.decode()


def test_launch__by_an_lms_without_documents__is_told_in_plain_xapi(enrolled: Enrolled) -> None:
    enrolled.arrive()
    enrolled.scene.lms.script(["ok", Fault("answer", status=501)])
    pump()
    assert Launch.objects.get().cmi5 == "refused"


# Scores at the edge ------------------------------------------------------------------------------------------------


def test_score__that_rounds_up_to_the_mastery_score__is_passed_as_it_is_told(enrolled: Enrolled) -> None:
    enrolled.launch(mastery_score="0.6667").press("begin")
    launch = Launch.objects.get()
    result = Result(participant=launch.participant, objective=enrolled.scene.objective, completion=True)
    result.success, result.duration = False, timedelta(minutes=1)
    result.score_raw, result.score_min, result.score_max = Decimal(2), Decimal(0), Decimal(3)
    launches.record(launch, result)
    assert enrolled.told()[-2:] == ["passed", "terminated"]
    assert enrolled.session.statements[-2]["result"]["score"]["scaled"] == 0.6667
