"""The system checks of ``check --deploy``."""

from __future__ import annotations

import ipaddress

import pytest
from django.core.checks import Tags, run_checks
from pytest_django import Settings


def _ids(deploy: bool = True) -> list[str | None]:
    found = run_checks(tags=[Tags.security], include_deployment_checks=deploy)
    return [message.id for message in found if (message.id or "").startswith("integrations.")]


@pytest.mark.catalogue("S40")
@pytest.mark.parametrize(
    "network", ["127.0.0.2/32", "127.0.0.0/8", "0.0.0.0/1", "::1/128", "::/0", "::ffff:127.0.0.1/128"]
)
def test_check_outbound_networks__loopback(network: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network(network)]
    assert "integrations.E001" in _ids()


@pytest.mark.catalogue("S40")
@pytest.mark.parametrize("network", ["169.254.0.0/16", "fd00::/8"])
def test_check_outbound_networks__metadata_service(network: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network(network)]
    assert _ids() == ["integrations.W001"]


@pytest.mark.catalogue("S40")
def test_check_debug__on(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    settings.DEBUG = True
    assert _ids() == ["integrations.E002"]


@pytest.mark.catalogue("S40")
@pytest.mark.parametrize("networks", [[], ["10.20.0.0/16"], ["fd12:3456::/32"]])
def test_checks__production(networks: list[str], settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network(network) for network in networks]
    assert _ids() == []


def test_checks__not_without_deploy() -> None:
    assert _ids(deploy=False) == []
