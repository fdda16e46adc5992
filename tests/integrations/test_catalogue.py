"""Reading LMSs' catalogues: what is there, what differs from here, and what stands for an objective."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from django.utils import timezone

from integrations import dispatch, jobs
from integrations.dispatch.catalogue import Taken
from integrations.jobs import downloads
from integrations.models import CatalogueItem, Delivery, Lane, LMSConfiguration, RemoteContent, RemoteProgress
from objectives.models import Assignment, Job, Result
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def work(lms: Catalogue, kind: str, **parameters: Any) -> Job:
    """A job of this kind about the configuration, and what became of it."""
    job = make.job(lms.organization, kind, parameters={"configuration": lms.configuration.pk, **parameters})
    jobs.work(time.monotonic() + 60, lambda _lanes: None)
    return Job.objects.get(pk=job.pk)


def item(lms: Catalogue, name: str) -> CatalogueItem:
    found: CatalogueItem = CatalogueItem.objects.get(configuration=lms.configuration, name=name)
    return found


# Reading ---------------------------------------------------------------------------------------------------------


def test_reading__keeps_what_is_there(elms: ElmsCatalogue) -> None:
    elms.campus.add_resource("First aid")
    elms.campus.add_resource("Fire safety")
    job = work(elms, "catalogue")
    assert (job.state, job.sentence) == ("done", "The catalogue has 2 items.")
    assert list(CatalogueItem.objects.values_list("name", flat=True)) == ["Fire safety", "First aid"]


def test_reading_again__forgets_what_is_gone(elms: ElmsCatalogue) -> None:
    gone = elms.campus.add_resource("First aid")
    work(elms, "catalogue")
    del elms.campus.resources[gone]
    work(elms, "catalogue")
    assert not CatalogueItem.objects.exists()


def test_reading__what_no_database_keeps__is_made_plain(stackone: Catalogue) -> None:
    stackone.account.put({"external_reference": "odd", "title": "Fire\x00 safety"})
    work(stackone, "catalogue")
    assert CatalogueItem.objects.get().name == "Fire\ufffd safety"


def test_reading__of_an_lms_that_fails__says_what_it_said(stackone: Catalogue) -> None:
    stackone.lms.fail("401")
    job = work(stackone, "catalogue")
    assert job.state == "failed"
    assert job.sentence.startswith("The LMS could not be asked:")


def test_reading__without_a_key__says_so(stackone: Catalogue) -> None:
    stackone.configuration.forget_secret("api_key")
    stackone.configuration.save()
    assert work(stackone, "catalogue").sentence == "The API key is missing. Enter it again on the configuration."


def test_reading__while_a_worker_has_the_lane__waits(stackone: Catalogue) -> None:
    token = Lane.objects.take(stackone.configuration.lane.pk)
    assert token is not None
    job = make.job(stackone.organization, "catalogue", parameters={"configuration": stackone.configuration.pk})
    own = Job.objects.take(job.pk)
    assert own is not None
    assert jobs.step(job.pk, own, lambda _lanes: None) is True
    assert (Job.objects.get().state, stackone.requests()) == ("running", [])
    Lane.objects.give_back(stackone.configuration.lane.pk, token)
    assert jobs.step(job.pk, own, lambda _lanes: None) is False
    assert Job.objects.get().state == "done"


def test_reading__gives_the_lane_back(stackone: Catalogue) -> None:
    work(stackone, "catalogue")
    assert Lane.objects.get().lease_token is None


# What differs ----------------------------------------------------------------------------------------------------


def drift(lms: Catalogue) -> str:
    work(lms, "catalogue")
    return lms.content().drift


def test_difference__of_nothing__is_none(stackone: Catalogue) -> None:
    stackone.bring()
    assert drift(stackone) == ""


def test_difference__renamed_there__is_shown_and_mended(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.account.contents["fire-01"]["title"] = "Fire drill"
    assert drift(stackone) == "It is called “Fire drill” there, and “Fire safety” here."
    dispatch.mend([stackone.content()])
    pump()
    assert (stackone.there(), stackone.content().drift) == ([("Fire safety", True)], "")


def test_difference__switched_off_there__is_shown(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.account.contents["fire-01"]["active"] = False
    assert drift(stackone) == "It is switched off there."


def test_difference__missing_there__is_shown_and_mended(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.campus.resources.clear()
    assert drift(elms) == "It is not there any more."
    dispatch.mend([elms.content()])
    pump()
    assert elms.there() == [("Fire safety", True)]


# Mapping ---------------------------------------------------------------------------------------------------------


def test_mapping__lets_results_go_to_the_item(elms: ElmsCatalogue) -> None:
    there = elms.campus.add_resource("Fire drill 2026")
    LMSConfiguration.objects.update(syncs_content=False)
    elms.configuration.refresh_from_db()
    elms.attach()
    Result.objects.record([Result(participant=elms.ann, objective=elms.objective, success=True)])
    pump()
    work(elms, "catalogue")
    dispatch.map_item(item(elms, "Fire drill 2026"), elms.objective)
    pump()
    assert elms.deliveries("result") == ["delivered"]
    assert elms.campus.status(elms.ann_there, there) is not None
    assert len(elms.campus.resources) == 1


def test_mapping__of_what_has_the_same_name__ends_the_question(elms: ElmsCatalogue) -> None:
    elms.campus.add_resource("Fire safety")
    elms.bring()
    assert elms.deliveries() == ["held"]
    work(elms, "catalogue")
    dispatch.map_item(item(elms, "Fire safety"), elms.objective)
    pump()
    assert (elms.deliveries(), len(elms.campus.resources)) == (["delivered"], 1)


def test_mapping__what_stands_for_another__is_refused(elms: ElmsCatalogue) -> None:
    elms.bring()
    work(elms, "catalogue")
    other = make.objective(elms.organization, "First aid")
    with pytest.raises(Taken):
        dispatch.map_item(item(elms, "Fire safety"), other)
    assert RemoteContent.objects.count() == 1


def test_mapping__then_detaching__takes_nothing_out(elms: ElmsCatalogue) -> None:
    elms.campus.add_resource("Fire drill")
    work(elms, "catalogue")
    elms.attach()
    dispatch.map_item(item(elms, "Fire drill"), elms.objective)
    elms.detach()
    assert elms.content().drift == ""


def test_unmapping__forgets_the_id_and_changes_nothing_there(elms: ElmsCatalogue) -> None:
    elms.bring()
    before = len(elms.requests())
    dispatch.unmap(elms.content())
    assert (elms.content().remote_id, len(elms.requests())) == ("", before)


# Bringing everything in ------------------------------------------------------------------------------------------


def test_bringing__also_where_the_catalogue_is_not_kept__tells_all(stackone: Catalogue) -> None:
    LMSConfiguration.objects.update(syncs_content=False)
    stackone.configuration.refresh_from_db()
    stackone.attach()
    job = work(stackone, "bring")
    pump()
    assert job.sentence == "1 objective is on its way into the catalogue."
    assert stackone.there() == [("Fire safety", True)]


def test_bringing__of_chosen_objectives__leaves_the_others(stackone: Catalogue) -> None:
    stackone.bring()
    other = make.objective(stackone.organization, "First aid")
    stackone.attach(other)
    pump()
    work(stackone, "bring", objectives=[other.pk])
    assert Delivery.objects.filter(state="queued").get().remote_content.external_reference == other.external_reference


# Progress and downloads ------------------------------------------------------------------------------------------


def test_progress__of_all__is_kept(elms: ElmsCatalogue) -> None:
    elms.bring()
    Assignment.objects.assign([elms.objective], [elms.ann])
    pump()
    job = work(elms, "progress", content=elms.content().pk)
    assert job.sentence == "The LMS told the progress of 1 person."
    assert RemoteProgress.objects.get().status == "not_started"


def test_progress__read_again__replaces_what_was_read(elms: ElmsCatalogue) -> None:
    elms.bring()
    Assignment.objects.assign([elms.objective], [elms.ann])
    pump()
    for _turn in range(2):
        work(elms, "progress", content=elms.content().pk)
    assert RemoteProgress.objects.count() == 1


def test_download__is_kept_for_a_day(elms: ElmsCatalogue, settings: Any, tmp_path: Any) -> None:
    settings.PRIVATE_ROOT = str(tmp_path)
    elms.bring()
    job = work(elms, "download", content=elms.content().pk, container=False)
    path = downloads.path_of(elms.content(), container=False)
    assert (job.state, path.read_bytes()[:2]) == ("done", b"PK")
    assert (downloads.drop_old(timezone.now()), path.exists()) == (0, True)
    yesterday = time.time() - 25 * 3600
    os.utime(path, (yesterday, yesterday))
    assert (downloads.drop_old(timezone.now()), path.exists()) == (1, False)


def test_fields__of_profiles__are_learned(elms: ElmsCatalogue) -> None:
    job = work(elms, "fields")
    assert job.state == "done"
    assert Lane.objects.get().learned["profile_fields"]
