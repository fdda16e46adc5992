"""What integrations add to the admin of participants: erasing a person also where results went."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import keeping
from integrations.admin.asking import Question, ask_why
from integrations.admin.assignment import Assigning, ObjectivesForm
from integrations.admin.users import ProfiledParticipantForm, Providing
from integrations.models import Delivery
from integrations.profiles import lines_of
from objectives.admin.base import ADMINS
from objectives.admin.participant import ParticipantAdmin
from objectives.models import Participant

# In one request; the command erase_participant has no such limit.
AT_MOST = 50


class ErasingParticipantAdmin(Assigning, Providing, ParticipantAdmin):
    """Participants: forgetting them, asking objectives of them, and having LMSs know them."""

    form = ProfiledParticipantForm
    actions = ("assign", "provide", "erase")
    readonly_fields = ("held_results", "profile_lines")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Id and name, the profile, and what waits for another id."""
        fields = (*self.fields, "profile" if self._edits(request, obj) else "profile_lines")
        return fields if obj is None else (*fields, "held_results")

    def _edits(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form; the profile is no field of the model that Django could make one for."""
        return super().get_form(request, obj, change, **{**kwargs, "fields": self.fields})

    @admin.display(description=gettext_lazy("profile for LMSs"))
    def profile_lines(self, obj: Participant) -> str:
        """The profile for those who may only look."""
        return lines_of(obj.profile) or "–"

    @admin.display(description=gettext_lazy("held results"))
    def held_results(self, obj: Participant) -> str:
        """How many results wait because of the id."""
        held = Delivery.objects.held().filter(result__participant=obj, reason=Delivery.Reason.NO_EMAIL)
        count = held.values("result").distinct().count()
        text = ngettext(
            "%(count)s result waits until the id is an e-mail address.",
            "%(count)s results wait until the id is an e-mail address.",
            count,
        )
        return text % {"count": count} if count else _("None")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say how many held results a corrected id sends."""
        held = list(Delivery.objects.held().about(obj).values_list("pk", flat=True)) if change else []
        super().save_model(request, obj, form, change)
        released = Delivery.objects.filter(pk__in=held, state=Delivery.State.QUEUED, configuration__paused=False)
        count = released.values("result").distinct().count() if held else 0
        if count:
            text = ngettext("%(count)s held result is sent now.", "%(count)s held results are sent now.", count)
            self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Assign objectives…"), permissions=["assign"])
    def assign(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask objectives, which a page asks for, of these people."""
        words = _("Chosen people: %(count)s. What is asked of them?")
        asked = self.ask_assignment(request, queryset, ObjectivesForm, words)
        if not isinstance(asked, dict):
            return asked
        self.assigned(request, list(asked["objectives"]), asked["chosen"], asked["due_at"])
        return None

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Admins: what is erased cannot be brought back."""
        return self.may(request, ADMINS)

    @admin.action(description=gettext_lazy("Erase the person"), permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask first; then put a pseudonym in the person's place everywhere."""
        people = list(queryset[: AT_MOST + 1])
        if len(people) > AT_MOST:
            text = _("Erase at most %(count)s people at a time. Nobody was erased.") % {"count": AT_MOST}
            self.message_user(request, text, messages.WARNING)
            return None
        why = ask_why(self, request, _question(people))
        if isinstance(why, HttpResponse):
            return why
        self._erase(request, people, why)
        return None

    def _erase(self, request: HttpRequest, people: list[Participant], why: str) -> None:
        erased = before = busy = 0
        for person in people:
            if keeping.is_erased(person):
                before += 1
                continue
            try:
                with transaction.atomic():
                    # First, so that a reason that names the person is cleaned as well.
                    self._log(request, [person], CHANGE, f"Erased the person. Why: {why}")
                    keeping.erase(person)
                erased += 1
            except keeping.UnderWay:
                busy += 1
        self.message_user(request, _said(erased, before, busy), messages.SUCCESS if erased else messages.WARNING)


def _question(people: list[Participant]) -> Question:
    sentence = _(
        "%(people)s: forgotten for good. Results stay, under a pseudonym. Id and name are removed, and so is what "
        "was sent and what came back. What was not sent yet is never sent. What an LMS has already stays there: ask "
        "its administrator."
    )
    return Question(_("Erase people"), sentence % {"people": ", ".join(map(str, people))}, _("Erase"))


def _said(erased: int, before: int, busy: int) -> str:
    """Without any name: a message may be kept in the session."""
    text = ngettext("%(count)s person was erased.", "%(count)s people were erased.", erased) % {"count": erased}
    again = ngettext("%(count)s was erased before.", "%(count)s were erased before.", before) % {"count": before}
    later = ngettext(
        "Something about %(count)s is being sent just now: try again in a minute.",
        "Something about %(count)s is being sent just now: try again in a minute.",
        busy,
    ) % {"count": busy}
    return " ".join(filter(None, [text, again if before else "", later if busy else ""]))


admin.site.unregister(Participant)
admin.site.register(Participant, ErasingParticipantAdmin)
