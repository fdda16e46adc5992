"""The soak in small, and whether its reckoning would notice what it is there for."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import Delivery
from tests.processes import Processes
from tests.scene import Scene
from tests.soak.balance import held_against
from tests.soak.run import Size, Soak

SMALL = Size(results=1_000, kills=20, pace=1.8, patience=5.0)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.catalogue("R58")
def test_thousand_results__while_processes_are_killed_and_lmss_fail__arrive_once_each(processes: Processes) -> None:
    found = Soak(58, SMALL, processes).run("Soak in small", "pytest tests/integrations/test_soak.py")
    assert found.passed, str(found)
    assert sum(count for name, count in found.signals.items() if name.startswith("SIGKILL")) == SMALL.kills
    assert found.results >= SMALL.results - SMALL.typed
    assert len(found.faults) > 5


@pytest.fixture
def told(scene: Scene) -> dict[str, Any]:
    """What an LMS says that has everything of two results, once and as it was frozen."""
    scene.configuration.options["url"] = "https://lms.example.com/own/xapi/"
    scene.configuration.save()
    scene.record(2)
    frozen = {str(one.uuid): one.content for one in Delivery.objects.all()}
    return {"stored": {"own": list(frozen), "other": []}, "told": {id: [text] for id, text in frozen.items()}}


def test_reckoning__of_everything_in_its_place__finds_nothing(told: dict[str, Any]) -> None:
    assert held_against(told) == (0, 0, [])


def test_reckoning__of_a_statement_that_is_not_there__finds_it_lost(told: dict[str, Any]) -> None:
    told["stored"]["own"].pop()
    assert held_against(told) == (1, 0, [])


def test_reckoning__of_a_result_that_was_never_planned__finds_it_lost(told: dict[str, Any]) -> None:
    gone = Delivery.objects.order_by("pk")[0]
    told["stored"]["own"].remove(str(gone.uuid))
    del told["told"][str(gone.uuid)]
    gone.delete()
    assert held_against(told) == (1, 0, [])


def test_reckoning__of_a_statement_stored_twice__finds_it(told: dict[str, Any]) -> None:
    told["stored"]["own"].append(told["stored"]["own"][0])
    assert held_against(told) == (0, 1, [])


@pytest.mark.parametrize("versions", [["{}"], ["the first", "the second"]], ids=["other", "two"])
def test_reckoning__of_bytes_that_were_not_frozen__finds_them(told: dict[str, Any], versions: list[str]) -> None:
    told["told"][told["stored"]["own"][0]] = versions
    _lost, _twice, [sentence] = held_against(told)
    assert sentence.startswith("1 ids were told in other bytes than frozen")


def test_reckoning__of_a_statement_that_is_none_of_ours__finds_it(told: dict[str, Any]) -> None:
    told["stored"]["own"].append("foreign")
    assert held_against(told) == (0, 0, ["1 statements in the LMSs are no deliveries of ours."])


def test_reckoning__of_a_statement_in_the_lms_of_somebody_else__finds_it(told: dict[str, Any]) -> None:
    told["stored"]["other"].append(told["stored"]["own"].pop())
    lost, _twice, [sentence] = held_against(told)
    assert lost == 0
    assert sentence.startswith("1 statements are in the LMS of another configuration")
