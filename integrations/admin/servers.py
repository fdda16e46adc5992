"""The servers that launches may lead to besides the configured one: approved beforehand or later, or refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from integrations import launches
from integrations.admin.asking import Question, ReasonForm, page
from integrations.admin.display import badge, moment
from integrations.connectors import http
from integrations.models import LMSConfiguration
from integrations.models.configuration import Approval
from objectives.admin.base import ADMINS, TenantModelAdmin
from objectives.admin.buttons import opened

TONES = {Approval.PINNED: "wait", Approval.APPROVED: "good", Approval.REFUSED: "bad"}
WORDS = {
    Approval.PINNED: gettext_lazy("Trusted: the first that gave a token"),
    Approval.APPROVED: gettext_lazy("Approved"),
    Approval.REFUSED: gettext_lazy("Refused"),
}


class ServerForm(ReasonForm):
    """A server that launches name, what to do about it, and why."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2048,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=gettext_lazy("Of the server, or of the endpoint on it, for example https://lms.example.com/lrs/"),
    )
    decision = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        widget=forms.RadioSelect,
        initial="approve",
        choices=[
            ("approve", gettext_lazy("Approve: results of launches may go there")),
            ("refuse", gettext_lazy("Refuse: nothing goes there, and what waits stays held")),
        ],
    )
    key = forms.CharField(
        label=gettext_lazy("API key for this address"),
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(render_value=False, attrs={"class": "vTextField", "autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Only for launches that bring no token. It is sent as Basic, to this address and below it, and nowhere "
            "else; the key of the LMS configuration is never sent there."
        ),
    )
    field_order = ("address", "decision", "key", "reason")

    def clean_address(self) -> http.Destination:
        try:
            return http.parse(self.cleaned_data["address"].strip())
        except http.AddressRefused as refused:
            raise forms.ValidationError(refused.sentence) from None

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise forms.ValidationError(_("This holds characters that no key has. Copy it again."))
        return key


class LaunchServers(TenantModelAdmin):
    """The page of an LMS configuration about the servers that its launches may lead to."""

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins decide where results may go."""
        return self._allowed(request, ADMINS, obj)

    @method_decorator(sensitive_post_parameters())
    def servers_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was decided so far, and a form to decide about one more."""
        obj, answer = opened(self, request, object_id, self.has_approve_permission)
        if answer is not None:
            return answer
        asked = {"address": request.GET.get("address", "")[:2048]}
        form = ServerForm(request.POST if request.method == "POST" else None, initial=asked)
        if form.is_bound and form.is_valid() and self._is_another(form, obj):
            return self._decide(request, obj, form.cleaned_data)
        sentence = _(
            "A launch may name a server of its own for its results. Nothing is sent to one that is not approved: "
            "what should have gone there is held until you decide."
        )
        context = {
            "original": obj,
            "subtitle": str(obj),
            "form": form,
            "servers": servers_of(obj),
            "configured": obj.origin(),
        }
        question = Question(_("Servers that launches lead to"), sentence, _("Decide"))
        return page(self, request, question, context, "lmsconfiguration/servers")

    def _is_another(self, form: ServerForm, obj: LMSConfiguration) -> bool:
        if form.cleaned_data["address"].origin != obj.origin():
            return True
        form.add_error("address", _("This is the server of the LMS configuration itself; it needs no approval."))
        return False

    def _decide(self, request: HttpRequest, obj: LMSConfiguration, found: dict[str, Any]) -> HttpResponse:
        address, by = found["address"], request.user.get_username()
        if found["decision"] == "refuse":
            launches.refuse(obj, address.origin, by=by)
            self.log_change(request, obj, f"Refused {address.origin} for launches. Reason: {found['reason']}")
            self.message_user(request, _("%(origin)s is refused.") % {"origin": address.origin}, messages.SUCCESS)
        else:
            count = launches.approve(obj, address.origin, by=by, address=str(address), key=found["key"])
            self.log_change(request, obj, f"Approved {address.origin} for launches. Reason: {found['reason']}")
            self.message_user(request, approved_words(address.origin, count), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:integrations_lmsconfiguration_servers", args=[obj.pk]))


def approved_words(origin: str, count: int) -> str:
    """What is said once a server is approved."""
    text = ngettext(
        "%(origin)s is approved; %(count)s held result is sent now.",
        "%(origin)s is approved; %(count)s held results are sent now.",
        count,
    )
    return text % {"origin": origin, "count": count}


def servers_of(configuration: LMSConfiguration) -> list[dict[str, SafeString | str]]:
    """What was decided about which server, when and by whom."""
    return [
        {
            "origin": origin,
            "badge": badge(str(WORDS[Approval(entry["how"])]), TONES[Approval(entry["how"])]),
            "when": moment(parse_datetime(entry["at"])),
            "by": entry["by"],
            "key": entry.get("address", ""),
        }
        for origin, entry in sorted(configuration.origins.items())
    ]
