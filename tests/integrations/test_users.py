"""Adding participants to LMSs, and bringing up to date what these know of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations import jobs
from integrations.models import LMSConfiguration, RemoteUser
from objectives.models import Job, Participant, Result
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import pump

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def provide(lms: Catalogue, *people: Participant) -> Job:
    """A job that has the LMS know these people, and what it came to."""
    parameters: dict[str, Any] = {"configuration": lms.configuration.pk, "participants": [one.pk for one in people]}
    job = make.job(lms.organization, "people", parameters=parameters)
    jobs.work(time.monotonic() + 60, lambda _lanes: None)
    return Job.objects.get(pk=job.pk)


def emails(elms: ElmsCatalogue) -> list[str]:
    return sorted(str(one["email"]) for one in elms.campus.accounts.values())


def test_open_elms__somebody_new__is_added(elms: ElmsCatalogue) -> None:
    bob = make.participant(elms.organization, "bob@example.com", name="Bob Ross")
    job = provide(elms, bob)
    assert job.sentence == "The LMS knows 1 person as they are here."
    assert emails(elms) == ["ann@example.com", "bob@example.com"]
    assert RemoteUser.objects.get().participant == bob


def test_open_elms__somebody_known__is_added_no_second_time(elms: ElmsCatalogue) -> None:
    provide(elms, elms.ann)
    provide(elms, elms.ann)
    assert emails(elms) == ["ann@example.com"]


def test_open_elms__profile__is_the_configurations_and_the_persons_own(elms: ElmsCatalogue) -> None:
    LMSConfiguration.objects.update(profile={"company": "Northwind", "city": "Basel"})
    bob = make.participant(elms.organization, "bob@example.com", name="Bob Ross", profile={"city": "Bern"})
    provide(elms, bob)
    [account] = [one for one in elms.campus.accounts.values() if one["email"] == "bob@example.com"]
    assert (account["company"], account["city"]) == ("Northwind", "Bern")


def test_open_elms__result_held_for_want_of_the_person__goes(elms: ElmsCatalogue) -> None:
    elms.bring()
    bob = make.participant(elms.organization, "bob@example.com", name="Bob Ross")
    Result.objects.record([Result(participant=bob, objective=elms.objective, success=True)])
    pump()
    assert elms.deliveries("result") == ["held"]
    provide(elms, bob)
    pump()
    assert elms.deliveries("result") == ["delivered"]


def test_open_elms__by_a_result__the_configurations_profile_is_told_too(elms: ElmsCatalogue) -> None:
    elms.configuration.set_options(elms.options() | {"create_users": True}, {})
    elms.configuration.profile = {"company": "Northwind"}
    elms.configuration.save()
    elms.bring()
    bob = make.participant(elms.organization, "bob@example.com", name="Bob Ross")
    Result.objects.record([Result(participant=bob, objective=elms.objective, success=True)])
    pump()
    [account] = [one for one in elms.campus.accounts.values() if one["email"] == "bob@example.com"]
    assert account["company"] == "Northwind"


def test_stackone__somebody_unknown__is_counted_with_what_to_do(stackone: Catalogue) -> None:
    stackone.account.switches.switch(strangers="stays_away")
    job = provide(stackone, stackone.ann, stackone.person("bob@example.com"))
    assert "1 could not be brought there. 1: Nobody in the LMS has this e-mail address." in job.sentence


def test_people__without_an_e_mail_address__are_counted(stackone: Catalogue) -> None:
    job = provide(stackone, stackone.person("bob-17"))
    assert "1: The participant id is not a valid e-mail address." in job.sentence
    assert stackone.requests() == []


def test_people__of_others__are_not_told(stackone: Catalogue) -> None:
    stranger = make.participant(make.organization(), "stranger@example.com")
    provide(stackone, stranger)
    assert stackone.requests() == []


def test_people__while_sending_is_paused__are_not_told(stackone: Catalogue) -> None:
    LMSConfiguration.objects.update(paused=True)
    job = provide(stackone, stackone.ann)
    assert (job.state, stackone.requests()) == ("failed", [])
    assert "paused" in job.sentence


def test_people__more_than_one_step_takes__are_all_told(stackone: Catalogue) -> None:
    people = [stackone.person(f"person{number}@example.com") for number in range(12)]
    job = provide(stackone, *people)
    assert (job.done, RemoteUser.objects.count()) == (12, 12)


def test_participant__with_another_id__is_looked_up_anew(stackone: Catalogue) -> None:
    stackone.bring()
    provide(stackone, stackone.ann)
    stackone.account.add_user("anna@example.com", "u2")
    stackone.ann.participant_id = "anna@example.com"
    stackone.ann.save()
    Result.objects.record([Result(participant=stackone.ann, objective=stackone.objective, success=True)])
    pump()
    assert [row["user_id"] for row in stackone.account.completions.values()] == ["u2"]


def test_participant__with_another_name__stays_known(stackone: Catalogue) -> None:
    provide(stackone, stackone.ann)
    stackone.ann.name = "Ann Smith"
    stackone.ann.save()
    assert RemoteUser.objects.count() == 1
