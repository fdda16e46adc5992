"""Shares: the link and its QR code, what happened by it, and closing it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import pressed
from objectives.admin.display import moment
from objectives.secrets import Unreadable
from stories import qr
from stories.admin.display import standing_badge
from stories.admin.forms import LimitsForm
from stories.models import Share


@admin.register(Share)
class ShareAdmin(TenantModelAdmin):
    """Links to stories, newest first. They are made by *Publish and share…*, and closed rather than deleted."""

    form = LimitsForm
    fieldsets = ((gettext_lazy("Limits"), {"fields": ["expires_at", "most_starts"]}),)
    roles_change = EDITORS
    list_display = ("story", "lms", "standing_now", "opens", "starts", "completions", "expires", "shared")
    list_select_related = ("story", "configuration")
    search_fields = ("story__title",)
    sortable_by = ("opens", "starts", "completions")
    ordering = ("-pk",)
    list_per_page = 50

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns, with the link for those who may hand it out."""
        columns = [*super().get_list_display(request)]
        return [*columns[:2], "link", *columns[2:]] if self.may(request, EDITORS) else columns

    @admin.display(description=gettext_lazy("LMS configuration"))
    def lms(self, share: Share) -> str:
        """Where the results of launches go."""
        return str(share.configuration or _("None"))

    @admin.display(description=gettext_lazy("link"))
    def link(self, share: Share) -> SafeString | str:
        """The address, to copy."""
        return format_html('<code class="share-link">{}</code>', address) if (address := link_of(share)) else "–"

    @admin.display(description=gettext_lazy("standing"))
    def standing_now(self, share: Share) -> SafeString:
        """Whether learners may begin by it."""
        return standing_badge(share)

    @admin.display(description=gettext_lazy("expires"))
    def expires(self, share: Share) -> SafeString | str:
        """Until when learners may begin."""
        return moment(share.expires_at)

    @admin.display(description=gettext_lazy("shared"))
    def shared(self, share: Share) -> SafeString | str:
        """When it was made."""
        return moment(share.created_at)

    # The page ----------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Share | None = None,
    ) -> HttpResponse:
        """The page with the link, its code and its figures above the form."""
        if obj is not None:
            may_change = self.has_change_permission(request, obj)
            address = link_of(obj) if may_change else ""
            context |= {
                "badge": standing_badge(obj),
                "standing": obj.standing().value,
                "shared": moment(obj.created_at),
                "revoked": moment(obj.revoked_at),
                "may_change": may_change,
                "address": address,
                "code": qr.code_of(address) if address and obj.standing() == Share.Standing.OPEN else None,
                "file_name": f"link-{obj.pk}.png",
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    # Closing and opening -----------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The buttons of a share's page, forms that post."""
        own = [
            path(
                "<path:object_id>/revoke/", self.admin_site.admin_view(self.revoke_view), name="stories_share_revoke"
            ),
            path(
                "<path:object_id>/reissue/",
                self.admin_site.admin_view(self.reissue_view),
                name="stories_share_reissue",
            ),
        ]
        return own + super().get_urls()

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the link at once."""
        share, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        if share.revoke():
            self.log_change(request, share, "Revoked.")
            self.message_user(request, _("The link is closed. Whoever opens it is told so."), messages.SUCCESS)
        else:
            self.message_user(request, _("The link was closed before."), messages.WARNING)
        return self._back(share)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another link in its place."""
        share, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        share.reissue()
        self.log_change(request, share, "Issued anew.")
        text = _("Here is the new link. The old one leads nowhere from now on.")
        self.message_user(request, text, messages.SUCCESS)
        return self._back(share)

    def _back(self, share: Share) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:stories_share_change", args=[share.pk]))


def link_of(share: Share) -> str:
    """The link in the clear; empty if its key left the ring."""
    try:
        return share.link()
    except Unreadable:
        return ""
