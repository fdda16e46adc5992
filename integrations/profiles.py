"""What LMSs are told of people beside name and e-mail address: fields by the names that the LMSs give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from integrations.connectors.base import Ability
from integrations.models import LMSConfiguration
from objectives.models import Organization

MOST_FIELDS, LONGEST_VALUE = 60, 500
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")
# Told from what is here already, or never told at all.
_OWN = {"email", "password"}


class ProfileField(forms.CharField):
    """Fields of a profile, one a line: ``name: value``. Cleans to a mapping."""

    widget = forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField", "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "max_length": 40_000} | kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A mapping as lines."""
        return lines_of(value) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> Any:
        """The fields by their names; each wrong line is named by its number."""
        text: str = super().clean(value) or ""
        found: dict[str, str] = {}
        errors = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            name, colon, content = (part.strip() for part in line.partition(":"))
            problem = _problem(name, colon, content, found)
            if problem:
                errors.append(_("Line %(number)s: %(problem)s") % {"number": number, "problem": problem})
            found[name] = content
        if len(found) > MOST_FIELDS:
            errors.append(_("At most %(count)s fields.") % {"count": MOST_FIELDS})
        if errors:
            raise forms.ValidationError(errors)
        return found


def _problem(name: str, colon: str, content: str, before: Mapping[str, str]) -> str:
    if not colon or not content:
        return _("write the name of the field, a colon and its value.")
    if not _NAME.fullmatch(name):
        return _("“%(name)s” is no name of a field.") % {"name": name}
    if name in _OWN:
        return _("“%(name)s” cannot be set here.") % {"name": name}
    if name in before:
        return _("“%(name)s” is there twice.") % {"name": name}
    return _("the value is too long.") if len(content) > LONGEST_VALUE or not content.isprintable() else ""


def lines_of(profile: Mapping[str, Any]) -> str:
    """A profile as it is typed."""
    return "\n".join(f"{name}: {value}" for name, value in profile.items())


def refusals(profile: Mapping[str, str], configurations: Iterable[LMSConfiguration]) -> list[str]:
    """What LMSs that told the values of their fields do not allow, each in a sentence."""
    found = []
    for one in configurations:
        allowed = one.lane.learned.get("profile_fields", {})
        for name, value in profile.items():
            values = allowed.get(name)
            if values and value not in values:
                text = _("“%(lms)s” does not allow “%(value)s” for %(name)s. It allows: %(values)s")
                words = {"lms": one.name, "value": value, "name": name, "values": ", ".join(map(str, values[:20]))}
                found.append(text % words)
    return found


def with_people(organization: Organization | None) -> list[LMSConfiguration]:
    """The LMS configurations of an organization whose LMS has people."""
    own = LMSConfiguration.objects.of(organization).select_related("lane", "organization")
    return [one for one in own if one.can(Ability.USERS)]
