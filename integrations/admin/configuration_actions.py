"""What a person does to an LMS configuration at once: test it, pause and resume it, send now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from integrations import tasks
from integrations.admin.asking import Question, ask_why, typed_reason
from integrations.admin.configuration_asking import ConfigurationAsking
from integrations.admin.configuration_jobs import ConfigurationJobs
from integrations.admin.display import capped
from integrations.admin.servers import LaunchServers
from integrations.admin.testing import admit, too_many, try_connection
from integrations.models import LMSConfiguration
from objectives.admin.buttons import pressed

WHAT_IS_SENT = gettext_noop("What was due meanwhile is sent now; the rest goes with its next batch.")
PAUSED = "Paused sending."  # never translated: the page looks in the log for who did it


class ConfigurationActions(LaunchServers, ConfigurationAsking, ConfigurationJobs):
    """The actions of the list of LMS configurations, and the buttons and pages of each."""

    actions = ("pause", "resume", "bring", "compare")

    # Pausing -----------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Pause sending"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[LMSConfiguration]) -> HttpResponse | None:
        """Stop sending to the chosen LMSs; results keep queueing."""
        question = Question(
            _("Pause sending"), _("Nothing is sent until you resume. Results keep queueing."), _("Pause")
        )
        return self._ask_and_switch(request, queryset, question, paused=True)

    @admin.action(description=gettext_lazy("Resume sending"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[LMSConfiguration]) -> HttpResponse | None:
        """Send to the chosen LMSs again."""
        question = Question(_("Resume sending"), _(WHAT_IS_SENT), _("Resume"))
        return self._ask_and_switch(request, queryset, question, paused=False)

    def _ask_and_switch(
        self, request: HttpRequest, queryset: QuerySet[Any], question: Question, *, paused: bool
    ) -> HttpResponse | None:
        why = ask_why(self, request, question)
        if not isinstance(why, str):
            return why
        self._switch(request, queryset, paused=paused, why=why)
        return None

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, paused: bool, why: str = "") -> None:
        chosen = list(queryset)
        changed = [one for one in chosen if one.paused != paused]
        rows = LMSConfiguration.objects.filter(pk__in=[one.pk for one in changed])
        if paused:
            rows.pause()
        else:
            rows.resume()
            tasks.nudge_lanes({one.lane.pk for one in changed})
        did = PAUSED if paused else "Resumed sending."
        self._log(request, changed, CHANGE, f"{did} Reason: {why}" if why else did)
        self.message_user(request, _said(changed, len(chosen) - len(changed), paused=paused))

    # Buttons and pages -------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The buttons of a configuration's page are forms that post; two of them lead to a page that asks first."""
        views = {
            "test": self.test_view,
            "pause": self.pause_view,
            "resume": self.resume_view,
            "send_now": self.send_now_view,
            "retry_failed": self.retry_failed_view,
            "backfill": self.backfill_view,
            "servers": self.servers_view,
        }
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"{prefix}_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """*Test connection*: with what is saved, at most ten seconds, and not too often."""
        obj, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        wait = admit(obj, request.user.pk)
        if wait:
            self.message_user(request, too_many(wait), messages.WARNING)
            return self._back(obj)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": _("Test connection"),
            "subtitle": str(obj),
            "tested": try_connection(obj),
        }
        return TemplateResponse(request, "admin/integrations/lmsconfiguration/tested.html", context)

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pause this one."""
        return self._switch_one(request, object_id, paused=True)

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Resume this one."""
        return self._switch_one(request, object_id, paused=False)

    def _switch_one(self, request: HttpRequest, object_id: str, *, paused: bool) -> HttpResponse:
        obj, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        chosen = self.get_queryset(request).filter(pk=obj.pk)
        self._switch(request, chosen, paused=paused, why=typed_reason(request))
        return self._back(obj)

    def send_now_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the wait for the next batch of this one."""
        obj, answer = pressed(self, request, object_id, self.has_send_permission)
        if answer is not None:
            return answer
        if obj.paused:
            self.message_user(request, _("Sending is paused. Resume it first."), messages.WARNING)
            return self._back(obj)
        count = tasks.send_now(obj)
        self.log_change(request, obj, f"Sent now: {count} deliveries no longer wait.")
        text = ngettext(
            "%(count)s queued result is tried now.", "%(count)s queued results are tried now.", obj.queued
        )
        self.message_user(request, text % {"count": capped(obj.queued)} if obj.queued else _("Nothing is queued."))
        return self._back(obj)

    def _back(self, obj: LMSConfiguration) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:integrations_lmsconfiguration_change", args=[obj.pk]))


def _said(changed: list[LMSConfiguration], before: int, *, paused: bool) -> str:
    one = len(changed) == 1
    if paused:
        text = _("“%(name)s” is paused now.") if one else _("%(count)s LMS configurations are paused now.")
        text = f"{text} {_('Results keep queueing.')}"
        already = _("%(count)s paused before.")
    else:
        text = _("“%(name)s” sends again.") if one else _("%(count)s LMS configurations send again.")
        text = f"{text} {_(WHAT_IS_SENT)}" if changed else text
        already = _("%(count)s not paused before.")
    text %= {"name": changed[0].name if one else "", "count": len(changed)}
    return " ".join(filter(None, [text, already % {"count": before} if before else ""]))
