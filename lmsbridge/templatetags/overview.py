"""What the start page tells: what to do next, how the LMSs are doing, and what went out last.

The number of queries is the same whatever there is to show, and every count stops at a cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from integrations.admin.counts import with_counts
from integrations.admin.delivery import mark_under_way
from integrations.admin.display import capped, delivery_badge, moment, status_line
from integrations.models import Delivery, Lane, LMSConfiguration
from objectives.access import access_of, may
from objectives.admin.base import ADMINS, EDITORS
from objectives.models import Objective, Organization, Result

register = template.Library()

CONFIGURATIONS_SHOWN = 12
DELIVERIES_SHOWN = 8
IN_TROUBLE = (Lane.Status.CANNOT_CONNECT, Lane.Status.SERVER_ERROR)


@dataclass(frozen=True)
class Step:
    """One thing to do until results arrive. Without ``url`` it is somebody else's to do."""

    done: bool
    title: str
    text: str
    url: str
    label: str


@dataclass(frozen=True)
class LMS:
    """One LMS configuration at a glance. ``waiting`` holds words and address for each count above zero."""

    configuration: Any
    status: SafeString
    sentence: str
    waiting: list[tuple[str, str]]


@register.filter
def ago(when: datetime) -> SafeString | str:
    """A time as people say it, with the exact one on hover."""
    return moment(when)


@register.simple_tag(takes_context=True)
def overview(context: template.Context) -> dict[str, Any]:
    """``steps``, ``lmss``, ``more_lmss``, ``deliveries`` and ``sees_all`` for the person who asks."""
    request: HttpRequest = context["request"]
    organization = access_of(request).organization
    found = list(_configurations(organization)[: CONFIGURATIONS_SHOWN + 1])
    shown = found[:CONFIGURATIONS_SHOWN]
    return {
        "sees_all": organization is None,
        "steps": [] if organization is None else _steps(request, organization, found),
        "lmss": [_lms(one) for one in shown],
        "more_lmss": len(found) > len(shown),
        "deliveries": _deliveries(organization),
    }


def _configurations(organization: Organization | None) -> QuerySet[Any]:
    """Those in trouble first; for operators who chose no organization those in trouble alone."""
    rows: QuerySet[Any] = LMSConfiguration.objects.select_related("lane", "organization")
    if organization is None:
        rows = rows.filter(lane__status__in=IN_TROUBLE)
    else:
        rows = rows.filter(organization=organization)
    worst_first = Case(When(lane__status__in=IN_TROUBLE, then=Value(0)), default=Value(1))
    return with_counts(rows).order_by(worst_first, "name")


def _steps(request: HttpRequest, organization: Organization, configurations: list[Any]) -> list[Step]:
    """What is to do until results go out; empty once all of it is done, and for those who only look."""
    if not may(request, EDITORS):
        return []
    steps = [
        Step(
            bool(configurations),
            _("Connect an LMS"),
            _("Enter its address and key, then test the connection.")
            if may(request, ADMINS)
            else _("An admin of your organization does this."),
            reverse("admin:integrations_lmsconfiguration_add") if may(request, ADMINS) else "",
            _("Add LMS configuration"),
        ),
        Step(
            Objective.objects.of(organization).exists(),
            _("Add an objective"),
            _("An activity with a result, for example a course or a test."),
            reverse("admin:objectives_objective_add"),
            _("Add objective"),
        ),
        Step(
            any(one.used_by for one in configurations),
            _("Attach the LMS to your objectives"),
            _("Tick them in the list and choose “Attach LMS configuration”. From then on their results go there."),
            reverse("admin:objectives_objective_changelist"),
            _("Go to the objectives"),
        ),
        Step(
            Result.objects.of(organization).exists(),
            _("Record a result"),
            _("By hand here, or from your own software. It is sent by itself."),
            reverse("admin:objectives_result_add"),
            _("Add result"),
        ),
    ]
    return [] if all(step.done for step in steps) else steps


def _lms(configuration: Any) -> LMS:
    lane = configuration.lane
    deliveries = reverse("admin:integrations_delivery_changelist")
    words = {"queued": _("queued"), "held": _("held"), "rejected": _("rejected")}
    counts = [(state, getattr(configuration, state)) for state in words]
    return LMS(
        configuration=configuration,
        status=status_line(configuration),
        sentence=lane.sentence if lane.status in IN_TROUBLE and not configuration.paused else "",
        waiting=[
            (
                f"{capped(count)} {words[state]}",
                f"{deliveries}?configuration={configuration.pk}&state__exact={state}",
            )
            for state, count in counts
            if count
        ],
    )


def _deliveries(organization: Organization | None) -> list[tuple[SafeString, Delivery, SafeString | str]]:
    rows = Delivery.objects.with_facts()
    rows = rows.select_related("organization") if organization is None else rows.of(organization)
    newest: list[Any] = list(rows.order_by("-pk")[:DELIVERIES_SHOWN])
    mark_under_way(newest)
    return [(delivery_badge(one, under_way=one.is_under_way), one, moment(one.created_at)) for one in newest]
