"""The admin of launches: what came in, what was decided and why, the token's fate, and what became of the result.

Nothing is edited here, and no token or token address is ever shown.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import dispatch, launches
from integrations.admin.asking import Question, ask_why
from integrations.admin.cmi5 import session_page, what_it_was
from integrations.admin.delivery import ConfigurationFilter, mark_under_way
from integrations.admin.display import attempt_badge, badge, delivery_badge, moment
from integrations.models import Attempt, Delivery, Launch, LMSConfiguration
from objectives.admin.base import ADMINS, TenantModelAdmin

SHOWN = 50
Token = Launch.Token
TOKEN_TONES = {
    Token.NONE: "none",
    Token.WANTED: "busy",
    Token.WAITING: "paused",
    Token.KEPT: "good",
    Token.REFUSED: "bad",
    Token.LOST: "bad",
    Token.EXPIRED: "warn",
    Token.DELETED: "none",
}
TOKEN_IN_SHORT = {
    Token.NONE: gettext_lazy("none"),
    Token.WANTED: gettext_lazy("asked for"),
    Token.WAITING: gettext_lazy("not asked for"),
    Token.KEPT: gettext_lazy("kept"),
    Token.REFUSED: gettext_lazy("not received"),
    Token.LOST: gettext_lazy("lost"),
    Token.EXPIRED: gettext_lazy("not accepted any more"),
    Token.DELETED: gettext_lazy("deleted"),
}


@admin.register(Launch)
class LaunchAdmin(TenantModelAdmin):
    """Launches, newest first."""

    list_display = ("standing", "learner", "configuration", "activity", "token_now", "result_now", "opened")
    list_display_links = ("standing", "learner")
    list_filter = ("token", "verified", "flagged", ConfigurationFilter)
    list_select_related = ("configuration", "participant")
    search_fields = ("participant__participant_id",)
    search_help_text = gettext_lazy("A whole participant id, or a whole registration")
    sortable_by = ()
    ordering = ("-id",)
    list_per_page = 50
    actions = ("approve",)
    fields = readonly_fields = ("token",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Launches, each with the state of its result's delivery."""
        own = Delivery.objects.filter(launch=OuterRef("pk"), kind=Delivery.Kind.RESULT).order_by("-pk")
        rows: QuerySet[Any] = super().get_queryset(request)
        with_state: QuerySet[Any] = rows.annotate(
            delivery_state=Subquery(own.values("state")[:1]), delivery_reason=Subquery(own.values("reason")[:1])
        )
        return with_state

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact matches only: what somebody is called is no text to look around in."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(participant__participant_id=term)
        return (found if found.exists() else queryset.filter(registration=term)), False

    # The list ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("launch"))
    def standing(self, obj: Launch) -> SafeString:
        """Whether the LMS proved it."""
        return standing(obj)

    @admin.display(description=gettext_lazy("learner"))
    def learner(self, obj: Launch) -> str:
        """Who launched."""
        return str(obj.participant)

    @admin.display(description=gettext_lazy("activity"))
    def activity(self, obj: Launch) -> str:
        """What the LMS calls the activity."""
        return obj.activity_id if len(obj.activity_id) <= SHOWN else f"{obj.activity_id[:SHOWN]}…"

    @admin.display(description=gettext_lazy("token"))
    def token_now(self, obj: Launch) -> SafeString:
        """The token's fate in a word or two."""
        return badge(str(TOKEN_IN_SHORT[Token(obj.token)]), TOKEN_TONES[Token(obj.token)])

    @admin.display(description=gettext_lazy("result"))
    def result_now(self, obj: Any) -> SafeString | str:
        """What became of the result."""
        if obj.delivery_state is None:
            return _("recorded") if obj.result_id else "–"
        stand_in = Delivery(state=obj.delivery_state, reason=obj.delivery_reason)
        return delivery_badge(stand_in, under_way=False)

    @admin.display(description=gettext_lazy("opened"))
    def opened(self, obj: Launch) -> SafeString | str:
        """When it was opened first."""
        return moment(obj.opened_at)

    # Approving ---------------------------------------------------------------------------------------------------

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins decide where results may go."""
        return self._allowed(request, ADMINS, obj)

    @admin.action(description=gettext_lazy("Approve the servers they lead to"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Let launches of the same LMS configurations lead to these servers, and send what waited for that."""
        wanted = _undecided(queryset)
        if not wanted:
            self.message_user(request, _("None of these launches waits for an approval."), messages.WARNING)
            return None
        origins = ", ".join(sorted({origin for _configuration, origin in wanted}))
        sentence = _(
            "Results of launches may go to %(origins)s from now on, and what waited for that is sent. No key that is "
            "stored is sent there. Approve only servers of your own LMS."
        )
        question = Question(_("Approve servers"), sentence % {"origins": origins}, _("Approve"))
        why = ask_why(self, request, question)
        if not isinstance(why, str):
            return why
        count = 0
        for configuration, origin in wanted:
            count += launches.approve(configuration, origin, by=request.user.get_username())
            self.log_change(request, configuration, f"Approved {origin} for launches. Reason: {why}")
        text = _("Approved: %(origins)s. Held results that are sent now: %(count)s.")
        self.message_user(request, text % {"origins": origins, "count": count}, messages.SUCCESS)
        return None

    # The page ----------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Launch | None = None,
    ) -> HttpResponse:
        """What came in, what was decided, the token's fate, and what was sent."""
        if obj is not None:
            context |= self._page(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page(self, request: HttpRequest, obj: Launch) -> dict[str, Any]:
        deliveries = list(
            # Also what its session took over from an earlier one.
            Delivery.objects.filter(Q(launch=obj) | Q(lane__launch=obj))
            .select_related("configuration", "lane", "last_attempt", "result")
            .order_by("pk")
        )
        mark_under_way(deliveries)
        attempts = list(Attempt.objects.filter(lane__launch=obj).order_by("-id")[: SHOWN + 1])
        undecided = _undecided(Launch.objects.filter(pk=obj.pk)) if self.has_approve_permission(request, obj) else []
        return {
            "standing": standing(obj),
            "decision": decision(obj),
            "token_badge": self.token_now(obj),
            "actor": json.dumps(obj.actor, indent=2, ensure_ascii=False) if obj.actor else "",
            "opened": moment(obj.opened_at),
            "seen": moment(obj.seen_at),
            "finished": moment(obj.finished_at),
            "deliveries": [
                (one, delivery_badge(one, under_way=one.is_under_way)) for one in deliveries if not one.event
            ],
            "attempts": [
                (one, attempt_badge(one), moment(one.opened_at), what_it_was(one, deliveries))
                for one in attempts[:SHOWN]
            ],
            **session_page(obj, deliveries),
            "undecided": [(origin, _servers_page(obj, origin)) for _configuration, origin in undecided],
        }


def standing(launch: Launch) -> SafeString:
    """Whether the LMS proved the launch, and whether its learner is known."""
    if launch.verified:
        return badge(_("Verified"), "good")
    if launch.flagged:
        return badge(_("Unknown learner"), "warn")
    return badge(_("Unverified"), "none")


def decision(launch: Launch) -> str:
    """Where its results go, what they are sent with, or why they are not sent."""
    if launch.dropped_at is not None:
        return _("What it carried was deleted, so nothing more is sent.")
    if launch.configuration is None:
        return _("The share belongs to no LMS configuration, so nothing is sent.")
    told = Delivery.objects.filter(launch=launch, kind=Delivery.Kind.RESULT).exists()
    if launch.result_id is not None and launch.cmi5 == Launch.Cmi5.OPEN and not told:
        return _("The LMS has a pass of this enrollment already. By the rules of cmi5 it is told of no other result.")
    over = launch.token == Token.DELETED and told
    if over and not Delivery.objects.filter(launch=launch).exclude(state=Delivery.State.DELIVERED).exists():
        return _("Its result went to %(address)s, with the token that the LMS gave for this launch.") % {
            "address": launch.endpoint or launch.configuration.url
        }
    return dispatch.decision(launch, launch.configuration)


def _undecided(rows: QuerySet[Any]) -> list[tuple[LMSConfiguration, str]]:
    """The servers that these launches lead to and that nobody has approved, each with its configuration, once."""
    found: dict[tuple[int, str], LMSConfiguration] = {}
    for launch in rows.select_related("configuration__organization", "configuration__lane")[:1000]:
        configuration = launch.configuration
        if configuration is None or launch.dropped_at is not None:
            continue
        for origin in dispatch.unapproved(launch, configuration):
            found[(configuration.pk, origin)] = configuration
    return [(configuration, origin) for (_pk, origin), configuration in found.items()]


def _servers_page(launch: Launch, origin: str) -> str:
    """The page to decide about a server, with the address that the launch named filled in."""
    page = reverse("admin:integrations_lmsconfiguration_servers", args=[launch.configuration_id])
    address = launch.endpoint if launch.endpoint_origin == origin else origin
    return f"{page}?{urlencode({'address': address})}"
