"""Where the addresses of integrations lead that are not part of the admin."""

from __future__ import annotations

from django.urls import path

from integrations import views

app_name = "integrations"
urlpatterns = [path("contacts/confirm/<str:token>/", views.confirm_contact, name="confirm_contact")]
