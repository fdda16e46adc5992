"""What is due in a lane."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, QuerySet, When

from integrations.connectors.base import Item, Kind
from integrations.dispatch.prepared import GivenKeys, Prepared, given
from integrations.models import Delivery


class Row(NamedTuple):
    """What dispatch needs of a delivery."""

    pk: int
    uuid: uuid.UUID
    content: str
    alone: bool
    server_errors: int = 0
    refused: bool = False
    kind: str = Kind.RESULT.value
    doubtful: bool = False

    def as_item(self) -> Item:
        """For connectors."""
        return Item(self.uuid, self.content.encode(), Kind(self.kind), self.doubtful)


def oldest(lane: int, now: datetime, most: int, without: Sequence[int] = ()) -> list[Row]:
    """The first so many that are due, in the order in which they go; ``without`` those with these keys."""
    values = {"lane": lane, "next_attempt_at": now, "without": without}
    return [Row._make(columns) for columns in _oldest(most).select(values)]


@functools.lru_cache(maxsize=64)
def _oldest(most: int) -> Prepared:
    def rows() -> QuerySet[Any, Any]:
        found = Delivery.objects.filter(lane=given(Delivery, "lane")).due(given(Delivery, "next_attempt_at"))
        found = found.exclude(id__in=GivenKeys("without", BigIntegerField()))
        return found.order_by("priority", "next_attempt_at", "id").values_list(*Row._fields)[:most]

    return Prepared(rows)


# What a session begins and ends with, whoever had it tried when, and whatever the clocks of several hosts say.
_PLACE = Case(When(event="initialized", then=0), When(event="terminated", then=2), default=1)


def head(lane: int, now: datetime, without: Sequence[int] = ()) -> list[Row]:
    """The first of all that is queued, if any of it is due: where order is everything, nothing goes before it."""
    queued = Delivery.objects.filter(lane=lane, state=Delivery.State.QUEUED).exclude(id__in=without)
    if not queued.filter(next_attempt_at__lte=now).exists():
        return []
    first = queued.order_by(_PLACE, "next_attempt_at", "id").values_list(*Row._fields)[:1]
    return [Row._make(columns) for columns in first]


def newest(lane: int, now: datetime) -> list[Row]:
    """The one that is due and was recorded last, if any is."""
    found = Delivery.objects.filter(lane=lane).due(now).order_by("-id")
    return [Row._make(columns) for columns in found.values_list(*Row._fields)[:1]]
