"""What was downloaded from LMSs: files in a folder that is never served as it is, each for a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from integrations.models import RemoteContent

KEPT_FOR = timedelta(days=1)


def _folder() -> Path:
    return Path(settings.PRIVATE_ROOT) / "downloads"


def path_of(content: RemoteContent, *, container: bool) -> Path:
    """Where the package of a content is, or the container that loads it; whether there is one or not."""
    # By our own key: nothing that an LMS said is part of a path.
    return _folder() / f"{content.pk}-{'container' if container else 'package'}.zip"


def is_there(path: Path, now: datetime) -> bool:
    """Whether this file is there and was downloaded in the last day."""
    try:
        return now.timestamp() - path.stat().st_mtime < KEPT_FOR.total_seconds()
    except OSError:
        return False


def drop_old(now: datetime) -> int:
    """Delete what was kept for a day; how many files."""
    count = 0
    for path in _folder().glob("*"):
        if not is_there(path, now):
            path.unlink(missing_ok=True)
            count += 1
    return count
