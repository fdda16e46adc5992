"""What people type into the options of any connector, checked."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _

from integrations.connectors import http


def checked_address(text: str) -> str:
    """The text, if it is an address to which paths can be added; raises ``ValidationError`` with what to mend."""
    try:
        if http.parse(text).query:
            raise forms.ValidationError(_("Leave out the part from the question mark on."))
    except http.AddressRefused as refusal:
        raise forms.ValidationError(refusal.sentence) from None
    return text
