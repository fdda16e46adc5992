"""*Test connection*: what it shows, what it leaves behind, and how often it may be used."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from integrations.admin.testing import PER_MINUTE
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from lmsbridge.practice.faults import Fault
from tests import make
from tests.fixtures_cast import Cast
from tests.lms import PracticeLMS

pytestmark = pytest.mark.django_db


def configuration(cast: Cast, url: str, **options: Any) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(cast.northwind.organization, "Practice", url=url, **options)
    return found


def press(cast: Cast, row: LMSConfiguration, role: str = "admin") -> Any:
    return cast.client(role).post(f"/admin/integrations/lmsconfiguration/{row.pk}/test/", follow=True)


def messages_of(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_test__of_a_healthy_lms__says_so(cast: Cast, practice_lms: PracticeLMS) -> None:
    html = press(cast, configuration(cast, practice_lms.url())).content.decode()
    assert "The connection works" in html
    assert "<dd>200</dd>" in html


def test_test__that_works__turns_the_status_and_stores_nothing_else(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, practice_lms.url())
    before = Delivery.objects.count(), Attempt.objects.count()
    press(cast, row)
    assert Lane.objects.get(configuration=row).status == "ok"
    assert (Delivery.objects.count(), Attempt.objects.count()) == before
    assert practice_lms.store().statements == []


@pytest.mark.parametrize("attached", [True, False])
def test_test__that_works__leads_on_to_the_objectives(cast: Cast, practice_lms: PracticeLMS, attached: bool) -> None:
    row = configuration(cast, practice_lms.url())
    if attached:
        make.attachment(make.objective(cast.northwind.organization), row)
    assert ("attach it to objectives" in press(cast, row).content.decode()) is not attached


def test_save_and_test__saves_and_then_tests(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, "")
    typed = {"url": practice_lms.url(), "key_secret": "practice-secret", "_test": "Save and test connection"}
    data = {"name": row.name, "contact_email": row.contact_email, **row.options, **typed}
    response = cast.client("admin").post(f"/admin/integrations/lmsconfiguration/{row.pk}/change/", data)
    assert "The connection works" in response.content.decode()
    assert LMSConfiguration.objects.get(pk=row.pk).options["url"] == practice_lms.url()


def test_save_and_test__of_what_is_wrong__tests_nothing(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, practice_lms.url())
    data = {"name": "", "contact_email": row.contact_email, **row.options, "_test": "Save and test connection"}
    response = cast.client("admin").post(f"/admin/integrations/lmsconfiguration/{row.pk}/change/", data)
    assert "This field is required." in response.content.decode()
    assert practice_lms.store().requests == []


def test_test__that_is_refused__says_what_to_do_and_turns_the_status(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, practice_lms.url(), secret="wrong-secret")
    html = press(cast, row).content.decode()
    assert "The connection does not work" in html
    assert "Check key and secret." in html
    assert Lane.objects.get(configuration=row).status == "server_error"


def test_test__by_an_operator__works(cast: Cast, practice_lms: PracticeLMS) -> None:
    assert "The connection works" in press(cast, configuration(cast, practice_lms.url()), "operator").content.decode()


def test_test__of_a_page_with_markup__shows_it_as_text(cast: Cast, practice_lms: PracticeLMS) -> None:
    practice_lms.fail(Fault("answer", status=500, body=b"<script>alert(1)</script>"))
    html = press(cast, configuration(cast, practice_lms.url())).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html


def test_test__of_an_lms_that_echoes_the_credentials__does_not_show_them(
    cast: Cast, practice_lms: PracticeLMS
) -> None:
    sent = base64.b64encode(b"practice-key:practice-secret")
    practice_lms.fail(Fault("answer", status=500, body=b"You sent Basic " + sent + b", practice-secret."))
    html = press(cast, configuration(cast, practice_lms.url())).content.decode()
    assert "You sent Basic" in html
    assert sent.decode().rstrip("=") not in html
    assert "practice-secret" not in html


def test_test__of_a_long_answer__shows_the_beginning(cast: Cast, practice_lms: PracticeLMS) -> None:
    practice_lms.fail(Fault("answer", status=500, body=b"x" * 10_000))
    html = press(cast, configuration(cast, practice_lms.url())).content.decode()
    assert "x" * 4096 in html
    assert "x" * 4097 not in html


def test_test__with_an_unreadable_secret__asks_for_it_again(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, practice_lms.url())
    LMSConfiguration.objects.filter(pk=row.pk).update(
        sealed={"key_secret": row.sealed["key_secret"] | {"sealed": "v1.x.y"}}
    )
    assert "The stored key cannot be read. Enter it again." in press(cast, row).content.decode()
    assert practice_lms.store().requests == []


@pytest.mark.catalogue("S39")
@pytest.mark.parametrize("port", [9, 8443])
def test_test__of_an_address_that_is_not_allowed__says_the_same_for_every_port(cast: Cast, port: int) -> None:
    html = press(cast, configuration(cast, f"https://127.0.0.1:{port}/")).content.decode()
    assert "This address is not allowed" in html
    assert "<dd>–</dd>" in html


@pytest.mark.catalogue("S39")
def test_test__once_too_often__says_how_long_to_wait(cast: Cast, practice_lms: PracticeLMS) -> None:
    row = configuration(cast, practice_lms.url())
    for _turn in range(PER_MINUTE):
        press(cast, row)
    response = press(cast, row)
    assert "There were too many tests. Wait " in messages_of(response)
    assert len(practice_lms.store().requests) == PER_MINUTE


@pytest.mark.catalogue("S39")
def test_test__once_too_often__counts_all_configurations_of_the_organization(cast: Cast) -> None:
    row, other = configuration(cast, ""), make.configuration(cast.northwind.organization)
    for _turn in range(PER_MINUTE):
        press(cast, row)
    assert "There were too many tests." in messages_of(press(cast, other))


def test_test__a_minute_after_too_many__is_made(cast: Cast) -> None:
    row = configuration(cast, "")
    for _turn in range(PER_MINUTE):
        press(cast, row)
    LogEntry.objects.update(action_time=timezone.now() - timedelta(minutes=2))
    assert press(cast, row).context["tested"].ok is False


def test_test__of_another_organization__is_not_slowed_down(cast: Cast) -> None:
    row, theirs = configuration(cast, ""), make.configuration(cast.contoso.organization, url="")
    for _turn in range(PER_MINUTE):
        press(cast, row)
    assert "tested" in press(cast, theirs, "other_admin").context
