"""The product's own invariants, held against whatever a test has done."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from integrations import keeping


def assert_sound() -> None:
    """No promise is broken in the database as it is now; what was recorded must have been planned."""
    found = keeping.breaches(planned_before=timezone.now() + timedelta(days=1))
    assert not found, "\n".join(found)
