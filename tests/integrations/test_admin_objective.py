"""Attaching LMS configurations to objectives, and detaching them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Attachment, LMSConfiguration
from objectives.models import Objective
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/objectives/objective/"


def act(client: Client, action: str, configuration: Any, *objectives: Objective, **more: str) -> Any:
    data = {"action": action, "configuration": configuration, "_selected_action": [one.pk for one in objectives]}
    return client.post(LIST, data | more, follow=True)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def offered(client: Client) -> list[tuple[Any, str]]:
    field = client.get(LIST).context["action_form"].fields["configuration"]
    return [(key, str(label)) for key, label in field.widget.choices if key]


@pytest.fixture
def lms(cast: Cast) -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(cast.northwind.organization, "Spare")
    return found


@pytest.fixture
def objectives(cast: Cast) -> list[Objective]:
    return [make.objective(cast.northwind.organization, f"Objective {number}") for number in range(3)]


# The drop-down ---------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("role", ["editor", "admin"])
def test_drop_down__offers_ones_own_configurations_only(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    own = set(LMSConfiguration.objects.of(cast.northwind.organization).values_list("pk", "name"))
    assert set(offered(cast.client(role))) == own


def test_drop_down__for_operators__names_the_organization(cast: Cast, lms: LMSConfiguration) -> None:
    assert (lms.pk, f"{cast.northwind.organization} — Spare") in offered(cast.client("operator"))


def test_drop_down__for_operators_in_one_organization__offers_its_own(cast: Cast, lms: LMSConfiguration) -> None:
    found = offered(cast.client("operator", cast.contoso.organization))
    assert [key for key, _name in found] == [cast.contoso.row(LMSConfiguration).pk]


def test_drop_down__of_one_request__is_not_seen_by_the_next(cast: Cast, lms: LMSConfiguration) -> None:
    offered(cast.client("operator"))
    assert lms.pk not in dict(offered(cast.client("other_admin")))


def test_list__for_viewers__offers_no_action(cast: Cast) -> None:
    assert cast.client("viewer").get(LIST).context["action_form"] is None


# Attaching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "admin", "operator"])
def test_attach__says_how_many_and_how_many_had_it(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective], role: str
) -> None:
    make.attachment(objectives[0], lms)
    response = act(cast.client(role), "attach", lms.pk, *objectives)
    assert messages_of(response) == ["“Spare” was attached to 2 objectives. 1 had it already."]
    assert Attachment.objects.filter(configuration=lms).count() == 3


def test_attach__of_what_all_have__says_that_nothing_changed(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    for one in objectives[:2]:
        make.attachment(one, lms)
    response = act(cast.client("editor"), "attach", lms.pk, *objectives[:2])
    assert messages_of(response) == ["All 2 have it already; nothing changed."]


def test_detach__of_what_none_has__says_so(cast: Cast, lms: LMSConfiguration, objectives: list[Objective]) -> None:
    assert messages_of(act(cast.client("editor"), "detach", lms.pk, *objectives)) == ["None of them had it."]


def test_filter__lists_what_is_attached_to_one(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    make.attachment(objectives[0], lms)
    found = cast.client("viewer").get(LIST, {"configuration": lms.pk}).context["cl"].result_list
    assert list(found) == [objectives[0]]


@pytest.mark.catalogue("S26")
def test_filter__by_another_organizations_configuration__lists_nothing(cast: Cast) -> None:
    theirs = cast.contoso.row(LMSConfiguration)
    assert list(cast.client("admin").get(LIST, {"configuration": theirs.pk}).context["cl"].result_list) == []


def test_page__offers_to_attach_another(cast: Cast, lms: LMSConfiguration, objectives: list[Objective]) -> None:
    html = cast.client("editor").get(f"{LIST}{objectives[0].pk}/change/").content.decode()
    assert "&quot;addText&quot;: &quot;Attach another&quot;" in html


def test_attach__is_logged_on_each_objective(cast: Cast, lms: LMSConfiguration, objectives: list[Objective]) -> None:
    make.attachment(objectives[0], lms)
    act(cast.client("editor"), "attach", lms.pk, *objectives)
    logged = LogEntry.objects.filter(change_message="Attached LMS configuration “Spare”.")
    assert {entry.object_id for entry in logged} == {str(one.pk) for one in objectives[1:]}


def test_attach__by_an_operator__skips_other_organizations_objectives(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    response = act(cast.client("operator"), "attach", lms.pk, objectives[0], cast.contoso.row(Objective))
    assert messages_of(response) == [
        "“Spare” was attached to 1 objective. 1 was skipped, because it is of another organization."
    ]


def test_attach__of_what_cannot_send_results__says_so(cast: Cast, objectives: list[Objective]) -> None:
    keyless = make.configuration(cast.northwind.organization, "Keyless", url="", key="", secret="")
    response = act(cast.client("editor"), "attach", keyless.pk, *objectives)
    assert "“Keyless”: No address yet" in " ".join(messages_of(response))


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("action", ["attach", "detach"])
@pytest.mark.parametrize("key", ["", "nonsense", "0", "99999999999999999999999", "-1", "²", "theirs"])
def test_action__with_a_key_that_is_not_ones_own__asks_to_choose(
    cast: Cast, objectives: list[Objective], action: str, key: str
) -> None:
    posted = cast.contoso.row(LMSConfiguration).pk if key == "theirs" else key
    response = act(cast.client("admin"), action, posted, *objectives)
    assert messages_of(response) == ["Choose an LMS configuration beside the action."]
    assert cast.contoso.names(response.content.decode()) == []


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("action", ["attach", "detach"])
def test_action__on_all_objectives__touches_ones_own_only(cast: Cast, lms: LMSConfiguration, action: str) -> None:
    theirs = cast.contoso.row(Objective)
    before = Attachment.objects.filter(objective=theirs).count()
    act(cast.client("admin"), action, lms.pk, theirs, cast.northwind.row(Objective), select_across="1")
    assert Attachment.objects.filter(objective=theirs).count() == before


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_action__by_a_viewer__does_nothing(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective], action: str
) -> None:
    make.attachment(objectives[0], lms)
    act(cast.client("viewer"), action, lms.pk, *objectives)
    assert Attachment.objects.filter(configuration=lms).count() == 1


def test_detach__says_how_many_and_how_many_did_not_have_it(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    make.attachment(objectives[0], lms)
    response = act(cast.client("editor"), "detach", lms.pk, *objectives)
    assert messages_of(response) == [
        "“Spare” was detached from 1 objective. What was planned before is still sent. 2 did not have it."
    ]
    assert not Attachment.objects.filter(configuration=lms).exists()


def test_detach__is_logged(cast: Cast, lms: LMSConfiguration, objectives: list[Objective]) -> None:
    make.attachment(objectives[0], lms)
    act(cast.client("editor"), "detach", lms.pk, *objectives)
    [entry] = LogEntry.objects.filter(object_id=str(objectives[0].pk))
    assert entry.change_message == "Detached LMS configuration “Spare”."


def test_detach__leaves_other_attachments(cast: Cast, lms: LMSConfiguration, objectives: list[Objective]) -> None:
    other = make.configuration(cast.northwind.organization, "Other")
    for configuration in (lms, other):
        make.attachment(objectives[0], configuration)
    act(cast.client("editor"), "detach", lms.pk, objectives[0])
    assert Attachment.objects.get(objective=objectives[0]).configuration == other


def test_list__names_what_is_attached(cast: Cast, objectives: list[Objective]) -> None:
    for number in range(5):
        make.attachment(objectives[0], make.configuration(cast.northwind.organization, f"LMS no. {number}"))
    html = cast.client("viewer").get(LIST).content.decode()
    assert "LMS no. 0, LMS no. 1, LMS no. 2 and 2 more" in html


@pytest.mark.database
@pytest.mark.parametrize("role", ["viewer", "editor", "operator"])
def test_list__with_more_rows__asks_as_many_questions(cast: Cast, lms: LMSConfiguration, role: str) -> None:
    client = cast.client(role)
    few = questions(client)
    for number in range(5):
        make.attachment(make.objective(cast.northwind.organization, f"More {number}"), lms)
    assert questions(client) == few


def questions(client: Client) -> int:
    client.get(LIST)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(LIST).status_code == 200
    return len(asked)


# On the objective's own page -------------------------------------------------------------------------------------


def save(client: Client, objective: Objective, *rows: dict[str, Any]) -> Any:
    """Post the objective's page with these rows of attachments: those with an id first."""
    data: dict[str, Any] = {
        "name": objective.name,
        "description": objective.description,
        "language": objective.language,
        "attachments-TOTAL_FORMS": len(rows),
        "attachments-INITIAL_FORMS": sum("id" in row for row in rows),
    }
    for number, row in enumerate(rows):
        data |= {f"attachments-{number}-{name}": value for name, value in (row | {"objective": objective.pk}).items()}
    return client.post(f"{LIST}{objective.pk}/change/", data, follow=True)


