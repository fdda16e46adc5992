"""What the soak's LMSs do wrong: every store has a repertoire of its own and draws from it at random.

No content is ever refused for good, and no store says that it knows what it does not know: the first would be a
rejected record, which is no loss, and the second a lie that no sender can see through.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from lmsbridge.practice.faults import Fault

# Where an answer is to go wrong on the wire; the header itself is not sent.
WIRE = "X-Wire"
Maker = Callable[[random.Random], Fault]


def _plain(kind: str, value: str = "", stores: float = 0.0) -> Maker:
    """A fault of the practice LMS, with this chance that it stores what came before it fails."""
    return lambda draw: Fault(kind, value, stores=draw.random() < stores)


def _wire(how: str, stores: float) -> Maker:
    return lambda draw: Fault("answer", status=200, headers=((WIRE, how),), stores=draw.random() < stores)


def _slow(least: float, most: float) -> Maker:
    return lambda draw: Fault("slow", f"{draw.uniform(least, most):.1f}")


def _too_large(draw: random.Random) -> Fault:
    # Never 0 or 1, which would be a record that is too large by itself.
    return Fault("413", str(draw.randint(2, 40)))


# Every store does these, so often beside each other.
COMMON: list[tuple[int, Maker]] = [
    (3, _plain("500")),
    (1, _plain("500", stores=1)),
    (2, _plain("502", stores=0.3)),
    (3, _plain("503", "1")),
    (1, _plain("503")),
    (1, _plain("504", stores=0.7)),
    (2, _plain("429", "1")),
    (1, _plain("429")),
    (3, _plain("reset")),
    (1, _plain("close")),
    (3, _plain("store_then_reset")),
    (2, _slow(0.2, 1.5)),
    # Beyond the deadline, and stored only after the sender has given up.
    (2, _slow(2.2, 4)),
    (2, _wire("truncated", stores=0.7)),
    (1, _wire("reset in the body", stores=0.7)),
    (1, _wire("drip", stores=0.5)),
    (1, _wire("garbage", stores=0.3)),
    (1, _plain("login_page", stores=0.3)),
]
# Each of these is the bad habit of some stores only: they teach a lane to send less at once, or one by one.
HABITS: list[tuple[int, Maker]] = [
    (2, _too_large),
    (2, _plain("empty_list", stores=0.7)),
    (2, _plain("wrong_ids", stores=0.7)),
    (2, _plain("invalid_json", stores=0.7)),
    (2, _plain("401")),
    (2, _plain("403")),
    (2, _plain("404")),
]
HABITS_EACH = 2


class Repertoire:
    """The faults of one store: which, and whether the next request runs into one, all from one seed."""

    def __init__(self, seed: str, share: float) -> None:
        self._draw = random.Random(seed)
        self.share = share
        self._known = COMMON + self._draw.sample(HABITS, HABITS_EACH)
        # Such a store answers 409 to what it has already, even if it is the same.
        self.refuses_known_ids = self._draw.random() < 0.5

    def next(self) -> Fault:
        """What the next request runs into."""
        if self._draw.random() >= self.share:
            return Fault("ok")
        makers, weights = [make for _weight, make in self._known], [weight for weight, _make in self._known]
        [make] = self._draw.choices(makers, weights)
        return make(self._draw)


def name(fault: Fault) -> str:
    """What a fault is called in the balance."""
    kind = dict(fault.headers).get(WIRE) or fault.kind
    if fault.kind == "slow":
        kind = "slow beyond the deadline" if float(fault.value) > 2 else "slow"
    return f"{kind}, stored" if fault.stores else kind
