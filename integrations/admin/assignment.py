"""The admin of assignments: asking objectives of people, and asking no more."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.admin.asking import Question, page
from integrations.admin.delivery import mark_under_way
from integrations.admin.display import badge, delivery_badge, moment
from integrations.models import Delivery
from objectives import clock
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.models import Assignment, Objective, Organization, Participant

# Pairs of a person and an objective that one action makes while somebody waits.
MOST = 5000


class DueForm(forms.Form):
    """Until when something is asked."""

    due_at = forms.DateTimeField(
        label=gettext_lazy("Due (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Left empty, there is no date. Not every LMS takes one."),
    )

    def clean_due_at(self) -> Any:
        """A moment to come."""
        when = self.cleaned_data["due_at"]
        if when is not None and when <= clock.now():
            raise forms.ValidationError(_("This moment is past."))
        return when


class ObjectivesForm(DueForm):
    """What is asked of the chosen people."""

    objectives = forms.ModelMultipleChoiceField(label=gettext_lazy("Objectives"), queryset=Objective.objects.none())
    field_order = ("objectives", "due_at")

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["objectives"]
        field.queryset = Objective.objects.of(organization)  # type: ignore[attr-defined]  # a ModelMultipleChoiceField
        related: Any = Assignment._meta.get_field("objective")
        field.widget = AutocompleteSelectMultiple(related, admin.site, choices=field.choices)  # type: ignore[attr-defined]


class PeopleForm(DueForm):
    """Of whom the chosen objectives are asked."""

    people = forms.CharField(
        label=gettext_lazy("Participant ids"),
        max_length=400_000,
        widget=forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
        help_text=gettext_lazy("One a line."),
    )
    field_order = ("people", "due_at")

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._organization = organization

    def clean_people(self) -> list[Participant]:
        """The participants with these ids, all of them known."""
        wanted = {line.strip() for line in self.cleaned_data["people"].splitlines()} - {""}
        if len(wanted) > MOST:
            raise forms.ValidationError(_("At most %(count)s at a time.") % {"count": f"{MOST:,}"})
        known = list(Participant.objects.of(self._organization).filter(participant_id__in=wanted))
        missing = sorted(wanted - {one.participant_id for one in known})
        if missing:
            text = _("There is no participant with this id: %(id)s")
            raise forms.ValidationError([text % {"id": one} for one in missing[:5]])
        return known


class Assigning(TenantModelAdmin):
    """The action by which objectives are asked of people, for the lists of either."""

    def has_assign_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins ask something of people."""
        return self._allowed(request, EDITORS, obj)

    def ask_assignment(
        self, request: HttpRequest, queryset: QuerySet[Any], kind: type[ObjectivesForm] | type[PeopleForm], words: str
    ) -> dict[str, Any] | HttpResponse | None:
        """What was typed for the action, with the ``chosen`` rows, or the page that asks for it, if it may be."""
        chosen = list(queryset[: MOST + 1])
        organizations = {one.organization_id for one in chosen}
        if len(organizations) != 1 or len(chosen) > MOST:
            text = _("Choose rows of one organization, at most %(count)s.") % {"count": f"{MOST:,}"}
            self.message_user(request, text, messages.WARNING)
            return None
        answered = request.POST.get("post") == "yes"
        form = kind(request.POST if answered else None, organization=chosen[0].organization)
        if answered and form.is_valid():
            return {**form.cleaned_data, "chosen": chosen}
        kept = [
            (name, value)
            for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ]
        context = {"form": form, "kept": [*kept, ("post", "yes")], "media": self.media + form.media}
        return page(self, request, Question(_("Assign"), words % {"count": len(chosen)}, _("Assign")), context)

    def assigned(
        self, request: HttpRequest, objectives: list[Objective], people: list[Participant], due_at: Any
    ) -> None:
        """Ask it, and say how much was asked and what was so before."""
        pairs = len(objectives) * len(people)
        if pairs > MOST:
            text = _("These are %(count)s assignments. Make at most %(most)s at a time; nothing was assigned.")
            words = {"count": f"{pairs:,}", "most": f"{MOST:,}"}
            self.message_user(request, text % words, messages.WARNING)
            return
        made = Assignment.objects.assign(objectives, people, due_at)
        self._log(request, made, ADDITION, "Assigned.")
        text = ngettext("%(count)s assignment was made.", "%(count)s assignments were made.", len(made))
        text %= {"count": f"{len(made):,}"}
        before = ngettext("%(count)s was there before.", "%(count)s were there before.", pairs - len(made))
        before %= {"count": f"{pairs - len(made):,}"}
        level = messages.SUCCESS if made else messages.WARNING
        self.message_user(request, f"{text} {before}" if pairs > len(made) else text, level)


