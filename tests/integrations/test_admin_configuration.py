"""LMS configurations in the admin: two steps, secrets that stay hidden, status, pausing, deleting."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.admin.display import CAP, capped
from integrations.models import Attachment, Delivery, Lane, Launch, LMSConfiguration
from stories.models import Play, Share
from tests import make
from tests.fixtures_cast import SECRET, Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/lmsconfiguration/"
ADD = f"{LIST}add/"
BASICS = {"name": "Our LMS", "contact_email": "it@example.com", "type": "xapi"}
OTHER_KEYS = "b3RoZXItcmluZy1vdGhlci1yaW5nLW90aGVyLXJpbmc="


def page(configuration: LMSConfiguration, name: str = "change") -> str:
    return f"{LIST}{configuration.pk}/{name}/"


def posted(configuration: LMSConfiguration, **changes: Any) -> dict[str, Any]:
    """What the change form posts if nothing but ``changes`` is typed."""
    return {
        "name": configuration.name,
        "contact_email": configuration.contact_email,
        **configuration.options,
        **changes,
    }


def northwinds(cast: Cast) -> LMSConfiguration:
    return LMSConfiguration.objects.get(organization=cast.northwind.organization)


def spare(cast: Cast, name: str = "Spare", **options: Any) -> LMSConfiguration:
    """A configuration of Northwind without any delivery."""
    found: LMSConfiguration = make.configuration(cast.northwind.organization, name, **options)
    return found


def messages_of(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


# Two steps -------------------------------------------------------------------------------------------------------


def test_creation__step_1__asks_for_basic_information_and_the_type_only(cast: Cast) -> None:
    form = cast.client("admin").get(ADD).context["adminform"].form
    assert list(form.fields) == ["name", "contact_email", "type"]


def test_creation__after_step_1__leads_to_the_types_properties(cast: Cast) -> None:
    response = cast.client("admin").post(ADD, BASICS, follow=True)
    made = LMSConfiguration.objects.get(name="Our LMS")
    assert response.redirect_chain == [(page(made), 302)]
    assert set(made.connector.options_form.base_fields) <= set(response.context["adminform"].form.fields)


def test_creation__belongs_to_the_active_organization(cast: Cast) -> None:
    cast.client("admin").post(ADD, BASICS | {"organization": cast.contoso.organization.pk})
    assert LMSConfiguration.objects.get(name="Our LMS").organization == cast.northwind.organization


def test_creation__name_that_exists__is_refused_in_words(cast: Cast) -> None:
    response = cast.client("admin").post(ADD, BASICS | {"name": northwinds(cast).name})
    assert "An LMS configuration with this name exists already." in response.content.decode()


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_creation__by_others_than_admins__is_refused(cast: Cast, role: str) -> None:
    assert cast.client(role).post(ADD, BASICS).status_code == 403


def test_page__shows_the_properties_under_the_types_name(cast: Cast) -> None:
    response = cast.client("admin").get(page(northwinds(cast)))
    assert [fieldset.name for fieldset in response.context["adminform"]] == [
        *(None, "xAPI", "How often", "In the LMS"),
        "Launches of stories",
    ]


def test_page__type_posted_again__stays_as_it_was(cast: Cast) -> None:
    configuration = spare(cast)
    cast.client("admin").post(page(configuration), posted(configuration, type="other"))
    assert LMSConfiguration.objects.get(pk=configuration.pk).type == "xapi"


def test_admin__names_nothing_of_a_vendor() -> None:
    folders = ("integrations/admin", "templates/admin/integrations")
    files = [file for folder in folders for file in (settings.BASE_DIR / folder).rglob("*.[ph]*")]
    assert files
    assert [file.name for file in files if names_a_vendor(file)] == []


def names_a_vendor(file: Path) -> bool:
    text = file.read_text().lower() if file.suffix in {".py", ".html"} else ""
    return any(word in text for word in ("xapi", "key_secret", "api_key", '"url"', "account_home_page"))


# Saving ----------------------------------------------------------------------------------------------------------


def test_save__by_an_admin__stores_options_and_seals_the_secret(cast: Cast) -> None:
    configuration = spare(cast)
    data = posted(configuration, key="new-key", key_secret="brand-new-secret")
    cast.client("admin").post(page(configuration), data)
    saved = LMSConfiguration.objects.get(pk=configuration.pk)
    assert saved.options["key"] == "new-key"
    assert saved.connection().secrets["key_secret"].value == "brand-new-secret"


def test_save__another_origin__clears_the_secret_and_warns(cast: Cast) -> None:
    configuration = spare(cast)
    data = posted(configuration, url="https://elsewhere.example.com/xapi/")
    response = cast.client("admin").post(page(configuration), data, follow=True)
    assert LMSConfiguration.objects.get(pk=configuration.pk).sealed == {}
    assert "the key stored for the old one was forgotten" in messages_of(response)


def test_save__same_origin__does_not_warn(cast: Cast) -> None:
    configuration = spare(cast)
    response = cast.client("admin").post(page(configuration), posted(configuration), follow=True)
    assert "forgotten" not in messages_of(response)


@pytest.mark.parametrize(("changes", "status"), [({}, "ok"), ({"key": "another"}, "not_tested")])
def test_save__of_another_key__forgets_the_status(cast: Cast, changes: dict[str, str], status: str) -> None:
    configuration = spare(cast)
    Lane.objects.filter(configuration=configuration).update(status="ok")
    cast.client("admin").post(page(configuration), posted(configuration, **changes))
    assert Lane.objects.get(configuration=configuration).status == status


def test_save__has_held_deliveries_examined_and_the_lms_tried_at_once(cast: Cast) -> None:
    configuration = spare(cast)
    cast.client("admin").post(page(configuration), posted(configuration))
    assert Lane.objects.get(configuration=configuration).recheck_at is not None


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_save__by_others_than_admins__is_refused(cast: Cast, role: str) -> None:
    configuration = spare(cast)
    assert cast.client(role).post(page(configuration), posted(configuration)).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_page__for_those_who_may_only_look__shows_properties_and_no_field(cast: Cast, role: str) -> None:
    html = cast.client(role).get(page(northwinds(cast))).content.decode()
    assert "Key and secret" in html
    assert 'name="url"' not in html
    assert "Test connection" not in html


# Secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "operator", "superuser"])
def test_secret__is_in_no_page(cast: Cast, role: str) -> None:
    client, configuration = cast.client(role), northwinds(cast)
    pages = [LIST, page(configuration), page(configuration, "history"), page(configuration, "delete")]
    assert [url for url in pages if SECRET in client.get(url).content.decode()] == []


@pytest.mark.parametrize("changes", [{}, {"contact_email": "nonsense"}, {"url": "nonsense"}])
def test_secret__just_entered__is_in_no_answer_and_no_log(cast: Cast, changes: dict[str, str]) -> None:
    configuration, client = spare(cast), cast.client("admin")
    data = posted(configuration, key_secret="typed-just-now-9x7", **changes)
    answers = client.post(page(configuration), data, follow=True).content + client.get(LIST).content
    history = client.get(page(configuration, "history")).content
    assert b"typed-just-now-9x7" not in answers + history
    assert not LogEntry.objects.filter(change_message__contains="typed-just-now-9x7").exists()


@pytest.mark.catalogue("S13")
def test_secret__copied_from_another_organization__shows_as_unreadable(cast: Cast) -> None:
    configuration, theirs = spare(cast), cast.contoso.row(LMSConfiguration)
    LMSConfiguration.objects.filter(pk=configuration.pk).update(sealed=theirs.sealed)
    response = cast.client("admin").get(page(configuration))
    assert response.status_code == 200
    assert "The stored key cannot be read" in response.content.decode()


@pytest.mark.catalogue("S14")
@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_secret__whose_key_left_the_ring__shows_as_unreadable(cast: Cast, role: str, settings: Any) -> None:
    settings.FIELD_KEYS = OTHER_KEYS
    response = cast.client(role).get(page(northwinds(cast)))
    assert response.status_code == 200
    assert "The stored key cannot be read" in response.content.decode()


@pytest.mark.catalogue("S14")
def test_secret__entered_again_after_its_key_left_the_ring__works(cast: Cast, settings: Any) -> None:
    configuration = spare(cast)
    settings.FIELD_KEYS = OTHER_KEYS
    cast.client("admin").post(page(configuration), posted(configuration, key_secret="entered-again"))
    saved = LMSConfiguration.objects.get(pk=configuration.pk)
    assert saved.connection().secrets["key_secret"].value == "entered-again"


# Status ----------------------------------------------------------------------------------------------------------


def test_page__without_url_and_key__says_for_launches_only(cast: Cast) -> None:
    configuration = spare(cast, url="", key="", secret="")
    assert "No address yet" in cast.client("admin").get(page(configuration)).content.decode()


def test_page__shows_status_and_counts_that_lead_to_the_deliveries(cast: Cast) -> None:
    configuration = northwinds(cast)
    Lane.objects.filter(configuration=configuration).update(status="server_error", sentence="It says no.")
    html = cast.client("viewer").get(page(configuration)).content.decode()
    assert "Server Error" in html
    assert "It says no." in html
    assert f'/admin/integrations/delivery/?configuration={configuration.pk}&amp;state__exact=held">1 held' in html


def test_page__tells_how_many_objectives_use_it(cast: Cast) -> None:
    html = cast.client("viewer").get(page(northwinds(cast))).content.decode()
    address = f"/admin/objectives/objective/?configuration={northwinds(cast).pk}"
    assert f'<a href="{address}">Used by 1 objective.</a>' in html


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("not_tested", "Not tested"),
        ("ok", "OK"),
        ("cannot_connect", "Can&#x27;t Connect"),
        ("server_error", "Server Error"),
    ],
)
def test_list__shows_each_status_in_a_word(cast: Cast, status: str, word: str) -> None:
    Lane.objects.filter(configuration=northwinds(cast)).update(status=status)
    assert f"</span> {word}</span>" in cast.client("viewer").get(LIST).content.decode()


def test_list__shows_since_when(cast: Cast) -> None:
    Lane.objects.filter(configuration=northwinds(cast)).update(status="ok", status_since="2026-05-03T10:00:00Z")
    assert "since 3 May 2026, 10:00 UTC</time>" in cast.client("viewer").get(LIST).content.decode()


def test_list__shows_paused_beside_the_status(cast: Cast) -> None:
    LMSConfiguration.objects.filter(pk=northwinds(cast).pk).update(paused=True)
    html = cast.client("viewer").get(LIST).content.decode()
    assert html.index("</span> Paused</span> Before that:") < html.index("</span> Not tested</span>")


def test_list__without_an_address__says_so(cast: Cast) -> None:
    spare(cast, url="", key="", secret="")
    assert "</span> No address</span>" in cast.client("viewer").get(LIST).content.decode()


def test_page__while_paused__says_since_when_and_by_whom_and_nothing_about_sending(cast: Cast) -> None:
    configuration, client = spare(cast), cast.client("admin")
    client.post(page(configuration, "pause"))
    Lane.objects.filter(configuration=configuration).update(status="server_error", sentence="It says no.")
    html = client.get(page(configuration)).content.decode()
    assert f", by {cast.users['admin'].username}. Nothing is sent; results queue." in html.replace("&#x27;", "'")
    assert "Before that:" in html
    assert "It says no." not in html
    assert "Results are sent:" not in html


def test_page__just_created__has_the_form_first(cast: Cast) -> None:
    html = cast.client("admin").get(page(spare(cast, url="", key="", secret=""))).content.decode()
    assert "Step 2 of 2: address and key" in html
    assert html.index('name="contact_email"') < html.index("status-heading")


def test_page__with_an_address__has_the_status_first(cast: Cast) -> None:
    html = cast.client("admin").get(page(spare(cast))).content.decode()
    assert "Step 2 of 2" not in html
    assert html.index("status-heading") < html.index('name="contact_email"')


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("editor", False), ("admin", True)])
def test_page__shows_the_key_to_admins_only(cast: Cast, role: str, shown: bool) -> None:
    html = cast.client(role).get(page(spare(cast, key="a-key-of-ours"))).content.decode()
    assert ("a-key-of-ours" in html) is shown


def test_list__counts_objectives_and_what_waits(cast: Cast) -> None:
    configuration = northwinds(cast)
    make.delivery(make.result(cast.northwind.organization), configuration)
    make.attachment(make.objective(cast.northwind.organization), configuration)
    html = cast.client("viewer").get(LIST).content.decode()
    assert "2 objectives" in html
    assert "1 queued, 1 held" in html


def test_count__above_the_cap__is_shown_as_such() -> None:
    assert [capped(3), capped(CAP), capped(CAP + 1)] == ["3", "1000", "1000+"]


@pytest.mark.database
@pytest.mark.parametrize("role", ["viewer", "admin", "operator"])
def test_list__with_more_rows__asks_as_many_questions(cast: Cast, role: str) -> None:
    client = cast.client(role)
    few = questions(client, LIST)
    for number in range(5):
        configuration = spare(cast, f"LMS number {number}")
        make.attachment(make.objective(cast.northwind.organization), configuration)
        make.delivery(make.result(cast.northwind.organization), configuration)
    assert questions(client, LIST) == few


def questions(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return len(asked)


def test_list__while_it_is_empty__says_what_to_do(cast: Cast) -> None:
    Attachment.objects.all().delete()
    Delivery.objects.all().delete()
    Play.objects.all().delete()
    Share.objects.all().delete()
    Launch.objects.all().delete()
    LMSConfiguration.objects.all().delete()
    assert "Add one to send results" in cast.client("admin").get(LIST).content.decode()
    assert "Add one to send results" not in cast.client("viewer").get(LIST).content.decode()


# Pausing ---------------------------------------------------------------------------------------------------------


def act(client: Client, action: str, *rows: LMSConfiguration, **more: str) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(LIST, data, follow=True)


def test_pause__of_two_of_which_one_is_paused__counts_both(cast: Cast) -> None:
    first, second = spare(cast, "First"), spare(cast, "Second")
    LMSConfiguration.objects.filter(pk=second.pk).update(paused=True)
    response = act(cast.client("admin"), "pause", first, second, post="yes", reason="They move house.")
    assert "“First” is paused now. Results keep queueing. 1 paused before." in messages_of(response)


def test_pause__by_the_action__asks_why_and_logs_it(cast: Cast) -> None:
    configuration = spare(cast)
    act(cast.client("admin"), "pause", configuration, post="yes", reason="They move {house}.")
    [entry] = LogEntry.objects.filter(object_id=str(configuration.pk))
    assert entry.change_message == "Paused sending. Reason: They move {house}."
    assert LMSConfiguration.objects.get(pk=configuration.pk).paused is True


@pytest.mark.parametrize("action", ["pause", "resume"])
@pytest.mark.parametrize("posted", [{}, {"post": "yes"}, {"post": "yes", "reason": "  "}, {"reason": "Yes."}])
def test_pause__without_a_reason__asks_for_it(cast: Cast, action: str, posted: dict[str, str]) -> None:
    configuration = spare(cast)
    LMSConfiguration.objects.filter(pk=configuration.pk).update(paused=action == "resume")
    html = act(cast.client("admin"), action, configuration, **posted).content.decode()
    assert f'<input type="hidden" name="_selected_action" value="{configuration.pk}">' in html
    assert LMSConfiguration.objects.get(pk=configuration.pk).paused is (action == "resume")


def test_pause__by_the_button__needs_no_reason(cast: Cast) -> None:
    configuration = spare(cast)
    cast.client("admin").post(page(configuration, "pause"))
    assert LogEntry.objects.get(object_id=str(configuration.pk)).change_message == "Paused sending."


@pytest.mark.parametrize(("button", "did"), [("pause", "Paused sending."), ("resume", "Resumed sending.")])
def test_button__with_a_reason__logs_it(cast: Cast, button: str, did: str) -> None:
    configuration, client = spare(cast), cast.client("admin")
    LMSConfiguration.objects.filter(pk=configuration.pk).update(paused=button == "resume")
    assert 'name="reason"' in client.get(page(configuration)).content.decode()
    client.post(page(configuration, button), {"reason": "They move house."})
    entry = LogEntry.objects.get(object_id=str(configuration.pk))
    assert (entry.user, entry.change_message) == (cast.users["admin"], f"{did} Reason: They move house.")


def test_resume__by_the_button__sends_again(cast: Cast) -> None:
    configuration = spare(cast)
    LMSConfiguration.objects.filter(pk=configuration.pk).update(paused=True)
    Lane.objects.filter(configuration=configuration).update(not_before=timezone.now() + timedelta(hours=1))
    response = cast.client("admin").post(page(configuration, "resume"), follow=True)
    assert LMSConfiguration.objects.get(pk=configuration.pk).paused is False
    assert Lane.objects.get(configuration=configuration).not_before is None
    said = "“Spare” sends again. What was due meanwhile is sent now; the rest goes with its next batch."
    assert messages_of(response) == said


@pytest.mark.parametrize("button", ["test", "pause", "resume"])
def test_button__by_link__leads_to_the_page_and_does_nothing(cast: Cast, button: str) -> None:
    response = cast.client("admin").get(page(northwinds(cast), button))
    assert (response.status_code, response["Location"]) == (302, page(northwinds(cast)))
    assert northwinds(cast).paused is False


@pytest.mark.parametrize("button", ["test", "pause", "resume"])
@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_button__of_others_than_admins__is_refused(cast: Cast, role: str, button: str) -> None:
    assert cast.client(role).post(page(northwinds(cast), button)).status_code == 403


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("button", ["test", "pause", "resume"])
def test_button__of_another_organizations_row__answers_as_for_none(cast: Cast, button: str) -> None:
    client, theirs = cast.client("admin"), cast.contoso.row(LMSConfiguration)
    found, missing = client.post(page(theirs, button)), client.post(f"{LIST}999999/{button}/")
    assert (found.status_code, found["Location"]) == (missing.status_code, missing["Location"])
    assert LMSConfiguration.objects.get(pk=theirs.pk).paused is False


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("action", ["pause", "resume", "delete_selected"])
def test_action__on_another_organizations_row__does_nothing(cast: Cast, action: str) -> None:
    theirs = make.configuration(cast.contoso.organization, "Theirs")
    response = act(cast.client("admin"), action, theirs, select_across="1", post="yes", reason="Mine.")
    assert LMSConfiguration.objects.get(pk=theirs.pk).paused is False
    assert cast.contoso.names(response.content.decode()) == []


@pytest.mark.parametrize("action", ["pause", "resume", "delete_selected"])
def test_action__by_an_editor__does_nothing(cast: Cast, action: str) -> None:
    configuration = spare(cast)
    act(cast.client("editor"), action, configuration, post="yes", reason="Mine.")
    assert LMSConfiguration.objects.get(pk=configuration.pk).paused is False


# Deleting --------------------------------------------------------------------------------------------------------


def test_delete__with_deliveries__is_refused_and_offers_to_pause(cast: Cast) -> None:
    configuration = northwinds(cast)
    html = cast.client("admin").get(page(configuration, "delete")).content.decode()
    assert "cannot be deleted: its deliveries tell" in html
    assert page(configuration, "pause") in html


def test_delete__with_deliveries_confirmed_all_the_same__keeps_it(cast: Cast) -> None:
    configuration = northwinds(cast)
    cast.client("admin").post(page(configuration, "delete"), {"post": "yes"})
    assert LMSConfiguration.objects.filter(pk=configuration.pk).exists()


def test_delete__of_several_with_deliveries__is_refused_in_words(cast: Cast) -> None:
    response = act(cast.client("admin"), "delete_selected", northwinds(cast), spare(cast))
    assert "These LMS configurations cannot be deleted" in response.content.decode()


def test_delete__without_deliveries__takes_attachments_along(cast: Cast) -> None:
    configuration = spare(cast)
    make.attachment(make.objective(cast.northwind.organization), configuration)
    cast.client("admin").post(page(configuration, "delete"), {"post": "yes"})
    assert not LMSConfiguration.objects.filter(pk=configuration.pk).exists()
    assert Delivery.objects.filter(organization=cast.northwind.organization).exists()
