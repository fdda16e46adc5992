"""Filters that the dashboard's numbers lead to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from integrations.models import Delivery
from objectives import clock


def midnight(now: datetime) -> datetime:
    """When the day began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class DeliveredFilter(admin.SimpleListFilter):
    """What arrived today? By UTC, as the dashboard counts it."""

    title = gettext_lazy("delivered")
    parameter_name = "delivered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One window."""
        return [("today", gettext_lazy("Today (UTC)"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Deliveries that were proven since midnight."""
        if self.value() != "today":
            return queryset
        return queryset.filter(state=Delivery.State.DELIVERED, delivered_at__gte=midnight(clock.now()))


class TriedFilter(admin.SimpleListFilter):
    """What fails? Queued, though it was tried before."""

    title = gettext_lazy("failing")
    parameter_name = "tried"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One question."""
        return [("yes", gettext_lazy("Tried and still queued"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Queued deliveries with an attempt behind them."""
        return queryset.filter(state=Delivery.State.QUEUED, attempts__gt=0) if self.value() == "yes" else queryset
