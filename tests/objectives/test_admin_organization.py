"""What the admins of an organization may decide about it, and what is the operators' business."""

from __future__ import annotations

import pytest
from django.test import Client

from objectives.models import Organization
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(db: None) -> Organization:
    return make.organization("Northwind", plan="free")


def page_of(organization: Organization) -> str:
    return f"/admin/objectives/organization/{organization.pk}/change/"


def test_admin__lets_learners_play_without_an_lms(own: Organization) -> None:
    client = Client()
    client.force_login(make.member(own, "admin"))
    client.post(page_of(own), {"open_stories": "on"})
    own.refresh_from_db()
    assert own.open_stories


def test_admin__changes_neither_name_nor_plan(own: Organization) -> None:
    client = Client()
    client.force_login(make.member(own, "admin"))
    client.post(page_of(own), {"name": "Southwind", "plan": "enterprise", "is_active": ""})
    own.refresh_from_db()
    assert (own.name, own.plan, own.is_active) == ("Northwind", "free", True)


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_editor_and_viewer__change_nothing(own: Organization, role: str) -> None:
    client = Client()
    client.force_login(make.member(own, role))
    assert client.post(page_of(own), {"open_stories": "on"}).status_code == 403
