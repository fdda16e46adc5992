"""The balance of a soak: what was recorded, what became of it, and what was broken."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from integrations import keeping
from integrations.models import Delivery
from objectives.models import Result

SHOWN = 5


@dataclass
class Balance:
    """Figures of a soak. It passes if nothing is lost, nothing is there twice and no promise is broken."""

    title: str
    repeat: str
    took: dict[str, float] = field(default_factory=dict)
    results: int = 0
    recording: str = ""
    states: Mapping[str, int] = field(default_factory=dict)
    at_the_end_of_faults: str = ""
    requests: int = 0
    repeats: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    signals: Mapping[str, int] = field(default_factory=dict)
    restarts: int = 0
    standstill: float = 0.0
    delays: Sequence[float] = ()
    lost: int = 0
    twice: int = 0
    broken: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the seconds of a part."""
        began = time.monotonic()
        yield
        self.took[part] = time.monotonic() - began

    @property
    def passed(self) -> bool:
        """Whether all promises were kept."""
        return not (self.lost or self.twice or self.broken)

    def __str__(self) -> str:
        kills = {name.removeprefix("SIGKILL "): n for name, n in self.signals.items() if name.startswith("SIGKILL")}
        others = {name: n for name, n in self.signals.items() if not name.startswith("SIGKILL")}
        lines = [
            ("results recorded", f"{self.results:,}, {self.recording}"),
            ("deliveries", f"{sum(self.states.values()):,}: {_listed(self.states)}"),
            ("when the faults were over", self.at_the_end_of_faults),
            ("requests", f"{self.requests:,}, {self.repeats:,} statements in them told again"),
            (f"faults, {sum(self.faults.values()):,}", _listed(self.faults)),
            (f"kills, {sum(kills.values())}", _listed(kills)),
            ("other signals", _listed(others)),
            ("started again", f"{self.restarts} times by the supervisor, not counting what the worker began anew"),
            ("longest time without a request", f"{self.standstill:.1f} s, while results were recorded"),
            ("from recording to delivery", _spread(self.delays)),
            ("took", ", ".join(f"{part} {seconds:.0f} s" for part, seconds in self.took.items())),
            ("lost", str(self.lost)),
            ("duplicate ids", str(self.twice)),
            ("invariants broken", str(len(self.broken))),
        ]
        text = "\n".join(f"{name + ':':<33}{value}" for name, value in lines)
        broken = "".join(f"\n  {sentence}" for sentence in self.broken)
        verdict = "Passed." if self.passed else "FAILED."
        return f"{self.title}\n\n{text}{broken}\n\n{verdict} Repeat it with: {self.repeat}\n"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: -one[1])) or "none"


def _spread(delays: Sequence[float]) -> str:
    if not delays:
        return "nothing was delivered"
    found = sorted(delays)
    return f"median {found[len(found) // 2]:.1f} s, longest {found[-1]:.1f} s"


def states() -> dict[str, int]:
    """How many deliveries are in which state."""
    return dict(Counter(Delivery.objects.values_list("state", flat=True)))


def delays() -> list[float]:
    """Seconds from recording to delivery."""
    found = Delivery.objects.filter(state="delivered").annotate(took=F("delivered_at") - F("result__recorded_at"))
    took: list[timedelta] = list(found.values_list("took", flat=True))
    return [one.total_seconds() for one in took]


def held_against(contents: Mapping[str, Any]) -> tuple[int, int, list[str]]:
    """Compare what the LMSs have with the database: how much is lost, how much is there twice, what else is wrong.

    ``contents`` is what ``FaultyLMS.contents`` says.
    """
    stored = Counter(itertools.chain.from_iterable(contents["stored"].values()))
    frozen = {str(uuid): content for uuid, content in Delivery.objects.values_list("uuid", "content")}
    lost = expected_deliveries() - len(stored.keys() & frozen.keys())
    twice = stored.total() - len(stored)
    wrong = _foreign(stored, frozen) + _told_otherwise(contents["told"], frozen) + _misplaced(contents["stored"])
    return lost, twice, wrong


def expected_deliveries() -> int:
    """How many deliveries the results in the database must have come to, by what their objectives are attached to."""
    return Result.objects.filter(objective__attachments__isnull=False).values_list("objective__attachments").count()


def _foreign(stored: Counter[str], frozen: Mapping[str, str]) -> list[str]:
    foreign = stored.keys() - frozen.keys()
    return [f"{len(foreign)} statements in the LMSs are no deliveries of ours."] if foreign else []


def _told_otherwise(told: Mapping[str, Sequence[str]], frozen: Mapping[str, str]) -> list[str]:
    """Every time an id was told, it must have been in the bytes that were frozen for it."""
    wrong = [id for id, versions in told.items() if list(versions) != [frozen.get(id)]]
    return [f"{len(wrong)} ids were told in other bytes than frozen, as {wrong[:SHOWN]}."] if wrong else []


def _misplaced(stored: Mapping[str, Sequence[str]]) -> list[str]:
    """A statement in the LMS of another configuration would be a leak."""
    own = {
        str(uuid): options["url"].split("/")[-3]
        for uuid, options in Delivery.objects.values_list("uuid", "configuration__options")
    }
    wrong = [id for store, ids in stored.items() for id in ids if own.get(id, store) != store]
    return [f"{len(wrong)} statements are in the LMS of another configuration, as {wrong[:SHOWN]}."] if wrong else []


def promises() -> list[str]:
    """What the product's own check finds; all that was recorded must have been planned."""
    return keeping.breaches(planned_before=timezone.now() + timedelta(days=1))
