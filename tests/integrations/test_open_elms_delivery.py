"""Results on their way to an Open eLMS, from recording to what it has in the end."""

from __future__ import annotations

import pytest

from integrations.models import Attachment, Attempt, Delivery, Lane, LMSConfiguration, RemoteContent, RemoteUser
from lmsbridge.practice.open_elms.campus import COMPLETED, Campus, campus_of
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def campus(practice_lms: PracticeLMS) -> Campus:
    """An Open eLMS with Ann's account (1) and *Fire safety* (2)."""
    made = campus_of(practice_lms.store())
    made.add_account("ann@example.com", fname="Ann", lname="Lee")
    made.add_resource("Fire safety")
    return made


@pytest.fixture
def elms(scene: Scene, campus: Campus) -> LMSConfiguration:
    """The scene's objective goes to this Open eLMS alone, and is mapped there."""
    Attachment.objects.all().delete()
    made = LMSConfiguration(
        organization=scene.organization, name="Open eLMS", contact_email="it@example.com", type="open_elms"
    )
    made.set_options({"url": f"{scene.lms.address}/open_elms"}, {"token": "practice-api-key"})
    made.save()
    Attachment.objects.create(configuration=made, objective=scene.objective)
    RemoteContent.objects.update_or_create(
        configuration=made,
        external_reference="fire",
        defaults={"remote_id": "2", "name": "Fire safety", "organization": scene.organization},
    )
    Delivery.objects.filter(configuration=made, kind="content").delete()
    return made


def states(elms: LMSConfiguration) -> list[tuple[str, str]]:
    found = Delivery.objects.filter(configuration=elms).order_by("pk")
    return list(found.values_list("state", "reason"))


def test_result__recorded__is_in_the_open_elms(scene: Scene, elms: LMSConfiguration, campus: Campus) -> None:
    scene.record(score_raw=35, score_min=0, score_max=40)
    pump()
    assert states(elms) == [("delivered", "")]
    assert campus.status(1, 2) == (COMPLETED, 88)
    assert list(RemoteUser.objects.values_list("remote_id", flat=True)) == ["1"]


@pytest.mark.catalogue("R01")
def test_results__of_many_people__cost_three_requests_each(
    scene: Scene, elms: LMSConfiguration, campus: Campus
) -> None:
    people = [scene.person(f"person{number}@example.com") for number in range(100)]
    for person in people:
        remote_id = campus.add_account(person.participant_id)
        RemoteUser.objects.create(
            organization=scene.organization, configuration=elms, participant=person, remote_id=str(remote_id)
        )
    for person in people:
        scene.record(participant=person)
    pump()
    assert states(elms) == [("delivered", "")] * 100
    assert scene.lms.store().request_count == 300
    assert sum(Attempt.objects.filter(lane__configuration=elms).values_list("requests", flat=True)) == 300


@pytest.mark.catalogue("R52")
@pytest.mark.parametrize("healthy", range(4))
def test_result__whose_answer_is_lost_anywhere__arrives_once(
    scene: Scene, elms: LMSConfiguration, campus: Campus, healthy: int
) -> None:
    campus.switch(trainings="a_record_each", assigning_again="reset")
    scene.lms.script([*["ok"] * healthy, "store_then_reset"])
    scene.record()
    pump()
    scene.wait_is_over()
    pump()
    assert states(elms) == [("delivered", "")]
    assert [(one.status, one.score) for one in campus.trainings[1, 2]] == [(COMPLETED, None)]


def test_result__of_somebody_unknown__is_held_with_what_to_do(scene: Scene, elms: LMSConfiguration) -> None:
    scene.record(participant=scene.person("bea@example.com"))
    scene.record()
    pump()
    assert states(elms) == [("held", "unknown_user"), ("delivered", "")]
    assert "Add the person there" in Delivery.objects.get(state="held").sentence


@pytest.mark.catalogue("R18")
def test_result__of_an_objective_whose_learning_resource_is_gone__is_held_and_the_mapping_given_up(
    scene: Scene, elms: LMSConfiguration, campus: Campus
) -> None:
    campus.remove_resource(2)
    scene.record()
    pump()
    assert states(elms) == [("held", "unknown_content")]
    assert RemoteContent.objects.get(configuration=elms).remote_id == ""


@pytest.mark.catalogue("R17")
def test_results__with_a_wrong_token__wait_and_the_status_says_so(scene: Scene, elms: LMSConfiguration) -> None:
    elms.set_options(elms.options, {"token": "wrong"})
    elms.save()
    scene.record()
    pump()
    assert states(elms) == [("queued", "")]
    lane = Lane.objects.get(configuration=elms)
    assert (lane.status, "token" in lane.sentence) == ("server_error", True)
