"""Erasing a person: no trace in any table, and what was achieved stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from integrations import keeping, tasks
from integrations.dispatch import settle
from integrations.models import Delivery, Incident, Lane
from lmsbridge.practice.faults import Fault
from objectives.models import Job, Membership, Participant, Result
from tests import make
from tests.fixtures_cast import Cast
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("sound")]

MARK = "zq7x"
WHO = f"{MARK}.doe@example.com"
STATES = ["delivered", "erased", "expired", "held", "queued", "rejected"]


def traces(mark: str = MARK) -> list[str]:
    """Every table and column with the mark in it, read past all models."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  # our own tables
            columns = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                found += [
                    f"{table}.{name}" for name, value in zip(columns, row, strict=True) if mark in str(value).lower()
                ]
    return found


def person(scene: Scene) -> Participant:
    return Participant.objects.create(organization=scene.organization, participant_id=WHO, name=f"{MARK.title()} Dœ")


def in_every_state(scene: Scene) -> Participant:
    """A person with a delivery in each state, whom answers, logs and sentences name."""
    who = person(scene)
    scene.lms.store().fail(Fault("answer", status=500, body=f"cannot store mailto:{WHO}".encode()))
    scene.record(participant=who)
    pump()
    scene.lms.heal()
    scene.wait_is_over()
    pump()
    for state in STATES:
        scene.record(participant=who)
        if state in ("queued", "delivered"):
            continue
        values: dict[str, Any] = {"state": state, "next_attempt_at": None, "sentence": f"The LMS refuses {WHO}."}
        if state == "held":
            values["reason"] = "by_person"
        if state == "expired":
            values["expires_at"] = timezone.now()
        if state == "erased":
            values["content"] = ""
        Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(**values)
    named = f"said of {WHO}"
    Lane.objects.update(sentence=named)
    Incident.objects.update(sentence=named)
    make.incident(scene.configuration, sentence=named, closed_at=timezone.now())
    make.mail(scene.configuration, body=named, state="sent")
    make.job(scene.organization, title=named, state="done")
    LogEntry.objects.create(
        user=make.user(),
        content_type=ContentType.objects.get_for_model(Job),
        object_id=str(Job.objects.latest("pk").pk),
        object_repr=named,
        action_flag=CHANGE,
        change_message='[{"changed": {"object": "Zq7X D\\u0153"}}]',
    )
    return who


@pytest.mark.catalogue("S41")
def test_person__with_deliveries_in_every_state__leaves_no_trace(scene: Scene) -> None:
    who = in_every_state(scene)
    assert {name.partition(".")[0] for name in traces()} == {
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.model_name
        in {"participant", "delivery", "attempt", "lane", "incident", "mail", "job", "logentry"}
    }
    done = keeping.erase(who)
    assert traces() == []
    assert (done.delivered, done.undelivered, done.results) == (1, 5, 7)
    assert scene.states() == {"delivered": 1, "erased": 6}


