"""The admin of deliveries: what was to be told to whom, what became of it, and what to do. Nothing is edited here."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.admin.delivery_actions import WINDOWS, DeliveryActions
from integrations.admin.delivery_filters import DeliveredFilter, TriedFilter
from integrations.admin.display import attempt_badge, delivery_badge, moment, next_attempt, pretty
from integrations.admin.explaining import explain
from integrations.models import Attempt, Delivery, Launch, LMSConfiguration
from objectives import clock
from objectives.access import active_organization
from objectives.admin.filters import BridgeChangeList
from objectives.models import Assignment, Result

ATTEMPTS_SHOWN = 50


class DeliveryChangeList(BridgeChangeList):
    """A page of deliveries that knows which of them are in a request just now."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django's, and one query more for the whole page."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        mark_under_way(rows)
        self.result_list = rows


def mark_under_way(deliveries: Iterable[Any]) -> None:
    """Set ``is_under_way`` on each delivery: an open attempt lists it."""
    rows = list(deliveries)
    sending = Attempt.objects.all().under_way({row.lane_id for row in rows})
    for row in rows:
        row.is_under_way = row.pk in sending


class ConfigurationFilter(admin.SimpleListFilter):
    """To which LMS? Only the person's own configurations are offered."""

    title = gettext_lazy("LMS configuration")
    parameter_name = "configuration"
    column = "configuration"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The configurations of the active organization; of all of them for operators who chose none."""
        organization = active_organization(request)
        if organization is not None:
            return [(str(one.pk), one.name) for one in LMSConfiguration.objects.of(organization)]
        own = LMSConfiguration.objects.visible_to(request.user).select_related("organization")
        return [(str(one.pk), f"{one.organization} — {one.name}") for one in own]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of that LMS; none for a key that is not on offer."""
        if self.value() is None:
            return queryset
        known = {str(key) for key, _name in self.lookup_choices}
        return queryset.filter(**{self.column: self.value()}) if self.value() in known else queryset.none()


class CreatedFilter(admin.SimpleListFilter):
    """Since when? Windows instead of a calendar, whose counts would read the whole table."""

    title = gettext_lazy("created")
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Three windows that end now."""
        return [(key, name) for key, (_length, name) in WINDOWS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Deliveries created in the window."""
        if self.value() not in WINDOWS:
            return queryset
        length, _name = WINDOWS[str(self.value())]
        return queryset.filter(created_at__gte=clock.now() - length)


def subject(delivery: Delivery) -> str:
    """What a delivery is about: an objective, a content, or what happened in a session."""
    if delivery.remote_content is not None:
        return _("Content: %(name)s") % {"name": delivery.remote_content}
    if delivery.event:
        return _("Session: %(event)s") % {"event": delivery.event}
    if delivery.kind == Delivery.Kind.ASSIGNMENT:
        return _("Assignment: %(name)s") % {"name": delivery.objective}
    return str(delivery.objective)


def _about(participant_id: str) -> Q:
    """Each by an index of its own: an OR over joins would read the whole table."""
    people = {"participant__participant_id": participant_id}
    return (
        Q(result__in=Result.objects.filter(**people))
        | Q(launch__in=Launch.objects.filter(**people))
        | Q(assignment__in=Assignment.objects.filter(**people))
    )


@admin.register(Delivery)
class DeliveryAdmin(DeliveryActions):
    """Deliveries, newest first."""

    list_display = ("state_now", "participant", "objective", "configuration", "attempts", "next_attempt", "created")
    list_display_links = ("state_now", "participant")
    list_filter = ("state", "reason", ConfigurationFilter, CreatedFilter, DeliveredFilter, TriedFilter)
    list_select_related = (
        "configuration",
        "lane",
        "result__participant",
        "result__objective",
        "launch__participant",
        "assignment__participant",
        "assignment__objective",
        "remote_content",
    )
    search_fields = ("uuid", "result__participant__participant_id")
    search_help_text = gettext_lazy("A whole participant id, or a whole id in the LMS")
    sortable_by = ()
    ordering = ("-id",)
    list_per_page = 50
    fields = readonly_fields = ("state",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BridgeChangeList]:
        """The list that knows what is being sent."""
        return DeliveryChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact matches on indexed columns only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(uuid=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(_about(term)), False

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, obj: Any) -> SafeString:
        """The state, *Sending* among them."""
        return delivery_badge(obj, under_way=obj.is_under_way)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, obj: Delivery) -> str:
        """Whom it tells about."""
        return str(obj.participant or "–")

    @admin.display(description=gettext_lazy("objective"))
    def objective(self, obj: Delivery) -> str:
        """What it tells about."""
        return subject(obj)

    @admin.display(description=gettext_lazy("next attempt"))
    def next_attempt(self, obj: Delivery) -> SafeString | str:
        """When it is tried next."""
        return next_attempt(obj)

    @admin.display(description=gettext_lazy("created"))
    def created(self, obj: Delivery) -> SafeString | str:
        """When it was planned."""
        return moment(obj.created_at)

    # The page ----------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Delivery | None = None,
    ) -> HttpResponse:
        """What happened and what to do, what was sent, and each exchange."""
        if obj is not None:
            mark_under_way([obj])
            context |= self._page(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        found = list(Attempt.objects.of_delivery(obj)[: ATTEMPTS_SHOWN + 1])
        # The link to a story is for those who may hand it out.
        shown = str if self.has_retry_permission(request, obj) or obj.remote_content is None else veiled
        for one in found:
            one.answer = shown(one.answer)
        return {
            "badge": delivery_badge(obj, under_way=obj.is_under_way),
            "explanation": explain(obj, under_way=obj.is_under_way),
            "content": pretty(shown(obj.content)),
            "next_attempt": next_attempt(obj),
            "created": moment(obj.created_at),
            "delivered": moment(obj.delivered_at),
            "attempts": [(one, attempt_badge(one), moment(one.opened_at)) for one in found[:ATTEMPTS_SHOWN]],
            "more_attempts": len(found) > ATTEMPTS_SHOWN,
            "may_retry": self.has_retry_permission(request) and _retryable(obj),
            "not_ready": obj.state == Delivery.State.HELD and obj.reason == Delivery.Reason.NOT_READY,
            "may_release": self.has_retry_permission(request) and _held_by_person(obj),
        }


def veiled(text: str) -> str:
    """A text without the links by which anybody may begin a story; an LMS may have put backslashes before slashes."""
    start = r"\\?/".join(map(re.escape, f"{settings.PUBLIC_URL}/s/".split("/")))
    return re.sub(rf"{start}[\w-]+", "…", text)


def _retryable(delivery: Delivery) -> bool:
    return not delivery.configuration.paused and Delivery.objects.retryable().contains(delivery)


def _held_by_person(delivery: Delivery) -> bool:
    return delivery.state == Delivery.State.HELD and delivery.reason == Delivery.Reason.BY_PERSON
