"""The registry: every type of LMS configuration and where its connector lives."""

from __future__ import annotations

import functools
from importlib import import_module

from integrations.connectors.base import Connector

REGISTRY = {
    "xapi": "integrations.connectors.xapi.XapiConnector",
    "open_elms": "integrations.connectors.open_elms.OpenElmsConnector",
    "stackone": "integrations.connectors.stackone.StackOneConnector",
}


@functools.cache
def get_connector(kind: str) -> Connector:
    """The connector of one type of LMS configuration; ``KeyError`` for an unknown type."""
    module, _, name = REGISTRY[kind].rpartition(".")
    found: type[Connector] = getattr(import_module(module), name)
    return found()


def kinds() -> list[tuple[str, str]]:
    """The types to choose from, with the names people know them by."""
    return [(kind, str(get_connector(kind).label)) for kind in REGISTRY]
