from __future__ import annotations

from tests.cmi5.fixtures import second_opinion

__all__ = ["second_opinion"]
