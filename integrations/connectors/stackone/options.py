"""The properties of a StackOne configuration."""

from __future__ import annotations

import re

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors.base import OptionsForm
from integrations.connectors.typed import checked_address

ADDRESS = "https://api.stackone.com"
# The choices of ``flow``.
ASSIGN_FIRST = "assignment_then_completion"
COMPLETE_ONLY = "completion"

_UNIFIED = re.compile(r"/+unified(/+lms)?$")
_HEADER_TEXT = re.compile(r"[!-~]*")


class StackOneOptions(OptionsForm):
    """How to reach one linked account, and how results are told to it."""

    secret_fields = ("api_key",)
    credential_fields = ("account_id",)

    api_key = forms.CharField(
        label=gettext_lazy("API key"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("A key of your StackOne project that may read and write LMS data."),
    )
    account_id = forms.CharField(
        label=gettext_lazy("Account id"),
        max_length=200,
        help_text=gettext_lazy("The id of the linked account: which of your LMSs StackOne passes everything on to."),
    )
    url = forms.CharField(
        label=gettext_lazy("StackOne URL"),
        initial=ADDRESS,
        max_length=2048,
        help_text=gettext_lazy("Keep it unless StackOne gave you an address of your own."),
    )
    flow = forms.ChoiceField(
        label=gettext_lazy("A result is sent as"),
        initial=COMPLETE_ONLY,
        choices=[
            (COMPLETE_ONLY, gettext_lazy("A completion alone; the LMS assigns by itself")),
            (ASSIGN_FIRST, gettext_lazy("An assignment where there is none, then a completion")),
        ],
    )
    learner_field = forms.CharField(
        label=gettext_lazy("Profile field with the learner's id"),
        required=False,
        max_length=100,
        help_text=gettext_lazy(
            "Only used where StackOne knows no users of your LMS: the field of a participant's profile that holds "
            "the id by which the LMS knows them, such as the one of your single sign-on. If it is left empty, the "
            "participant id itself is used."
        ),
    )

    def clean_url(self) -> str:
        text = _UNIFIED.sub("", self.cleaned_data["url"].strip().rstrip("/"))
        return checked_address(text)

    def clean_account_id(self) -> str:
        text: str = self.cleaned_data["account_id"].strip()
        if not _HEADER_TEXT.fullmatch(text):
            raise forms.ValidationError(_("This holds characters that no account id has. Copy it again."))
        return text

    def clean_api_key(self) -> str:
        text: str = self.cleaned_data["api_key"].strip()
        if not text and not self.has_secret("api_key"):
            raise forms.ValidationError(_("Enter the API key."))
        if not _HEADER_TEXT.fullmatch(text):
            raise forms.ValidationError(_("This holds characters that no key has. Copy it again."))
        if ":" in text:
            raise forms.ValidationError(_("A StackOne key holds no colon. Copy the key alone, as StackOne shows it."))
        return text

    def clean_learner_field(self) -> str:
        text: str = self.cleaned_data["learner_field"].strip()
        return text