def test_page__a_configuration_added__is_attached_and_logged(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    save(cast.client("editor"), objectives[0], {"configuration": lms.pk})
    assert Attachment.objects.get(objective=objectives[0]).organization == cast.northwind.organization
    assert "attachment" in LogEntry.objects.get(object_id=str(objectives[0].pk)).get_change_message()


def test_page__an_attachment_removed__is_detached(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    attachment = make.attachment(objectives[0], lms)
    save(cast.client("editor"), objectives[0], {"id": attachment.pk, "DELETE": "on"})
    assert not Attachment.objects.filter(pk=attachment.pk).exists()


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("role", ["editor", "operator"])
def test_page__another_organizations_configuration__is_refused_as_unknown(
    cast: Cast, objectives: list[Objective], role: str
) -> None:
    response = save(cast.client(role), objectives[0], {"configuration": cast.contoso.row(LMSConfiguration).pk})
    assert "That choice is not one of the available choices" in response.content.decode()
    assert not Attachment.objects.filter(objective=objectives[0]).exists()


@pytest.mark.parametrize("role", ["editor", "operator"])
def test_page__offers_configurations_of_the_objectives_organization_only(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective], role: str
) -> None:
    html = cast.client(role).get(f"{LIST}{objectives[0].pk}/change/").content.decode()
    assert f'<option value="{lms.pk}">Spare</option>' in html
    assert cast.contoso.row(LMSConfiguration).name not in html.replace("&lt;", "<").replace("&gt;", ">")


def test_page__the_same_configuration_twice__is_refused(
    cast: Cast, lms: LMSConfiguration, objectives: list[Objective]
) -> None:
    response = save(cast.client("editor"), objectives[0], {"configuration": lms.pk}, {"configuration": lms.pk})
    assert "“Spare” is attached already." in response.content.decode()
    assert not Attachment.objects.filter(objective=objectives[0]).exists()


def test_page__a_configuration_that_cannot_send__is_attached_with_a_hint(
    cast: Cast, objectives: list[Objective]
) -> None:
    keyless = make.configuration(cast.northwind.organization, "Keyless", url="", key="", secret="")
    response = save(cast.client("editor"), objectives[0], {"configuration": keyless.pk})
    assert "“Keyless”: No address yet" in " ".join(messages_of(response))


def test_page__of_a_viewer__has_nothing_to_add(cast: Cast, objectives: list[Objective]) -> None:
    html = cast.client("viewer").get(f"{LIST}{objectives[0].pk}/change/").content.decode()
    assert 'name="attachments-0-configuration"' not in html
