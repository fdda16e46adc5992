"""The admin of contents in LMSs' catalogues: what is there of ours, what differs, and mending it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import jobs, tasks
from integrations.admin.content_actions import ContentActions
from integrations.admin.delivery import ConfigurationFilter, mark_under_way
from integrations.admin.display import badge, delivery_badge, moment
from integrations.connectors.base import Ability
from integrations.models import Delivery, RemoteContent, RemoteProgress
from objectives import clock
from objectives.admin.base import TenantModelAdmin
from objectives.models import Objective

DELIVERIES_SHOWN = 20


class DiffersFilter(admin.SimpleListFilter):
    """Is something wrong with it there?"""

    title = gettext_lazy("in order")
    parameter_name = "order"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """What may be wrong."""
        return [("differs", gettext_lazy("Differs there")), ("failed", gettext_lazy("Was not taken"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Contents that differ, or that were not taken."""
        if self.value() == "differs":
            return queryset.exclude(drift="")
        return queryset.exclude(last_error="") if self.value() == "failed" else queryset


@admin.register(RemoteContent)
class RemoteContentAdmin(ContentActions):
    """Contents by external reference. What they say comes from objectives and stories; nothing is edited here."""

    list_display = ("external_reference", "title", "configuration", "standing", "remote", "synced", "wrong")
    list_display_links = ("external_reference", "title")
    list_filter = ("active", DiffersFilter, ConfigurationFilter)
    list_select_related = ("configuration",)
    search_fields = ("external_reference", "remote_id__exact")
    search_help_text = gettext_lazy("A part of the external reference, or a whole id in the LMS")
    sortable_by = ("external_reference",)
    ordering = ("external_reference", "pk")
    list_per_page = 50
    actions = ("mend",)
    fields = readonly_fields = ("external_reference",)

    @admin.display(description=gettext_lazy("title"))
    def title(self, obj: RemoteContent) -> str:
        """What it is to be called there."""
        return obj.title or obj.name or "–"

    @admin.display(description=gettext_lazy("state"))
    def standing(self, obj: RemoteContent) -> SafeString:
        """Whether it is there as it should be."""
        return standing(obj)

    @admin.display(description=gettext_lazy("id in the LMS"))
    def remote(self, obj: RemoteContent) -> str:
        """The LMS's own id, where it gave one."""
        return obj.remote_id or "–"

    @admin.display(description=gettext_lazy("last synced"))
    def synced(self, obj: RemoteContent) -> SafeString | str:
        """When the LMS last took it."""
        return moment(obj.synced_at)

    @admin.display(description=gettext_lazy("what is wrong"))
    def wrong(self, obj: RemoteContent) -> str:
        """What differs there, or why it was not taken."""
        return obj.last_error or obj.drift or "–"

    @admin.action(description=gettext_lazy("Mend: send them again, whole"), permissions=["mend"])
    def mend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Have the LMSs told these contents again."""
        chosen = list(queryset)
        tasks.mend(chosen)
        self._log(request, chosen, CHANGE, "Sent again, whole.")
        text = ngettext("%(count)s content is sent again.", "%(count)s contents are sent again.", len(chosen))
        self.message_user(request, text % {"count": len(chosen)}, messages.SUCCESS)

    # The page ----------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: RemoteContent | None = None,
    ) -> HttpResponse:
        """What is wanted there, what is there, and what can be done about it."""
        if obj is not None:
            context |= self._page(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page(self, request: HttpRequest, obj: RemoteContent) -> dict[str, Any]:
        found = Delivery.objects.filter(remote_content=obj).select_related("configuration", "lane").order_by("-pk")
        deliveries = list(found[:DELIVERIES_SHOWN])
        mark_under_way(deliveries)
        objective = Objective.objects.filter(
            organization=obj.organization_id, external_reference=obj.external_reference
        )
        return {
            "badge": standing(obj),
            "synced": moment(obj.synced_at),
            "compared": moment(obj.compared_at),
            "objective": objective.first(),
            "wanted": obj.wanted,
            # The link lets learners in: it is for those who may hand it out.
            "begins_at": obj.begins_at if self.has_mend_permission(request, obj) else "",
            "deliveries": [
                (one, delivery_badge(one, under_way=one.is_under_way), moment(one.created_at)) for one in deliveries
            ],
            "buttons": self._buttons(obj) if self.has_mend_permission(request, obj) else [],
            "files": self._files(obj) if self.has_mend_permission(request, obj) else [],
            "progress": progress_link(obj),
        }

    def _buttons(self, obj: RemoteContent) -> list[tuple[str, Any]]:
        """Addresses and words of what the LMS can do, with this content."""
        can, is_there = obj.configuration.can, bool(obj.remote_id)
        offered = [
            ("mend", gettext_lazy("Mend: send it again, whole"), can(Ability.CONTENT)),
            ("unmap", gettext_lazy("Forget its id there"), can(Ability.CATALOGUE_MAPPING) and is_there),
            ("progress", gettext_lazy("Read everybody's progress"), can(Ability.PROGRESS)),
            ("creator", gettext_lazy("Get a link to the Creator"), can(Ability.CREATOR) and is_there),
            ("package", gettext_lazy("Fetch the SCORM package"), can(Ability.DOWNLOADS) and is_there),
            ("container", gettext_lazy("Fetch the container"), can(Ability.DOWNLOADS) and is_there),
        ]
        prefix = "admin:integrations_remotecontent"
        return [(reverse(f"{prefix}_{name}", args=[obj.pk]), words) for name, words, may in offered if may]

    def _files(self, obj: RemoteContent) -> list[tuple[str, Any]]:
        now = clock.now()
        kinds = (("package", gettext_lazy("SCORM package")), ("container", gettext_lazy("Container")))
        return [
            (reverse(f"admin:integrations_remotecontent_{kind}_file", args=[obj.pk]), words)
            for kind, words in kinds
            if jobs.downloads.is_there(jobs.downloads.path_of(obj, container=kind == "container"), now)
        ]


def standing(content: RemoteContent) -> SafeString:
    """Whether a content is there as it should be."""
    if content.last_error:
        return badge(_("Not taken"), "bad")
    if content.drift:
        return badge(_("Differs there"), "warn")
    if not content.active:
        return badge(_("Not offered"), "none")
    if not content.wanted:
        # By a result that named it: nobody brought it in.
        return badge(_("Known there"), "none")
    return badge(_("There"), "good") if content.synced_at else badge(_("On its way"), "wait")


def progress_link(content: RemoteContent) -> SafeString | str:
    """Where what the LMS told of everybody's progress is listed; empty if it never did."""
    last = RemoteProgress.objects.filter(content=content).order_by("-read_at").first()
    if last is None:
        return ""
    listed = f"{reverse('admin:integrations_remoteprogress_changelist')}?content__id__exact={content.pk}"
    return format_html('<a href="{}">{}</a> {}', listed, _("Everybody's progress"), moment(last.read_at))


