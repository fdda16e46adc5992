"""Where each address leads."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("", include("integrations.urls")),
    path("", include("stories.urls")),
]

handler500 = "lmsbridge.middleware.server_error"
