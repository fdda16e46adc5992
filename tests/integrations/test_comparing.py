"""Comparing what was delivered with what LMSs say, for each type, and sending again what is not there."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations import dispatch, jobs, tasks
from integrations.jobs import comparing as job_kind
from integrations.models import Delivery, Difference, LMSConfiguration
from objectives.models import Job, Result
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import Scene, pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def compare(configuration: LMSConfiguration) -> Job:
    """A comparison, and what it came to."""
    job = make.job(configuration.organization, "compare", parameters={"configuration": configuration.pk})
    jobs.work(time.monotonic() + 60, lambda _lanes: None)
    return Job.objects.get(pk=job.pk)


def record(lms: Catalogue, **values: Any) -> None:
    Result.objects.record([Result(**{"participant": lms.ann, "objective": lms.objective, "success": True} | values)])
    pump()


def found() -> list[str]:
    return list(Difference.objects.values_list("found", flat=True))


def send_again() -> None:
    _count, lanes = dispatch.send_again(list(Difference.objects.all()))
    assert lanes
    pump()


# For each type ---------------------------------------------------------------------------------------------------


def test_xapi__what_is_there__is_the_same(scene: Scene) -> None:
    scene.record(2)
    pump()
    job = compare(scene.configuration)
    assert (job.state, job.sentence) == ("done", "2 deliveries were found in the LMS as they were told.")
    assert found() == []


def test_xapi__what_the_store_lost__is_listed_and_sent_again_under_its_id(scene: Scene) -> None:
    scene.record()
    pump()
    [before] = scene.lms_ids()
    scene.lms.store().forget()
    job = compare(scene.configuration)
    assert "1 differs and is listed under Differences. 1: The LMS does not have it." in job.sentence
    assert found() == ["absent"]
    send_again()
    assert (scene.lms_ids(), found()) == ([before], [])
    assert_sound()


def test_xapi__what_may_not_be_read__is_listed_as_such(scene: Scene) -> None:
    scene.record()
    pump()
    scene.lms.fail("403")
    compare(scene.configuration)
    assert found() == ["forbidden"]


def test_stackone__what_is_there__is_the_same(stackone: Catalogue) -> None:
    stackone.bring()
    record(stackone)
    compare(stackone.configuration)
    assert found() == []


def test_stackone__what_it_lost__is_sent_again_once(stackone: Catalogue) -> None:
    stackone.bring()
    record(stackone)
    stackone.account.completions.clear()
    compare(stackone.configuration)
    assert found() == ["absent"]
    send_again()
    assert len(stackone.account.completions) == 1


def test_stackone__what_was_put_right_meanwhile__is_not_told_twice(stackone: Catalogue) -> None:
    stackone.bring()
    record(stackone)
    kept = dict(stackone.account.completions)
    stackone.account.completions.clear()
    compare(stackone.configuration)
    stackone.account.completions.update(kept)
    send_again()
    assert len(stackone.account.completions) == 1


def test_open_elms__what_is_there__is_the_same(elms: ElmsCatalogue) -> None:
    elms.bring()
    record(elms)
    compare(elms.configuration)
    assert found() == []


def test_open_elms__what_it_lost__is_sent_again(elms: ElmsCatalogue) -> None:
    elms.bring()
    record(elms)
    [learning] = elms.campus.resources
    elms.campus.trainings.clear()
    compare(elms.configuration)
    assert found() == ["absent"]
    send_again()
    status = elms.campus.status(elms.ann_there, learning)
    assert status is not None
    assert status[0] == "completed"


# What is compared ------------------------------------------------------------------------------------------------


def test_comparing__leaves_out_what_is_too_old_or_no_longer_kept(scene: Scene) -> None:
    scene.record(3)
    pump()
    old, dropped, _other = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=old.pk).update(delivered_at=timezone.now() - timedelta(days=8))
    Delivery.objects.filter(pk=dropped.pk).update(content="", dropped_at=timezone.now())
    assert compare(scene.configuration).total == 1


def test_comparing__asks_no_more_than_so_many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.dispatch.comparing.MOST", 5)
    monkeypatch.setattr(job_kind, "AT_ONCE", 2)
    scene.record(8)
    pump()
    before = len(scene.lms.store().requests)
    job = compare(scene.configuration)
    assert (job.total, job.done, len(scene.lms.store().requests) - before) == (5, 5, 5)


def test_comparing__in_steps__shows_how_far_it_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_kind, "AT_ONCE", 2)
    scene.record(5)
    pump()
    parameters = {"configuration": scene.configuration.pk}
    job = make.job(scene.organization, "compare", parameters=parameters)
    token = Job.objects.take(job.pk)
    assert token is not None
    jobs.step(job.pk, token, lambda _lanes: None)
    job.refresh_from_db()
    assert (job.done, job.total) == (2, 5)


def test_comparing__that_was_cut_short__goes_on_where_it_was(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_kind, "AT_ONCE", 2)
    scene.record(5)
    pump()
    job = make.job(scene.organization, "compare", parameters={"configuration": scene.configuration.pk})
    token = Job.objects.take(job.pk)
    assert token is not None
    jobs.step(job.pk, token, lambda _lanes: None)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    jobs.work(time.monotonic() + 60, lambda _lanes: None)
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 5)


def test_comparing__while_the_lms_is_down__says_so_and_keeps_what_was_found(scene: Scene) -> None:
    scene.record(2)
    pump()
    scene.lms.store().forget()
    scene.lms.script(["ok", "reset"])
    job = compare(scene.configuration)
    assert job.state == "failed"
    assert found() == ["absent"]


def test_comparing_again__forgets_what_was_put_right(scene: Scene) -> None:
    scene.record()
    pump()
    make.difference(Delivery.objects.get())
    compare(scene.configuration)
    assert found() == []


def test_sending_again__passes_over_what_is_no_longer_kept(scene: Scene) -> None:
    scene.record()
    pump()
    difference = make.difference(Delivery.objects.get())
    Delivery.objects.update(content="", dropped_at=timezone.now())
    count, _lanes = dispatch.send_again([difference])
    assert (count, scene.states()) == (0, {"delivered": 1})


# By night --------------------------------------------------------------------------------------------------------


def test_by_night__only_those_that_want_it_are_compared(scene: Scene) -> None:
    LMSConfiguration.objects.filter(pk=scene.configuration.pk).update(compares_nightly=True)
    scene.connect("Another")
    tasks.compare()
    assert list(Job.objects.values_list("parameters__configuration", flat=True)) == [scene.configuration.pk]


def test_by_night__what_is_paused_or_still_being_compared__is_left_alone(scene: Scene) -> None:
    LMSConfiguration.objects.update(compares_nightly=True)
    tasks.compare()
    tasks.compare()
    assert Job.objects.count() == 1
    Job.objects.all().delete()
    LMSConfiguration.objects.update(paused=True)
    tasks.compare()
    assert not Job.objects.exists()