@admin.register(RemoteProgress)
class RemoteProgressAdmin(TenantModelAdmin):
    """How far everybody was when the LMS was last asked. Nothing is edited here."""

    list_display = ("learner", "status_now", "score_now", "completed", "content", "asked")
    list_filter = ("status",)
    list_select_related = ("content",)
    allowed_lookups = ("content__id__exact",)
    search_fields = ("learner__exact",)
    search_help_text = gettext_lazy("A whole e-mail address")
    sortable_by = ()
    ordering = ("learner", "pk")
    list_per_page = 100
    fields = readonly_fields = ("learner", "status_now", "score_now", "completed", "content", "asked")

    @admin.display(description=gettext_lazy("status"))
    def status_now(self, obj: RemoteProgress) -> SafeString:
        """How far, in a word."""
        tones = {"completed": "good", "passed": "good", "failed": "bad", "started": "busy"}
        return badge(obj.get_status_display(), tones.get(obj.status, "none"))

    @admin.display(description=gettext_lazy("score"))
    def score_now(self, obj: RemoteProgress) -> str:
        """In percent, where the LMS told one."""
        return "–" if obj.score is None else f"{obj.score.normalize():f} %"

    @admin.display(description=gettext_lazy("completed"))
    def completed(self, obj: RemoteProgress) -> SafeString | str:
        """When, where the LMS told it."""
        return moment(obj.completed_at)

    @admin.display(description=gettext_lazy("asked"))
    def asked(self, obj: RemoteProgress) -> SafeString | str:
        """When the LMS said so."""
        return moment(obj.read_at)
