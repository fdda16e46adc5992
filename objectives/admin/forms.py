"""Forms whose choices, labels and uniqueness checks know only the organization of the row they edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime, ForeignKeyRawIdWidget, RelatedFieldWidgetWrapper
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from objectives.models import Organization
from objectives.scoping import TenantModel

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    BaseInlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    ModelForm = forms.ModelForm
    BaseInlineFormSet = forms.BaseInlineFormSet


class TenantRawIdWidget(ForeignKeyRawIdWidget):
    """A raw id field that names the chosen row only if it is among the choices of its field."""

    queryset: QuerySet[Any] | None = None

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        """The label and link of the row with the id ``value``; both empty if it is not one to choose."""
        try:
            known = self.queryset is not None and self.queryset.filter(pk=value).exists()
        except (ValueError, TypeError, ValidationError):
            known = False
        return super().label_and_url_for_value(value) if known else ("", "")


class NamedSplitDateTime(AdminSplitDateTime):
    """Django's two fields for a moment, each with a name of its own for those who do not see the words beside it."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """As Django's, with an ``aria-label`` on each field."""
        context = super().get_context(name, value, attrs)
        for field, label in zip(context["widget"]["subwidgets"], (_("Date"), _("Time")), strict=True):
            field["attrs"]["aria-label"] = label
        return context


class TypedDecimalField(forms.DecimalField):
    """A number as it was typed: a browser's own number field drops what it does not understand, or misreads it."""

    widget = forms.TextInput(attrs={"inputmode": "decimal"})
    default_error_messages = {"invalid": _("Enter a number, for example 4.5.")}

    def to_python(self, value: Any) -> Any:
        """As Django's, without the underscores that Python takes for part of a number."""
        if "_" in str(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class ClockDurationField(forms.DurationField):
    """Hours, minutes and seconds. Less than that could be hours and minutes as well as minutes and seconds."""

    default_error_messages = {"invalid": _("Enter hours, minutes and seconds, for example 0:25:00 for 25 minutes.")}

    def to_python(self, value: Any) -> Any:
        """As Django's, if all three are there."""
        if isinstance(value, str) and value.strip() and value.count(":") != 2:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class TenantForm(ModelForm):
    """The form of a row of one organization. A new row gets the organization before anything is validated."""

    organization: Organization | None = None

    def __init__(self, *args: Any, organization: Organization | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.organization_id is None:
            self.instance.organization = organization or self.organization
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                self._narrow(field)

    def _narrow(self, field: forms.ModelChoiceField[Any]) -> None:
        rows = field.queryset
        if rows is not None and issubclass(rows.model, TenantModel):
            field.queryset = rows.filter(organization=self.instance.organization_id)
        widget = field.widget.widget if isinstance(field.widget, RelatedFieldWidgetWrapper) else field.widget
        if isinstance(widget, TenantRawIdWidget):
            widget.queryset = field.queryset

    def _get_validation_exclusions(self) -> set[str]:
        # Otherwise Django skips every "once per organization" constraint, and saving ends in an IntegrityError.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's, not in the stubs
        return excluded - {"organization"}

    def add_error(self, field: str | None, error: Any) -> None:
        """As Django's, but what concerns a field that is not on this form is shown above it."""
        if field is None and isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            for name, problems in error.error_dict.items():
                known = name in self.fields and name != NON_FIELD_ERRORS
                super().add_error(name if known else None, ValidationError(problems))
            return
        super().add_error(field, error)


class TenantInlineFormSet(BaseInlineFormSet):
    """Rows below a row of one organization: they belong to the same one."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """The organization of the row above, for the forms that take one."""
        kwargs = super().get_form_kwargs(index)
        if issubclass(self.form, TenantForm) and self.instance.organization_id is not None:
            kwargs["organization"] = self.instance.organization
        return kwargs
