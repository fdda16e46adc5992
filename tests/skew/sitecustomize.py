"""On PYTHONPATH, gives a process a clock that is ``LMS_BRIDGE_TEST_SKEW`` seconds ahead of the true time."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from django.utils import timezone

_true_now = timezone.now
_ahead = timedelta(seconds=float(os.environ.get("LMS_BRIDGE_TEST_SKEW", "0")))


def _now() -> datetime:
    return _true_now() + _ahead


# Before any model is imported, some of which keep this function as a default.
setattr(timezone, "now", _now)  # noqa: B010  # its type is that of the true one
