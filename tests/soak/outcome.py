"""What trials showed, and the table of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

LIMIT = 120.0
HEAD = ("role", "trials", "median", "longest", "lost", "twice", "told again", "queue empty after", "")


@dataclass
class Outcome:
    """What a trial showed: how long a result waited at most, and how long the queue held tasks where watched."""

    role: str
    seconds: float = 0.0
    queue: float | None = None
    lost: int = 0
    twice: int = 0
    again: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether it recovered in time, with nothing lost, there twice or broken."""
        return self.seconds <= LIMIT and not (self.lost or self.twice or self.problems)


def rendered(outcomes: Sequence[Outcome]) -> str:
    """The table with a line for each role, and what was wrong."""
    roles = list(dict.fromkeys(one.role for one in outcomes))
    rows = [HEAD, *(_row([one for one in outcomes if one.role == role]) for role in roles)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{one.role}: {problem}" for one in outcomes for problem in one.problems]
    return "\n".join(lines)


def _row(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    seconds = [one.seconds for one in outcomes]
    queues = [one.queue for one in outcomes if one.queue is not None]
    return (
        outcomes[0].role,
        str(len(outcomes)),
        f"{median(seconds):.1f} s",
        f"{max(seconds):.1f} s",
        str(sum(one.lost for one in outcomes)),
        str(sum(one.twice for one in outcomes)),
        str(sum(one.again for one in outcomes)),
        f"{max(queues):.0f} s at most" if queues else "",
        "ok" if all(one.passed for one in outcomes) else "FAILED",
    )
