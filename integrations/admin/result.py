"""What integrations add to the admin of results: where a result went, and what became of it there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.admin.counts import CappedCount
from integrations.admin.delivery import mark_under_way
from integrations.admin.display import delivery_badge, next_attempt
from integrations.admin.launch import standing
from integrations.models import Delivery, Launch
from objectives.admin import ResultAdmin
from objectives.admin.base import TenantTabularInline
from objectives.admin.forms import TenantInlineFormSet
from objectives.models import Result


class DeliveryFormSet(TenantInlineFormSet):
    """The deliveries of one result, with what is in a request just now."""

    def get_queryset(self) -> QuerySet[Any]:
        """As Django's, read once."""
        rows: QuerySet[Any] = super().get_queryset()
        if any(not hasattr(row, "is_under_way") for row in rows):
            mark_under_way(rows)
        return rows


class DeliveryInline(TenantTabularInline):
    """Where the result went. Read only; each row leads to the delivery's own page."""

    model = Delivery
    formset = DeliveryFormSet
    fields = readonly_fields = ("state_now", "configuration", "attempts", "next_attempt")
    show_change_link = True
    can_delete = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Deliveries with the name of their LMS."""
        return super().get_queryset(request).select_related("configuration", "lane")

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, obj: Any) -> SafeString:
        """The state, *Sending* among them."""
        return delivery_badge(obj, under_way=obj.is_under_way)

    @admin.display(description=gettext_lazy("next attempt"))
    def next_attempt(self, obj: Delivery) -> SafeString | str:
        """When it is tried next."""
        return next_attempt(obj)


class DeliveredResultAdmin(ResultAdmin):
    """Results, and where they went."""

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns, and how many LMSs have it."""
        return [*super().get_list_display(request), "arrived"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What was achieved, and what proves who achieved it."""
        fields = super().get_fields(request, obj)
        return fields if obj is None else (*fields, "proof")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing of a result is edited."""
        return (*super().get_readonly_fields(request, obj), "proof")

    @admin.display(description=gettext_lazy("how it came"))
    def proof(self, obj: Result) -> SafeString | str:
        """By which launch, and whether the LMS proved it; a launch that is not proved may be of anybody."""
        launch = Launch.objects.filter(result=obj).first()
        if launch is None:
            return _("Recorded without a launch")
        address = reverse("admin:integrations_launch_change", args=[launch.pk])
        return format_html('{} <a href="{}">{}</a>', standing(launch), address, launch)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Results with the number of their deliveries."""
        own = Delivery.objects.filter(result=OuterRef("pk")).order_by()
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(
            planned=CappedCount(own.values("pk")),
            delivered=CappedCount(own.filter(state=Delivery.State.DELIVERED).values("pk")),
        )
        return counted

    @admin.display(description=gettext_lazy("deliveries"))
    def arrived(self, obj: Any) -> str:
        """How many of its deliveries arrived."""
        if not obj.planned:
            return "–"
        return _("%(delivered)s of %(planned)s delivered") % {"delivered": obj.delivered, "planned": obj.planned}

    def recorded_words(self, result: Result) -> str:
        """What is said once it is recorded, and where it goes."""
        rows = list(Delivery.objects.filter(result=result).select_related("configuration"))
        held = [one for one in rows if one.state == Delivery.State.HELD]
        names = {"participant": result.participant, "objective": result.objective}
        going = ngettext(
            "Result of %(participant)s for %(objective)s was recorded and goes to %(count)s LMS.",
            "Result of %(participant)s for %(objective)s was recorded and goes to %(count)s LMSs.",
            len(rows) - len(held),
        ) % {**names, "count": len(rows) - len(held)}
        said = [going if len(rows) > len(held) else super().recorded_words(result)]
        said += [_("No LMS is attached to this objective.")] if not rows else []
        said += [
            _("It is held for “%(name)s”: %(why)s.") % {"name": one.configuration, "why": one.get_reason_display()}
            for one in held
        ]
        return " ".join(said)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """The deliveries, once there is a result."""
        return [] if obj is None else [*super().get_inlines(request, obj), DeliveryInline]


admin.site.unregister(Result)
admin.site.register(Result, DeliveredResultAdmin)
