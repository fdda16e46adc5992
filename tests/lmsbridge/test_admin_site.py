"""Who may enter the admin, in which organization they are, and what is not there for anybody."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from objectives.models import Membership, Objective, Participant
from tests import make
from tests.fixtures_cast import ROLES, Cast
from tests.walk import leaks, outcome

pytestmark = pytest.mark.django_db

INDEX = "/admin/"
SWITCH = "/admin/organization/"
OBJECTIVES = "/admin/objectives/objective/"


def shown(client: Client, url: str = INDEX) -> str:
    return client.get(url, follow=True).content.decode()


def test_site__staff_without_a_role(client: Client) -> None:
    client.force_login(make.user(is_staff=True))
    assert outcome(client.get(INDEX)) == "login"


def test_site__member_without_the_staff_flag(cast: Cast) -> None:
    User.objects.filter(pk=cast.users["admin"].pk).update(is_staff=False)
    assert outcome(cast.client("admin").get(INDEX)) == "login"


def test_site__operators_group_without_the_staff_flag(cast: Cast) -> None:
    User.objects.filter(pk=cast.users["operator"].pk).update(is_staff=False)
    assert outcome(cast.client("operator").get(INDEX)) == "login"


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_header__names_the_organization(cast: Cast, role: str) -> None:
    assert cast.northwind.organization.name in shown(cast.client(role), OBJECTIVES)


def test_header__operator_who_chose_none(cast: Cast) -> None:
    assert "All organizations" in shown(cast.client("operator"), OBJECTIVES)


def test_log_in__with_the_right_password(cast: Cast, client: Client) -> None:
    entered = {"username": cast.users["viewer"].username, "password": make.PASSWORD, "next": INDEX}
    assert client.post("/admin/login/", entered).headers["Location"] == INDEX


# Switching ----------------------------------------------------------------------------------------------------


def test_switch__to_an_organization_of_ones_own(cast: Cast) -> None:
    Membership.objects.create(organization=cast.contoso.organization, user=cast.users["editor"], role="viewer")
    client = cast.client("editor")
    client.post(SWITCH, {"organization": cast.contoso.organization.pk})
    page = shown(client, OBJECTIVES)
    assert f"{cast.contoso.mark}-external_reference" in page
    assert f"{cast.northwind.mark}-external_reference" not in page


def test_switch__role_is_that_of_the_organization(cast: Cast) -> None:
    Membership.objects.create(organization=cast.contoso.organization, user=cast.users["editor"], role="viewer")
    client = cast.client("editor", cast.contoso.organization)
    assert client.get(f"{OBJECTIVES}add/").status_code == 403


def test_switch__being_added_elsewhere_moves_nobody(cast: Cast) -> None:
    Membership.objects.create(organization=cast.contoso.organization, user=cast.users["editor"], role="viewer")
    assert f"{cast.northwind.mark}-external_reference" in shown(cast.client("editor"), OBJECTIVES)


@pytest.mark.parametrize("wanted", ["contoso", "missing", "x", ""])
def test_switch__anywhere_else(cast: Cast, wanted: str) -> None:
    value = {"contoso": str(cast.contoso.organization.pk), "missing": "987654"}.get(wanted, wanted)
    client = cast.client("admin")
    assert client.post(SWITCH, {"organization": value}).status_code == 404
    assert cast.northwind.organization.name in shown(client)


def test_switch__session_with_a_foreign_organization(cast: Cast) -> None:
    client = cast.client("viewer", cast.contoso.organization)
    assert leaks(cast, "viewer", client.get(OBJECTIVES)) == []


def test_switch__operator_narrows_and_widens(cast: Cast) -> None:
    client = cast.client("operator")
    client.post(SWITCH, {"organization": cast.contoso.organization.pk})
    narrow = shown(client, OBJECTIVES)
    client.post(SWITCH, {"organization": ""})
    wide = shown(client, OBJECTIVES)
    references = [f"{tenant.mark}-external_reference" for tenant in (cast.northwind, cast.contoso)]
    assert [one in narrow for one in references] == [False, True]
    assert [one in wide for one in references] == [True, True]


def test_switch__without_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.users["operator"])
    assert client.post(SWITCH, {"organization": cast.contoso.organization.pk}).status_code == 403


def test_list__organization_column_for_operators_only(cast: Cast) -> None:
    assert "column-organization" in shown(cast.client("operator"), OBJECTIVES)
    assert "column-organization" not in shown(cast.client("admin"), OBJECTIVES)


def test_add__operator_who_chose_no_organization(cast: Cast) -> None:
    assert "Choose an organization at the top first" in shown(cast.client("operator"), f"{OBJECTIVES}add/")


def test_add__operator_who_chose_one(cast: Cast) -> None:
    client = cast.client("superuser", cast.contoso.organization)
    client.post("/admin/objectives/participant/add/", {"participant_id": "new@example.com"})
    assert Participant.objects.get(participant_id="new@example.com").organization == cast.contoso.organization


# The next request ---------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S30")
@pytest.mark.parametrize("what", ["deactivated", "membership", "organization", "staff"])
def test_session__ends_with_the_right_to_be_there(cast: Cast, what: str) -> None:
    client, user = cast.client("admin"), cast.users["admin"]
    assert client.get(OBJECTIVES).status_code == 200
    if what == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif what == "staff":
        User.objects.filter(pk=user.pk).update(is_staff=False)
    elif what == "membership":
        Membership.objects.filter(user=user).delete()
    else:
        type(cast.northwind.organization).objects.filter(pk=cast.northwind.organization.pk).update(is_active=False)
    response = client.get(OBJECTIVES)
    assert outcome(response) == "login"
    assert cast.northwind.names(response.content.decode()) == []


@pytest.mark.catalogue("S30")
def test_session__moved_to_another_organization(cast: Cast) -> None:
    client = cast.client("editor", cast.northwind.organization)
    client.get(OBJECTIVES)
    Membership.objects.filter(user=cast.users["editor"]).update(organization=cast.contoso.organization)
    page = shown(client, OBJECTIVES).replace(cast.users["editor"].username, "")
    assert cast.northwind.names(page) == []


@pytest.mark.catalogue("S30")
def test_session__role_lowered(cast: Cast) -> None:
    client = cast.client("editor")
    assert client.get(f"{OBJECTIVES}add/").status_code == 200
    Membership.objects.filter(user=cast.users["editor"]).update(role="viewer")
    assert client.get(f"{OBJECTIVES}add/").status_code == 403


@pytest.mark.catalogue("S30")
def test_session__no_longer_an_operator(cast: Cast) -> None:
    client = cast.client("operator")
    client.get(OBJECTIVES)
    cast.users["operator"].groups.clear()
    assert outcome(client.get(OBJECTIVES)) == "login"


# History ------------------------------------------------------------------------------------------------------


def changed(cast: Cast, client: Client, tenant: Any) -> None:
    objective = tenant.row(Objective)
    values = {"name": f"{objective.name}!", "language": "en", "description": ""}
    for prefix in ("attachments", "attachment_set"):
        values |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    response = client.post(f"{OBJECTIVES}{objective.pk}/change/", values)
    assert response.status_code == 302, response.content.decode()


@pytest.mark.catalogue("S28")
def test_recent_actions__own(cast: Cast) -> None:
    client = cast.client("editor")
    changed(cast, client, cast.northwind)
    assert "Fire safety nw7f3a!" in shown(client)


@pytest.mark.catalogue("S28")
def test_recent_actions__of_another_organization_after_switching(cast: Cast) -> None:
    Membership.objects.create(organization=cast.contoso.organization, user=cast.users["editor"], role="editor")
    client = cast.client("editor", cast.contoso.organization)
    changed(cast, client, cast.contoso)
    client = cast.client("editor", cast.northwind.organization)
    switcher = cast.contoso.organization.name
    assert cast.contoso.names(shown(client).replace(switcher, "")) == []


@pytest.mark.catalogue("S28")
def test_log__names_no_learner(cast: Cast) -> None:
    entered = {"participant_id": "ann@example.com", "name": "Ann Learner"}
    cast.client("editor").post("/admin/objectives/participant/add/", entered)
    texts = [f"{one.object_repr} {one.change_message}" for one in LogEntry.objects.all()]
    assert texts != []
    assert not [text for text in texts if "ann@" in text or "Ann" in text]


@pytest.mark.catalogue("S28")
def test_history__of_a_row_deleted_elsewhere_with_the_same_key(cast: Cast) -> None:
    foreign = cast.contoso.row(Objective)
    changed(cast, cast.client("other_admin"), cast.contoso)
    response = cast.client("viewer").get(f"{OBJECTIVES}{foreign.pk}/history/")
    assert outcome(response) == "missing"


def test_foreign_row__answers_as_a_missing_one(cast: Cast) -> None:
    client, foreign = cast.client("editor"), cast.contoso.row(Objective).pk
    told = []
    for pk in (foreign, 987654):
        response = client.get(f"{OBJECTIVES}{pk}/change/", follow=True)
        told.append((response.redirect_chain, response.content.decode().replace(str(pk), "PK")))
    strip = [(chain, text.split("</main>")[0].split('class="messagelist"')[1][:200]) for chain, text in told]
    assert strip[0] == strip[1]


# What is not there --------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S31")
@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("anonymous", "deactivated")])
@pytest.mark.parametrize(
    "path",
    [
        "django_q/",
        "django_q/schedule/",
        "django_q/schedule/add/",
        "django_q/success/",
        "django_q/failure/",
        "django_q/ormq/",
        "sessions/session/",
        "contenttypes/contenttype/",
        "auth/permission/",
        "auth/group/",
        "admin/logentry/",
        "r/1/1/",
    ],
)
def test_site__machinery_is_not_there(cast: Cast, role: str, path: str) -> None:
    client = cast.client(role)
    schedule = {"func": "subprocess.getoutput", "args": "'id'", "schedule_type": "O"}
    assert client.get(f"{INDEX}{path}").status_code == 404
    assert client.post(f"{INDEX}{path}", schedule).status_code == 404


@pytest.mark.catalogue("S31")
def test_registry__no_stock_admin_class() -> None:
    stock = [type(one) for one in admin.site._registry.values() if type(one).__module__.startswith("django")]
    assert stock == []


@pytest.mark.catalogue("S31")
def test_register__stock_admin_classes_are_refused() -> None:
    from django_q.admin import ScheduleAdmin
    from django_q.models import Schedule

    admin.site.register(Schedule, ScheduleAdmin)
    admin.site.register(LogEntry)
    assert not {Schedule, LogEntry} & set(admin.site._registry)


def test_addresses__of_the_admin_are_named(cast: Cast) -> None:
    assert reverse("admin:organization") == SWITCH


@pytest.mark.parametrize("path", ["/admin/password_change/", "/admin/auth/user/{pk}/password/"])
def test_breadcrumbs__begin_with_the_overview(cast: Cast, path: str) -> None:
    html = shown(cast.client("superuser"), path.format(pk=cast.users["viewer"].pk))
    assert "Overview</a>" in html
    assert "Home" not in html
