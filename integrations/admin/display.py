"""How the states of LMSs and deliveries are shown; times are shown as everywhere in the admin."""

from __future__ import annotations

import json
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import Attempt, Delivery, Lane, LMSConfiguration
from objectives import clock
from objectives.admin.display import badge, exact, moment, relative, since

__all__ = [
    "CAP",
    "attempt_badge",
    "badge",
    "capped",
    "delivery_badge",
    "due",
    "exact",
    "lane_badges",
    "moment",
    "next_attempt",
    "pretty",
    "relative",
    "since",
    "standing",
    "status_badge",
    "status_line",
]

CAP = 1000  # counts in lists stop here, so that a page costs the same whatever there is to count

LANE_TONES = {
    Lane.Status.NOT_TESTED: "none",
    Lane.Status.OK: "good",
    Lane.Status.CANNOT_CONNECT: "bad",
    Lane.Status.SERVER_ERROR: "warn",
}
DELIVERY_TONES = {
    Delivery.State.QUEUED: "wait",
    Delivery.State.DELIVERED: "good",
    Delivery.State.HELD: "paused",
    Delivery.State.REJECTED: "bad",
    Delivery.State.EXPIRED: "bad",
    Delivery.State.ERASED: "none",
}
HELD_IN_SHORT = {
    Delivery.Reason.NO_EMAIL.value: gettext_lazy("no e-mail address"),
    Delivery.Reason.NOT_READY.value: gettext_lazy("no URL or key"),
    Delivery.Reason.NOT_VALID.value: gettext_lazy("cannot be said validly"),
    Delivery.Reason.NOT_APPROVED.value: gettext_lazy("destination not approved"),
    Delivery.Reason.RELAUNCH.value: gettext_lazy("learner must launch again"),
    Delivery.Reason.CRASHES.value: gettext_lazy("cut short three times"),
    Delivery.Reason.BY_PERSON.value: gettext_lazy("by a person"),
}


def status_badge(configuration: LMSConfiguration) -> SafeString:
    """How the LMS is doing, paused or not; what is missing where it was never tested for that; if it is slow."""
    lane = configuration.lane
    word = lane.get_status_display()
    if lane.status == Lane.Status.NOT_TESTED and configuration.connector.can_send(configuration.declared()):
        word = _("No key") if configuration.origin() else _("No address")
    shown = badge(word, LANE_TONES[Lane.Status(lane.status)])
    pace = _("answers slowly") if lane.answers_slowly else ""
    return format_html('{} <span class="quiet">{}</span>', shown, pace) if pace else shown


def lane_badges(configuration: LMSConfiguration) -> SafeString:
    """The status of an LMS configuration, after *Paused* if a person chose so."""
    status = status_badge(configuration)
    return format_html("{} {}", badge(_("Paused"), "paused"), status) if configuration.paused else status


def standing(configuration: LMSConfiguration) -> SafeString:
    """How the LMS is doing, and since when."""
    return format_html("{} {}", status_badge(configuration), since(configuration.lane.status_since))


def status_line(configuration: LMSConfiguration) -> SafeString:
    """How the LMS is doing, and since when; after *Paused*, if a person chose so."""
    if not configuration.paused:
        return standing(configuration)
    return format_html("{} {} {}", badge(_("Paused"), "paused"), _("Before that:"), standing(configuration))


def delivery_badge(delivery: Delivery, *, under_way: bool) -> SafeString:
    """The state of a delivery; *Sending* while it is in a request; beside *Held* the reason in short."""
    if under_way and delivery.state == Delivery.State.QUEUED:
        return badge(_("Sending"), "busy")
    shown = badge(delivery.get_state_display(), DELIVERY_TONES[Delivery.State(delivery.state)])
    if delivery.state != Delivery.State.HELD:
        return shown
    why = HELD_IN_SHORT.get(delivery.reason) or delivery.get_reason_display()
    return format_html('{} <span class="quiet">{}</span>', shown, why)


def due(delivery: Delivery) -> datetime | None:
    """When a queued delivery is tried: not before its own time, nor before its LMS is asked again."""
    times = [when for when in (delivery.next_attempt_at, delivery.lane.not_before) if when is not None]
    return max(times) if times and delivery.state == Delivery.State.QUEUED else None


def next_attempt(delivery: Delivery) -> SafeString | str:
    """When a delivery is tried next, in a word or two."""
    when = due(delivery)
    if when is None:
        return "–"
    if delivery.configuration.paused:
        return _("when resumed")
    return _("now") if when <= clock.now() else moment(when)


def attempt_badge(attempt: Attempt) -> SafeString:
    """The outcome of one exchange."""
    tones = {
        Attempt.Outcome.DELIVERED: "good",
        Attempt.Outcome.TOKEN: "good",
        Attempt.Outcome.SESSION: "good",
        Attempt.Outcome.OPEN: "busy",
        Attempt.Outcome.HELD: "paused",
    }
    tone = tones.get(Attempt.Outcome(attempt.outcome), "warn")
    return badge(attempt.get_outcome_display(), tone)


def capped(count: int) -> str:
    """A count that stopped at ``CAP``."""
    return f"{CAP}+" if count > CAP else str(count)


def pretty(content: str) -> str:
    """JSON set out to be read; anything else as it is."""
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except ValueError:
        return content