@pytest.mark.catalogue("S41")
def test_person__erased__is_in_no_later_log_or_request(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    keeping.erase(in_every_state(scene))
    before = len(scene.lms.store().requests)
    tasks.retry(Delivery.objects.all())
    tasks.requeue()
    pump()
    assert len(scene.lms.store().requests) == before
    assert MARK not in caplog.text.lower()
    assert traces() == []


@pytest.mark.catalogue("S41")
def test_command__a_second_time__changes_nothing_and_says_so(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    in_every_state(scene)
    call_command("erase_participant", "Northwind", WHO)
    first = capsys.readouterr().out
    rows = list(Delivery.objects.order_by("pk").values()), list(Participant.objects.order_by("pk").values())
    call_command("erase_participant", "Northwind", WHO)
    second = capsys.readouterr().out
    assert "Never sent now: 5" in first
    assert MARK not in first
    assert second.startswith("Nothing to erase")
    assert rows == (
        list(Delivery.objects.order_by("pk").values()),
        list(Participant.objects.order_by("pk").values()),
    )


def test_command__for_an_unknown_organization__says_so() -> None:
    with pytest.raises(CommandError, match="no organization"):
        call_command("erase_participant", "Nowhere", WHO)


def test_results__of_an_erased_person__stay_under_the_pseudonym(scene: Scene) -> None:
    who = person(scene)
    [result] = scene.record(participant=who)
    done = keeping.erase(who)
    assert Result.objects.get(pk=result.pk).participant.participant_id == done.pseudonym
    assert done.pseudonym.startswith("erased-")


def test_others__with_the_same_id_elsewhere_or_a_longer_one__keep_theirs(scene: Scene) -> None:
    namesake = make.participant(make.organization(), WHO)
    Lane.objects.update(sentence=f"not{WHO} and {WHO}")
    done = keeping.erase(person(scene))
    namesake.refresh_from_db()
    assert namesake.participant_id == WHO
    assert scene.lane().sentence == f"not{WHO} and {done.pseudonym}"


def entry(about: Any, text: str, by: Any = None) -> LogEntry:
    """Something that the log says about a row."""
    return LogEntry.objects.create(
        user=by or make.user(),
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(about.pk),
        object_repr=text[:200],
        action_flag=CHANGE,
        change_message=text,
    )


def said(entry: LogEntry) -> list[str]:
    entry.refresh_from_db()
    return sorted({entry.object_repr, entry.change_message})


@pytest.mark.parametrize("short", ["12", "ann", "123456789"])
def test_texts__with_an_id_that_is_like_a_number_or_a_word__stay_as_they_are(scene: Scene, short: str) -> None:
    text = f"Waiting: {short} results. http://testserver/admin/x/{short}/change/"
    mail, logged = make.mail(scene.configuration, body=text), entry(scene.configuration, text)
    Lane.objects.update(sentence=text)
    keeping.erase(scene.person(short))
    mail.refresh_from_db()
    assert (mail.body, said(logged), scene.lane().sentence) == (text, [text], text)


def test_texts__as_long_as_they_may_be__stay_that_long(scene: Scene) -> None:
    logged = entry(scene.configuration, "a.name " * 28)
    keeping.erase(scene.person("a.name"))
    logged.refresh_from_db()
    assert len(logged.object_repr) == 200
    assert "a.name" not in logged.object_repr


def test_links__of_our_own_in_mails__stay_as_they_are(scene: Scene) -> None:
    link = "http://testserver/admin/integrations/lmsconfiguration/12/change/"
    mail = make.mail(scene.configuration, body=f"Integrations: {link}")
    done = keeping.erase(scene.person("integrations"))
    mail.refresh_from_db()
    assert mail.body == f"{done.pseudonym}: {link}"


def test_log__of_organizations_users_and_others__stays_as_it_is(scene: Scene) -> None:
    elsewhere = make.configuration(make.organization())
    who, text = person(scene), f"said of {WHO}"
    make.member(scene.organization)
    rows = [scene.organization, make.user(), elsewhere, Membership.objects.get()]
    entries = [entry(row, text) for row in rows]
    keeping.erase(who)
    assert [said(one) for one in entries] == [[text]] * 4


def test_log__of_a_row_that_is_gone__is_cleaned_if_a_member_wrote_it(scene: Scene) -> None:
    gone = make.job(scene.organization)
    own, other = entry(gone, WHO, make.member(scene.organization)), entry(gone, WHO)
    gone.delete()
    done = keeping.erase(person(scene))
    assert (said(own), said(other)) == ([done.pseudonym], [WHO])


@pytest.mark.parametrize("before", ["12", "An Earlier Id"])
def test_log__of_the_person__names_only_the_pseudonym_whatever_their_id_was(scene: Scene, before: str) -> None:
    who = person(scene)
    logged = entry(who, before)
    done = keeping.erase(who)
    logged.refresh_from_db()
    assert logged.object_repr == done.pseudonym


def test_person__with_a_delivery_under_way__is_not_erased_yet(scene: Scene) -> None:
    who = person(scene)
    scene.record(participant=who)
    token = Lane.objects.take(scene.lane().pk)
    assert token is not None
    settle.open_attempt(scene.lane(), token, [Delivery.objects.get().pk], "")
    with pytest.raises(keeping.UnderWay):
        keeping.erase(who)
    assert scene.states() == {"queued": 1}
    assert Participant.objects.filter(participant_id=WHO).exists()


# The action --------------------------------------------------------------------------------------------------------


def act(cast: Cast, role: str, *pks: int, **posted: str) -> Any:
    url = reverse("admin:objectives_participant_changelist")
    data = {"action": "erase", "_selected_action": [str(pk) for pk in pks], **posted}
    return cast.client(role).post(url, data)


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_action__confirmed_with_a_reason__erases(cast: Cast, role: str) -> None:
    who = make.participant(cast.northwind.organization, WHO)
    asked = act(cast, role, who.pk)
    assert "forgotten for good" in asked.content.decode()
    assert Participant.objects.filter(participant_id=WHO).exists()
    act(cast, role, who.pk, post="yes", reason=f"{WHO} asked for it.")
    assert traces() == []
    entry = LogEntry.objects.latest("pk")
    assert (entry.object_id, "asked for it" in entry.change_message) == (str(who.pk), True)


@pytest.mark.parametrize("role", ["viewer", "editor", "other_admin"])
def test_action__by_somebody_else__erases_nobody(cast: Cast, role: str) -> None:
    who = make.participant(cast.northwind.organization, WHO)
    act(cast, role, who.pk, post="yes", reason="Because.")
    assert Participant.objects.filter(participant_id=WHO).exists()


def test_action__on_somebody_erased_before__leaves_them(cast: Cast) -> None:
    who = make.participant(cast.northwind.organization, WHO)
    pseudonym = keeping.erase(who).pseudonym
    act(cast, "admin", who.pk, post="yes", reason="Again.")
    assert Participant.objects.get(pk=who.pk).participant_id == pseudonym


def test_page__of_an_erased_delivery__says_what_happened(cast: Cast) -> None:
    delivery = cast.northwind.row(Delivery)
    keeping.erase(delivery.result.participant)
    page = cast.client("viewer").get(reverse("admin:integrations_delivery_change", args=[delivery.pk]))
    assert "was erased, so it is never sent" in page.content.decode()
