"""Every kind of job, by the name that its rows carry."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.jobs import asking, comparing, kinds, people

KINDS: dict[str, kinds.Kind] = {}
_ROOMS: tuple[Mapping[str, kinds.Kind], ...] = (kinds.KINDS, asking.KINDS, people.KINDS, comparing.KINDS)
for _room in _ROOMS:
    KINDS |= _room
