"""The properties of an xAPI configuration."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors.base import OptionsForm
from integrations.connectors.typed import checked_address
from integrations.connectors.xapi.statements import IRI


class XapiOptions(OptionsForm):
    """The properties of an xAPI configuration. URL and keys may all stay empty: for launches only."""

    secret_fields = ("key_secret", "api_key")
    credential_fields = ("key",)

    url = forms.CharField(
        label=gettext_lazy("xAPI URL"),
        required=False,
        max_length=2048,
        help_text=gettext_lazy("The endpoint that your LMS provides, without the final “statements”."),
    )
    auth = forms.ChoiceField(
        label=gettext_lazy("Signs in with"),
        initial="key_secret",
        choices=[
            ("key_secret", gettext_lazy("Key and secret")),
            ("basic", gettext_lazy("A ready-made API key, sent as Basic")),
            ("bearer", gettext_lazy("A ready-made API key, sent as Bearer")),
        ],
    )
    key = forms.CharField(label=gettext_lazy("xAPI key"), required=False, max_length=500)
    key_secret = forms.CharField(label=gettext_lazy("xAPI key secret"), required=False, max_length=500)
    api_key = forms.CharField(
        label=gettext_lazy("API key"),
        required=False,
        max_length=4000,
        help_text=gettext_lazy("Only if your LMS gave you one ready-made API key instead of key and secret."),
    )
    version = forms.ChoiceField(
        label=gettext_lazy("xAPI version"),
        initial="1.0.3",
        choices=[("1.0.3", "1.0.3"), ("2.0.0", "2.0.0")],
        help_text=gettext_lazy("Keep 1.0.3 unless your LMS asks for 2.0.0; most accept only the older one."),
    )
    account_home_page = forms.CharField(
        label=gettext_lazy("Account home page"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("For launches whose learner has an account name without a home page."),
    )

    def clean_url(self) -> str:
        text: str = self.cleaned_data["url"].strip()
        return checked_address(text) if text else ""

    def clean_account_home_page(self) -> str:
        page: str = self.cleaned_data["account_home_page"]
        if page and not IRI.fullmatch(page):
            raise forms.ValidationError(_("Enter a full address, for example https://lms.example.com"))
        return page

    def clean_key(self) -> str:
        return _header_text(self.cleaned_data["key"], forbidden=":")

    def clean_key_secret(self) -> str:
        return _header_text(self.cleaned_data["key_secret"])

    def clean_api_key(self) -> str:
        return _header_text(self.cleaned_data["api_key"], ascii_only=True)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        url, auth = cleaned.get("url"), cleaned.get("auth")
        if auth == "key_secret":
            missing = [field for field in ("key", "key_secret") if not (cleaned.get(field) or self._stored(field))]
            given = len(missing) < 2
        else:
            missing = [] if self.has_secret("api_key") else ["api_key"]
            given = not missing
        if url and not self.errors:
            for field in missing:
                self.add_error(field, _("Enter this too, or leave the URL empty as well (for launches only)."))
        elif given and not url and "url" not in self.errors:
            self.add_error(
                "url", _("Enter the URL that this key belongs to, or leave both empty (for launches only).")
            )
        return cleaned

    def _stored(self, field: str) -> bool:
        return field in self.secret_fields and self.has_secret(field)


def _header_text(text: str, *, forbidden: str = "", ascii_only: bool = False) -> str:
    """X3 4.0, RFC 7617: the key may hold no colon; neither may hold control characters."""
    if any(not char.isprintable() for char in text) or (ascii_only and not text.isascii()):
        raise forms.ValidationError(_("This holds characters that no key has. Copy it again."))
    if any(char in text for char in forbidden):
        raise forms.ValidationError(_("A key cannot hold a colon. If you were given key:secret, enter them apart."))
    return text
