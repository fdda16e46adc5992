"""Participants."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.display import moment
from objectives.models import Participant


class HasEmailFilter(admin.SimpleListFilter):
    """Whose results can go to an LMS. The at sign decides here: a list of a million is not validated one by one."""

    title = _("e-mail address")
    parameter_name = "email"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Yes and no."""
        return [("yes", _("Has one")), ("no", _("Has none: results are held"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The participants with or without an at sign in their id."""
        if self.value() == "yes":
            return queryset.filter(participant_id__contains="@")
        return queryset.exclude(participant_id__contains="@") if self.value() == "no" else queryset


@admin.register(Participant)
class ParticipantAdmin(TenantModelAdmin):
    """The people who do objectives, under the id by which the organization knows them."""

    list_display = ("participant_id", "name", "email", "created")
    list_filter = (HasEmailFilter,)
    search_fields = ("participant_id__exact",)
    search_help_text = _("The whole participant id")
    ordering = ("-pk",)
    sortable_by = ()
    fields = ("participant_id", "name")
    roles_add = roles_change = roles_delete = EDITORS

    @admin.display(description=_("has e-mail address"), boolean=True)
    def email(self, participant: Participant) -> bool:
        """Whether results of this participant can go to an LMS."""
        return participant.has_email

    @admin.display(description=_("created"))
    def created(self, participant: Participant) -> SafeString | str:
        """When it was added."""
        return moment(participant.created_at)

    def log_text(self, obj: Any) -> str:
        """Without the id, which may be an e-mail address."""
        return _("Participant %(id)s") % {"id": obj.pk}
