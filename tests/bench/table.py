"""The lines of the table: what was measured beside what, and what it must come to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import median
from typing import Any, Self

HEAD = ("on", "what", "beside", "measured", "ratio", "gate", "goal", "verdict")


@dataclasses.dataclass(frozen=True)
class Bound:
    """What a line's value must come to: ``at_least`` this or at most."""

    value: float
    at_least: bool
    unit: str = ""

    def met_by(self, value: float) -> bool:
        """Whether this value is within the bound."""
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}{self.unit}"


def at_least(value: float) -> Bound:
    """A ratio that the more is the better."""
    return Bound(value, at_least=True, unit="×")


def at_most(value: float) -> Bound:
    """A ratio that the less is the better."""
    return Bound(value, at_least=False, unit="×")


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the table. ``value`` is what gate and goal are about, in the unit of their bounds."""

    what: str
    beside: str
    measured: str
    value: float
    shown: str
    gate: Bound | None = None
    goal: Bound | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate, if there is one, is met."""
        return self.gate is None or self.gate.met_by(self.value)

    @property
    def verdict(self) -> str:
        """In words what gate and goal say."""
        if not self.passed:
            return "FAILED"
        if self.goal is not None and not self.goal.met_by(self.value):
            return "goal missed"
        return "ok"

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """The line that ``dataclasses.asdict`` took apart."""
        bounds = {name: Bound(**found[name]) if found[name] else None for name in ("gate", "goal")}
        return cls(**{**found, **bounds})


def compared(
    what: str,
    beside: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: str,
    *,
    gate: Bound | None = None,
    goal: Bound | None = None,
) -> Line:
    """A line from rounds that were measured in turn: the medians, and the median of each round's own ratio."""
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    measured = f"{median(ours):,.{_digits(ours)}f} : {median(theirs):,.{_digits(theirs)}f} {unit}"
    return Line(what, beside, measured, ratio, f"{ratio:.{3 if ratio < 1 else 2}f}×", gate, goal)


def _digits(values: Sequence[float]) -> int:
    return 0 if median(values) >= 100 else 1 if median(values) >= 10 else 2


def rendered(lines: Sequence[tuple[str, Line]]) -> str:
    """The table as plain text; each line with the name of its database."""
    rows = [HEAD, *(_cells(database, line) for database, line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cells(database: str, line: Line) -> tuple[str, ...]:
    bounds = (str(bound) if bound else "" for bound in (line.gate, line.goal))
    return (database, line.what, line.beside, line.measured, line.shown, *bounds, line.verdict)
