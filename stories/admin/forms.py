"""The forms of stories, scenes and shares."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminFileWidget
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from integrations.models import LMSConfiguration
from objectives import clock
from objectives.admin.forms import TenantForm
from objectives.models import Organization
from stories import images
from stories.models import Option


class ImageInput(AdminFileWidget):
    """The image that is there, a box that removes it, and a field for another one."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"accept": "image/png,image/jpeg,image/webp", **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """As Django's, with the address of the image."""
        context = super().get_context(name, value, attrs)
        if context["widget"]["is_initial"]:
            context["address"] = images.address(value.name)
        return context

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        # Forms have a template engine of their own, which does not know the project's templates.
        return render_to_string("admin/stories/image_input.html", context)


class DescribedForm(TenantForm):
    """A form in which each image has its alternative text."""

    images: tuple[str, ...] = ()

    def clean(self) -> dict[str, Any] | None:
        """Ask for what an image shows in words."""
        cleaned = super().clean()
        for name in self.images:
            alternative = f"{name}_alt"
            typed = self.cleaned_data
            if typed.get(name) and alternative in typed and not typed[alternative].strip():
                self.add_error(alternative, _("Say in a few words what the image shows."))
        return cleaned


class StoryForm(DescribedForm):
    """A story."""

    images = ("cover",)


class SceneForm(DescribedForm):
    """A scene; it has an image or a video, and Markdown in a field that is wide enough for it."""

    images = ("image",)

    def clean(self) -> dict[str, Any] | None:
        """An image or a video, not both."""
        cleaned = super().clean()
        if self.cleaned_data.get("image") and self.cleaned_data.get("video_url"):
            self.add_error("video_url", _("Keep the image or the video link, not both."))
        return cleaned


class OptionForm(TenantForm):
    """An answer. Without a number it comes last."""

    position = forms.IntegerField(
        label=_("Order"),
        required=False,
        min_value=1,
        max_value=1000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "size": 3}),
    )

    class Meta:
        model = Option
        fields = ("text", "is_right", "position")

    def has_changed(self) -> bool:
        """A row of which only the number was filled in is still an empty one."""
        return super().has_changed() and (self.instance.pk is not None or self.changed_data != ["position"])

    def clean_position(self) -> int:
        """A number in any case."""
        return int(self.cleaned_data["position"] or 1001)


class LimitsForm(TenantForm):
    """Until when, and how often, a link may be used."""

    def clean_expires_at(self) -> Any:
        """A moment to come, unless it was set before."""
        when = self.cleaned_data["expires_at"]
        if when is not None and "expires_at" in self.changed_data and when <= clock.now():
            raise ValidationError(_("This moment is past. To stop the link now, revoke it."))
        return when


class ShareForm(forms.Form):
    """To whom stories are shared, and how far."""

    configuration = forms.ModelChoiceField(
        label=_("LMS configuration"),
        queryset=LMSConfiguration.objects.none(),
        required=False,
        empty_label=_("None: a link that is opened without an LMS"),
        help_text=_("The results of launches by this link go there."),
    )
    expires_at = forms.DateTimeField(
        label=_("Expires (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Nobody can begin after this moment. Left empty, the link does not expire."),
    )
    most_starts = forms.IntegerField(
        label=_("At most so many starts"),
        required=False,
        validators=[MinValueValidator(1)],
        max_value=1_000_000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "size": 8}),
        help_text=_("Left empty, any number of learners may begin."),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["configuration"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        field.queryset = LMSConfiguration.objects.of(organization)

    def clean_expires_at(self) -> Any:
        """A moment to come."""
        when = self.cleaned_data["expires_at"]
        if when is not None and when <= clock.now():
            raise ValidationError(_("This moment is past. Choose a later one."))
        return when
