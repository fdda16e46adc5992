"""Forms about LMS configurations. What is asked for one type of LMS comes from its connector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils import dateparse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors.base import OptionsForm
from integrations.models import LMSConfiguration
from integrations.models.configuration import INTERVALS, PLAN_INTERVALS
from objectives.admin.forms import TenantForm

HIDDEN = {"autocomplete": "new-password", "class": "vTextField"}
FORGET = "forget_"  # before a secret field's name: the checkbox that drops what is stored


class ConfigurationAddForm(TenantForm):
    """Step 1 of creating an LMS configuration: basic information and the type of the LMS."""

    class Meta:
        model = LMSConfiguration
        fields = ["name", "contact_email", "type"]


class ConfigurationForm(TenantForm):
    """Basic information and the properties of the configuration's type, as fields of one form.

    The connector's own form validates the properties. Secrets are write-only: what is stored is never handed to
    the form; an empty field keeps it, a text replaces it, a checkbox forgets it.
    """

    class Meta:
        model = LMSConfiguration
        fields = [
            *("name", "contact_email", "update_interval", "requests_per_minute"),
            *("unverified_launches", "learner_domains"),
        ]

    secrets_dropped = False  # set by ``save``: stored secrets went because the origin of the address changed
    reconnects = False  # set by ``save``: options or secrets are others than before

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._embed(self._options_form())
        if "update_interval" in self.fields:
            self._name_the_plan()
        if "unverified_launches" in self.fields:
            self.fields["unverified_launches"].required = False

    def _name_the_plan(self) -> None:
        organization = self.instance.organization
        words = {minutes: str(name) for minutes, name in INTERVALS}
        interval = words[PLAN_INTERVALS[organization.plan]]
        said = _("By your plan (%(plan)s: %(interval)s)")
        field = cast(forms.ChoiceField, self.fields["update_interval"])
        empty = said % {"plan": organization.get_plan_display(), "interval": interval.lower()}
        field.choices = [("", empty), *INTERVALS]

    def clean_unverified_launches(self) -> str:
        """The rule that was chosen; where none is sent along, as it was."""
        rule: str = self.cleaned_data["unverified_launches"] or self.instance.unverified_launches
        return rule

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        by_domain = {LMSConfiguration.Unverified.FLAG, LMSConfiguration.Unverified.REFUSE}
        if cleaned.get("unverified_launches") in by_domain and not cleaned.get("learner_domains", "").strip():
            self.add_error("learner_domains", _("Enter your learners' domains, or choose another rule."))
        kept = frozenset(self.instance.sealed) - set(self._forgotten())
        self._options = self._options_form(data=self.data, stored_secrets=kept)
        for field, errors in self._options.errors.as_data().items():
            if field not in self.errors:
                self.add_error(None if field == NON_FIELD_ERRORS else field, cast(Any, errors))
        return cleaned

    def save(self, commit: bool = True) -> LMSConfiguration:
        before = _as_typed(self.instance)
        for field in self._forgotten():
            self.instance.forget_secret(field)
        secrets = {field: self._options.cleaned_data[field] for field in self._options.secret_fields}
        options = {name: value for name, value in self._options.cleaned_data.items() if name not in secrets}
        self.secrets_dropped = self.instance.set_options(options, secrets)
        self.reconnects = before != _as_typed(self.instance)
        saved: LMSConfiguration = super().save(commit)
        return saved

    def _options_form(self, **kwargs: Any) -> OptionsForm:
        kind: type[OptionsForm] = self.instance.connector.options_form
        initial = {name: value for name, value in self.instance.options.items() if name not in kind.secret_fields}
        return kind(initial=initial, prefix=self.prefix, **kwargs)

    def _embed(self, options: OptionsForm) -> None:
        unreadable = self.instance.unreadable_secrets()
        for name, field in options.fields.items():
            self.fields[name] = field
            if isinstance(field.widget, forms.TextInput):
                field.widget.attrs.setdefault("class", "vTextField")
            if name not in options.secret_fields:
                self.initial[name] = options.get_initial_for_field(field, name)
                continue
            field.widget = forms.PasswordInput(render_value=False, attrs=HIDDEN)
            if name in self.instance.sealed:
                self._show_stored(name, field, readable=name not in unreadable)

    def _show_stored(self, name: str, field: forms.Field, *, readable: bool) -> None:
        keep = _("Leave empty to keep it.") if readable else ""
        words = [about_secret(self.instance, name, readable=readable), keep, str(field.help_text)]
        field.help_text = " ".join(filter(None, words))
        label = _("Forget the stored %(secret)s") % {"secret": field.label or name}
        self.fields[FORGET + name] = forms.BooleanField(required=False, label=label)

    def _forgotten(self) -> list[str]:
        return [field for field in self.instance.sealed if self.cleaned_data.get(FORGET + field)]


def _as_typed(configuration: LMSConfiguration) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options and secrets to compare: whether an option is missing or empty makes no difference."""
    return {name: value for name, value in configuration.options.items() if value}, configuration.sealed


def option_fields(configuration: LMSConfiguration) -> list[str]:
    """The names of the fields that a ``ConfigurationForm`` of this configuration has beside those of the model."""
    names: list[str] = []
    for name in configuration.connector.options_form.base_fields:
        names.append(name)
        if name in configuration.connector.options_form.secret_fields and name in configuration.sealed:
            names.append(FORGET + name)
    return names


def about_secret(configuration: LMSConfiguration, field: str, *, readable: bool = True) -> str:
    """What may be told of a stored secret: when it was set and, if it is long enough, how it ends."""
    if not readable:
        return _("The stored key cannot be read. Enter it again.")
    entry = configuration.sealed[field]
    moment = dateparse.parse_datetime(entry["set_at"])
    day = date_format(moment, "j F Y") if moment else "?"
    if not entry["ends"]:
        return _("Set on %(day)s.") % {"day": day}
    return _("Set on %(day)s, ends in ••%(ends)s.") % {"day": day, "ends": entry["ends"]}


class ChooseConfigurationForm(ActionForm):
    """The action bar of a list of objectives, with the LMS configuration to attach or detach.

    The admin builds this form without the request, so it holds no choices: the view fills in those of the person
    who looks, and the action looks up again what was posted.
    """

    configuration = forms.CharField(
        label=gettext_lazy("LMS configuration"), required=False, widget=forms.Select(choices=[])
    )

    def offer(self, configurations: Iterable[LMSConfiguration], *, with_organization: bool) -> None:
        """Offer these configurations, by name or as “Organization — name”."""
        blank: list[tuple[int | str, str | Promise]] = [("", gettext_lazy("Choose a configuration"))]
        widget = cast(forms.Select, self.fields["configuration"].widget)
        widget.choices = blank + [
            (one.pk, f"{one.organization} — {one.name}" if with_organization else one.name) for one in configurations
        ]
