"""The Django application of ``objectives``."""

from __future__ import annotations

from django.apps import AppConfig


class ObjectivesConfig(AppConfig):
    name = "objectives"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from objectives import checks  # noqa: F401  # registers the system checks
