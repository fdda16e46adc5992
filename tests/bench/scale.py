"""Lines about a million deliveries: what a claim and an admin page cost beside the same with few."""

from __future__ import annotations

import dataclasses

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.dispatch.send import Slice
from integrations.models import Lane
from tests import make
from tests.bench.fill import Filled
from tests.bench.stage import BATCH, Stage, seconds
from tests.bench.table import Line, at_most, compared


def scale(stage: Stage) -> list[Line]:
    """Claims and the list of deliveries as the table grows."""
    filled = Filled(stage)
    client = _admin(stage)
    sizes = stage.sizes
    filled.grow_to(sizes.few)
    few, few_queries = _pages(stage, client)
    filled.grow_to(sizes.some)
    some = _claims(stage)
    filled.grow_to(sizes.many)
    many = _claims(stage)
    page, page_queries = _pages(stage, client)
    name = f"{sizes.many:,}"
    claims = compared(
        f"claiming {BATCH} of {name} rows", f"of {sizes.some:,} rows", many, some, "ms", goal=at_most(1.5)
    )
    pages = compared(f"list of {name} deliveries", f"of {sizes.few:,} deliveries", page, few, "ms", goal=at_most(1.5))
    counted = f"{pages.measured}, {page_queries} : {few_queries} queries"
    assert page_queries == few_queries, f"The list takes {page_queries} queries, with few rows {few_queries}."
    return [claims, dataclasses.replace(pages, measured=counted)]


def _claims(stage: Stage) -> list[float]:
    """Milliseconds for a claim: look for a lane, take it, read a batch, give it back."""

    def claim() -> None:
        for _turn in range(stage.sizes.claims):
            now = timezone.now()
            pk = list(Lane.objects.ready(now).values_list("pk", flat=True)[:10])[0]
            token = Lane.objects.take(pk)
            assert token is not None
            lane = Lane.objects.select_related("configuration").get(pk=pk)
            Slice(lane, token, lane.configuration.connector, None, None, 0).due(BATCH)  # type: ignore[arg-type]  # nothing is sent
            Lane.objects.filter(pk=pk, lease_token=token).update(lease_token=None, lease_until=None)

    claim()
    return [1000 * seconds(claim) / stage.sizes.claims for _round in range(stage.sizes.rounds)]


def _admin(stage: Stage) -> Client:
    client = Client()
    client.force_login(make.member(stage.organization, "admin", "ann"))
    return client


def _pages(stage: Stage, client: Client) -> tuple[list[float], int]:
    """Milliseconds for a page of the list of deliveries, and its number of queries."""
    address = reverse("admin:integrations_delivery_changelist")

    def look() -> None:
        for _turn in range(stage.sizes.pages):
            assert client.get(address).status_code == 200

    look()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    number = len(queries)
    return [1000 * seconds(look) / stage.sizes.pages for _round in range(stage.sizes.rounds)], number
