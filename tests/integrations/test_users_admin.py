"""Adding people to LMSs in the admin, profiles as lines, and the list of differences."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.models import Delivery, Difference, Lane, LMSConfiguration
from objectives.models import Job, Participant
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import Scene, pump

pytestmark = pytest.mark.django_db

PEOPLE, DIFFERENCES = "/admin/objectives/participant/", "/admin/integrations/difference/"


def client_of(organization: Any, role: str = "editor") -> Client:
    client = Client()
    client.force_login(make.member(organization, role))
    return client


def said(response: Any) -> str:
    return " ".join(str(one) for one in response.context["messages"])


# People ----------------------------------------------------------------------------------------------------------


def test_people__are_added_by_a_job(stackone: Catalogue) -> None:
    posted = {"action": "provide", "_selected_action": [stackone.ann.pk]}
    client = client_of(stackone.organization)
    assert "Add people to an LMS" in client.post(PEOPLE, posted).content.decode()
    client.post(PEOPLE, posted | {"post": "yes", "configuration": stackone.configuration.pk})
    job = Job.objects.get()
    assert (job.kind, job.parameters["participants"]) == ("people", [stackone.ann.pk])


def test_people__where_no_lms_has_any__says_so(stackone: Catalogue) -> None:
    Lane.objects.update(learned={"users": False})
    posted = {"action": "provide", "_selected_action": [stackone.ann.pk]}
    response = client_of(stackone.organization).post(PEOPLE, posted, follow=True)
    assert "None of your LMS configurations" in said(response)


def test_people__by_a_configuration_of_others__are_not_added(stackone: Catalogue) -> None:
    other = Catalogue(stackone.lms, make.organization())
    posted = {"action": "provide", "_selected_action": [stackone.ann.pk], "post": "yes"}
    client_of(stackone.organization).post(PEOPLE, posted | {"configuration": other.configuration.pk})
    assert not Job.objects.exists()


# Profiles --------------------------------------------------------------------------------------------------------


def save(lms: Catalogue, profile: str) -> Any:
    page = f"{PEOPLE}{lms.ann.pk}/change/"
    return client_of(lms.organization).post(
        page, {"participant_id": "ann@example.com", "name": "Ann Lee", "profile": profile}
    )


def test_profile__of_a_person__is_lines_of_names_and_values(stackone: Catalogue) -> None:
    save(stackone, "city: Bern\n\njob: Nurse: night shift")
    assert Participant.objects.get(pk=stackone.ann.pk).profile == {"city": "Bern", "job": "Nurse: night shift"}
    html = client_of(stackone.organization, "viewer").get(f"{PEOPLE}{stackone.ann.pk}/change/").content.decode()
    assert "city: Bern" in html


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("city", "Line 1: write the name of the field, a colon and its value."),
        ("city: Bern\ncity: Basel", "Line 2: “city” is there twice."),
        ("ci ty: Bern", "Line 1: “ci ty” is no name of a field."),
        ("password: secret", "Line 1: “password” cannot be set here."),
        ("email: a@example.com", "Line 1: “email” cannot be set here."),
        ("city: " + "x" * 501, "Line 1: the value is too long."),
    ],
)
def test_profile__with_nonsense__is_refused(stackone: Catalogue, typed: str, problem: str) -> None:
    errors = save(stackone, typed).context["adminform"].form.errors["profile"]
    assert errors == [problem]


def test_profile__with_a_value_that_the_lms_does_not_know__is_refused(elms: ElmsCatalogue) -> None:
    Lane.objects.update(learned={"profile_fields": {"Sex": ["M", "F"]}})
    [error] = save(elms, "Sex: X").context["adminform"].form.errors["profile"]
    assert error == "“LMS” does not allow “X” for Sex. It allows: M, F"
    assert save(elms, "Sex: F").status_code == 302


def test_profile__of_a_configuration__is_saved_where_people_can_be_added(elms: ElmsCatalogue) -> None:
    plain = {"name": "LMS", "contact_email": "it@example.com", **elms.options(), "profile": "company: Northwind"}
    page = f"/admin/integrations/lmsconfiguration/{elms.configuration.pk}/change/"
    client_of(elms.organization, "admin").post(page, plain)
    assert LMSConfiguration.objects.get().profile == {"company": "Northwind"}


def test_profile__of_a_configuration__is_not_asked_for_elsewhere(stackone: Catalogue) -> None:
    LMSConfiguration.objects.update(profile={"company": "Northwind"})
    plain = {"name": "LMS", "contact_email": "it@example.com", **stackone.options()}
    page = f"/admin/integrations/lmsconfiguration/{stackone.configuration.pk}/change/"
    client = client_of(stackone.organization, "admin")
    assert 'name="profile"' not in client.get(page).content.decode()
    client.post(page, plain)
    assert LMSConfiguration.objects.get().profile == {"company": "Northwind"}


# Differences -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(scene: Scene) -> Difference:
    """A result that was delivered and that the LMS lost."""
    scene.record()
    pump()
    scene.lms.store().forget()
    return make.difference(Delivery.objects.get())


def test_differences__are_listed(scene: Scene, lost: Difference) -> None:
    html = client_of(scene.organization, "viewer").get(DIFFERENCES).content.decode()
    assert "Not there" in html
    assert "ann@example.com" in html


def test_differences__queries_do_not_grow(scene: Scene, django_assert_max_num_queries: Any) -> None:
    scene.record(20)
    for delivery in Delivery.objects.all():
        make.difference(delivery)
    client = client_of(scene.organization, "viewer")
    client.get(DIFFERENCES)
    with django_assert_max_num_queries(12):
        client.get(DIFFERENCES)


def test_differences__without_any__say_how_to_compare(scene: Scene) -> None:
    html = client_of(scene.organization).get(DIFFERENCES).content.decode()
    assert "Compare with the LMS" in html


def test_difference__sent_again__arrives_under_its_old_id(scene: Scene, lost: Difference) -> None:
    before = str(lost.delivery.uuid)
    response = client_of(scene.organization).post(f"{DIFFERENCES}{lost.pk}/send/", follow=True)
    pump()
    assert said(response) == "1 is sent again, under its old id."
    assert scene.lms_ids() == [before]


def test_differences__sent_again_by_the_action__arrive(scene: Scene, lost: Difference) -> None:
    client_of(scene.organization).post(DIFFERENCES, {"action": "send_again", "_selected_action": [lost.pk]})
    pump()
    assert len(scene.lms_ids()) == 1
