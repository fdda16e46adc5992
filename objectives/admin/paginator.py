"""A paginator that never counts a large table to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

CAP = 10_001  # one more than is shown, so that "more than 10,000" is known

if TYPE_CHECKING:
    Base = Paginator[Any]
else:
    Base = Paginator


class CappedPaginator(Base):
    """Counts up to ``CAP`` rows: a page of a million rows costs what a page of ten thousand does."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or ``CAP`` where there are as many or more."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return min(len(rows), CAP)
        return rows.order_by().select_related(None).values("pk")[:CAP].count()

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than ``count`` says."""
        return self.count >= CAP
