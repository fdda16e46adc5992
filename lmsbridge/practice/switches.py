"""Switches: what an interface's vendor leaves open, or what differs from one customer's LMS to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Switch:
    """One such thing: what it is about, and the readings; the first holds until another one is chosen."""

    words: str
    readings: tuple[str, ...]


class Switchboard:
    """Which reading of each switch holds. For use by any thread."""

    def __init__(self, switches: Mapping[str, Switch]) -> None:
        self.switches = switches
        self._switched: dict[str, str] = {}

    def switch(self, **readings: str) -> None:
        """Take these readings from now on; ``ValueError`` says what there is."""
        for name, reading in readings.items():
            if name not in self.switches:
                raise ValueError(f"There is no switch {name!r}; there are {', '.join(self.switches)}.")
            if reading not in self.switches[name].readings:
                raise ValueError(f"{name} is one of {', '.join(self.switches[name].readings)}.")
        self._switched = self._switched | readings

    def reading(self, name: str) -> str:
        """Which reading of a switch holds."""
        return self._switched.get(name, self.switches[name].readings[0])

    @property
    def readings(self) -> dict[str, str]:
        """The readings of all switches."""
        return {name: self.reading(name) for name in self.switches}
