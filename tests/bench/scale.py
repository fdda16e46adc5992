"""Lines about a million deliveries: what a claim and an admin page cost beside the same with few."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.dispatch.slice import Slice
from integrations.models import Lane
from objectives import clock
from tests import make
from tests.bench.fill import Filled
from tests.bench.stage import BATCH, Stage, seconds
from tests.bench.table import Line, at_most, compared

# What is looked at, and how much longer than with few deliveries it may take.
PAGES = {
    "list": ("admin:integrations_delivery_changelist", 1.5),
    "dashboard": ("admin:dashboard", 2.0),
}


class Page(NamedTuple):
    """What a page cost: milliseconds in each round, and its number of queries."""

    taken: list[float]
    queries: int


def scale(stage: Stage) -> list[Line]:
    """Claims, the list of deliveries and the dashboard as the table grows."""
    filled = Filled(stage)
    client = _admin(stage)
    sizes = stage.sizes
    filled.grow_to(sizes.few)
    few = _pages(stage, client)
    filled.grow_to(sizes.some)
    some = _claims(stage)
    filled.grow_to(sizes.many)
    many = _claims(stage)
    pages = _pages(stage, client)
    what, beside = f"claiming {BATCH} of {sizes.many:,} rows", f"of {sizes.some:,} rows"
    claims = compared(what, beside, many, some, "ms", goal=at_most(1.5))
    return [claims, *(_line(name, stage, pages[name], few[name]) for name in PAGES)]


def _line(name: str, stage: Stage, many: Page, few: Page) -> Line:
    assert many.queries == few.queries, f"The {name} takes {many.queries} queries, with few rows {few.queries}."
    what, beside = f"{name} of {stage.sizes.many:,} deliveries", f"of {stage.sizes.few:,} deliveries"
    found = compared(what, beside, many.taken, few.taken, "ms", goal=at_most(PAGES[name][1]))
    return dataclasses.replace(found, measured=f"{found.measured}, {many.queries} : {few.queries} queries")


def _claims(stage: Stage) -> list[float]:
    """Milliseconds for a claim: look for a lane, take it, read a batch, give it back."""
    # As they are in daily use: each LMS has answered before.
    Lane.objects.update(slowness=0)

    def claim() -> None:
        for _turn in range(stage.sizes.claims):
            taken = Lane.objects.take_next(clock.now())
            assert taken is not None
            lane = Lane.objects.select_related("configuration").get(pk=taken[0])
            batch = Slice(lane, taken[1], lane.configuration.connector, None, None, 0).due(BATCH)  # type: ignore[arg-type]  # nothing is sent
            assert batch
            Lane.objects.give_back(*taken)

    claim()
    return [1000 * seconds(claim) / stage.sizes.claims for _round in range(stage.sizes.rounds)]


def _admin(stage: Stage) -> Client:
    client = Client()
    client.force_login(make.member(stage.organization, "admin", "ann"))
    return client


def _pages(stage: Stage, client: Client) -> dict[str, Page]:
    return {name: _page(stage, client, reverse(address)) for name, (address, _limit) in PAGES.items()}


def _page(stage: Stage, client: Client, address: str) -> Page:
    def look() -> None:
        for _turn in range(stage.sizes.pages):
            assert client.get(address).status_code == 200

    look()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    # Counted now: the next request forgets them.
    number = len(queries)
    assert number
    return Page([1000 * seconds(look) / stage.sizes.pages for _round in range(stage.sizes.rounds)], number)
