"""The admin of incidents: what was wrong with which LMS, from when to when, and whether the contact was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.admin.delivery import ConfigurationFilter
from integrations.admin.display import LANE_TONES, badge, moment
from integrations.models import Incident, Lane
from objectives.admin.base import TenantModelAdmin


class OverFilter(admin.SimpleListFilter):
    """Is it over?"""

    title = gettext_lazy("over")
    parameter_name = "over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Yes and no."""
        return [("no", gettext_lazy("Still going on")), ("yes", gettext_lazy("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Incidents that are over, or that are not."""
        return queryset.filter(closed_at__isnull=self.value() == "no") if self.value() else queryset


@admin.register(Incident)
class IncidentAdmin(TenantModelAdmin):
    """Incidents, newest first. Nothing is edited here."""

    list_display = ("status_now", "configuration", "began", "lasted", "sentence", "announced")
    list_filter = (OverFilter, "status", ConfigurationFilter)
    list_select_related = ("configuration",)
    sortable_by = ()
    ordering = ("-id",)
    list_per_page = 50
    fields = readonly_fields = (
        "configuration",
        "status_now",
        "sentence",
        "began",
        "confirmed",
        "over",
        "lasted",
        "announced",
        "mails_about_it",
    )

    @admin.display(description=gettext_lazy("status"))
    def status_now(self, obj: Incident) -> SafeString:
        """What was wrong, or still is."""
        return incident_badge(obj)

    @admin.display(description=gettext_lazy("since"))
    def began(self, obj: Incident) -> SafeString | str:
        """The first failure."""
        return moment(obj.opened_at)

    @admin.display(description=gettext_lazy("confirmed"))
    def confirmed(self, obj: Incident) -> SafeString | str:
        """When it was clear that it was no failure in passing."""
        return moment(obj.confirmed_at)

    @admin.display(description=gettext_lazy("over"))
    def over(self, obj: Incident) -> SafeString | str:
        """When it worked again."""
        return moment(obj.closed_at)

    @admin.display(description=gettext_lazy("lasted"))
    def lasted(self, obj: Incident) -> str:
        """How long, once it is over."""
        return length_of(obj)

    @admin.display(description=gettext_lazy("mails"))
    def mails_about_it(self, obj: Incident) -> SafeString | str:
        """The mails about it, newest first."""
        mails = [(mail, reverse("admin:integrations_mail_change", args=[mail.pk])) for mail in obj.mails.all()[:50]]
        rows = [(url, mail.get_kind_display(), moment(mail.created_at)) for mail, url in mails]
        return format_html_join(" · ", '<a href="{}">{}</a> {}', rows) or "–"


def incident_badge(incident: Incident) -> SafeString:
    """What is wrong, in the tone of the status; *Over* beside what it was, once it is."""
    status = incident.get_status_display()
    if incident.closed_at is not None:
        return badge(_("%(status)s, over") % {"status": status}, "none")
    return badge(status, LANE_TONES[Lane.Status(incident.status)])


def length_of(incident: Incident) -> str:
    """For example “2 hours, 5 minutes”."""
    if incident.closed_at is None:
        return _("still going on")
    if incident.closed_at - incident.opened_at < timedelta(minutes=1):
        return _("less than a minute")
    return timesince(incident.opened_at, incident.closed_at, depth=2)
