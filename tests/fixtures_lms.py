"""The practice LMS as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lms import PracticeLMS


@pytest.fixture
def practice_lms() -> Iterator[PracticeLMS]:
    """A running practice LMS of this test's own, healthy and empty."""
    with PracticeLMS() as lms:
        yield lms
