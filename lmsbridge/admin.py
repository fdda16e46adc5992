"""The admin site: who may enter, in which organization they are, and what is not there for anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext as _

from objectives.access import OPERATOR, SESSION_KEY, access_of, role_of

# Their stock admin classes are refused: a schedule of django-q2 calls any dotted path, a stored task unpickles
# what it holds, and rights come from roles rather than from groups and permissions.
KEPT_OUT = {"admin", "auth", "contenttypes", "django_q", "sessions"}
STOCK = {"django", "django_q"}

RECENT = 10
LOOKED_THROUGH = 50


class Autocomplete(AutocompleteJsonView):
    """Choices for a relation that a form can have; Django's own fails on those that lead back."""

    def process_request(self, request: HttpRequest) -> Any:
        """What is asked for; ``PermissionDenied`` if it is no field of a form."""
        found = super().process_request(request)
        if not isinstance(found[2], models.ForeignKey | models.ManyToManyField):
            raise PermissionDenied
        return found


class BridgeAdminSite(admin.AdminSite):
    """Django's admin site for people with a role in an organization, and for operators."""

    site_title = "LMS Bridge"
    site_header = "LMS Bridge"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models as usual; what Django and django-q2 register for themselves is left out."""
        many: Iterable[Any] = (
            [model_or_iterable] if isinstance(model_or_iterable, models.base.ModelBase) else model_or_iterable
        )
        wanted = [model for model in many if not _is_kept_out(model, admin_class)]
        if wanted:
            super().register(wanted, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person may enter: active, staff, and an operator or a member of an active organization."""
        user = request.user
        return user.is_active and bool(getattr(user, "is_staff", False)) and role_of(request) is not None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page knows: also the active organization and those to switch to."""
        context = super().each_context(request)
        if context["has_permission"]:
            context["access"] = access_of(request)
        return context

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Django's addresses and our own two, without the redirect that asks nobody's permission."""
        kept = [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]
        own: list[URLResolver | URLPattern] = [
            path("organization/", self.admin_view(self.switch_organization), name="organization"),
            path("deliveries/", self.admin_view(self.dashboard), name="dashboard"),
        ]
        return own + kept

    def dashboard(self, request: HttpRequest) -> HttpResponse:
        """The delivery dashboard."""
        from integrations.dashboard import dashboard

        return dashboard(request, self)

    def switch_organization(self, request: HttpRequest) -> HttpResponse:
        """Make another organization the active one; operators may also choose to see all."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        access = access_of(request)
        wanted = request.POST.get("organization", "")
        if wanted == "" and access.role == OPERATOR:
            request.session.pop(SESSION_KEY, None)
            messages.success(request, _("You now see all organizations."))
            return redirect("admin:index")
        chosen = next((one for one in access.choices if str(one.pk) == wanted), None)
        if chosen is None:
            raise Http404
        request.session[SESSION_KEY] = chosen.pk
        messages.success(request, _("You are now in %(name)s.") % {"name": chosen.name})
        return redirect("admin:index")

    def autocomplete_view(self, request: HttpRequest) -> Any:
        """Choices for a field, as JSON."""
        return Autocomplete.as_view(admin_site=self)(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The overview."""
        return super().index(request, {"recent_actions": self.recent_actions(request), **(extra_context or {})})

    def recent_actions(self, request: HttpRequest) -> list[LogEntry]:
        """What the person did last, as far as it is about rows that they can see now."""
        entries = list(
            LogEntry.objects.filter(user__pk=request.user.pk or 0).select_related("content_type")[:LOOKED_THROUGH]
        )
        keys: dict[Any, set[str]] = defaultdict(set)
        for entry in entries:
            keys[entry.content_type].add(str(entry.object_id))
        seen = {kind: self._visible(request, kind, wanted) for kind, wanted in keys.items()}
        return [entry for entry in entries if entry.object_id in seen[entry.content_type]][:RECENT]

    def _visible(self, request: HttpRequest, kind: Any, keys: set[str]) -> set[str]:
        model = kind.model_class() if kind is not None else None
        model_admin = self._registry.get(model) if model is not None else None
        if model_admin is None or not model_admin.has_view_permission(request):
            return set()
        return {str(pk) for pk in model_admin.get_queryset(request).filter(pk__in=keys).values_list("pk", flat=True)}


def _is_kept_out(model: type[models.Model], admin_class: Any) -> bool:
    source = (admin_class or admin.ModelAdmin).__module__.partition(".")[0]
    return model._meta.app_label in KEPT_OUT and source in STOCK
