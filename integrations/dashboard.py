"""The delivery dashboard: is anything stuck, where, since when, and does the machinery run.

The number of queries does not depend on what there is to show, and no count reads more than ``CAP`` rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin import AdminSite
from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from integrations.admin.counts import CappedCount
from integrations.admin.delivery_filters import midnight
from integrations.admin.display import CAP, badge, capped, lane_badges, moment, since
from integrations.models import Delivery, Lane, LastRun, LMSConfiguration
from objectives import clock
from objectives.access import OPERATOR, access_of, role_of

SHOWN = 200
IN_TROUBLE = (Lane.Status.CANNOT_CONNECT, Lane.Status.SERVER_ERROR)
# A worker that has nothing to do still sweeps each minute.
SILENT = timedelta(seconds=60) + timedelta(seconds=settings.SWEEP_EVERY)


@dataclass(frozen=True)
class Number:
    """A number, or a word, that leads to the deliveries behind it."""

    text: str
    url: str
    alarming: bool = False


@dataclass(frozen=True)
class Line:
    """One LMS configuration."""

    configuration: Any
    badges: SafeString
    since: SafeString | str
    numbers: list[Number]
    next_probe: SafeString | str
    last_success: SafeString | str


@dataclass(frozen=True)
class Run:
    """Something that runs by itself: when it last did, whether that is well, and what it counted."""

    name: str
    badge: SafeString
    at: SafeString | str
    sentence: str


def dashboard(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The page. For operators who chose no organization: all, those in trouble first."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    now = clock.now()
    organization = access_of(request).organization
    found = list(_configurations(request, now)[: SHOWN + 1])
    runs = LastRun.objects.in_bulk(["pump", "sweep", "requeue", "check", "retention"])
    context = {
        **site.each_context(request),
        "title": _("Delivery dashboard"),
        "sees_all": organization is None,
        "lines": [_line(one, now) for one in found[:SHOWN]],
        "more": len(found) > SHOWN,
        "cap": CAP,
        "now": now,
        "runs": _runs(runs, now, operator=role_of(request) == OPERATOR),
    }
    return TemplateResponse(request, "admin/integrations/dashboard.html", context)


# The configurations ------------------------------------------------------------------------------------------------


def _configurations(request: HttpRequest, now: datetime) -> QuerySet[Any]:
    rows: QuerySet[Any] = LMSConfiguration.objects.select_related("lane", "organization")
    organization = access_of(request).organization
    if organization is not None:
        rows = rows.filter(organization=organization)
    of_this = Delivery.objects.filter(configuration=OuterRef("pk")).order_by("-pk")
    # Each number reads a partial index that holds nothing but what it counts, and the oldest is the first of one.
    queued = Delivery.objects.filter(lane=OuterRef("lane__pk"), state=Delivery.State.QUEUED).order_by("created_at")
    today = of_this.filter(state=Delivery.State.DELIVERED, delivered_at__gte=midnight(now)).order_by("delivered_at")
    worst_first = Case(
        When(lane__status__in=IN_TROUBLE, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    counted: QuerySet[Any] = rows.annotate(
        delivered=CappedCount(today.values("pk")[: CAP + 1]),
        queued=CappedCount(queued.values("pk")[: CAP + 1]),
        failing=CappedCount(queued.filter(attempts__gt=0).order_by("-pk").values("pk")[: CAP + 1]),
        oldest=Subquery(queued.values("created_at")[:1]),
        held=CappedCount(of_this.filter(state=Delivery.State.HELD).values("pk")[: CAP + 1]),
        rejected=CappedCount(of_this.filter(state=Delivery.State.REJECTED).values("pk")[: CAP + 1]),
    )
    return counted.order_by(worst_first, "organization__name", "name")


def _line(one: Any, now: datetime) -> Line:
    lane = one.lane
    deliveries = reverse("admin:integrations_delivery_changelist")

    def leading(text: str, *, alarming: bool = False, **which: str) -> Number:
        query = urlencode({"configuration": one.pk, **which})
        return Number(text, f"{deliveries}?{query}", alarming)

    waits = timesince(one.oldest, now, depth=1) if one.oldest else "–"
    return Line(
        configuration=one,
        badges=lane_badges(one),
        since=since(lane.status_since),
        numbers=[
            leading(capped(one.delivered), delivered="today"),
            leading(capped(one.queued), state__exact="queued"),
            leading(capped(one.failing), alarming=one.failing > 0, tried="yes"),
            leading(capped(one.held), alarming=one.held > 0, state__exact="held"),
            leading(capped(one.rejected), alarming=one.rejected > 0, state__exact="rejected"),
            leading(waits, state__exact="queued"),
        ],
        next_probe=_next_probe(one, now),
        last_success=moment(lane.last_success_at),
    )


def _next_probe(one: Any, now: datetime) -> SafeString | str:
    if one.paused or not one.organization.is_active:
        return _("not while paused") if one.paused else _("not while the organization is switched off")
    if not one.queued or one.lane.not_before is None:
        return "–"
    return moment(one.lane.not_before) if one.lane.not_before > now else _("now")


# The machinery -----------------------------------------------------------------------------------------------------


def _runs(runs: dict[str, LastRun], now: datetime, *, operator: bool) -> list[Run]:
    """What a run counted is about all organizations, so only operators are told."""
    everybodys = [
        _worker(runs.get("pump"), now),
        _sweep(runs.get("sweep"), now),
        _requeue(runs.get("requeue"), now, counts=operator),
    ]
    own = [_check(runs.get("check"), now), _retention(runs.get("retention"), now)]
    return everybodys + own if operator else everybodys


def _run(name: str, run: LastRun | None, *, well: bool, sentence: str) -> Run:
    shown = (
        badge(_("Never"), "none")
        if run is None
        else badge(_("Well") if well else _("Look"), "good" if well else "bad")
    )
    return Run(name, shown, moment(run.at if run else None), sentence)


def _young(run: LastRun | None, now: datetime, age: timedelta) -> bool:
    return run is not None and now - run.at <= age


def _worker(run: LastRun | None, now: datetime) -> Run:
    well = _young(run, now, SILENT)
    if run is None:
        sentence = _("No worker was ever seen. Start one: python manage.py run_worker")
    else:
        seconds = max(0, round((now - run.at).total_seconds()))
        ago = _("%(count)s s") % {"count": seconds} if seconds < 120 else timesince(run.at, now, depth=1)
        sentence = _("A worker was last seen %(time)s ago.") % {"time": ago}
        if not well:
            sentence += " " + _("Nothing is sent. Look whether run_worker still runs.")
    return _run(_("Worker"), run, well=well, sentence=sentence)


def _sweep(run: LastRun | None, now: datetime) -> Run:
    well = _young(run, now, SILENT)
    sentence = _("Looks each minute for what was left behind.")
    return _run(_("Sweep"), run, well=well, sentence=sentence)


def _requeue(run: LastRun | None, now: datetime, *, counts: bool) -> Run:
    at = settings.REQUEUE_AT.strftime("%H:%M")
    sentence = _("Makes everything unsent due, daily at %(at)s UTC.") % {"at": at}
    if run is not None and counts:
        names = ("due", "released", "examined", "revived", "expired", "probed")
        counted = _(
            "%(due)s made due, %(released)s of %(examined)s held released, %(revived)s rejected revived, "
            "%(expired)s expired, LMSs tried at once: %(probed)s."
        ) % {name: run.facts.get(name, 0) for name in names}
        sentence = f"{counted} {sentence}"
    return _run(_("Daily re-queue"), run, well=_young(run, now, timedelta(hours=25)), sentence=sentence)


def _check(run: LastRun | None, now: datetime) -> Run:
    found = [] if run is None else run.facts.get("sentences", [])
    sentence = " ".join(found) if found else _("Holds what was settled against the promises, each hour.")
    well = _young(run, now, timedelta(hours=2)) and not found
    return _run(_("Hourly check"), run, well=well, sentence=sentence)


def _retention(run: LastRun | None, now: datetime) -> Run:
    facts = {name: 0 if run is None else run.facts.get(name, 0) for name in ("contents", "answers", "attempts")}
    sentence = _("%(contents)s contents and %(answers)s answers dropped, %(attempts)s attempts deleted.") % facts
    return _run(_("Daily retention"), run, well=_young(run, now, timedelta(hours=25)), sentence=sentence)
