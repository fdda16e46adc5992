"""A connector that is new: one file (``ledger.py``), one line in the registry, and this test."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.connectors import REGISTRY, kinds
from integrations.connectors.base import Connection, Secret
from integrations.connectors.http import Door
from integrations.models import Attachment, Delivery, LMSConfiguration
from objectives.models import Membership, Result
from tests import make
from tests.integrations.connectors.contract import ConnectorContract
from tests.integrations.connectors.ledger import LedgerConnector
from tests.integrations.connectors.stage import Stage
from tests.lms import PracticeLMS
from tests.scene import pump


class LedgerStage(Stage):
    """An LMS with a ledger."""

    connector = LedgerConnector()

    def prepare(self) -> None:
        pass

    def connection(self) -> Connection:
        return Connection({"url": self.lms.url()}, {"ledger_key": Secret(self.secret)}, self.memory)

    def results(self) -> int:
        return self.store.statement_count


class TestLedger(ConnectorContract):
    @pytest.fixture
    def stage(self, practice_lms: PracticeLMS, door: Door) -> Stage:
        return LedgerStage(practice_lms, door)


@pytest.mark.django_db
def test_connector__with_a_line_in_the_registry__is_offered_configured_and_used(
    client: Client, practice_lms: PracticeLMS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "ledger", "tests.integrations.connectors.ledger.LedgerConnector")
    assert ("ledger", "Ledger") in kinds()
    organization = make.organization()
    client.force_login(make.member(organization, Membership.Role.ADMIN))

    add = reverse("admin:integrations_lmsconfiguration_add")
    assert "Ledger" in client.get(add).content.decode()
    basic = {"name": "Our ledger", "contact_email": "it@example.com"}
    client.post(add, basic | {"type": "ledger", "organization": organization.pk, "_save": "Save"})
    configuration = LMSConfiguration.objects.get(name="Our ledger")

    change = reverse("admin:integrations_lmsconfiguration_change", args=[configuration.pk])
    assert "Ledger&#x27;s key" in client.get(change).content.decode()
    client.post(change, basic | {"url": practice_lms.url(), "ledger_key": "practice-api-key", "_save": "Save"})
    configuration.refresh_from_db()
    assert configuration.options == {"url": practice_lms.url()}
    assert set(configuration.sealed) == {"ledger_key"}

    objective = make.objective(organization)
    Attachment.objects.create(configuration=configuration, objective=objective)
    Result.objects.record([Result(participant=make.participant(organization), objective=objective, success=True)])
    pump()
    assert [one.state for one in Delivery.objects.all()] == ["delivered"]
    assert practice_lms.store().statement_count == 1
