"""What a person does to deliveries: retry, hold, release. A few at once; very many as a job."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import jobs, tasks
from integrations.admin.asking import Question, ask_why, typed_reason
from integrations.admin.delivery_filters import midnight
from integrations.models import Delivery, LMSConfiguration
from objectives import clock
from objectives.access import active_organization
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import pressed
from objectives.models import Job, Participant

WINDOWS = {
    "day": (timedelta(days=1), gettext_lazy("Last 24 hours")),
    "week": (timedelta(days=7), gettext_lazy("Last 7 days")),
    "month": (timedelta(days=30), gettext_lazy("Last 30 days")),
}
# Parameters of the list that narrow nothing.
NOT_NARROWING = {"o", "p", "all", "e", "_changelist_filters", "_facets"}


class DeliveryActions(TenantModelAdmin):
    """The actions of the list of deliveries, and the buttons of a delivery's page."""

    actions = ("retry_now", "hold", "release")

    def has_retry_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins decide about single deliveries."""
        return self._allowed(request, EDITORS, obj)

    # Actions -----------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Make queued and rejected deliveries due now. They keep id and content, so that nothing arrives twice."""
        sentence = _("What is queued or rejected is tried now, under its old id, so that nothing arrives twice.")
        question = Question(_("Retry deliveries"), f"{_how_many(request, queryset)} {sentence}", _("Retry now"))
        why = ask_why(self, request, question)
        if not isinstance(why, str):
            return why
        if is_many(request, queryset):
            return self._begin(request, "retry", question.title, why)
        self._retry(request, list(queryset.order_by().values_list("pk", flat=True)), why)
        return None

    def _retry(self, request: HttpRequest, pks: list[int], why: str) -> None:
        wanted = list(Delivery.objects.filter(pk__in=pks).retryable())
        with transaction.atomic():
            due = tasks.retry(Delivery.objects.filter(pk__in=[one.pk for one in wanted]))
            self._log_each(request, wanted, Delivery.State.QUEUED, "Retried", why)
        self._say_retried(request, due, len(pks) - due, list({one.configuration_id for one in wanted}))

    def _say_retried(self, request: HttpRequest, due: int, skipped: int, configurations: list[int]) -> None:
        """What was done; of what is paused, that nothing is sent all the same."""
        chosen = LMSConfiguration.objects.filter(pk__in=configurations)
        paused = [one.name for one in chosen if one.paused] if due else []
        if not paused or len(paused) < len(configurations):
            self.message_user(request, _retried(due, skipped), messages.SUCCESS if due else messages.WARNING)
        if paused:
            text = _("Nothing is sent while %(names)s is paused. Resume it first.")
            names = ", ".join(f"“{name}”" for name in paused)
            self.message_user(request, text % {"names": names}, messages.WARNING)

    @admin.action(description=gettext_lazy("Hold"), permissions=["retry"])
    def hold(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Keep queued deliveries back until somebody releases them."""
        sentence = _("What is held is not sent until somebody releases it. Only what is queued can be held.")
        question = Question(_("Hold deliveries"), f"{_how_many(request, queryset)} {sentence}", _("Hold"))
        why = ask_why(self, request, question)
        if not isinstance(why, str):
            return why
        if is_many(request, queryset):
            return self._begin(request, "hold", question.title, why)
        pks = list(queryset.order_by().values_list("pk", flat=True))
        queued = list(Delivery.objects.filter(pk__in=pks, state=Delivery.State.QUEUED))
        with transaction.atomic():
            count = jobs.hold(Delivery.objects.filter(pk__in=[one.pk for one in queued]), why)
            self._log_each(request, queued, Delivery.State.HELD, "Held", why)
        said = jobs.KINDS["hold"].words(count, len(pks) - count)
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)
        return None

    @admin.action(description=gettext_lazy("Release"), permissions=["retry"])
    def release(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Queue what a person held, what broke its sending off, and whatever has no reason to be held any more."""
        sentence = _(
            "What somebody held is sent again. What is held for another reason goes once the reason is gone."
        )
        question = Question(_("Release deliveries"), f"{_how_many(request, queryset)} {sentence}", _("Release"))
        why = ask_why(self, request, question)
        if not isinstance(why, str):
            return why
        if is_many(request, queryset):
            return self._begin(request, "release", question.title, why)
        self._release(request, list(queryset.order_by().values_list("pk", flat=True)), why)
        return None

    def _release(self, request: HttpRequest, pks: list[int], why: str) -> None:
        held = list(Delivery.objects.held().filter(pk__in=pks))
        with transaction.atomic():
            count = tasks.release(Delivery.objects.filter(pk__in=[one.pk for one in held]))
            self._log_each(request, held, Delivery.State.QUEUED, "Released", why)
        still = Counter(
            one.get_reason_display() for one in Delivery.objects.held().filter(pk__in=[one.pk for one in held])
        )
        said = [jobs.KINDS["release"].words(count, 0)]
        said += [
            _("%(count)s stays held: %(why)s.") % {"count": number, "why": text} for text, number in still.items()
        ]
        others = len(pks) - len(held)
        said += [_("%(count)s not held.") % {"count": others}] if others else []
        self.message_user(request, " ".join(said), messages.SUCCESS if count else messages.WARNING)

    # The log -----------------------------------------------------------------------------------------------------

    def _log_counts(self, request: HttpRequest, wanted: Counter[int], text: str) -> None:
        for configuration in LMSConfiguration.objects.filter(pk__in=wanted):
            self._log(request, [configuration], CHANGE, text.format(wanted[configuration.pk]))

    def _log_each(self, request: HttpRequest, before: Iterable[Delivery], state: str, did: str, why: str) -> None:
        """Log those that came into ``state``, and how many on each configuration."""
        pks = [one.pk for one in before]
        changed = list(Delivery.objects.filter(pk__in=pks, state=state))
        reason = f" Reason: {why}" if why else ""
        self._log(request, changed, CHANGE, f"{did}.{reason}")
        counts = Counter(one.configuration_id for one in changed)
        self._log_counts(request, counts, f"{did} {{}} deliveries.{reason.replace('{', '{{').replace('}', '}}')}")

    # Very many ---------------------------------------------------------------------------------------------------

    def _begin(self, request: HttpRequest, kind: str, title: str, why: str) -> HttpResponse | None:
        organization = active_organization(request)
        if organization is None:
            text = _("Choose an organization first: so many are worked on by a job, and a job belongs to one.")
            self.message_user(request, text, messages.WARNING)
            return None
        chosen = selection_of(request)
        if chosen is None:
            text = _("With this filter they can only be chosen page by page. Nothing was done.")
            self.message_user(request, text, messages.WARNING)
            return None
        newest = Delivery.objects.of(organization).order_by("-pk").values_list("pk", flat=True).first()
        job = tasks.begin_job(
            kind,
            organization=organization,
            title=title,
            reason=why,
            created_by=request.user,
            parameters={"selection": chosen, "up_to": newest or 0},
        )
        return begun(self, request, job)

    # Buttons of the page -----------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The buttons of a delivery's page, forms that post."""
        views = {"retry": self.retry_view, "release": self.release_view}
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"integrations_delivery_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make this one due now."""
        obj, answer = pressed(self, request, object_id, self.has_retry_permission)
        if answer is not None:
            return answer
        self._retry(request, [obj.pk], typed_reason(request))
        return HttpResponseRedirect(reverse("admin:integrations_delivery_change", args=[obj.pk]))

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Release this one."""
        obj, answer = pressed(self, request, object_id, self.has_retry_permission)
        if answer is not None:
            return answer
        self._release(request, [obj.pk], typed_reason(request))
        return HttpResponseRedirect(reverse("admin:integrations_delivery_change", args=[obj.pk]))


def begun(model_admin: Any, request: HttpRequest, job: Job) -> HttpResponse:
    """Log that a job was begun, and lead to its page."""
    reason = f" Reason: {job.reason}" if job.reason else ""
    model_admin._log(request, [job], ADDITION, f"Begun.{reason}")
    model_admin.message_user(request, _("It was begun and goes on by itself. This page shows how far it is."))
    return HttpResponseRedirect(reverse("admin:objectives_job_change", args=[job.pk]))


def is_many(request: HttpRequest, queryset: Any) -> bool:
    """Whether all rows of a list were chosen and they are too many to be done while a person waits."""
    if request.POST.get("select_across", "0") in ("", "0", "false", "False"):
        return False
    return bool(queryset.order_by()[: jobs.STEP + 1].count() > jobs.STEP)


def _how_many(request: HttpRequest, queryset: Any) -> str:
    if is_many(request, queryset):
        return _("More than %(count)s deliveries were chosen, so a job does it.") % {"count": jobs.STEP}
    count = queryset.count()
    return ngettext("%(count)s delivery was chosen.", "%(count)s deliveries were chosen.", count) % {"count": count}


def selection_of(request: HttpRequest) -> dict[str, Any] | None:
    """How the list of deliveries was narrowed, as a job keeps it; ``None`` if there is more to it than is known here.

    A participant is kept by key: a job outlives a learner who is erased.
    """
    asked = {name: str(value) for name, value in request.GET.dict().items() if name not in NOT_NARROWING and value}
    names = {"state__exact": "state", "reason__exact": "reason", "configuration": "configuration"}
    chosen: dict[str, Any] = {names[name]: asked.pop(name) for name in names if name in asked}
    if asked.get("created") in WINDOWS:
        length, _name = WINDOWS[asked.pop("created")]
        chosen["created_at__gte"] = (clock.now() - length).isoformat()
    # “In”, so that the filter by state may narrow it further.
    if asked.get("tried") == "yes":
        asked.pop("tried")
        chosen |= {"state__in": [Delivery.State.QUEUED], "attempts__gt": 0}
    if asked.get("delivered") == "today":
        asked.pop("delivered")
        since = midnight(clock.now()).isoformat()
        chosen |= {"state__in": [Delivery.State.DELIVERED], "delivered_at__gte": since}
    if "q" in asked:
        chosen |= _searched(request, asked.pop("q").strip())
    return None if asked else chosen


def _searched(request: HttpRequest, term: str) -> dict[str, Any]:
    try:
        return {"uuid": str(uuid.UUID(term))}
    except ValueError:
        known = Participant.objects.of(active_organization(request)).filter(participant_id=term).first()
        return {"participant": known.pk if known else 0}


def _retried(due: int, skipped: int) -> str:
    text = ngettext("%(count)s delivery is tried again now.", "%(count)s deliveries are tried again now.", due) % {
        "count": due
    }
    if not skipped:
        return text
    why = ngettext(
        "%(count)s was skipped: what is delivered or held is not retried.",
        "%(count)s were skipped: what is delivered or held is not retried.",
        skipped,
    )
    return f"{text} {why % {'count': skipped}}"
