"""Jobs: taken by a lease, done in steps that survive the death of a worker, cancelled, and counted exactly."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from integrations import jobs, tasks
from integrations.jobs import kinds
from integrations.models import Delivery, Lane, LMSConfiguration
from objectives.models import Job, Objective, Organization, Participant, Result
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def organization(db: None) -> Organization:
    return make.organization("Northwind")


@pytest.fixture
def lms(organization: Organization) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(organization, "LMS")
    return found


def results(organization: Organization, count: int, participant_id: str = "ann@example.com") -> list[Result]:
    """Results recorded an hour ago, by one person on one objective."""
    person, _new = Participant.objects.get_or_create(organization=organization, participant_id=participant_id)
    objective, _new = Objective.objects.get_or_create(
        organization=organization, external_reference="fire", defaults={"name": "Fire safety"}
    )
    before = timezone.now() - timedelta(hours=1)
    return Result.objects.bulk_create(
        [
            Result(
                organization=organization, participant=person, objective=objective, success=True, recorded_at=before
            )
            for _number in range(count)
        ],
        batch_size=500,
    )


def deliveries(lms: LMSConfiguration, count: int, state: str = "rejected", **values: Any) -> list[Delivery]:
    """Deliveries in this state, of as many results."""
    sound = {"state": state, "content": "{}", "next_attempt_at": timezone.now() if state == "queued" else None}
    return Delivery.objects.bulk_create(
        [
            Delivery(organization=lms.organization, configuration=lms, lane=lms.lane, result=result, **sound | values)
            for result in results(lms.organization, count)
        ],
        batch_size=500,
    )


def retry_failed(lms: LMSConfiguration, **values: Any) -> Job:
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    parameters = {
        "configuration": lms.pk,
        "since": (timezone.now() - timedelta(days=1)).isoformat(),
        "states": ["rejected", "queued"],
        "up_to": newest,
    }
    return make.job(lms.organization, "retry_failed", parameters=parameters, **values)


def of_selection(lms: LMSConfiguration, kind: str, reason: str = "", **selection: Any) -> Job:
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    parameters = {"selection": selection, "up_to": newest}
    return make.job(lms.organization, kind, reason=reason, parameters=parameters)


def backfill(lms: LMSConfiguration, objectives: list[int] | None = None) -> Job:
    return make.job(lms.organization, "backfill", parameters={"configuration": lms.pk, "objectives": objectives})


def ignore(_lanes: set[int]) -> None:
    """Wake nobody."""


def work(seconds: float = 60) -> bool:
    return jobs.work(time.monotonic() + seconds, ignore)


def one_step(job: Job) -> uuid.UUID:
    """Take the job, do one step of it, and die: the lease stays."""
    token = Job.objects.take(job.pk)
    assert token is not None
    jobs.step(job.pk, token, ignore)
    return token


def lease_runs_out(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def now(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def states(lms: LMSConfiguration) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.filter(configuration=lms).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


# Working ---------------------------------------------------------------------------------------------------------


def test_job__of_three_steps__ends_with_a_sentence_and_exact_counts(lms: LMSConfiguration) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    assert work() is False
    job = now(job)
    assert (job.state, job.done, job.total) == ("done", 1201, 1201)
    assert job.sentence == "1,201 deliveries are tried again."
    assert job.finished_at is not None
    assert (job.lease_token, job.lease_until) == (None, None)


def test_job__with_exactly_one_step_full_of_rows__counts_each_once(lms: LMSConfiguration) -> None:
    deliveries(lms, jobs.STEP)
    job = retry_failed(lms)
    work()
    assert now(job).sentence == "500 deliveries are tried again."


def test_job__with_nothing_to_do__is_done(lms: LMSConfiguration) -> None:
    job = retry_failed(lms)
    work()
    assert (now(job).state, now(job).total, now(job).sentence) == ("done", 0, "0 deliveries are tried again.")


def test_job__while_it_runs__shows_how_far_it_is(lms: LMSConfiguration) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    one_step(job)
    assert (now(job).state, now(job).done, now(job).total) == ("running", 500, 1201)


def test_job__of_a_worker_killed_between_steps__is_finished_by_the_next(lms: LMSConfiguration) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    one_step(job)
    assert work() is False
    assert now(job).state == "running"
    lease_runs_out(job)
    work()
    assert (now(job).state, now(job).done, now(job).sentence) == ("done", 1201, "1,201 deliveries are tried again.")


def test_job__of_a_worker_killed_within_a_step__leaves_nothing_of_the_step(
    lms: LMSConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries(lms, 700)
    job = retry_failed(lms)
    one_step(job)
    lease_runs_out(job)

    def killed(_lanes: set[int]) -> None:
        raise SystemExit

    token = Job.objects.take(job.pk)
    assert token is not None
    with pytest.raises(SystemExit):
        jobs.step(job.pk, token, killed)
    assert (now(job).done, states(lms)) == (500, {"queued": 500, "rejected": 200})
    lease_runs_out(job)
    work()
    assert (now(job).done, states(lms)) == (700, {"queued": 700})


def test_step__of_a_worker_that_lost_its_lease__changes_nothing(lms: LMSConfiguration) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    lost = one_step(job)
    lease_runs_out(job)
    assert jobs.step(job.pk, lost, ignore) is False
    assert now(job).done == 500


def test_take__of_a_job_that_another_worker_has__gives_nothing(lms: LMSConfiguration) -> None:
    job = retry_failed(lms)
    assert Job.objects.take(job.pk) is not None
    assert Job.objects.take(job.pk) is None


def test_work__with_no_time_left__hands_the_job_on(lms: LMSConfiguration, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    left = iter([True, False, False])
    monkeypatch.setattr("integrations.lifeline.time_left", lambda until: next(left))
    assert jobs.work(50, ignore) is True
    assert (now(job).state, now(job).done, now(job).lease_token) == ("running", 500, None)


def test_work__with_two_jobs__gives_each_its_turn(lms: LMSConfiguration, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries(lms, 1201)
    monkeypatch.setattr("integrations.jobs.working.TURN", 0)
    first, second = retry_failed(lms), retry_failed(lms)
    order: list[int] = []

    def noted(pk: int, token: uuid.UUID, wake: Any) -> bool:
        order.append(pk)
        return jobs.step(pk, token, wake)

    monkeypatch.setattr("integrations.jobs.working.step", noted)
    work()
    assert order[:4] == [first.pk, second.pk, first.pk, second.pk]


def test_work__while_others_work_as_many_jobs_as_may_run__takes_none(lms: LMSConfiguration, settings: Any) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"workers": 2}
    running, waiting = retry_failed(lms), retry_failed(lms)
    Job.objects.take(running.pk)
    assert work() is False
    assert now(waiting).state == "queued"


def test_job__of_ten_thousand_rows__is_done_in_a_moment(lms: LMSConfiguration) -> None:
    deliveries(lms, 10_000)
    job = retry_failed(lms)
    work(120)
    assert (now(job).done, states(lms)) == (10_000, {"queued": 10_000})


# Cancelling ------------------------------------------------------------------------------------------------------


def test_cancel__before_it_began__ends_it_at_once(lms: LMSConfiguration) -> None:
    deliveries(lms, 3)
    job = retry_failed(lms)
    assert job.cancel() is True
    work()
    assert (now(job).state, now(job).sentence) == ("cancelled", "Cancelled before anything was done.")
    assert states(lms) == {"rejected": 3}


def test_cancel__while_a_worker_has_it__ends_it_after_the_step(lms: LMSConfiguration) -> None:
    deliveries(lms, 1201)
    job = retry_failed(lms)
    token = one_step(job)
    assert job.cancel() is True
    assert now(job).is_open
    assert jobs.step(job.pk, token, ignore) is False
    assert (now(job).state, now(job).done) == ("cancelled", 500)
    assert now(job).sentence == "Cancelled. What was done until then stays done: 500."


def test_cancel__of_what_is_over__changes_nothing(lms: LMSConfiguration) -> None:
    job = retry_failed(lms)
    work()
    before = now(job)
    assert job.cancel() is False
    assert now(job).sentence == before.sentence


# Errors ----------------------------------------------------------------------------------------------------------


def broken(problem: Exception) -> kinds.Kind:
    def fail(_job: Job) -> kinds.Step:
        raise problem

    return kinds.Kind(lambda _job: 1, fail, lambda _changed, _passed: "")


@pytest.mark.catalogue("R36")
def test_job__whose_step_raises__fails_without_telling_what_was_in_the_error(
    lms: LMSConfiguration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(jobs.KINDS, "broken", broken(ValueError("ann@example.com and key s3cr3t")))
    job = make.job(lms.organization, "broken")
    with caplog.at_level(logging.DEBUG):
        work()
    assert (now(job).state, now(job).sentence) == (
        "failed",
        "It stopped at an error of ours. What was done before stays done. Begin it again for the rest.",
    )
    assert "ValueError" in caplog.text
    assert "ann@example.com" not in caplog.text + now(job).sentence


def test_job__while_the_database_struggles__stays_for_later(
    lms: LMSConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs.KINDS, "broken", broken(OperationalError("locked")))
    job = make.job(lms.organization, "broken")
    assert work() is False
    assert now(job).state == "queued"
    assert now(job).lease_token is not None


def test_job__of_an_unknown_kind__fails(lms: LMSConfiguration) -> None:
    job = make.job(lms.organization, "of another version")
    work()
    assert now(job).state == "failed"


def test_job__after_one_that_fails__is_worked(lms: LMSConfiguration) -> None:
    make.job(lms.organization, "of another version")
    job = retry_failed(lms)
    work()
    assert now(job).state == "done"


# Nudging ---------------------------------------------------------------------------------------------------------


def test_step__wakes_the_lanes_that_got_something_to_do(lms: LMSConfiguration) -> None:
    deliveries(lms, 3)
    retry_failed(lms)
    woken: list[set[int]] = []
    jobs.work(time.monotonic() + 60, woken.append)
    assert woken == [{lms.lane.pk}]


def test_begin_job__nudges_a_worker_once_it_is_committed(
    lms: LMSConfiguration, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tasks.begin_job("backfill", organization=lms.organization, title="Send earlier results")
    assert [one.func() for one in OrmQ.objects.all()] == ["integrations.tasks.work_jobs"]


def test_sweep__with_a_job_left_behind__nudges_for_it(lms: LMSConfiguration) -> None:
    retry_failed(lms)
    tasks.sweep()
    assert "integrations.tasks.work_jobs" in [one.func() for one in OrmQ.objects.all()]


def test_work_jobs__does_them(lms: LMSConfiguration) -> None:
    job = retry_failed(lms)
    assert tasks.work_jobs() == "idle"
    assert now(job).state == "done"


# What failed since -----------------------------------------------------------------------------------------------


def test_retry_failed__keeps_ids_and_bytes(lms: LMSConfiguration) -> None:
    [one] = deliveries(lms, 1)
    retry_failed(lms)
    work()
    after = Delivery.objects.get()
    assert (after.state, after.uuid, after.content) == ("queued", one.uuid, one.content)


def test_retry_failed__takes_what_was_tried_since_and_leaves_what_is_older(lms: LMSConfiguration) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    old, tried, new = deliveries(lms, 3)
    Delivery.objects.filter(pk__in=[old.pk, tried.pk]).update(created_at=long_ago)
    make.attempt(old, outcome="refused", opened_at=long_ago)
    make.attempt(tried, outcome="refused")
    retry_failed(lms)
    work()
    assert set(Delivery.objects.filter(state="queued").values_list("pk", flat=True)) == {tried.pk, new.pk}


def test_retry_failed__leaves_other_configurations_alone(lms: LMSConfiguration) -> None:
    other = make.configuration(lms.organization, "Other")
    deliveries(other, 2)
    deliveries(lms, 1)
    retry_failed(lms)
    work()
    assert (states(lms), states(other)) == ({"queued": 1}, {"rejected": 2})


def test_retry_failed__of_what_came_after_it_was_begun__is_left(lms: LMSConfiguration) -> None:
    deliveries(lms, 1)
    job = retry_failed(lms)
    deliveries(lms, 2)
    work()
    assert (now(job).done, states(lms)) == (1, {"queued": 1, "rejected": 2})


def test_retry_failed__of_what_went_out_meanwhile__says_how_many(lms: LMSConfiguration) -> None:
    deliveries(lms, 2)
    job = retry_failed(lms, total=3)
    work()
    assert now(job).sentence == (
        "2 deliveries are tried again. 1 was passed over: what is delivered or held is not retried."
    )


def test_retry_failed__makes_the_lane_wait_no_longer(lms: LMSConfiguration) -> None:
    Lane.objects.update(not_before=timezone.now() + timedelta(hours=1))
    deliveries(lms, 1, "queued", next_attempt_at=timezone.now() + timedelta(hours=1))
    retry_failed(lms)
    work()
    assert Lane.objects.get().not_before is None
    assert Delivery.objects.all().due(timezone.now()).count() == 1


def test_job__of_a_configuration_of_another_organization__touches_nothing(lms: LMSConfiguration) -> None:
    theirs = make.configuration(make.organization("Contoso"), "Theirs")
    deliveries(theirs, 2)
    job = retry_failed(theirs)
    Job.objects.filter(pk=job.pk).update(organization=lms.organization)
    work()
    assert (now(job).state, states(theirs)) == ("failed", {"rejected": 2})


# All of a list ---------------------------------------------------------------------------------------------------


def test_hold__of_a_selection__holds_what_is_queued_and_in_no_request(lms: LMSConfiguration) -> None:
    sending, *_queued = deliveries(lms, 3, "queued")
    deliveries(lms, 2, "rejected")
    make.attempt(sending, outcome="open", closed_at=None, status_code=None)
    job = of_selection(lms, "hold", "The course is wrong.")
    work()
    assert states(lms) == {"held": 2, "queued": 1, "rejected": 2}
    assert now(job).sentence == (
        "2 deliveries are held. 3 were passed over: only what is queued, and in no request just now, can be held."
    )
    held = Delivery.objects.held().values_list("reason", "sentence").distinct()
    assert list(held.order_by()) == [("by_person", "The course is wrong.")]


def test_release__of_a_selection__queues_what_need_not_be_held(lms: LMSConfiguration) -> None:
    deliveries(lms, 2, "held", reason="by_person")
    deliveries(lms, 1, "held", reason="crashes", cut_short=3)
    [nameless] = results(lms.organization, 1, "nobody")
    make.delivery(nameless, lms, "held", content="")
    job = of_selection(lms, "release")
    work()
    assert states(lms) == {"queued": 3, "held": 1}
    assert set(Delivery.objects.filter(state="queued").values_list("cut_short", flat=True)) == {0}
    assert now(job).sentence == (
        "3 deliveries are released. 1 was passed over: it is not held, or its reason is still there."
    )


@pytest.mark.catalogue("S25")
def test_selection__whatever_it_says__reaches_one_organization_only(lms: LMSConfiguration) -> None:
    theirs = make.configuration(make.organization("Contoso"), "Theirs")
    deliveries(theirs, 2)
    deliveries(lms, 1)
    of_selection(lms, "retry", configuration=theirs.pk)
    of_selection(lms, "retry", organization=theirs.organization_id)
    work()
    assert (states(theirs), states(lms)) == ({"rejected": 2}, {"queued": 1})


def test_selection__is_as_narrow_as_the_list_was(lms: LMSConfiguration) -> None:
    deliveries(lms, 1, "queued", created_at=timezone.now() - timedelta(days=3))
    deliveries(lms, 2, "queued")
    of_selection(
        lms,
        "hold",
        "Why",
        state="queued",
        configuration=str(lms.pk),
        created_at__gte=(timezone.now() - timedelta(days=1)).isoformat(),
    )
    work()
    assert states(lms) == {"queued": 1, "held": 2}


# Earlier results -------------------------------------------------------------------------------------------------


def test_backfill__plans_what_was_recorded_before_behind_what_is_new(lms: LMSConfiguration) -> None:
    found = results(lms.organization, 1201)
    make.attachment(found[0].objective, lms)
    job = backfill(lms)
    work()
    assert (now(job).done, now(job).total) == (1201, 1201)
    assert now(job).sentence == "1,201 earlier results were planned. They go behind whatever is new."
    planned = Delivery.objects.filter(configuration=lms)
    assert set(planned.values_list("state", "priority")) == {("queued", 1)}
    assert planned.values("result").distinct().count() == 1201


def test_backfill__done_twice__plans_nothing_twice(lms: LMSConfiguration) -> None:
    found = results(lms.organization, 3)
    make.attachment(found[0].objective, lms)
    backfill(lms)
    second = backfill(lms)
    work()
    assert Delivery.objects.count() == 3
    assert now(second).total == 0


def test_backfill__of_chosen_objectives__leaves_the_others(lms: LMSConfiguration) -> None:
    found = results(lms.organization, 2)
    other = make.result(lms.organization, recorded_at=timezone.now() - timedelta(hours=2))
    for objective in (found[0].objective, other.objective):
        make.attachment(objective, lms)
    backfill(lms, [other.objective_id])
    work()
    assert Delivery.objects.get().result == other


def test_backfill__of_what_cannot_go__holds_it_with_the_reason(lms: LMSConfiguration) -> None:
    [one] = results(lms.organization, 1, "nobody")
    make.attachment(one.objective, lms)
    backfill(lms)
    work()
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == ("held", "no_email")


def test_backfill__after_detaching__plans_nothing(lms: LMSConfiguration) -> None:
    [one] = results(lms.organization, 1)
    attachment = make.attachment(one.objective, lms)
    job = backfill(lms)
    Job.objects.filter(pk=job.pk).update(total=1)
    attachment.delete()
    work()
    assert Delivery.objects.count() == 0
    assert now(job).sentence == (
        "0 earlier results were planned. They go behind whatever is new. 1 had been planned or detached meanwhile."
    )


def test_backfill__of_what_was_recorded_since__leaves_it_to_the_usual_way(lms: LMSConfiguration) -> None:
    objective = make.objective(lms.organization)
    make.attachment(objective, lms)
    make.result(lms.organization, objective=objective)
    before = Delivery.objects.get()
    backfill(lms)
    work()
    assert Delivery.objects.get() == before
    assert before.priority == 0


@pytest.mark.catalogue("S25")
def test_backfill__with_another_organizations_objective__plans_nothing(lms: LMSConfiguration) -> None:
    theirs = make.result(make.organization("Contoso"))
    backfill(lms, [theirs.objective_id])
    work()
    assert Delivery.objects.count() == 0
