"""The line about recording: validated, and with deliveries planned and frozen in the same transaction."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from integrations.models import Delivery
from objectives.models import Result
from tests.bench.stage import Stage, seconds
from tests.bench.table import Line, at_least, compared


def recording(stage: Stage) -> list[Line]:
    """Recording beside a bare ``bulk_create`` of the very rows that recording made."""
    objective = stage.connect()[1]
    ours: list[float] = []
    bare: list[float] = []
    for _round in range(stage.sizes.rounds):
        results = stage.results(objective, stage.sizes.record)
        ours.append(len(results) / seconds(partial(Result.objects.record, results)))
        planned = Delivery.objects.filter(result__in=Result.objects.order_by("-id")[: len(results)]).order_by("id")
        pairs = [_twins(one.result, one) for one in planned.select_related("result")]
        assert len(pairs) == len(results)
        bare.append(len(results) / seconds(partial(create, pairs)))
    what = f"recording {stage.sizes.record:,} results, deliveries planned"
    return [compared(what, "bare bulk_create of the same rows", ours, bare, "/s", goal=at_least(0.5))]


def _twins(result: Result, delivery: Delivery) -> tuple[Result, Delivery]:
    result, delivery = copy.copy(result), copy.copy(delivery)
    for row in (result, delivery):
        row.pk, row.uuid = None, uuid.uuid4()
        row._state.adding = True
    return result, delivery


def create(pairs: Sequence[tuple[Result, Delivery]]) -> None:
    """What the database itself needs for these rows."""
    with transaction.atomic():
        made = Result.objects.bulk_create([result for result, _delivery in pairs], batch_size=500)
        for result, (_result, delivery) in zip(made, pairs, strict=True):
            delivery.result = result
        Delivery.objects.bulk_create([delivery for _result, delivery in pairs], batch_size=500)
