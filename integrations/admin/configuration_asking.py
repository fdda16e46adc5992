"""What a person has an LMS asked: what its catalogue has, what it knows of profiles, what it has of our results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import tasks
from integrations.admin.delivery_actions import begun
from integrations.connectors.base import Ability
from integrations.models import LMSConfiguration
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import pressed
from objectives.models import Job


@dataclass(frozen=True)
class Offered:
    """A job that is begun by a button of an LMS configuration: what LMSs of its type can, and its words."""

    ability: Ability
    button: str | Promise
    title: str | Promise  # with the configuration's name


JOBS = {
    "bring": Offered(
        Ability.CONTENT,
        gettext_lazy("Bring into the catalogue now"),
        gettext_lazy("Bring into the catalogue: %(name)s"),
    ),
    "catalogue": Offered(
        Ability.CATALOGUE, gettext_lazy("Read the catalogue"), gettext_lazy("Read the catalogue: %(name)s")
    ),
    "compare": Offered(
        Ability.READ_BACK, gettext_lazy("Compare with the LMS"), gettext_lazy("Compare with the LMS: %(name)s")
    ),
    "fields": Offered(
        Ability.NEW_USERS,
        gettext_lazy("Read the fields of profiles"),
        gettext_lazy("Read the fields of profiles: %(name)s"),
    ),
}


class ConfigurationAsking(TenantModelAdmin):
    """Jobs that ask an LMS, by a button of its page or for several at once."""

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins, who also decide what is sent."""
        return self._allowed(request, EDITORS, obj)

    def get_urls(self) -> list[URLPattern]:
        """The buttons of a configuration's page, forms that post."""
        view = self.admin_site.admin_view(self.ask_view)
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<path:object_id>/ask/{kind}/", view, {"kind": kind}, name=f"{prefix}_ask_{kind}") for kind in JOBS
        ]
        return own + super().get_urls()

    def ask_view(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        """Begin this job, if the LMS can do what it needs."""
        obj, answer = pressed(self, request, object_id, self.has_ask_permission)
        if answer is not None:
            return answer
        if not obj.can(JOBS[kind].ability):
            self.message_user(request, _("This LMS cannot do this."), messages.WARNING)
            return HttpResponseRedirect(reverse("admin:integrations_lmsconfiguration_change", args=[obj.pk]))
        return begun(self, request, begin(kind, obj, created_by=request.user))

    @admin.action(description=gettext_lazy("Bring into the catalogue now"), permissions=["ask"])
    def bring(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Have everything that is attached to these in their catalogues, as it is now."""
        return self._begin_each(request, queryset, "bring")

    @admin.action(description=gettext_lazy("Compare with the LMS"), permissions=["ask"])
    def compare(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Compare what was delivered lately with what these LMSs say."""
        return self._begin_each(request, queryset, "compare")

    def _begin_each(self, request: HttpRequest, queryset: QuerySet[Any], kind: str) -> HttpResponse | None:
        chosen = list(queryset.select_related("organization", "lane"))
        able = [one for one in chosen if one.can(JOBS[kind].ability)]
        begun_now = [begin(kind, one, created_by=request.user) for one in able]
        if len(begun_now) == 1 == len(chosen):
            return begun(self, request, begun_now[0])
        text = _("%(count)s begun; watch them under Jobs. %(others)s passed over: these LMSs cannot do this.")
        counts = {"count": len(able), "others": len(chosen) - len(able)}
        self.message_user(request, text % counts, messages.SUCCESS if able else messages.WARNING)
        return None


def begin(kind: str, configuration: LMSConfiguration, **values: Any) -> Job:
    """Begin a job about an LMS configuration. ``parameters`` are added to the configuration's key."""
    parameters = {"configuration": configuration.pk, **values.pop("parameters", {})}
    title = values.pop("title", "") or str(JOBS[kind].title) % {"name": configuration.name}
    return tasks.begin_job(
        kind, organization=configuration.organization, title=title[:300], parameters=parameters, **values
    )


def panel_of(configuration: LMSConfiguration) -> dict[str, Any]:
    """The part of a configuration's page about what is in the LMS; empty where nothing can be asked."""
    buttons = [
        (reverse(f"admin:integrations_lmsconfiguration_ask_{kind}", args=[configuration.pk]), offered.button)
        for kind, offered in JOBS.items()
        if configuration.can(offered.ability)
    ]
    links = [
        (f"{reverse(f'admin:integrations_{name}_changelist')}?configuration={configuration.pk}", words)
        for name, words, ability in (
            ("remotecontent", gettext_lazy("Contents there"), Ability.CONTENT),
            ("catalogueitem", gettext_lazy("Its catalogue"), Ability.CATALOGUE),
            ("difference", gettext_lazy("Differences"), Ability.READ_BACK),
        )
        if configuration.can(ability)
    ]
    return {"buttons": buttons, "links": links} if buttons or links else {}
