"""System checks for ``check --deploy``: what must not be open in production."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

_LOOPBACK = [ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")]
# Where cloud machines find the credentials of their own role.
_METADATA = [ipaddress.ip_network(text) for text in ("169.254.169.254/32", "fd00:ec2::254/128", "100.100.100.200/32")]


@register(Tags.security, deploy=True)
def check_outbound_networks(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """``integrations.E001``: loopback is open for requests; ``integrations.W001``: a metadata service is."""
    found: list[CheckMessage] = []
    if _opened(_LOOPBACK):
        found.append(
            Error(
                "OUTBOUND_ALLOWED_NETWORKS contains loopback addresses, so an LMS configuration could reach the "
                "services of this very machine.",
                hint="Name only the networks in which LMSs are, for example 10.20.0.0/16.",
                id="integrations.E001",
            )
        )
    if _opened(_METADATA):
        found.append(
            Warning(
                "OUTBOUND_ALLOWED_NETWORKS contains the address of a cloud metadata service, which hands out "
                "credentials.",
                hint="Name only the networks in which LMSs are, for example 10.20.0.0/16.",
                id="integrations.W001",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_debug(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """``integrations.E002``: error pages would show the inside of requests, credentials included."""
    if not settings.DEBUG:
        return []
    return [Error("DEBUG is on.", hint="Remove DEBUG from the environment.", id="integrations.E002")]


def _opened(networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    allowed = settings.OUTBOUND_ALLOWED_NETWORKS
    return any(one.version == other.version and one.overlaps(other) for one in allowed for other in networks)
