"""Short pages that ask why before something is done, and say how much it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy

LONGEST_REASON = 200


class ReasonForm(forms.Form):
    """Why something is done. It goes into the log beside who did it and when."""

    reason = forms.CharField(
        label=gettext_lazy("Why?"),
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=gettext_lazy("A few words for the log. Name no learner: the log outlives what it tells of."),
    )


def typed_reason(request: HttpRequest) -> str:
    """What was typed beside a button about why: on one line, and empty if nothing was."""
    return " ".join(request.POST.get("reason", "").split())[:LONGEST_REASON]


class SinceForm(forms.Form):
    """From when on."""

    since = forms.DateTimeField(
        label=gettext_lazy("Since (UTC)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class RetryFailedForm(ReasonForm):
    """Why everything that failed since the moment that the page shows is tried again."""

    since = forms.DateTimeField(widget=forms.HiddenInput)


class BackfillForm(ReasonForm):
    """Whether, and why, earlier results are sent too."""

    sure = forms.BooleanField(label=gettext_lazy("Yes, send them"), label_suffix="")
    field_order = ("sure", "reason")


@dataclass(frozen=True)
class Question:
    """What is asked: the page's title, what will happen, and the word on its button."""

    title: str
    sentence: str
    button: str


def ask_why(model_admin: Any, request: HttpRequest, question: Question) -> str | TemplateResponse:
    """The reason that was typed for an action of a list, or the page that asks for it.

    The page posts the same action again, to the same address, so that the same rows are meant.
    """
    answered = request.POST.get("post") == "yes"
    form = ReasonForm(request.POST if answered else None)
    if answered and form.is_valid():
        return str(form.cleaned_data["reason"])
    kept = [
        (name, value)
        for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
        for value in request.POST.getlist(name)
    ]
    return page(model_admin, request, question, {"form": form, "kept": [*kept, ("post", "yes")]})


def page(
    model_admin: Any, request: HttpRequest, question: Question, context: dict[str, Any], template: str = "ask"
) -> TemplateResponse:
    """A page of this kind in the frame of the admin."""
    whole = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": question.title,
        "question": question,
        "media": model_admin.media,
        **context,
    }
    return TemplateResponse(request, f"admin/integrations/{template}.html", whole)
