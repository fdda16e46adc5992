"""Shares: the link and its QR code, what happened by it, and closing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import opened, pressed
from objectives.admin.display import moment
from objectives.secrets import Unreadable
from stories import packages, qr
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
        """The address, to copy, and the package that holds it."""
        address = link_of(share)
        if not address:
            return "–"
        shown = format_html('<code class="share-link">{}</code>', address)
        if share.standing() != Share.Standing.OPEN:
            return shown
        package = reverse("admin:stories_share_zip", args=[share.pk])
        return format_html('{}<br><a href="{}" download>{}</a>', shown, package, _("cmi5 package"))

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
        files = {"zip": self.zip_view, "xml": self.xml_view}
        own += [
            path(f"<path:object_id>/cmi5.{kind}", self.admin_site.admin_view(view), name=f"stories_share_{kind}")
            for kind, view in files.items()
        ]
        return own + super().get_urls()

    def zip_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The cmi5 package as a zip."""
        return self._package(request, object_id, packages.course_zip, "application/zip", packages.zip_name)

    def xml_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The cmi5 package as the course structure alone, under the name that the standard gives it."""
        return self._package(
            request, object_id, packages.course_xml, "text/xml; charset=utf-8", lambda share: "cmi5.xml"
        )

    def _package(
        self,
        request: HttpRequest,
        object_id: str,
        make: Callable[[Share], bytes],
        content_type: str,
        name: Callable[[Share], str],
    ) -> HttpResponse:
        share, answer = opened(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        if share.standing() != Share.Standing.OPEN or not link_of(share):
            text = _("There is no package of it now: learners cannot begin by its link. Its page says why.")
            self.message_user(request, text, messages.WARNING)
            return self._back(share)
        response = HttpResponse(make(share), content_type=content_type)
        response.headers["Content-Disposition"] = f'attachment; filename="{name(share)}"'
        return response

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
