"""What learners send."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

STEPS = ("begin", "answer", "next", "back", "show", "finish", "again", "resume", "end", "leave")


class EmailForm(forms.Form):
    """Who plays where no LMS says so."""

    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("Enter a complete e-mail address, for example ann@example.com."),
        },
    )


class StepForm(forms.Form):
    """One step of a play. What makes no sense is read as a wish to see the scene again."""

    do = forms.ChoiceField(choices=[(step, step) for step in STEPS])
    scene = forms.IntegerField(min_value=0, max_value=10_000, required=False)

    def step(self) -> tuple[str, int, set[int]]:
        """What to do, in which scene, and the options chosen."""
        good: dict[str, Any] = self.cleaned_data if self.is_valid() else {}
        chosen = {int(text) for text in self._options() if re.fullmatch(r"[0-9]{1,18}", text)}
        return good.get("do", "show"), good.get("scene") or 0, chosen

    def _options(self) -> list[str]:
        return [str(text) for text in self.data.getlist("option")] if isinstance(self.data, QueryDict) else []
