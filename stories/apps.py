"""The Django application of ``stories``."""

from __future__ import annotations

from django.apps import AppConfig


class StoriesConfig(AppConfig):
    name = "stories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stories import keeping, offering  # noqa: F401  # registers signal receivers
