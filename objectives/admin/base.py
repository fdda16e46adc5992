"""The one base of every admin class: whose rows it shows, who may do what, and which queries it answers.

Rights come from the role in the active organization, never from Django's table of permissions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from objectives.access import OPERATOR, active_organization, may, role_of
from objectives.admin.deletion import deletion_of, sees
from objectives.admin.filters import BridgeChangeList, narrowed, parameters_of
from objectives.admin.forms import (
    NamedSplitDateTime,
    TenantForm,
    TenantInlineFormSet,
    TenantRawIdWidget,
    TypedDecimalField,
)
from objectives.admin.paginator import CappedPaginator
from objectives.models import Membership
from objectives.scoping import TenantModel

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    BaseModelAdmin = admin.options.BaseModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    BaseModelAdmin = object

ALL_ROLES = (Membership.Role.VIEWER, Membership.Role.EDITOR, Membership.Role.ADMIN)
EDITORS = (Membership.Role.EDITOR, Membership.Role.ADMIN)
ADMINS = (Membership.Role.ADMIN,)
NOBODY: tuple[str, ...] = ()

__all__ = [
    "ADMINS",
    "ALL_ROLES",
    "EDITORS",
    "NOBODY",
    "BridgeModelAdmin",
    "TenantModelAdmin",
    "TenantTabularInline",
    "active_organization",
    "role_of",
]


class BridgeModelAdmin(ModelAdmin):
    """What every list and form of this site has in common, whether its rows belong to an organization or not."""

    paginator = CappedPaginator
    formfield_overrides: ClassVar[Any] = {
        models.DateTimeField: {"form_class": forms.SplitDateTimeField, "widget": NamedSplitDateTime},
        models.DecimalField: {"form_class": TypedDecimalField},
        models.IntegerField: {"widget": forms.TextInput(attrs={"inputmode": "numeric"})},
    }
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # counting per filter value reads the whole table
    list_select_related: ClassVar[tuple[str, ...]] = ()
    view_on_site = False
    allowed_lookups: ClassVar[tuple[str, ...]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BridgeChangeList]:
        """The class of the list page."""
        return BridgeChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what a list filter reads and ``allowed_lookups`` name; any other column could be read by guessing."""
        offered = self.get_list_filter(request) if request is not None else self.list_filter
        known = set(self.allowed_lookups).union(*(parameters_of(item, self.model) for item in offered))
        return lookup in known

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Rows are referred to by their primary key alone."""
        return to_field == self.opts.pk.name

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row by its primary key. An empty ``_to_field`` would be an error of the server in Django's own."""
        return super().get_object(request, object_id)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """As Django's, which answers a key that is no key with an error of the server."""
        try:
            for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.run_validators(self.opts.pk.to_python(text))
        except ValidationError:
            self.message_user(request, _("Select rows of this list. No items have been changed."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)

    def log_text(self, obj: Any) -> str:
        """What the log calls a row. It outlives the row, so it must not name a learner."""
        return str(obj)

    def _log(self, request: HttpRequest, rows: Iterable[Any], flag: int, message: Any) -> list[LogEntry]:
        written = []
        for row in rows:
            entry = LogEntry(
                user_id=request.user.pk or 0,
                content_type=admin.options.get_content_type_for_model(row),
                object_id=row.pk,
                object_repr=self.log_text(row)[:200],
                action_flag=flag,
            )
            entry.change_message = message if isinstance(message, str) else json.dumps(message)
            written.append(entry)
        return LogEntry.objects.bulk_create(written)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Write down that ``obj`` was added."""
        return self._log(request, [obj], ADDITION, message)[0]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Write down that ``obj`` was changed, in the words of ``message``."""
        return self._log(request, [obj], CHANGE, message)[0]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        """Write down that these rows are about to be deleted."""
        return self._log(request, queryset, DELETION, "")

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """As Django's; a row that something began to depend on meanwhile is kept, and the page says so."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:
            return self._still_needed(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """As Django's, with the same care for actions that delete."""
        try:
            return super().changelist_view(request, extra_context)
        except ProtectedError:
            return self._still_needed(request)

    def _still_needed(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, _("Nothing was deleted: other rows depend on it."), messages.ERROR)
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))


