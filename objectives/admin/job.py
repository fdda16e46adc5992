"""Jobs: what was begun, why and by whom, how far it is, and what it came to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import pressed
from objectives.admin.display import badge, moment
from objectives.models import Job

TONES = {
    Job.State.QUEUED: "wait",
    Job.State.RUNNING: "busy",
    Job.State.DONE: "good",
    Job.State.CANCELLED: "none",
    Job.State.FAILED: "bad",
}


@admin.register(Job)
class JobAdmin(TenantModelAdmin):
    """Long actions, newest first. They are begun elsewhere; here they are watched and cancelled."""

    list_display = ("title", "state_now", "progress", "created_by", "begun", "ended")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    sortable_by = ()
    ordering = ("-id",)
    list_per_page = 50
    fields = readonly_fields = ("title",)

    def log_text(self, obj: Any) -> str:
        """What was begun."""
        return str(obj)

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, obj: Job) -> SafeString:
        """The state in a word."""
        return state_badge(obj)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, obj: Job) -> str:
        """For example “312 of 1,000”."""
        return progress_words(obj)

    @admin.display(description=gettext_lazy("begun"))
    def begun(self, obj: Job) -> SafeString | str:
        """When it was begun."""
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, obj: Job) -> SafeString | str:
        """When it was over."""
        return moment(obj.finished_at)

    # The page ----------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Job | None = None,
    ) -> HttpResponse:
        """What it is, how far it has come, and a button to cancel it."""
        if obj is not None:
            context |= {
                "badge": state_badge(obj),
                "progress_words": progress_words(obj),
                "begun": moment(obj.created_at),
                "ended": moment(obj.finished_at),
                "may_cancel": obj.is_open and self.has_cancel_permission(request, obj),
                "media": context["media"] + Media(js=["objectives/job.js"]),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    # Cancelling --------------------------------------------------------------------------------------------------

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins, who also begin them."""
        return self._allowed(request, EDITORS, obj)

    def get_urls(self) -> list[URLPattern]:
        """The button of a job's page, a form that posts."""
        view = self.admin_site.admin_view(self.cancel_view)
        return [path("<path:object_id>/cancel/", view, name="objectives_job_cancel"), *super().get_urls()]

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop it after the step that it is in."""
        job, answer = pressed(self, request, object_id, self.has_cancel_permission)
        if answer is not None:
            return answer
        if not job.cancel():
            self.message_user(request, _("It is over already."), messages.WARNING)
        else:
            self.log_change(request, job, "Cancelled.")
            job.refresh_from_db()
            text = _("It stops after the step that it is in.") if job.is_open else job.sentence
            self.message_user(request, text)
        return HttpResponseRedirect(reverse("admin:objectives_job_change", args=[job.pk]))


def state_badge(job: Job) -> SafeString:
    """The state in a word with its shape; *Stopping* where a person cancelled it and a worker still has it."""
    if job.is_open and job.cancel_asked:
        return badge(_("Stopping"), "busy")
    return badge(job.get_state_display(), TONES[Job.State(job.state)])


def progress_words(job: Job) -> str:
    """How far it has come."""
    if job.total is None:
        return _("Not counted yet") if job.is_open else f"{job.done:,}"
    return _("%(done)s of %(total)s") % {"done": f"{job.done:,}", "total": f"{job.total:,}"}
