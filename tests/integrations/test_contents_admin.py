"""The pages about contents and catalogues: what they show and offer, to whom, and what their buttons do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from integrations import jobs
from integrations.jobs import downloads
from integrations.models import CatalogueItem, Delivery, Lane, LMSConfiguration, RemoteContent
from lmsbridge.practice.faults import fault_from
from lmsbridge.practice.stackone.account import account_of
from objectives.models import Job
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import pump

pytestmark = pytest.mark.django_db

ADMIN = "/admin/integrations"


def client_of(lms: Catalogue, role: str = "editor") -> Client:
    client = Client()
    client.force_login(make.member(lms.organization, role))
    return client


def said(response: Any) -> str:
    return " ".join(str(one) for one in response.context["messages"])


def content_page(lms: Catalogue, name: str = "change") -> str:
    return f"{ADMIN}/remotecontent/{lms.content().pk}/{name}/"


def configuration_page(lms: Catalogue, name: str = "change") -> str:
    return f"{ADMIN}/lmsconfiguration/{lms.configuration.pk}/{name}/"


def work() -> None:
    jobs.work(time.monotonic() + 60, lambda _lanes: None)


# Contents --------------------------------------------------------------------------------------------------------


def test_list__shows_where_each_stands(stackone: Catalogue) -> None:
    stackone.bring()
    html = client_of(stackone, "viewer").get(f"{ADMIN}/remotecontent/").content.decode()
    assert "fire-01" in html
    assert "There" in html


def test_list__without_any__says_how_they_come(stackone: Catalogue) -> None:
    html = client_of(stackone).get(f"{ADMIN}/remotecontent/").content.decode()
    assert "Contents appear here by themselves" in html


def test_list__queries_do_not_grow(stackone: Catalogue, django_assert_max_num_queries: Callable[..., Any]) -> None:
    for number in range(20):
        make.remote_content(stackone.configuration, f"content-{number}")
    client = client_of(stackone)
    client.get(f"{ADMIN}/remotecontent/")
    with django_assert_max_num_queries(12):
        client.get(f"{ADMIN}/remotecontent/")


def test_list__filter_finds_what_differs(stackone: Catalogue) -> None:
    make.remote_content(stackone.configuration, "sound")
    make.remote_content(stackone.configuration, "odd", drift="It is switched off there.")
    found = client_of(stackone).get(f"{ADMIN}/remotecontent/", {"order": "differs"}).context["cl"].result_list
    assert [one.external_reference for one in found] == ["odd"]


def test_page__for_viewers__has_no_buttons_and_no_link_to_begin_by(stackone: Catalogue) -> None:
    RemoteContent.objects.create(
        organization=stackone.organization,
        configuration=stackone.configuration,
        external_reference="fire-01",
        wanted={"title": "Fire safety", "url": "https://bridge.example.com/s/token/"},
    )
    for role, sees in (("viewer", False), ("editor", True)):
        html = client_of(stackone, role).get(content_page(stackone)).content.decode()
        assert ("/s/token/" in html, "Mend: send it again" in html) == (sees, sees)


def test_delivery__for_viewers__shows_no_link_to_begin_by(stackone: Catalogue) -> None:
    story = make.story(stackone.organization, objective=stackone.objective)
    link = make.share(story, stackone.configuration).link()
    page = f"{ADMIN}/delivery/{Delivery.objects.get().pk}/change/"
    for role, sees in (("viewer", False), ("editor", True)):
        assert (link in client_of(stackone, role).get(page).content.decode()) is sees


def test_mend__sends_it_again_whole(stackone: Catalogue) -> None:
    stackone.bring()
    response = client_of(stackone).post(content_page(stackone, "mend"), follow=True)
    assert said(response) == "It is sent again, whole."
    assert stackone.deliveries() == ["delivered", "queued"]


def test_mend__of_many__is_an_action(stackone: Catalogue) -> None:
    stackone.bring()
    posted = {"action": "mend", "_selected_action": [stackone.content().pk]}
    response = client_of(stackone).post(f"{ADMIN}/remotecontent/", posted, follow=True)
    assert said(response) == "1 content is sent again."


def test_page__offers_only_what_the_type_can_do(stackone: Catalogue) -> None:
    stackone.bring()
    assert "Creator" not in client_of(stackone).get(content_page(stackone)).content.decode()


def test_creator__leads_there_by_a_link_that_is_shown_once(elms: ElmsCatalogue) -> None:
    elms.bring()
    html = client_of(elms).post(content_page(elms, "creator")).content.decode()
    assert "Open the Creator in a new tab" in html
    assert not Job.objects.exists()


def test_creator__that_fails__says_what_the_lms_said(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.lms.fail("503")
    response = client_of(elms).post(content_page(elms, "creator"), follow=True)
    assert said(response)


def test_creator__that_the_lms_is_without__is_offered_no_more(elms: ElmsCatalogue) -> None:
    elms.bring()
    Lane.objects.update(learned={"missing": ["creator_url"]})
    client = client_of(elms)
    assert "Get a link to the Creator" not in client.get(content_page(elms)).content.decode()
    assert said(client.post(content_page(elms, "creator"), follow=True)) == "This LMS cannot do this."


def test_creator__shows_what_the_lms_is_without(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.lms.store().fail(fault_from({"kind": "answer", "status": 501}))
    client_of(elms).post(content_page(elms, "creator"))
    assert Lane.objects.get().learned["missing"] == ["creator_url"]


def test_creator__too_often__has_to_wait(elms: ElmsCatalogue) -> None:
    elms.bring()
    client = client_of(elms)
    answers = [client.post(content_page(elms, "creator"), follow=True) for _number in range(11)]
    assert "There were too many tests." in said(answers[-1])


def test_download__is_a_job_and_then_a_file_of_this_organization_alone(
    elms: ElmsCatalogue, settings: Any, tmp_path: Any
) -> None:
    settings.PRIVATE_ROOT = str(tmp_path)
    elms.bring()
    client = client_of(elms)
    client.post(content_page(elms, "package"))
    work()
    response: Any = client.get(content_page(elms, "package_file"))
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert b"".join(response.streaming_content)[:2] == b"PK"
    stranger = Client()
    stranger.force_login(make.member(make.organization(), "admin"))
    assert stranger.get(content_page(elms, "package_file")).status_code == 302


def test_download__that_is_gone__says_so(elms: ElmsCatalogue, settings: Any, tmp_path: Any) -> None:
    settings.PRIVATE_ROOT = str(tmp_path)
    elms.bring()
    assert not downloads.path_of(elms.content(), container=True).exists()
    response = client_of(elms).get(content_page(elms, "container_file"), follow=True)
    assert "files are kept for a day" in said(response)


def test_progress__is_a_job_and_then_a_list(elms: ElmsCatalogue) -> None:
    elms.bring()
    make.remote_progress(elms.content(), status="passed", score="87.5")
    client = client_of(elms)
    client.post(content_page(elms, "progress"))
    assert Job.objects.get().kind == "progress"
    html = client.get(f"{ADMIN}/remoteprogress/", {"content__id__exact": elms.content().pk}).content.decode()
    assert "87.5 %" in html
    assert "ann@example.com" in html


# Catalogues ------------------------------------------------------------------------------------------------------


@pytest.fixture
def item(elms: ElmsCatalogue) -> CatalogueItem:
    """A learning resource of the objective's name, as read from the catalogue."""
    elms.campus.add_resource("Fire safety")
    make.job(elms.organization, "catalogue", parameters={"configuration": elms.configuration.pk})
    work()
    found: CatalogueItem = CatalogueItem.objects.get()
    return found