class TenantOptions(BaseModelAdmin):
    """Rights by role and choices by organization, for admin classes and inlines alike."""

    roles_view: ClassVar[tuple[str, ...]] = ALL_ROLES
    roles_add: ClassVar[tuple[str, ...]] = NOBODY
    roles_change: ClassVar[tuple[str, ...]] = NOBODY
    roles_delete: ClassVar[tuple[str, ...]] = NOBODY

    def may(self, request: HttpRequest, roles: tuple[str, ...]) -> bool:
        """Whether the person's role is among ``roles``; operators may what admins of the organization may."""
        return may(request, roles)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the active organization; all rows for operators who chose none."""
        rows = super().get_queryset(request)
        organization = active_organization(request)
        if organization is not None:
            return rows.filter(organization=organization)
        return rows if role_of(request) == OPERATOR else rows.none()

    def _allowed(self, request: HttpRequest, roles: tuple[str, ...], obj: Any) -> bool:
        return self.may(request, roles) and sees(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By ``roles_view``, and only in the person's own organization."""
        return self._allowed(request, self.roles_view, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By ``roles_add``."""
        return self._allowed(request, self.roles_add, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By ``roles_change``, and only in the person's own organization."""
        return self._allowed(request, self.roles_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By ``roles_delete``, and only in the person's own organization."""
        return self._allowed(request, self.roles_delete, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app shows up at all."""
        return self.may(request, self.roles_view)

    def _limited(self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
        related = db_field.remote_field.model
        if "queryset" in kwargs:
            return kwargs
        rows = related._default_manager.all()
        organization = active_organization(request)
        if not issubclass(related, TenantModel):
            rows = rows.none()  # whoever wants to offer such rows says which ones
        elif organization is not None:
            rows = rows.filter(organization=organization)
        elif role_of(request) != OPERATOR:
            rows = rows.none()
        return {**kwargs, "queryset": rows}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The field with rows of the active organization alone; the form narrows it to the row's own."""
        kwargs = self._limited(db_field, request, kwargs)
        if "widget" not in kwargs and db_field.name in self.raw_id_fields:
            kwargs["widget"] = TenantRawIdWidget(db_field.remote_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The field with rows of the active organization alone; the form narrows it to the row's own."""
        return super().formfield_for_manytomany(db_field, request, **self._limited(db_field, request, kwargs))


class TenantModelAdmin(TenantOptions, BridgeModelAdmin):
    """The admin of a model whose rows belong to an organization.

    Subclasses say who may do what with ``roles_view``, ``roles_add``, ``roles_change`` and ``roles_delete``,
    and which columns may be asked for beyond the list filters with ``allowed_lookups``.
    """

    form: Any = TenantForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form whose new rows belong to the active organization."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.organization = active_organization(request)  # type: ignore[attr-defined]  # the class is this request's own
        return form

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[forms.ModelForm[Any]]:
        """The form of a row that is edited in the list."""
        return super().get_changelist_form(request, **{"form": TenantForm, **kwargs})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """As Django's, once it is known whose row it will be."""
        if active_organization(request) is None and self.has_add_permission(request):
            text = _("Choose an organization at the top first; what you add belongs to it.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))
        return super().add_view(request, form_url, extra_context)

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns; operators who see all organizations are told which one a row belongs to."""
        columns = super().get_list_display(request)
        return [*columns, "organization"] if self._sees_all(request) else columns

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """The relations that the list reads along."""
        named: Any = super().get_list_select_related(request)
        return [*named, "organization"] if self._sees_all(request) else named

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The filters; those about related rows offer the person's own only."""
        return [narrowed(item, self.model) for item in super().get_list_filter(request)]

    def _sees_all(self, request: HttpRequest) -> bool:
        return role_of(request) == OPERATOR and active_organization(request) is None

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What deleting would take along, or the sentences that say why it cannot be done."""
        return deletion_of(self, objs, request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save ``obj`` in the organization that the session has chosen."""
        if obj.organization_id is None:
            obj.organization = active_organization(request)
        super().save_model(request, obj, form, change)


class TenantTabularInline(TenantOptions, TabularInline):
    """Rows below a row of an organization. They belong to the same one."""

    form: Any = TenantForm
    formset = TenantInlineFormSet
    extra = 0
