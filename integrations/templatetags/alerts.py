"""What the page of an LMS configuration tells about its alerts: the contact, and the newest incidents."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from integrations.admin.contact import standing
from integrations.admin.display import moment
from integrations.admin.incident import incident_badge, length_of
from integrations.alerts.contacts import is_member
from integrations.models import Contact, LMSConfiguration
from objectives.access import may
from objectives.admin.base import ADMINS

register = template.Library()

INCIDENTS_SHOWN = 5


@register.inclusion_tag("admin/integrations/lmsconfiguration/alerts.html", takes_context=True)
def alerts_of(context: template.Context, configuration: LMSConfiguration) -> dict[str, Any]:
    """The panel below the status of a configuration."""
    email = configuration.contact_email.lower()
    # Not made here: looking at a page changes nothing.
    contact = Contact.objects.filter(organization=configuration.organization_id, email=email).first()
    shown = contact or Contact(organization_id=configuration.organization_id, email=email)
    member = is_member(shown)
    in_order = shown.refused_at is None and (member or shown.confirmed_at is not None)
    incidents = reverse("admin:integrations_incident_changelist")
    mails = reverse("admin:integrations_mail_changelist")
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "configuration": configuration,
        "contact": shown,
        "standing": standing(shown, is_member=member),
        "may_ask": contact is not None and not in_order and may(context["request"], ADMINS),
        "incidents": [
            (one, incident_badge(one), moment(one.opened_at), length_of(one))
            for one in configuration.incidents.order_by("-id")[:INCIDENTS_SHOWN]
        ],
        "all_incidents": f"{incidents}?configuration={configuration.pk}",
        "all_mails": f"{mails}?configuration={configuration.pk}",
    }
