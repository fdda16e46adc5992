"""What the tests of delivery have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.soundness import assert_sound


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """At the end of each test of dispatch no promise of the product may be broken; others ask for ``sound``."""
    wanted = request.module.__name__.startswith("tests.integrations.test_dispatch") or "sound" in _named(request)
    if wanted and "scene" in request.fixturenames:
        request.getfixturevalue("scene")  # so that this ends before the database is cleared
    yield
    if wanted and "scene" in request.fixturenames:
        assert_sound()


def _named(request: pytest.FixtureRequest) -> set[str]:
    """The fixtures that the module asks for with ``pytest.mark.usefixtures``."""
    return {name for mark in request.node.iter_markers("usefixtures") for name in mark.args}