class StandingFilter(admin.SimpleListFilter):
    """What became of it?"""

    title = gettext_lazy("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Open, overdue, done, withdrawn."""
        return [
            ("open", gettext_lazy("Open")),
            ("overdue", gettext_lazy("Overdue")),
            ("done", gettext_lazy("Done")),
            ("withdrawn", gettext_lazy("Withdrawn")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The assignments in this state."""
        if self.value() == "withdrawn":
            return queryset.filter(withdrawn_at__isnull=False)
        if self.value() == "done":
            return queryset.filter(withdrawn_at__isnull=True, fulfilled=True)
        if self.value() in {"open", "overdue"}:
            rows = queryset.filter(withdrawn_at__isnull=True, fulfilled=False)
            return rows.filter(due_at__lt=clock.now()) if self.value() == "overdue" else rows
        return queryset


@admin.register(Assignment)
class AssignmentAdmin(TenantModelAdmin):
    """Assignments, newest first. They are made in the lists of participants and of objectives."""

    list_display = ("participant", "objective", "standing", "assigned", "due")
    list_filter = (StandingFilter,)
    list_select_related = ("participant", "objective")
    search_fields = ("participant__participant_id",)
    search_help_text = gettext_lazy("A whole participant id")
    sortable_by = ()
    ordering = ("-pk",)
    list_per_page = 50
    actions = ("withdraw",)
    fields = readonly_fields = ("participant", "objective", "standing", "assigned", "due", "told")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Assignments, each with whether a result answers it."""
        rows: Any = super().get_queryset(request)
        return rows.with_fulfilled()  # type: ignore[no-any-return]  # Django's managers are typed by hand here

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact matches only."""
        term = search_term.strip()
        return (queryset.filter(participant__participant_id=term) if term else queryset), False

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may assign."""
        return self._allowed(request, EDITORS, obj)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, obj: Any) -> SafeString:
        """Whether it is open, done or withdrawn."""
        if obj.withdrawn_at is not None:
            return badge(_("Withdrawn"), "none")
        if obj.fulfilled:
            return badge(_("Done"), "good")
        overdue = obj.due_at is not None and obj.due_at < clock.now()
        return badge(_("Overdue"), "warn") if overdue else badge(_("Open"), "wait")

    @admin.display(description=gettext_lazy("assigned"))
    def assigned(self, obj: Assignment) -> SafeString | str:
        """Since when it is asked."""
        return moment(obj.assigned_at)

    @admin.display(description=gettext_lazy("due"))
    def due(self, obj: Assignment) -> SafeString | str:
        """Until when it is asked."""
        return moment(obj.due_at)

    @admin.display(description=gettext_lazy("told to"))
    def told(self, obj: Assignment) -> SafeString | str:
        """The LMSs that were told, and what became of that."""
        found = list(Delivery.objects.filter(assignment=obj).select_related("configuration", "lane").order_by("pk"))
        mark_under_way(found)
        rows: list[tuple[str, str, SafeString]] = [
            (
                reverse("admin:integrations_delivery_change", args=[one.pk]),
                str(one.configuration),
                delivery_badge(one, under_way=getattr(one, "is_under_way", False)),
            )
            for one in found
        ]
        return format_html_join(" · ", '<a href="{}">{}</a> {}', rows) or _("No LMS so far")

    @admin.action(description=gettext_lazy("Withdraw"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Ask no more; LMSs that can take it back are told."""
        chosen = Assignment.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        total = chosen.count()
        gone = chosen.withdraw()
        self._log(request, gone, CHANGE, "Withdrawn.")
        text = ngettext("%(count)s assignment was withdrawn.", "%(count)s assignments were withdrawn.", len(gone))
        text %= {"count": len(gone)}
        stays = _("Where an LMS cannot take it back, it stays there until somebody removes it.")
        before = ngettext("%(count)s was withdrawn before.", "%(count)s were withdrawn before.", total - len(gone))
        before %= {"count": total - len(gone)}
        parts = [text, stays if gone else "", before if total > len(gone) else ""]
        self.message_user(request, " ".join(filter(None, parts)), messages.SUCCESS if gone else messages.WARNING)
