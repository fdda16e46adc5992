"""The admin of differences: what was delivered and is not there, or not as it was told, and sending it again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from integrations import tasks
from integrations.admin.delivery import ConfigurationFilter
from integrations.admin.display import badge, moment
from integrations.models import Difference
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import pressed

TONES = {Difference.Found.ABSENT: "bad", Difference.Found.DIFFERENT: "warn", Difference.Found.FORBIDDEN: "none"}


@admin.register(Difference)
class DifferenceAdmin(TenantModelAdmin):
    """What comparing found, newest first. It goes when it is found in order, or sent again."""

    list_display = ("found_now", "participant", "objective", "configuration", "told", "seen")
    list_filter = ("found", ConfigurationFilter)
    list_select_related = ("configuration", "delivery__result__participant", "delivery__result__objective")
    sortable_by = ()
    ordering = ("-pk",)
    list_per_page = 50
    actions = ("send_again",)
    fields = readonly_fields = (
        *("found_now", "participant", "objective", "configuration", "told", "seen"),
        "open_delivery",
    )

    @admin.display(description=gettext_lazy("found"))
    def found_now(self, obj: Difference) -> SafeString:
        """What the LMS has of it."""
        return badge(obj.get_found_display(), TONES[Difference.Found(obj.found)])

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, obj: Difference) -> str:
        """Whom it tells about."""
        return str(obj.delivery.participant or "–")

    @admin.display(description=gettext_lazy("objective"))
    def objective(self, obj: Difference) -> str:
        """What it tells about."""
        return str(obj.delivery.objective or "–")

    @admin.display(description=gettext_lazy("delivered"))
    def told(self, obj: Difference) -> SafeString | str:
        """When the LMS took it."""
        return moment(obj.delivery.delivered_at)

    @admin.display(description=gettext_lazy("compared"))
    def seen(self, obj: Difference) -> SafeString | str:
        """When the LMS was asked."""
        return moment(obj.seen_at)

    @admin.display(description=gettext_lazy("delivery"))
    def open_delivery(self, obj: Difference) -> SafeString:
        """What was sent, and each exchange."""
        address = reverse("admin:integrations_delivery_change", args=[obj.delivery_id])
        return format_html('<a href="{}">{}</a>', address, obj.delivery)

    # Sending again -----------------------------------------------------------------------------------------------

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins decide what is sent."""
        return self._allowed(request, EDITORS, obj)

    def get_urls(self) -> list[URLPattern]:
        """The button of a difference, a form that posts."""
        view = self.admin_site.admin_view(self.send_view)
        return [path("<path:object_id>/send/", view, name="integrations_difference_send"), *super().get_urls()]

    @admin.action(description=gettext_lazy("Send again"), permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Have the LMSs told these again, under the old ids and in the old words."""
        self._send(request, list(queryset.select_related("delivery")))

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send this one again."""
        obj, answer = pressed(self, request, object_id, self.has_send_permission)
        if answer is not None:
            return answer
        self._send(request, [obj])
        return HttpResponseRedirect(reverse("admin:integrations_difference_changelist"))

    def _send(self, request: HttpRequest, chosen: list[Difference]) -> None:
        self._log(request, [one.delivery for one in chosen], CHANGE, "Sent again, since the LMS did not have it so.")
        count = tasks.send_again(chosen)
        text = ngettext(
            "%(count)s is sent again, under its old id.", "%(count)s are sent again, under their old ids.", count
        ) % {"count": count}
        left = len(chosen) - count
        other = ngettext(
            "%(count)s was passed over: what it told is no longer kept.",
            "%(count)s were passed over: what they told is no longer kept.",
            left,
        ) % {"count": left}
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, " ".join(filter(None, [text, other if left else ""])), level)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Difference | None = None,
    ) -> HttpResponse:
        """What was found, with the button for those who may press it."""
        if obj is not None:
            context["may_send"] = self.has_send_permission(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)
