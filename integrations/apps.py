"""The Django application of ``integrations``."""

from __future__ import annotations

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from integrations import brokers, checks, tasks  # noqa: F401  # registers checks and signal receivers
