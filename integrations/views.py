"""The page on which the owner of an address agrees to get alerts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations import alerts
from objectives import clock


# The signed link is the proof; no cookie takes part, so there is nothing that another site could ride on.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_contact(request: HttpRequest, token: str) -> HttpResponse:
    """Ask with a button, since mail programs open links by themselves; confirm when it is pressed."""
    contact = alerts.read_token(token)
    if contact is not None and request.method == "POST":
        alerts.confirm(contact, clock.now())
        contact.refresh_from_db()
    response = TemplateResponse(
        request, "integrations/confirm_contact.html", {"contact": contact}, status=200 if contact else 404
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
