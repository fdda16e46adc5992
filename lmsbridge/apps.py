"""The project's own application and its admin site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BridgeAdminConfig(AdminConfig):
    default_site = "lmsbridge.admin.BridgeAdminSite"


class BridgeConfig(AppConfig):
    name = "lmsbridge"
    verbose_name = "LMS Bridge"
