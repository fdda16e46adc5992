"""What is attached gets into catalogues by itself, follows every change, and goes again; nothing is there twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations import dispatch
from integrations.dispatch import lanes, settle
from integrations.models import Attachment, Attempt, Delivery, Lane, LMSConfiguration, RemoteContent
from objectives.models import Objective, Result
from tests import make
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.scene import pump
from tests.soundness import assert_sound

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def heal(lms: Catalogue) -> None:
    """The LMS is well again, and every wait is over."""
    lms.lms.heal()
    Lane.objects.update(not_before=None)
    Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())


# Into the catalogue ----------------------------------------------------------------------------------------------


def test_attaching__brings_the_objective_into_the_catalogue(stackone: Catalogue) -> None:
    stackone.bring()
    assert stackone.there() == [("Fire safety", True)]
    content = stackone.content()
    assert (content.active, content.last_error, content.synced_at is not None) == (True, "", True)
    assert_sound()


def test_attaching__by_the_action__does_the_same_for_many(stackone: Catalogue) -> None:
    make.objective(stackone.organization, "First aid", external_reference="aid-01")
    Attachment.objects.attach(stackone.configuration, Objective.objects.all())
    pump()
    assert sorted(stackone.there()) == [("Fire safety", True), ("First aid", True)]


def test_attaching__where_the_catalogue_is_not_kept__tells_nothing(stackone: Catalogue) -> None:
    LMSConfiguration.objects.update(syncs_content=False)
    stackone.configuration.refresh_from_db()
    stackone.bring()
    assert (stackone.there(), stackone.deliveries()) == ([], [])


def test_attaching__of_an_lms_that_takes_no_contents__plans_none(stackone: Catalogue) -> None:
    xapi = make.configuration(stackone.organization)
    make.attachment(stackone.objective, xapi)
    assert not RemoteContent.objects.exists()


def test_content__goes_before_the_result_that_needs_it(stackone: Catalogue) -> None:
    stackone.attach()
    Result.objects.record([Result(participant=stackone.ann, objective=stackone.objective, success=True)])
    pump()
    writes = [one for one in stackone.requests() if not one.startswith("GET")]
    assert [one.rpartition("/")[2] for one in writes] == ["content", "completions"]
    assert len(stackone.account.completions) == 1


def test_content__after_a_lost_answer__is_there_once(stackone: Catalogue) -> None:
    stackone.lms.script(["store_then_reset"])
    stackone.bring()
    assert stackone.deliveries() == ["queued"]
    heal(stackone)
    pump()
    assert (stackone.deliveries(), stackone.there()) == (["delivered"], [("Fire safety", True)])
    assert_sound()


# Changes ---------------------------------------------------------------------------------------------------------


def test_change__of_the_objective__is_told(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.rename("Fire drill")
    pump()
    assert stackone.there() == [("Fire drill", True)]
    assert stackone.deliveries() == ["delivered", "delivered"]


def test_change__that_says_nothing_new__is_not_told(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.objective.save()
    assert stackone.deliveries() == ["delivered"]


def test_change__before_the_first_was_sent__is_worded_in_its_place(stackone: Catalogue) -> None:
    stackone.attach()
    before = Delivery.objects.get()
    stackone.rename("Fire drill")
    after = Delivery.objects.get()
    assert (after.pk, after.uuid, after.next_attempt_at) == (before.pk, before.uuid, before.next_attempt_at)
    assert "Fire drill" in after.content


def test_change__while_one_is_under_way__makes_another(stackone: Catalogue) -> None:
    stackone.attach()
    under_way = Delivery.objects.get()
    Attempt.objects.create(
        organization=stackone.organization,
        lane=under_way.lane,
        delivery_ids=Attempt.join_ids([under_way.pk]),
        size=1,
    )
    stackone.rename("Fire drill")
    assert "Fire drill" not in Delivery.objects.get(pk=under_way.pk).content
    assert Delivery.objects.exclude(pk=under_way.pk).get().content.count("Fire drill") == 1


def test_change__delivered_before_an_older_one_that_had_failed__is_what_that_says_too(stackone: Catalogue) -> None:
    stackone.attach()
    older = Delivery.objects.get()
    begun = Attempt.objects.create(
        organization=stackone.organization, lane=older.lane, delivery_ids=Attempt.join_ids([older.pk]), size=1
    )
    stackone.rename("Fire drill")
    begun.delete()
    Delivery.objects.filter(pk=older.pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    pump()
    assert "Fire drill" in Delivery.objects.get(pk=older.pk).content


def test_change__of_what_a_person_held__keeps_it_held(stackone: Catalogue) -> None:
    stackone.attach()
    Delivery.objects.all().hold("Not before Monday.")
    stackone.rename("Fire drill")
    held = Delivery.objects.get()
    assert (held.state, held.reason, held.sentence) == ("held", "by_person", "Not before Monday.")
    assert "Fire drill" in held.content


def test_change__while_a_worker_has_the_lane__is_not_sent_in_the_old_words(stackone: Catalogue) -> None:
    stackone.attach()
    lane = stackone.configuration.lane
    token = Lane.objects.take(lane.pk)
    assert token is not None
    stale = Lane.objects.select_related("configuration__organization").get(pk=lane.pk)
    stackone.rename("Fire drill")
    assert settle.open_attempt(stale, token, [Delivery.objects.get().pk], "") is None
    assert lanes.answered(stale, token, timezone.now())


# Out of the catalogue --------------------------------------------------------------------------------------------


def test_detaching__takes_it_out(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.detach()
    pump()
    assert (stackone.there(), stackone.content().active) == ([("Fire safety", False)], False)


def test_detaching__before_it_was_sent__drops_what_waits(stackone: Catalogue) -> None:
    stackone.attach()
    stackone.detach()
    pump()
    assert (stackone.deliveries(), stackone.there()) == ([], [])


def test_detaching__while_nobody_knows_whether_it_arrived__takes_it_out(stackone: Catalogue) -> None:
    stackone.lms.script(["store_then_reset"])
    stackone.bring()
    stackone.detach()
    heal(stackone)
    pump()
    assert stackone.there() == [("Fire safety", False)]


def test_attaching_again__brings_it_back(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.detach()
    pump()
    stackone.bring()
    assert stackone.there() == [("Fire safety", True)]


def test_deleting_the_objective__takes_it_out(stackone: Catalogue) -> None:
    stackone.bring()
    stackone.objective.delete()
    pump()
    assert stackone.there() == [("Fire safety", False)]


# An LMS that takes no changes ------------------------------------------------------------------------------------


def test_open_elms__change_of_name__is_shown_as_a_difference(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.rename("Fire drill")
    assert elms.content().drift == "It is called “Fire safety” there, and “Fire drill” here."
    assert elms.deliveries() == ["delivered"]


def test_open_elms__detaching__says_that_it_stays(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.detach()
    assert "remove it there" in elms.content().drift
    assert (elms.there(), elms.deliveries()) == ([("Fire safety", True)], ["delivered"])


def test_open_elms__attaching_again__says_so_no_more(elms: ElmsCatalogue) -> None:
    elms.bring()
    elms.detach()
    elms.attach()
    assert (elms.content().drift, elms.content().active) == ("", True)


def test_open_elms__after_a_lost_answer__is_there_once(elms: ElmsCatalogue) -> None:
    elms.lms.script(["ok", "store_then_reset"])
    elms.bring()
    heal(elms)
    pump()
    assert (elms.there(), elms.deliveries()) == ([("Fire safety", True)], ["delivered"])


# What waits for a content ----------------------------------------------------------------------------------------


def test_result__held_for_want_of_the_content__goes_once_that_is_there(elms: ElmsCatalogue) -> None:
    LMSConfiguration.objects.update(syncs_content=False)
    elms.configuration.refresh_from_db()
    elms.attach()
    Result.objects.record([Result(participant=elms.ann, objective=elms.objective, success=True)])
    pump()
    assert elms.deliveries("result") == ["held"]
    dispatch.follow(elms.configuration, [elms.objective], again=True)
    pump()
    assert elms.deliveries("result") == ["delivered"]


def test_many_objectives__are_queued_with_a_steady_number_of_queries(
    stackone: Catalogue, django_assert_max_num_queries: Any
) -> None:
    many = [make.objective(stackone.organization, f"Objective {number}") for number in range(60)]
    with django_assert_max_num_queries(25):
        Attachment.objects.attach(stackone.configuration, Objective.objects.filter(pk__in=[one.pk for one in many]))
    pump()
    assert len(stackone.there()) == 60
