"""The admin of stories, their scenes and their shares."""

from __future__ import annotations

from stories.admin import scene, share, story

__all__ = ["scene", "share", "story"]