def test_catalogue__lists_what_is_there(elms: ElmsCatalogue, item: CatalogueItem) -> None:
    html = client_of(elms, "viewer").get(f"{ADMIN}/catalogueitem/").content.decode()
    assert "Fire safety" in html


def test_catalogue__queries_do_not_grow(
    elms: ElmsCatalogue, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(20):
        make.catalogue_item(elms.configuration, str(number))
    client = client_of(elms)
    client.get(f"{ADMIN}/catalogueitem/")
    with django_assert_max_num_queries(12):
        client.get(f"{ADMIN}/catalogueitem/")


def test_mapping__suggests_what_has_the_same_name(elms: ElmsCatalogue, item: CatalogueItem) -> None:
    make.objective(elms.organization, "First aid")
    response = client_of(elms).get(f"{ADMIN}/catalogueitem/{item.pk}/map/")
    assert list(response.context["form"].fields["objective"].queryset) == [elms.objective]


def test_mapping__finds_by_a_part_of_the_name(elms: ElmsCatalogue, item: CatalogueItem) -> None:
    other = make.objective(elms.organization, "First aid")
    response = client_of(elms).get(f"{ADMIN}/catalogueitem/{item.pk}/map/", {"q": "aid"})
    assert list(response.context["form"].fields["objective"].queryset) == [other]


def test_mapping__lets_it_stand_for_the_objective(elms: ElmsCatalogue, item: CatalogueItem) -> None:
    client = client_of(elms)
    response = client.post(f"{ADMIN}/catalogueitem/{item.pk}/map/", {"objective": elms.objective.pk}, follow=True)
    assert "stands for “Fire safety” now" in said(response)
    assert (elms.content().remote_id, elms.content().adopted) == (item.remote_id, True)


def test_mapping__an_objective_of_others__is_refused(elms: ElmsCatalogue, item: CatalogueItem) -> None:
    theirs = make.objective(make.organization(), "Theirs")
    client_of(elms).post(f"{ADMIN}/catalogueitem/{item.pk}/map/", {"objective": theirs.pk})
    assert not RemoteContent.objects.exists()


def test_unmapping__forgets_the_id(elms: ElmsCatalogue) -> None:
    elms.bring()
    client_of(elms).post(content_page(elms, "unmap"))
    assert elms.content().remote_id == ""


# LMS configurations ----------------------------------------------------------------------------------------------


def test_configuration__offers_what_its_type_can_do(stackone: Catalogue) -> None:
    html = client_of(stackone).get(configuration_page(stackone)).content.decode()
    offered = [words in html for words in ("Bring into the catalogue now", "Read the catalogue", "Compare with the")]
    assert offered == [True, True, True]
    assert "Read the fields of profiles" not in html


def test_configuration__does_not_offer_what_the_lms_showed_it_cannot(stackone: Catalogue) -> None:
    stackone.bring()
    Lane.objects.update(learned={"progress": False})
    assert "Read everybody" not in client_of(stackone).get(content_page(stackone)).content.decode()


def test_configuration__of_a_type_without_a_catalogue__offers_none(stackone: Catalogue) -> None:
    xapi = make.configuration(stackone.organization)
    response = client_of(stackone).post(f"{ADMIN}/lmsconfiguration/{xapi.pk}/ask/catalogue/", follow=True)
    assert said(response) == "This LMS cannot do this."


def test_configuration__read_the_catalogue__begins_a_job(stackone: Catalogue) -> None:
    response = client_of(stackone).post(configuration_page(stackone, "ask/catalogue"), follow=True)
    assert "Read the catalogue: LMS" in response.content.decode()
    assert Job.objects.get().kind == "catalogue"


def test_configurations__bring_in__is_an_action_for_those_that_can(stackone: Catalogue) -> None:
    xapi = make.configuration(stackone.organization)
    posted = {"action": "bring", "_selected_action": [stackone.configuration.pk, xapi.pk]}
    response = client_of(stackone).post(f"{ADMIN}/lmsconfiguration/", posted, follow=True)
    assert said(response) == "1 begun; watch them under Jobs. 1 passed over: these LMSs cannot do this."


def test_configuration__switches_are_saved(stackone: Catalogue) -> None:
    plain = {"name": "LMS", "contact_email": "it@example.com", **stackone.options(), "compares_nightly": "on"}
    client_of(stackone, "admin").post(configuration_page(stackone), plain)
    found = LMSConfiguration.objects.get()
    assert (found.syncs_content, found.compares_nightly) == (False, True)


def test_configuration__from_when_on_its_catalogue_is_kept__gets_what_is_attached(stackone: Catalogue) -> None:
    LMSConfiguration.objects.update(syncs_content=False)
    stackone.configuration.refresh_from_db()
    stackone.attach()
    plain = {"name": "LMS", "contact_email": "it@example.com", **stackone.options(), "syncs_content": "on"}
    client_of(stackone, "admin").post(configuration_page(stackone), plain)
    work()
    pump()
    assert stackone.there() == [("Fire safety", True)]


def test_configuration__that_leads_to_another_lms__knows_nothing_of_it_yet(stackone: Catalogue) -> None:
    stackone.bring()
    make.remote_user(stackone.configuration, stackone.ann)
    Lane.objects.update(learned={"users": False})
    elsewhere = {"url": f"{stackone.lms.address}/other/stackone"}
    plain = {"name": "LMS", "contact_email": "it@example.com", **stackone.options(), "syncs_content": "on"}
    client_of(stackone, "admin").post(
        configuration_page(stackone), plain | elsewhere | {"api_key": "practice-api-key"}
    )
    assert (Lane.objects.get().learned, stackone.configuration.users.count()) == ({}, 0)
    assert (stackone.content().synced_at, stackone.content().remote_id) == (None, "")
    work()
    pump()
    assert account_of(stackone.lms.store("other")).contents.keys() == {"fire-01"}


def test_configuration__saved_as_it_was__keeps_what_is_known(stackone: Catalogue) -> None:
    stackone.bring()
    make.remote_user(stackone.configuration, stackone.ann)
    plain = {"name": "LMS", "contact_email": "it@example.com", **stackone.options(), "syncs_content": "on"}
    client_of(stackone, "admin").post(configuration_page(stackone), plain)
    assert stackone.configuration.users.count() == 1
    assert stackone.content().synced_at is not None


def test_objectives__bring_in__is_an_action(stackone: Catalogue) -> None:
    stackone.bring()
    posted = {
        "action": "bring",
        "configuration": stackone.configuration.pk,
        "_selected_action": [stackone.objective.pk],
    }
    client_of(stackone).post("/admin/objectives/objective/", posted)
    work()
    pump()
    assert stackone.deliveries() == ["delivered", "delivered"]


def test_objectives__bring_in__of_what_is_not_attached__says_so(stackone: Catalogue) -> None:
    posted = {
        "action": "bring",
        "configuration": stackone.configuration.pk,
        "_selected_action": [stackone.objective.pk],
    }
    response = client_of(stackone).post("/admin/objectives/objective/", posted, follow=True)
    assert said(response) == "It is attached to none of them. Attach it first."
    assert not Delivery.objects.exists()
