"""Deliveries in the admin: found, explained, shown as text only, and tried again."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.admin.explaining import explain
from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/delivery/"


@pytest.fixture
def lms(cast: Cast) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(cast.northwind.organization, "Spare")
    return found


def deliver(lms: LMSConfiguration, state: str = "queued", participant_id: str = "", **values: Any) -> Delivery:
    person = make.participant(lms.organization, participant_id)
    return make.delivery(make.result(lms.organization, participant=person), lms, state, **values)


def page(delivery: Delivery, name: str = "change") -> str:
    return f"{LIST}{delivery.pk}/{name}/"


def listed(client: Client, **query: Any) -> set[int]:
    return {row.pk for row in client.get(LIST, query).context["cl"].result_list}


def under_way(*deliveries: Delivery) -> Attempt:
    return make.attempt(*deliveries, outcome="open", closed_at=None, status_code=None)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# The list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "word"), [("queued", "Queued"), ("delivered", "Delivered"), ("held", "Held"), ("rejected", "Rejected")]
)
def test_list__shows_the_state_in_a_word(cast: Cast, lms: LMSConfiguration, state: str, word: str) -> None:
    deliver(lms, state)
    assert f"</span> {word}</span>" in cast.client("viewer").get(LIST, {"q": ""}).content.decode()


def test_list__shows_what_is_in_a_request_as_sending(cast: Cast, lms: LMSConfiguration) -> None:
    under_way(deliver(lms))
    assert "</span> Sending</span>" in cast.client("viewer").get(LIST).content.decode()


def test_list__shows_the_next_attempt_relative_and_exact(cast: Cast, lms: LMSConfiguration) -> None:
    when = timezone.now() + timedelta(minutes=30, seconds=30)
    deliver(lms, next_attempt_at=when)
    html = cast.client("viewer").get(LIST).content.decode()
    assert f'<time datetime="{when.isoformat()}" title="' in html
    assert "in 30\xa0minutes</time>" in html


def test_list__while_the_lms_waits__shows_when_it_is_asked_again(cast: Cast, lms: LMSConfiguration) -> None:
    later = timezone.now() + timedelta(minutes=30, seconds=30)
    Lane.objects.filter(pk=lms.lane.pk).update(not_before=later)
    deliver(lms)
    assert "in 30\xa0minutes</time>" in cast.client("viewer").get(LIST).content.decode()


@pytest.mark.parametrize(("paused", "words"), [(True, "when resumed"), (False, "now")])
def test_list__of_what_is_due__says_so(cast: Cast, lms: LMSConfiguration, paused: bool, words: str) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(paused=paused)
    deliver(lms)
    assert f'class="field-next_attempt">{words}</td>' in cast.client("viewer").get(LIST).content.decode()


def test_list__shows_why_something_is_held(cast: Cast, lms: LMSConfiguration) -> None:
    deliver(lms, "held", reason="crashes")
    assert '</span> <span class="quiet">cut short three times' in cast.client("viewer").get(LIST).content.decode()


@pytest.mark.database
@pytest.mark.parametrize("role", ["viewer", "editor", "operator"])
def test_list__with_more_rows__asks_as_many_questions(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    client = cast.client(role)
    deliver(lms)
    few = questions(client, LIST)
    for number in range(8):
        under_way(deliver(make.configuration(cast.northwind.organization, f"LMS no. {number}")))
    assert questions(client, LIST) == few


@pytest.mark.database
def test_page__with_more_attempts__asks_as_many_questions(cast: Cast, lms: LMSConfiguration) -> None:
    client, delivery = cast.client("editor"), deliver(lms)
    make.attempt(delivery)
    few = questions(client, page(delivery))
    for _turn in range(8):
        make.attempt(delivery, deliver(lms))
    assert questions(client, page(delivery)) == few


def questions(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return len(asked)


@pytest.mark.parametrize("query", [{"state__exact": "queued"}, {"created": "day"}, {"q": "person@example.com"}])
@pytest.mark.database
def test_list__narrowed__counts_only_so_far(cast: Cast, lms: LMSConfiguration, query: dict[str, str]) -> None:
    client = cast.client("viewer")
    client.get(LIST, query)
    with CaptureQueriesContext(connection) as asked:
        client.get(LIST, query)
    counting = [one["sql"] for one in asked if "COUNT(" in one["sql"] and '"integrations_delivery"' in one["sql"]]
    assert [("LIMIT 10001" in sql) for sql in counting] == [True]


def test_list__while_it_is_empty__says_what_comes_here(cast: Cast) -> None:
    Delivery.objects.all().delete()
    assert "Deliveries appear here by themselves" in cast.client("viewer").get(LIST).content.decode()


def test_list__with_more_than_it_counts__says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objectives.admin.paginator.CAP", 1)
    assert "Only the newest 10,000" in cast.client("viewer").get(LIST).content.decode()


def test_search__finds_by_whole_participant_id(cast: Cast, lms: LMSConfiguration) -> None:
    found = deliver(lms, participant_id="ann@example.com")
    deliver(lms, participant_id="joann@example.com")
    assert listed(cast.client("viewer"), q=" ann@example.com ") == {found.pk}


@pytest.mark.parametrize("write", [str, lambda value: value.hex, lambda value: str(value).upper()])
def test_search__finds_by_whole_id_in_the_lms(cast: Cast, lms: LMSConfiguration, write: Any) -> None:
    found = deliver(lms)
    deliver(lms)
    assert listed(cast.client("viewer"), q=write(found.uuid)) == {found.pk}


@pytest.mark.catalogue("S27")
@pytest.mark.parametrize("text", ["", "'", "%", "\x00", "ann", "a" * 5000, "{" * 36])
def test_search__for_anything__is_no_error(cast: Cast, text: str) -> None:
    assert cast.client("viewer").get(LIST, {"q": text}).status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state__exact": "held"}, {"held"}),
        ({"reason__exact": "crashes"}, {"held"}),
        ({"state__exact": "queued"}, {"queued"}),
        ({"created": "day"}, {"held", "queued"}),
        ({"created": "week"}, {"held", "queued", "rejected"}),
        ({"created": "nonsense"}, {"held", "queued", "rejected", "delivered"}),
    ],
)
def test_filter__narrows_the_list(
    cast: Cast, lms: LMSConfiguration, query: dict[str, str], expected: set[str]
) -> None:
    now = timezone.now()
    rows = {
        "held": deliver(lms, "held", reason="crashes", created_at=now),
        "queued": deliver(lms, created_at=now),
        "rejected": deliver(lms, "rejected", created_at=now - timedelta(days=3)),
        "delivered": deliver(lms, "delivered", created_at=now - timedelta(days=60)),
    }
    found = listed(cast.client("viewer"), configuration=lms.pk, **query)
    assert {state for state, row in rows.items() if row.pk in found} == expected


@pytest.mark.catalogue("S26")
def test_configuration_filter__offers_ones_own_only(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("admin").get(LIST).content.decode()
    assert f"?configuration={lms.pk}" in html
    assert f"?configuration={cast.contoso.row(LMSConfiguration).pk}" not in html


@pytest.mark.catalogue("S27")
@pytest.mark.parametrize("key", ["theirs", "nonsense", "-1", "9" * 30])
def test_configuration_filter__with_a_key_that_is_not_on_offer__lists_nothing(cast: Cast, key: str) -> None:
    value = cast.contoso.row(LMSConfiguration).pk if key == "theirs" else key
    assert listed(cast.client("admin"), configuration=value) == set()


@pytest.mark.catalogue("S27")
@pytest.mark.parametrize(
    "lookup", ["content__contains", "configuration__sealed__contains", "result__participant__name__startswith"]
)
def test_list__asked_about_a_column_it_does_not_offer__does_not_answer(cast: Cast, lookup: str) -> None:
    response = cast.client("admin").get(LIST, {lookup: "a"})
    assert (response.status_code, response.get("Location")) == (302, f"{LIST}?e=1")


# The page --------------------------------------------------------------------------------------------------------


def test_page__shows_what_was_sent_laid_out(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("viewer").get(page(deliver(lms, content='{"verb":{"id":"v"}}'))).content.decode()
    assert "{\n  &quot;verb&quot;: {\n    &quot;id&quot;: &quot;v&quot;\n  }\n}" in html


def test_page__shows_each_attempt(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms)
    make.attempt(delivery, outcome="server_error", status_code=503, sentence="It has a fault.", answer="Out of order")
    make.attempt(delivery, outcome="delivered", url="https://lms.example.com/xapi/statements", elapsed_ms=77)
    html = cast.client("viewer").get(page(delivery)).content.decode()
    shown = ["<dd>503</dd>", "It has a fault.", "Out of order", "https://lms.example.com/xapi/statements", "77 ms"]
    assert [text for text in shown if text not in html] == []


def test_page__shows_only_attempts_that_carried_it(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms)
    make.attempt(delivery)
    make.attempt(deliver(lms), answer="about another one")
    make.attempt(delivery)
    assert "about another one" not in cast.client("viewer").get(page(delivery)).content.decode()


def test_page__with_markup_in_every_text__shows_it_as_text(cast: Cast, lms: LMSConfiguration) -> None:
    bad = "<script>alert(1)</script>"
    delivery = deliver(lms, "held", content=bad, sentence=bad)
    make.attempt(delivery, answer=bad, sentence=bad, url=bad)
    html = cast.client("viewer").get(page(delivery)).content.decode()
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 5
    assert bad not in html


def test_page__of_what_is_being_sent__says_sending(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms)
    under_way(delivery)
    html = cast.client("viewer").get(page(delivery)).content.decode()
    assert "</span> Sending</span>" in html
    assert "It is in a request just now." in html


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "superuser"])
@pytest.mark.parametrize("url", ["add/", "{pk}/delete/"])
def test_delivery__added_or_deleted__is_refused_to_everybody(
    cast: Cast, lms: LMSConfiguration, role: str, url: str
) -> None:
    delivery = deliver(lms)
    assert cast.client(role).post(LIST + url.format(pk=delivery.pk), {"post": "yes"}).status_code == 403
    assert Delivery.objects.filter(pk=delivery.pk).exists()


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "superuser"])
def test_delivery__changed__is_refused_to_everybody(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    delivery = deliver(lms)
    assert cast.client(role).post(page(delivery), {"state": "delivered"}).status_code == 403


@pytest.mark.catalogue("S25")
def test_page__of_another_organization__answers_as_for_none(cast: Cast) -> None:
    client, theirs = cast.client("admin"), cast.contoso.row(Delivery)
    for name in ("change", "history", "delete"):
        found, missing = client.get(page(theirs, name)), client.get(f"{LIST}999999/{name}/")
        assert (found.status_code, found.get("Location")) == (missing.status_code, missing.get("Location"))


# In words --------------------------------------------------------------------------------------------------------


def explained(delivery: Delivery) -> str:
    return explain(Delivery.objects.select_related("configuration", "lane").get(pk=delivery.pk), under_way=False)


def test_explanation__delivered__says_that_there_is_nothing_to_do(lms: LMSConfiguration) -> None:
    assert explained(deliver(lms, "delivered")) == "The LMS has it. There is nothing to do."


def test_explanation__held__gives_the_reason(lms: LMSConfiguration) -> None:
    assert (
        explained(deliver(lms, "held", sentence="Correct the id.")) == "Held until something changes: Correct the id."
    )


def test_explanation__rejected__gives_the_lmss_words(lms: LMSConfiguration) -> None:
    assert explained(deliver(lms, "rejected", sentence="The LMS refuses this statement (400).")).startswith(
        "The LMS refuses this statement (400). Other results are not affected."
    )


def test_explanation__queued_and_paused__says_who_waits_for_whom(lms: LMSConfiguration) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(paused=True)
    assert "Resume it to send." in explained(deliver(lms))


def test_explanation__queued_while_the_lms_is_down__says_when_it_is_tried(lms: LMSConfiguration) -> None:
    later = timezone.now() + timedelta(minutes=10, seconds=30)
    Lane.objects.filter(pk=lms.lane.pk).update(status="cannot_connect", sentence="Nobody answers.", not_before=later)
    assert explained(deliver(lms)) == "It waits for the LMS: Nobody answers. The next try is in 10\xa0minutes."


@pytest.mark.parametrize("state", Delivery.State.values)
def test_explanation__in_each_state__is_a_sentence(lms: LMSConfiguration, state: str) -> None:
    assert explained(deliver(lms, state)).endswith(".")


# Trying again ----------------------------------------------------------------------------------------------------


def retry(client: Client, *deliveries: Delivery, **more: str) -> Any:
    chosen = {"action": "retry_now", "_selected_action": [one.pk for one in deliveries]}
    data = {**chosen, "post": "yes", "reason": "They corrected it.", **more}
    return client.post(LIST, data, follow=True)


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_retry__makes_queued_and_rejected_due_and_skips_the_rest(
    cast: Cast, lms: LMSConfiguration, role: str
) -> None:
    later = timezone.now() + timedelta(hours=5)
    rows = [
        deliver(lms, next_attempt_at=later),
        deliver(lms, "rejected"),
        deliver(lms, "held"),
        deliver(lms, "delivered"),
    ]
    response = retry(cast.client(role), *rows)
    assert messages_of(response) == [
        "2 deliveries are tried again now. 2 were skipped: what is delivered or held is not retried."
    ]
    assert Delivery.objects.filter(configuration=lms).due(timezone.now()).count() == 2


def test_retry__keeps_id_and_content(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "rejected")
    retry(cast.client("editor"), delivery)
    after = Delivery.objects.get(pk=delivery.pk)
    assert (after.uuid, after.content) == (delivery.uuid, delivery.content)


def logged(row: Any) -> list[tuple[str, str]]:
    """Who did what to a row, and why."""
    entries = LogEntry.objects.filter(object_id=str(row.pk), content_type__model=row._meta.model_name)
    return list(entries.values_list("user__username", "change_message"))


def test_retry__is_logged_with_its_reason_on_each_delivery_and_on_the_configuration(
    cast: Cast, lms: LMSConfiguration
) -> None:
    one, other, skipped = deliver(lms), deliver(lms, "rejected"), deliver(lms, "delivered")
    retry(cast.client("editor"), one, other, skipped)
    who, why = cast.users["editor"].username, "Reason: They corrected it."
    assert logged(one) == logged(other) == [(who, f"Retried. {why}")]
    assert logged(skipped) == []
    assert logged(lms) == [(who, f"Retried 2 deliveries. {why}")]


def test_retry__without_a_reason__asks_for_it(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "rejected")
    html = retry(cast.client("editor"), delivery, post="").content.decode()
    assert "What is queued or rejected is tried now, under its old id" in html
    assert Delivery.objects.get(pk=delivery.pk).state == "rejected"


def test_retry__by_a_viewer__does_nothing(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "rejected")
    retry(cast.client("viewer"), delivery)
    assert Delivery.objects.get(pk=delivery.pk).state == "rejected"


@pytest.mark.catalogue("S25")
def test_retry__of_all_rows__touches_ones_own_only(cast: Cast, lms: LMSConfiguration) -> None:
    theirs = cast.contoso.row(Delivery)
    Delivery.objects.filter(pk=theirs.pk).update(state="rejected", reason="")
    mine = deliver(lms, "rejected")
    response = retry(cast.client("admin"), mine, theirs, select_across="1")
    assert Delivery.objects.get(pk=theirs.pk).state == "rejected"
    assert Delivery.objects.get(pk=mine.pk).state == "queued"
    assert cast.contoso.names(response.content.decode()) == []


def test_retry__by_the_button_of_the_page__makes_it_due_and_is_logged(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "rejected")
    response = cast.client("editor").post(page(delivery, "retry"), follow=True)
    assert messages_of(response) == ["1 delivery is tried again now."]
    assert logged(delivery) == [(cast.users["editor"].username, "Retried.")]


def test_retry_button__with_a_reason__logs_it(cast: Cast, lms: LMSConfiguration) -> None:
    delivery, client = deliver(lms, "rejected"), cast.client("editor")
    assert 'name="reason"' in client.get(page(delivery)).content.decode()
    client.post(page(delivery, "retry"), {"reason": " They\ncorrected it. "})
    assert logged(delivery) == [(cast.users["editor"].username, "Retried. Reason: They corrected it.")]


@pytest.mark.parametrize(("role", "expected"), [("viewer", 403), ("editor", 302), ("anonymous", 302)])
def test_retry_button__follows_the_role(cast: Cast, lms: LMSConfiguration, role: str, expected: int) -> None:
    assert cast.client(role).post(page(deliver(lms), "retry")).status_code == expected


def test_retry_button__by_link__leads_to_the_page(cast: Cast, lms: LMSConfiguration) -> None:
    delivery = deliver(lms, "rejected")
    response = cast.client("editor").get(page(delivery, "retry"))
    assert (response.status_code, response["Location"]) == (302, page(delivery))
    assert Delivery.objects.get(pk=delivery.pk).state == "rejected"


@pytest.mark.parametrize("by_button", [True, False])
def test_retry__while_paused__queues_and_warns(cast: Cast, lms: LMSConfiguration, by_button: bool) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(paused=True)
    delivery, client = deliver(lms, "rejected"), cast.client("editor")
    response = client.post(page(delivery, "retry"), follow=True) if by_button else retry(client, delivery)
    assert messages_of(response) == ["Nothing is sent while “Spare” is paused. Resume it first."]
    assert Delivery.objects.get(pk=delivery.pk).state == "queued"


def test_retry_button__while_paused__is_not_shown(cast: Cast, lms: LMSConfiguration) -> None:
    LMSConfiguration.objects.filter(pk=lms.pk).update(paused=True)
    assert "Retry now" not in cast.client("editor").get(page(deliver(lms))).content.decode()


def test_held__for_want_of_an_address__leads_to_the_configuration(cast: Cast, lms: LMSConfiguration) -> None:
    html = cast.client("viewer").get(page(deliver(lms, "held", reason="not_ready"))).content.decode()
    assert f'<a href="/admin/integrations/lmsconfiguration/{lms.pk}/change/">Go to Spare</a>' in html


@pytest.mark.catalogue("S25")
def test_retry_button__of_another_organizations_row__answers_as_for_none(cast: Cast) -> None:
    client, theirs = cast.client("admin"), cast.contoso.row(Delivery)
    found, missing = client.post(page(theirs, "retry")), client.post(f"{LIST}{uuid.uuid4()}/retry/")
    assert found.status_code == missing.status_code == 302


@pytest.mark.parametrize(
    ("role", "state", "shown"), [("editor", "rejected", 1), ("editor", "held", 0), ("viewer", "rejected", 0)]
)
def test_retry_button__is_shown_where_it_does_something(
    cast: Cast, lms: LMSConfiguration, role: str, state: str, shown: int
) -> None:
    assert cast.client(role).get(page(deliver(lms, state))).content.decode().count("Retry now") == shown
