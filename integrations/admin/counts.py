"""Counts of deliveries that cost the same whatever there is to count."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from integrations.admin.display import CAP
from integrations.models import Attachment, Delivery


class CappedCount(Subquery):
    """How many rows a correlated query finds, counted only as far as its slice goes.

    Give it the order of an index. Without one PostgreSQL reads the whole table for each configuration that has no
    such rows, where another one has most of them.
    """

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()


def with_counts(configurations: QuerySet[Any]) -> QuerySet[Any]:
    """LMS configurations with ``used_by`` (objectives) and, up to ``CAP`` + 1, ``queued``, ``held`` and ``rejected``.

    Each count reads a partial index that holds nothing but the rows in that state.
    """
    used = Attachment.objects.filter(configuration=OuterRef("pk")).order_by().values("configuration")
    counted: QuerySet[Any] = configurations.annotate(
        used_by=Coalesce(Subquery(used.annotate(number=Count("pk")).values("number")), 0),
        queued=_capped(Delivery.objects.filter(lane=OuterRef("lane__pk"), state="queued").order_by("created_at")),
        held=_capped(Delivery.objects.filter(configuration=OuterRef("pk"), state="held").order_by("-pk")),
        rejected=_capped(Delivery.objects.filter(configuration=OuterRef("pk"), state="rejected").order_by("-pk")),
    )
    return counted


def _capped(deliveries: QuerySet[Any]) -> CappedCount:
    return CappedCount(deliveries.values("pk")[: CAP + 1])
