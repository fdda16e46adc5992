"""Results: recorded by hand where need be, never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.display import answer, exact, moment
from objectives.admin.forms import ClockDurationField, TenantForm
from objectives.models import Participant, Result, outcome_of

_TYPED = ("objective", "completion", "success", "score_raw", "score_min", "score_max", "duration", "occurred_at")
_SHOWN = ("completed", "passed", "score", "time_spent", "when", "recorded")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class ResultForm(TenantForm):
    """A new result. The participant is named by the id that the organization uses."""

    who = forms.CharField(
        label=_("Participant id"), max_length=254, help_text=_("The whole id of a participant of your organization.")
    )

    class Meta:
        model = Result
        fields = _TYPED
        labels = {"occurred_at": _("When (UTC)")}

    def clean_who(self) -> str:
        """The participant with this id in the organization of the result."""
        name = str(self.cleaned_data["who"]).strip()
        known = Participant.objects.known_as(self.instance.organization, name)
        if known is None:
            said = gettext("There is no participant with this id.")
            link, words = reverse("admin:objectives_participant_add"), gettext("Add the participant first")
            raise ValidationError(format_html('{} <a href="{}">{}</a>.', said, link, words))
        self.instance.participant = known
        return name

    def clean_occurred_at(self) -> datetime:
        """A moment that somebody may have meant."""
        when: datetime = self.cleaned_data["occurred_at"]
        if when < EARLIEST:
            raise ValidationError(gettext("This lies before 1970. Enter the day when it happened."))
        return when

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook after the fields' own cleaning
        if not self.errors:
            try:
                self.instance.prepare()
            except ValidationError as problem:
                self.add_error(None, problem)


@admin.register(Result)
class ResultAdmin(TenantModelAdmin):
    """What participants achieved. A result is recorded once and then stays as it is."""

    form = ResultForm
    list_display = ("participant", "objective", "outcome", "share", "occurred")
    list_filter = ("success", "completion")
    list_select_related = ("participant", "objective")
    search_fields = ("participant__participant_id__exact",)
    search_help_text = _("The whole participant id")
    ordering = ("-pk",)
    sortable_by = ()
    fields = ("who", *_TYPED)
    readonly_fields = _SHOWN
    roles_add = EDITORS

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is typed in, or all that is known."""
        return self.fields if obj is None else ("uuid", "participant", "objective", *_SHOWN)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The time spent in hours, minutes and seconds."""
        if db_field.name == "duration":
            kwargs["form_class"] = ClockDurationField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Record and announce the result, in one transaction."""
        Result.objects.record([obj])

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Say whose result was recorded."""
        self.message_user(request, self.recorded_words(obj), messages.SUCCESS)
        if "_addanother" in request.POST:
            return HttpResponseRedirect(request.path)
        if "_continue" in request.POST:
            return HttpResponseRedirect(reverse("admin:objectives_result_change", args=[obj.pk]))
        return self.response_post_save_add(request, obj)

    def recorded_words(self, result: Result) -> str:
        """What is said once it is recorded."""
        said = gettext("Result of %(participant)s for %(objective)s was recorded.")
        return said % {"participant": result.participant, "objective": result.objective}

    # In words ----------------------------------------------------------------------------------------------------

    @admin.display(description=_("outcome"))
    def outcome(self, result: Result) -> str:
        """Passed, failed, completed or started."""
        return outcome_of(result.completion, result.success)

    @admin.display(description=_("score"))
    def share(self, result: Result) -> str:
        """The scaled score as a percentage."""
        return "–" if result.score_scaled is None else f"{plain(result.score_scaled * 100)} %"

    @admin.display(description=_("when"))
    def occurred(self, result: Result) -> SafeString | str:
        """When it was achieved."""
        return moment(result.occurred_at)

    @admin.display(description=_("completed"))
    def completed(self, result: Result) -> SafeString:
        """Whether it was completed."""
        return answer(result.completion)

    @admin.display(description=_("passed"))
    def passed(self, result: Result) -> SafeString:
        """Whether it was passed, if it is graded at all."""
        return answer(result.success)

    @admin.display(description=_("score"))
    def score(self, result: Result) -> str:
        """The score with its limits, and as a percentage."""
        raw, low, high = (
            plain(one) if one is not None else "?" for one in (result.score_raw, result.score_min, result.score_max)
        )
        if result.score_raw is None:
            return self.share(result)
        words = {"raw": raw, "low": low, "high": high, "share": self.share(result)}
        return gettext("%(raw)s, from %(low)s to %(high)s: %(share)s") % words

    @admin.display(description=_("time spent"))
    def time_spent(self, result: Result) -> str:
        """Hours, minutes and seconds."""
        return "–" if result.duration is None else str(result.duration)

    @admin.display(description=_("when"))
    def when(self, result: Result) -> str:
        """When it was achieved, to the minute."""
        return exact(result.occurred_at)

    @admin.display(description=_("recorded"))
    def recorded(self, result: Result) -> str:
        """When it was recorded here, to the minute."""
        return exact(result.recorded_at)


def plain(number: Decimal) -> str:
    """A number without the zeros that say nothing."""
    return f"{number.normalize():f}"
