"""The admin of LMSs' own catalogues: looking through them, and letting an item stand for an objective."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import tasks
from integrations.admin.asking import Question, page
from integrations.admin.delivery import ConfigurationFilter
from integrations.admin.display import moment
from integrations.connectors.base import Ability
from integrations.dispatch.catalogue import Taken
from integrations.models import CatalogueItem, RemoteContent
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import opened
from objectives.models import Objective

SHOWN = 50


class SearchForm(forms.Form):
    """A part of an objective's name or external reference."""

    q = forms.CharField(label=gettext_lazy("Objective"), required=False, max_length=200)


class MapForm(forms.Form):
    """Which objective the item stands for."""

    objective = forms.ModelChoiceField(
        label=gettext_lazy("Stands for"),
        queryset=Objective.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
    )


@admin.register(CatalogueItem)
class CatalogueItemAdmin(TenantModelAdmin):
    """What catalogues had when they were last read. Nothing is edited here."""

    list_display = ("name", "kind", "remote_id", "active", "configuration", "stands_for", "seen")
    list_filter = (ConfigurationFilter, "active")
    list_select_related = ("configuration",)
    search_fields = ("name", "remote_id__exact", "reference__exact")
    search_help_text = gettext_lazy("A part of the name, or a whole id or external reference")
    sortable_by = ("name",)
    ordering = ("name", "pk")
    list_per_page = 50
    fields = readonly_fields = (
        "name",
        "kind",
        "remote_id",
        "reference",
        "active",
        "configuration",
        "seen",
        "mapping",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Items with the external reference of what each stands for."""
        own = RemoteContent.objects.filter(configuration=OuterRef("configuration"))
        own = own.filter(Q(remote_id=OuterRef("remote_id")) | Q(external_reference=OuterRef("reference")))
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(stands_for_reference=Subquery(own.values("external_reference")[:1]))
        return named

    def has_map_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins decide what results go to."""
        return self._allowed(request, EDITORS, obj)

    @admin.display(description=gettext_lazy("stands for"))
    def stands_for(self, obj: Any) -> str:
        """The external reference of the objective that it stands for."""
        return obj.stands_for_reference or "–"

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, obj: CatalogueItem) -> SafeString | str:
        """When the catalogue was read."""
        return moment(obj.seen_at)

    @admin.display(description=gettext_lazy("stands for"))
    def mapping(self, obj: Any) -> SafeString | str:
        """What it stands for, and where that is chosen."""
        if not obj.configuration.can(Ability.CATALOGUE_MAPPING):
            return self.stands_for(obj)
        address = reverse("admin:integrations_catalogueitem_map", args=[obj.pk])
        return format_html('{} <a href="{}">{}</a>', self.stands_for(obj), address, _("Choose an objective"))

    # Mapping -----------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The page on which an objective is chosen."""
        view = self.admin_site.admin_view(self.map_view)
        return [path("<path:object_id>/map/", view, name="integrations_catalogueitem_map"), *super().get_urls()]

    def map_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Search for an objective; those of the item's own name come first."""
        obj, answer = opened(self, request, object_id, self.has_map_permission)
        if answer is not None:
            return answer
        if not obj.configuration.can(Ability.CATALOGUE_MAPPING):
            self.message_user(request, _("In this LMS nothing needs to be chosen."), messages.WARNING)
            return _back(obj)
        asked = SearchForm(request.GET)
        found = _objectives(obj, asked.cleaned_data["q"].strip() if asked.is_valid() else "")
        form = MapForm(request.POST if request.method == "POST" else None)
        form.fields["objective"].queryset = (  # type: ignore[attr-defined]  # it is a ModelChoiceField
            Objective.objects.of(obj.organization) if form.is_bound else found
        )
        if form.is_bound and form.is_valid():
            return self._map(request, obj, form.cleaned_data["objective"])
        sentence = _("Results on the objective go to “%(name)s” then, whatever it is called there.") % {"name": obj}
        context = {
            "original": obj,
            "subtitle": str(obj),
            "asked": asked,
            "form": form if found else None,
            "nothing": not found,
        }
        return page(
            self, request, Question(_("Choose an objective"), sentence, _("Choose")), context, "catalogueitem/map"
        )

    def _map(self, request: HttpRequest, obj: CatalogueItem, objective: Objective) -> HttpResponse:
        try:
            tasks.map_item(obj, objective)
        except Taken as taken:
            text = _("It stands for %(reference)s already. Forget that first, on the page of that content.")
            self.message_user(request, text % {"reference": taken.content.external_reference}, messages.ERROR)
            return _back(obj)
        self.log_change(request, obj, f"Chosen for {objective.external_reference}.")
        text = _("“%(name)s” stands for “%(objective)s” now. What waited for it is sent.")
        self.message_user(request, text % {"name": obj, "objective": objective}, messages.SUCCESS)
        return _back(obj)


def _objectives(item: CatalogueItem, term: str) -> QuerySet[Any]:
    """Objectives to choose from: found by a term, or of the item's own name, or else the first that are attached."""
    own = Objective.objects.of(item.organization).order_by("name", "pk")
    if term:
        return own.filter(Q(name__icontains=term) | Q(external_reference__icontains=term))[:SHOWN]
    same = own.filter(Q(name__iexact=item.name.strip()) | Q(external_reference=item.reference or None))[:SHOWN]
    return same if same.exists() else own.filter(attachments__configuration=item.configuration)[:SHOWN]


def _back(obj: CatalogueItem) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:integrations_catalogueitem_change", args=[obj.pk]))
