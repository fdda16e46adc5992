"""What measurements share: sizes, an organization with configurations that send to a sink, results, a stopwatch."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from integrations.models import Delivery, LMSConfiguration
from objectives.models import Objective, Organization, Participant, Result
from tests import make
from tests.bench.sink import Sink
from tests.scene import connect

BATCH = 200
PEOPLE = 100


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured: results in a round, rounds, and so on."""

    rounds: int = 5
    round: int = 10_000
    slow_round: int = 4_000
    record: int = 10_000
    few: int = 1_000
    some: int = 10_000
    many: int = 1_000_000
    claims: int = 40
    pages: int = 8
    single: int = 60
    fair: int = 100
    long_run: int = 100_000
    peer: int = 300
    slow_peer: int = 12
    big: bool = True


QUICK = Sizes(
    rounds=3,
    round=2_000,
    slow_round=1_000,
    record=2_000,
    many=100_000,
    claims=15,
    pages=3,
    single=10,
    fair=60,
    long_run=10_000,
    peer=100,
    slow_peer=5,
)


class Stage:
    """One organization with a hundred participants and one objective for each configuration."""

    def __init__(self, sink: Sink, sizes: Sizes) -> None:
        self.sink = sink
        self.sizes = sizes
        self.organization: Organization = make.organization("Northwind")
        self.people = [self._person(number) for number in range(PEOPLE)]

    def _person(self, number: int) -> Participant:
        return make.participant(self.organization, f"person{number}@example.com", name=f"Person {number}")

    def connect(self, name: str = "LMS", delay: int = 0) -> tuple[LMSConfiguration, Objective]:
        """A configuration for the sink, which answers after so many milliseconds, and the objective it is for."""
        objective = make.objective(self.organization, f"Fire safety {name}")
        options = {"url": self.sink.url(delay)}
        return connect(self.organization, objective, name, options, make.KEY_SECRET), objective

    def results(self, objective: Objective, count: int) -> list[Result]:
        """Results with score and duration, not recorded yet."""
        now = timezone.now()
        return [
            Result(
                participant=self.people[number % PEOPLE],
                objective=objective,
                success=True,
                score_raw=Decimal(number % 101),
                score_min=Decimal(0),
                score_max=Decimal(100),
                duration=timedelta(seconds=number % 3600),
                occurred_at=now - timedelta(seconds=1),
            )
            for number in range(count)
        ]

    def record(self, objective: Objective, count: int) -> None:
        """Record so many results, and let the database know its tables as it does in daily use."""
        Result.objects.record(self.results(objective, count))
        analyze()

    @staticmethod
    def queue_again(*objectives: Objective) -> None:
        """Let all that was delivered for these go once more, which is quicker than recording anew."""
        again = Delivery.objects.filter(result__objective__in=objectives)
        again.update(state=Delivery.State.QUEUED, next_attempt_at=timezone.now(), delivered_at=None)
        analyze()

    @staticmethod
    def bodies() -> list[bytes]:
        """What the next requests carry: the frozen bytes of all that is queued, in batches."""
        queued = Delivery.objects.filter(state="queued").order_by("next_attempt_at", "id")
        contents = list(queued.values_list("content", flat=True))
        batches = (contents[start : start + BATCH] for start in range(0, len(contents), BATCH))
        return [b"[" + ",".join(batch).encode() + b"]" for batch in batches]


def analyze() -> None:
    """What PostgreSQL's autovacuum does by itself after a while; SQLite has nothing of the kind."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def seconds(work: Callable[[], object]) -> float:
    """How long this takes; the garbage of whatever came before is not its own."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextlib.contextmanager
def all_delivered() -> Iterator[None]:
    """Hold that nothing is left: a pipeline that stopped early was not fast."""
    yield
    left = Delivery.objects.exclude(state="delivered").count()
    assert not left, f"{left} deliveries did not go."
