"""What the tests of connectors have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.connectors import http
from tests.integrations.connectors.open_elms import Elms
from tests.lms import PracticeLMS


@pytest.fixture
def elms(practice_lms: PracticeLMS) -> Iterator[Elms]:
    """An Open eLMS with Ann and "Fire safety", known to the connection, not assigned."""
    with http.Door(deadline=5) as door:
        yield Elms(practice_lms, door)
