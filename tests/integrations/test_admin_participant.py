"""A participant's page tells what waits for another id, and what a corrected one sent."""

from __future__ import annotations

import pytest

from objectives.models import Participant
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db


def page(participant: Participant) -> str:
    return f"/admin/objectives/participant/{participant.pk}/change/"


@pytest.fixture
def ann(cast: Cast) -> Participant:
    """Somebody without an e-mail address, of whom one result is held."""
    organization = cast.northwind.organization
    found = make.participant(organization, "ann")
    result = make.result(organization, participant=found)
    make.delivery(result, make.configuration(organization), "held", content="")
    return found


def test_page__says_how_many_results_are_held(cast: Cast, ann: Participant) -> None:
    html = cast.client("viewer").get(page(ann)).content.decode()
    assert "1 result waits until the id is an e-mail address." in html


def test_correction__says_how_many_held_results_are_sent(cast: Cast, ann: Participant) -> None:
    typed = {"participant_id": "ann@example.com"}
    response = cast.client("editor").post(page(ann), typed, follow=True)
    assert "1 held result is sent now." in [str(message) for message in response.context["messages"]]


def test_correction__that_releases_nothing__says_nothing_of_it(cast: Cast, ann: Participant) -> None:
    response = cast.client("editor").post(page(ann), {"participant_id": "anne"}, follow=True)
    assert not [text for text in map(str, response.context["messages"]) if "held" in text]
