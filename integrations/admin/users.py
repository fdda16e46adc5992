"""Adding participants to LMSs, and what LMSs are told of them beside name and e-mail address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.admin.asking import Question, page
from integrations.admin.configuration_asking import begin
from integrations.admin.delivery_actions import begun
from integrations.connectors.base import Ability
from integrations.forms import ConfigurationForm
from integrations.models import LMSConfiguration
from integrations.profiles import ProfileField, refusals, with_people
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.forms import TenantForm
from objectives.models import Participant

MOST_PEOPLE = 5000


class ProfiledConfigurationForm(ConfigurationForm):
    """An LMS configuration, with what its LMS is told of everybody where people can be added there."""

    profile = ProfileField(
        label=gettext_lazy("Profile of new users"),
        help_text=gettext_lazy(
            "What the LMS is told of everybody: one field a line, as “company: Northwind”, by the names that it "
            "gives its fields. What stands in a participant's own profile goes before."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.connector.can(Ability.NEW_USERS):
            self.initial["profile"] = self.instance.profile
        else:
            del self.fields["profile"]

    def clean_profile(self) -> dict[str, str]:
        """The fields, as far as the LMS allows them, if it told."""
        profile: dict[str, str] = self.cleaned_data["profile"]
        if said := refusals(profile, [self.instance]):
            raise forms.ValidationError(said)
        return profile

    def save(self, commit: bool = True) -> LMSConfiguration:
        self.instance.profile = self.cleaned_data.get("profile", self.instance.profile)
        return super().save(commit)


class ProfiledParticipantForm(TenantForm):
    """A participant, and what LMSs are told of them beside name and e-mail address."""

    profile = ProfileField(
        label=gettext_lazy("Profile for LMSs"),
        help_text=gettext_lazy("One field a line, as “city: Bern”, by the names that your LMS gives its fields."),
    )

    class Meta:
        model = Participant
        fields = ("participant_id", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["profile"] = self.instance.profile

    def clean_profile(self) -> dict[str, str]:
        """The fields, as far as the LMSs that told what they allow allow them."""
        profile: dict[str, str] = self.cleaned_data["profile"]
        if said := refusals(profile, with_people(self.instance.organization) if profile else []):
            raise forms.ValidationError(said)
        return profile

    def save(self, commit: bool = True) -> Any:
        self.instance.profile = self.cleaned_data.get("profile", self.instance.profile)
        return super().save(commit)


class ChooseLMSForm(forms.Form):
    """To which LMS people are added."""

    configuration = forms.ChoiceField(label=gettext_lazy("LMS configuration"))

    def __init__(self, *args: Any, offered: Iterable[LMSConfiguration], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["configuration"].choices = [  # type: ignore[attr-defined]  # it is a ChoiceField
            (str(one.pk), one.name) for one in offered
        ]


class Providing(TenantModelAdmin):
    """The action that has LMSs know participants."""

    def has_provide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins."""
        return self._allowed(request, EDITORS, obj)

    @admin.action(description=gettext_lazy("Add to an LMS, or bring up to date there"), permissions=["provide"])
    def provide(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for which LMS; then a job looks each up and adds or changes them where the LMS can."""
        chosen = list(queryset.select_related("organization")[: MOST_PEOPLE + 1])
        if len(chosen) > MOST_PEOPLE or len({one.organization_id for one in chosen}) != 1:
            text = _("Choose people of one organization, at most %(count)s.") % {"count": f"{MOST_PEOPLE:,}"}
            self.message_user(request, text, messages.WARNING)
            return None
        offered = with_people(chosen[0].organization)
        if not offered:
            text = _("None of your LMS configurations leads to an LMS whose people can be looked up.")
            self.message_user(request, text, messages.WARNING)
            return None
        answered = request.POST.get("post") == "yes"
        form = ChooseLMSForm(request.POST if answered else None, offered=offered)
        if answered and form.is_valid():
            by_key = {str(one.pk): one for one in offered}
            return self._provide(request, by_key[form.cleaned_data["configuration"]], [one.pk for one in chosen])
        return self._ask(request, form, len(chosen))

    def _ask(self, request: HttpRequest, form: ChooseLMSForm, count: int) -> HttpResponse:
        kept = [
            (name, value)
            for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ]
        sentence = _(
            "%(count)s chosen. Each is looked up by e-mail address; where the LMS lets us, who is not there is "
            "added, and who is there is brought up to date."
        )
        question = Question(_("Add people to an LMS"), sentence % {"count": f"{count:,}"}, _("Begin"))
        return page(self, request, question, {"form": form, "kept": [*kept, ("post", "yes")]})

    def _provide(self, request: HttpRequest, configuration: LMSConfiguration, pks: list[int]) -> HttpResponse:
        title = _("Add people to %(name)s") % {"name": configuration.name}
        parameters = {"participants": pks}
        job = begin("people", configuration, title=title, created_by=request.user, parameters=parameters)
        return begun(self, request, job)
