"""What a person begins for an LMS configuration and a job does: retry what failed, send what was recorded earlier."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import dispatch, jobs, tasks
from integrations.admin.asking import BackfillForm, Question, RetryFailedForm, SinceForm, page
from integrations.admin.delivery_actions import begun
from integrations.models import Delivery, Incident, LMSConfiguration
from objectives import clock
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import opened

# Without an incident, what failed in this time is offered to be retried.
DEFAULT_SINCE = timedelta(hours=24)
OBJECTIVES_SHOWN = 100
OBJECTIVES_NAMED = 100  # in an address; more are not told apart


class ConfigurationJobs(TenantModelAdmin):
    """Two pages of an LMS configuration: each says how much it is about, asks why, and begins a job."""

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins decide when and what is sent; how to reach the LMS is for admins alone."""
        return self._allowed(request, EDITORS, obj)

    # Everything that failed --------------------------------------------------------------------------------------

    def retry_failed_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How much failed since a moment, and a job that has all of it tried again."""
        obj, answer = opened(self, request, object_id, self.has_send_permission)
        if answer is not None:
            return answer
        form = RetryFailedForm(request.POST if request.method == "POST" else None)
        asked = SinceForm(request.GET) if "since" in request.GET else SinceForm(initial={"since": _last_outage(obj)})
        if form.is_bound and form.is_valid():
            return self._retry_failed(request, obj, form.cleaned_data["since"], form.cleaned_data["reason"])
        since = asked.cleaned_data["since"] if asked.is_bound and asked.is_valid() else _last_outage(obj)
        counts = _counts(obj, since)
        form.fields["since"].initial = since.isoformat()
        context = {
            "original": obj,
            "subtitle": str(obj),
            "asked": asked,
            "counts": _listed(obj, counts),
            "form": form if counts else None,
        }
        question = Question(_("Retry everything that failed"), _waiting_words(since, counts), _("Retry all of it"))
        return page(self, request, question, context, "lmsconfiguration/retry_failed")

    def _retry_failed(self, request: HttpRequest, obj: LMSConfiguration, since: datetime, why: str) -> HttpResponse:
        counts = _counts(obj, since)
        newest = Delivery.objects.filter(configuration=obj).order_by("-pk").values_list("pk", flat=True).first()
        job = tasks.begin_job(
            "retry_failed",
            organization=obj.organization,
            title=_("Retry everything that failed since %(since)s: %(name)s")
            % {"since": _exact(since), "name": obj.name},
            reason=why,
            created_by=request.user,
            total=sum(counts.values()),
            parameters={
                "configuration": obj.pk,
                "since": since.isoformat(),
                "states": list(counts),
                "up_to": newest or 0,
            },
        )
        self.log_change(request, obj, f"Began to retry everything that failed since {_exact(since)}. Reason: {why}")
        return begun(self, request, job)

    # Earlier results ---------------------------------------------------------------------------------------------

    def backfill_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How many results were recorded before this was attached, and a job that sends them too."""
        obj, answer = opened(self, request, object_id, self.has_send_permission)
        if answer is not None:
            return answer
        chosen = _named_objectives(request)
        found = dispatch.earlier(obj, chosen).order_by()
        total = found.count()
        form = BackfillForm(request.POST if request.method == "POST" else None)
        if total and form.is_bound and form.is_valid():
            return self._backfill(request, obj, chosen, total, form.cleaned_data["reason"])
        each = found.values_list("objective", "objective__name").annotate(number=Count("pk"))
        context = {
            "original": obj,
            "subtitle": str(obj),
            "each": list(each.order_by("objective__name", "objective")[:OBJECTIVES_SHOWN]),
            "narrowed": chosen is not None,
            "form": form if total else None,
        }
        question = Question(_("Send earlier results"), _earlier_words(total), _("Send them"))
        return page(self, request, question, context, "lmsconfiguration/backfill")

    def _backfill(
        self, request: HttpRequest, obj: LMSConfiguration, chosen: list[int] | None, total: int, why: str
    ) -> HttpResponse:
        job = tasks.begin_job(
            "backfill",
            organization=obj.organization,
            title=_("Send earlier results: %(name)s") % {"name": obj.name},
            reason=why,
            created_by=request.user,
            total=total,
            parameters={"configuration": obj.pk, "objectives": chosen},
        )
        self.log_change(request, obj, f"Began to send {total} earlier results. Reason: {why}")
        return begun(self, request, job)


def _last_outage(configuration: LMSConfiguration) -> datetime:
    """When the last incident began; without one, a day ago. Whole minutes, as the field shows them."""
    last = Incident.objects.filter(configuration=configuration).order_by("-id").first()
    when = last.opened_at if last else clock.now() - DEFAULT_SINCE
    return when.replace(second=0, microsecond=0)


def _counts(configuration: LMSConfiguration, since: datetime) -> dict[str, int]:
    """By state, how many failed or wait."""
    counts = {state: rows.order_by().count() for state, rows in jobs.failed_since(configuration, since).items()}
    return {state: count for state, count in counts.items() if count}


def _listed(configuration: LMSConfiguration, counts: dict[str, int]) -> list[tuple[str, str]]:
    """Each count in words, and where its deliveries are listed."""
    listed = reverse("admin:integrations_delivery_changelist")
    return [
        (_counted(state, count), f"{listed}?configuration={configuration.pk}&state__exact={state}")
        for state, count in counts.items()
    ]


def _counted(state: str, count: int) -> str:
    return f"{count:,} {str(Delivery.State(state).label).lower()}"


def _exact(when: datetime) -> str:
    return date_format(timezone.localtime(when), "j M Y, H:i ") + timezone.localtime(when).strftime("%Z")


def _waiting_words(since: datetime, counts: dict[str, int]) -> str:
    if not counts:
        return _("Nothing failed and nothing waits of what was recorded or tried since %(when)s.") % {
            "when": _exact(since)
        }
    each = ", ".join(_counted(state, count) for state, count in counts.items())
    text = _("Recorded or last tried since %(when)s: %(each)s. All of it is tried again, under its old ids.")
    return text % {"when": _exact(since), "each": each}


def _earlier_words(total: int) -> str:
    if not total:
        return _("There are no earlier results: everything recorded for these objectives was planned.")
    text = ngettext(
        "%(count)s result was recorded before this LMS was attached. It can be sent too, behind whatever is new.",
        "%(count)s results were recorded before this LMS was attached. They can be sent too, behind whatever is new.",
        total,
    )
    return text % {"count": f"{total:,}"}


def _named_objectives(request: HttpRequest) -> list[int] | None:
    """The objectives that the address names; ``None`` for all."""
    text = request.GET.get("objectives")
    if text is None:
        return None
    return [int(part) for part in text.split(",")[:OBJECTIVES_NAMED] if part.isdecimal() and len(part) < 19]


def backfill_address(configuration: LMSConfiguration, objectives: list[int]) -> str:
    """The page that offers the earlier results of these objectives; of all of them if they are very many."""
    address = reverse("admin:integrations_lmsconfiguration_backfill", args=[configuration.pk])
    if len(objectives) > OBJECTIVES_NAMED:
        return address
    return f"{address}?objectives={','.join(map(str, objectives))}"
