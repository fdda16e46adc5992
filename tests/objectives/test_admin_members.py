"""Members are kept by the admins of their organization, and nobody gets more than the one who gives has."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from objectives.models import Membership, Organization
from objectives.scoping import OPERATORS
from tests import make
from tests.fixtures_cast import Cast

pytestmark = pytest.mark.django_db

LIST = "/admin/objectives/membership/"
ADD = f"{LIST}add/"
PASSWORD = "a long and unusual passphrase"
FLAGS = {"is_staff": "on", "is_superuser": "on", "groups": "1", "user_permissions": "1", "organization": "1"}


def of(organization: Organization, user: User) -> Membership:
    found: Membership = Membership.objects.get(organization=organization, user=user)
    return found


def add(client: Client, person: str, role: str = "viewer", password: str = PASSWORD, **more: str) -> Any:
    return client.post(ADD, {"person": person, "role": role, "password": password} | more)


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["adminform"].form.errors.items()}


@pytest.fixture
def own(cast: Cast) -> Organization:
    return cast.northwind.organization


def test_add__new_person(cast: Cast, own: Organization) -> None:
    add(cast.client("admin"), "eve@example.com", "editor")
    user = User.objects.get(username="eve@example.com")
    assert (of(own, user).role, user.email, user.check_password(PASSWORD)) == ("editor", user.username, True)


def test_add__new_person_can_enter(cast: Cast) -> None:
    add(cast.client("admin"), "eve@example.com", "editor")
    client = Client()
    client.post("/admin/login/", {"username": "eve@example.com", "password": PASSWORD})
    assert client.get("/admin/objectives/objective/add/").status_code == 200


def test_add__new_person_without_a_password(cast: Cast) -> None:
    response = add(cast.client("admin"), "eve@example.com", password="")
    assert errors(response) == {"password": ["Enter a password for this person."]}


def test_add__new_person_with_a_poor_password(cast: Cast) -> None:
    assert list(errors(add(cast.client("admin"), "eve@example.com", password="12345678"))) == ["password"]


@pytest.mark.parametrize("person", ["", "a b", "x" * 151, "eve\x00", "<script>"])
def test_add__name_that_nobody_can_have(cast: Cast, person: str) -> None:
    assert "person" in errors(add(cast.client("admin"), person))


@pytest.mark.parametrize("name", ["username", "USERNAME", "email"])
def test_add__somebody_of_another_organization(cast: Cast, own: Organization, name: str) -> None:
    stranger = make.member(cast.contoso.organization, "editor", "stranger", email="stranger@example.com")
    person = {"username": "stranger", "USERNAME": "STRANGER", "email": "stranger@example.com"}[name]
    response = add(cast.client("admin"), person)
    assert "in use elsewhere" in errors(response)["person"][0]
    assert not Membership.objects.filter(organization=own, user=stranger).exists()
    stranger.refresh_from_db()
    assert stranger.check_password(make.PASSWORD)


def test_add__operator_account(cast: Cast) -> None:
    assert "person" in errors(add(cast.client("admin"), "operator"))
    cast.users["operator"].refresh_from_db()
    assert cast.users["operator"].check_password(make.PASSWORD)


def test_add__account_in_no_organization_needs_an_operator(cast: Cast) -> None:
    free = make.user("free")
    assert "person" in errors(add(cast.client("admin"), "free"))
    free.refresh_from_db()
    assert free.check_password(make.PASSWORD)


def test_add__deactivated_person(cast: Cast) -> None:
    make.user("left", is_active=False)
    assert "person" in errors(add(cast.client("admin"), "left"))


def test_add__member_of_another_organization_of_the_same_admin(cast: Cast, own: Organization) -> None:
    second = make.organization()
    Membership.objects.create(organization=second, user=cast.users["admin"], role="admin")
    colleague = make.member(second, "viewer", "colleague")
    add(cast.client("admin", own), "colleague", password="")
    colleague.refresh_from_db()
    assert of(own, colleague).role == "viewer"
    assert colleague.check_password(make.PASSWORD)


def test_add__anybody_by_an_operator(cast: Cast, own: Organization) -> None:
    stranger = make.member(cast.contoso.organization, "editor", "stranger")
    add(cast.client("operator", own), "stranger", password="")
    assert of(own, stranger).role == "viewer"


def test_add__operator_types_a_password_for_somebody_who_has_one(cast: Cast, own: Organization) -> None:
    make.member(cast.contoso.organization, "editor", "stranger")
    assert "password" in errors(add(cast.client("operator", own), "stranger"))


def test_add__member_already(cast: Cast) -> None:
    response = add(cast.client("admin"), cast.users["viewer"].username, password="")
    assert errors(response) == {"person": ["This person is a member already."]}


@pytest.mark.catalogue("S29")
def test_add__flags_in_the_post_are_ignored(cast: Cast, own: Organization) -> None:
    Group.objects.get_or_create(name=OPERATORS)
    add(
        cast.client("admin"),
        "eve@example.com",
        "viewer",
        **FLAGS | {"organization": str(cast.contoso.organization.pk)},
    )
    user = User.objects.get(username="eve@example.com")
    assert (user.is_superuser, user.groups.count(), user.user_permissions.count()) == (False, 0, 0)
    assert [one.organization for one in Membership.objects.filter(user=user)] == [own]


def test_change__role_of_a_colleague(cast: Cast, own: Organization) -> None:
    membership = of(own, cast.users["viewer"])
    cast.client("admin").post(f"{LIST}{membership.pk}/change/", {"role": "editor"})
    membership.refresh_from_db()
    assert membership.role == "editor"


@pytest.mark.catalogue("S29")
@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_change__own_role(cast: Cast, own: Organization, role: str) -> None:
    membership = of(own, cast.users[role])
    response = cast.client(role).post(f"{LIST}{membership.pk}/change/", {"role": "viewer"} | FLAGS)
    assert response.status_code == 403
    membership.refresh_from_db()
    assert membership.role == role


@pytest.mark.catalogue("S29")
def test_change__flags_in_the_post_are_ignored(cast: Cast, own: Organization) -> None:
    user = cast.users["viewer"]
    cast.client("admin").post(f"{LIST}{of(own, user).pk}/change/", {"role": "editor", "user": "1"} | FLAGS)
    user.refresh_from_db()
    assert (user.is_superuser, user.groups.count()) == (False, 0)
    assert of(own, user).role == "editor"


@pytest.mark.catalogue("S29")
@pytest.mark.parametrize("role", ["owner", "operator", "superuser", ""])
def test_change__role_that_is_none(cast: Cast, own: Organization, role: str) -> None:
    membership = of(own, cast.users["viewer"])
    response = cast.client("admin").post(f"{LIST}{membership.pk}/change/", {"role": role})
    assert "role" in errors(response)


def test_change__last_admin(cast: Cast, own: Organization) -> None:
    membership = of(own, cast.users["admin"])
    response = cast.client("operator").post(f"{LIST}{membership.pk}/change/", {"role": "viewer"})
    assert "needs at least one admin" in errors(response)["__all__"][0]


def test_remove__colleague(cast: Cast, own: Organization) -> None:
    membership = of(own, cast.users["viewer"])
    cast.client("admin").post(f"{LIST}{membership.pk}/delete/", {"post": "yes"})
    assert not Membership.objects.filter(pk=membership.pk).exists()
    assert User.objects.filter(pk=cast.users["viewer"].pk).exists()


def test_remove__oneself(cast: Cast, own: Organization) -> None:
    make.member(own, "admin")
    membership = of(own, cast.users["admin"])
    assert cast.client("admin").post(f"{LIST}{membership.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("path", ["page", "action"])
def test_remove__last_admin(cast: Cast, own: Organization, path: str) -> None:
    membership, client = of(own, cast.users["admin"]), cast.client("superuser")
    if path == "page":
        response = client.post(f"{LIST}{membership.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [str(membership.pk)], "post": "yes"}
        response = client.post(LIST, chosen)
    assert "needs at least one admin" in response.content.decode()
    assert Membership.objects.filter(pk=membership.pk).exists()


def test_remove__everybody_at_once(cast: Cast, own: Organization) -> None:
    everybody = [str(one.pk) for one in Membership.objects.of(own)]
    chosen = {"action": "delete_selected", "_selected_action": everybody, "post": "yes"}
    response = cast.client("admin").post(LIST, chosen)
    assert response.status_code in (200, 403)
    assert Membership.objects.of(own).count() == len(everybody)


def test_list__shows_usernames_only(cast: Cast, own: Organization) -> None:
    make.member(own, "viewer", "plain", email="private@example.com", first_name="Secretly")
    page = cast.client("admin").get(LIST).content.decode()
    assert "plain" in page
    assert "private@example.com" not in page
    assert "Secretly" not in page


# Users, for operators -----------------------------------------------------------------------------------------


def test_user__operator_cannot_make_a_superuser(cast: Cast) -> None:
    user = cast.users["viewer"]
    values = {"username": user.username, "is_active": "on", "is_superuser": "on", "is_staff": "on", "groups": "1"}
    cast.client("operator").post(f"/admin/auth/user/{user.pk}/change/", values)
    user.refresh_from_db()
    assert (user.is_superuser, user.groups.count()) == (False, 0)


def test_user__superuser_can_make_an_operator(cast: Cast) -> None:
    user, group = cast.users["viewer"], Group.objects.get(name=OPERATORS)
    values = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": str(group.pk),
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    cast.client("superuser").post(f"/admin/auth/user/{user.pk}/change/", values)
    assert user.groups.filter(name=OPERATORS).exists()


@pytest.mark.parametrize("target", ["superuser", "operator"])
def test_user__operator_cannot_touch_an_operators_account(cast: Cast, target: str) -> None:
    user, client = cast.users[target], cast.client("operator")
    new = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{user.pk}/password/", new).status_code == 403
    assert client.post(f"/admin/auth/user/{user.pk}/change/", {"username": "mine"}).status_code == 403


def test_user__password_is_not_shown_to_those_who_may_not_change_it(cast: Cast) -> None:
    page = cast.client("operator").get(f"/admin/auth/user/{cast.users['superuser'].pk}/change/").content.decode()
    assert cast.users["superuser"].password not in page
    assert "algorithm" not in page


def test_user__operator_can_reset_a_members_password(cast: Cast) -> None:
    user = cast.users["viewer"]
    new = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    cast.client("operator").post(f"/admin/auth/user/{user.pk}/password/", new)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
