"""Stories, the links by which they are shared, and how learners play them."""

from __future__ import annotations

from stories.models.play import Play
from stories.models.share import Share
from stories.models.story import Option, Scene, Story, StoryVersion

__all__ = ["Option", "Play", "Scene", "Share", "Story", "StoryVersion"]
