"""What every answer goes through."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection
from django.test import Client

from integrations.models import Delivery
from objectives.models import Objective, Result
from tests import make
from tests.fixtures_cast import Cast


@pytest.mark.django_db
def test_page__carries_a_strict_policy(client: Client) -> None:
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_database__that_cannot_be_reached__is_a_503_that_says_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("could not connect to server: secret details")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", refuse)
    client.cookies["session"] = "x" * 32
    response = client.get("/admin/")
    assert response.status_code == 503
    assert "secret details" not in response.content.decode()
    assert "send it again" in response.content.decode()


@pytest.mark.django_db
def test_database__that_fails_beside_the_views__is_a_503_too(monkeypatch: pytest.MonkeyPatch) -> None:
    create = SessionStore.save

    def refuse(self: SessionStore, must_create: bool = False) -> None:
        if not must_create:
            raise OperationalError("could not connect to server: secret details")
        create(self, must_create)

    make.superuser("root")
    client = Client(raise_request_exception=False)
    # Logging in makes a session in the view; the middleware keeps what else is in it.
    monkeypatch.setattr(SessionStore, "save", refuse)
    response = client.post("/admin/login/", {"username": "root", "password": make.PASSWORD})
    assert response.status_code == 503
    assert "secret details" not in response.content.decode()
    assert "send it again" in response.content.decode()


@pytest.mark.catalogue("R43")
@pytest.mark.database(only="sqlite")
@pytest.mark.django_db(transaction=True)
def test_full_disk__while_a_result_is_recorded__is_a_503_and_leaves_no_half_result(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    editor = cast.client("editor")
    objective = cast.northwind.row(Result).objective
    Objective.objects.filter(pk=objective.pk).update(description="x" * 500_000)
    organization = cast.northwind.organization
    form = {
        "who": cast.northwind.row(Result).participant.participant_id,
        "objective": objective.pk,
        "completion": "on",
        "success": "true",
        "occurred_at_0": "2026-11-01",
        "occurred_at_1": "10:00:00",
    }
    before = (Result.objects.of(organization).count(), Delivery.objects.of(organization).count())
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
    caplog.set_level(logging.CRITICAL)
    response = editor.post("/admin/objectives/result/add/", form)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1073741823")
    assert response.status_code == 503
    assert (Result.objects.of(organization).count(), Delivery.objects.of(organization).count()) == before
