"""The properties of an Open eLMS configuration."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors.base import OptionsForm
from integrations.connectors.typed import checked_address

# The types of learning resources that the API page names; as of 2026-11 the choice is optional there.
RESOURCE_TYPES = (
    ("", gettext_lazy("As the LMS chooses")),
    ("audit", gettext_lazy("Audit")),
    ("elearning", gettext_lazy("E-learning")),
    ("elearning_quiz", gettext_lazy("E-learning with a quiz")),
    ("induction", gettext_lazy("Induction")),
    ("mp4_quiz", gettext_lazy("MP4 video with a quiz")),
    ("quiz", gettext_lazy("Quiz")),
    ("skillscan", gettext_lazy("Skill scan")),
    ("vimeo_quiz", gettext_lazy("Vimeo video with a quiz")),
    ("youtube_quiz", gettext_lazy("YouTube video with a quiz")),
)


class OpenElmsOptions(OptionsForm):
    """The properties of an Open eLMS configuration: where it is, its token, and what LMS Bridge may do there."""

    secret_fields = ("token",)

    url = forms.CharField(
        label=gettext_lazy("Open eLMS URL"),
        max_length=2048,
        help_text=gettext_lazy("Everything before “/backend”, for example https://openelms.e-learningwmb.co.uk/acme"),
    )
    token = forms.CharField(
        label=gettext_lazy("API token"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("In Open eLMS: System Setup, Defaults, Configuration, APITokenAccess."),
    )
    create_users = forms.BooleanField(
        label=gettext_lazy("Add people who are not there yet"),
        required=False,
        help_text=gettext_lazy("They get a random password that nobody knows."),
    )
    reset_passwords = forms.BooleanField(
        label=gettext_lazy("Changing people may reset their passwords"),
        required=False,
        help_text=gettext_lazy(
            "Open eLMS changes nobody without setting a new password. Only where people sign in by other means."
        ),
    )
    adopt = forms.BooleanField(
        label=gettext_lazy("Use learning resources of the same name"),
        required=False,
        help_text=gettext_lazy("Otherwise you are asked before results go to something that is there already."),
    )
    resource_type = forms.ChoiceField(
        label=gettext_lazy("Type of new learning resources"), required=False, choices=RESOURCE_TYPES
    )
    repeats = forms.BooleanField(
        label=gettext_lazy("Send again if the score is another"),
        required=False,
        help_text=gettext_lazy("Otherwise who has completed something keeps the first score."),
    )
    reference_in_name = forms.BooleanField(
        label=gettext_lazy("Put the external reference into the name of new learning resources"),
        required=False,
        help_text=gettext_lazy("As “Fire safety [fire-01]”, so that they are recognized for certain."),
    )

    def clean_url(self) -> str:
        text = _without_backend(self.cleaned_data["url"].strip())
        return checked_address(text)

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"].strip()
        # It goes out as it is after "Basic", which some copy along.
        token = token[6:].strip() if token[:6].lower() == "basic " else token
        if not token.isascii() or not token.isprintable() or " " in token:
            raise forms.ValidationError(_("This holds characters that no token has. Copy it again."))
        return token

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "token" not in self.errors and not self.has_secret("token"):
            self.add_error("token", _("Enter the token. Open eLMS support gives access to the API."))
        return cleaned


def _without_backend(text: str) -> str:
    head, found, tail = text.partition("/backend")
    is_whole_segment = found and tail[:1] in {"", "/", "?"}
    return (head if is_whole_segment else text).rstrip("/")
