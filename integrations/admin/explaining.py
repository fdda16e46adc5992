"""What happened to a delivery and what to do, in a sentence or two."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.admin.display import due, relative
from integrations.models import Delivery, Lane
from objectives import clock


def explain(delivery: Delivery, *, under_way: bool) -> str:
    """The sentences at the top of a delivery's page."""
    said = delivery.sentence
    if delivery.state == Delivery.State.DELIVERED:
        return " ".join(filter(None, [_("The LMS has it. There is nothing to do."), said]))
    if delivery.state == Delivery.State.HELD:
        if delivery.reason == Delivery.Reason.BY_PERSON:
            return _("A person holds it back: “%(why)s” Release it and it is sent.") % {"why": said}
        why = said or _("%(reason)s.") % {"reason": delivery.get_reason_display()}
        return _("Held until something changes: %(why)s") % {"why": why}
    if delivery.state == Delivery.State.REJECTED:
        what = said or _("The LMS refuses this very record.")
        advice = _("Other results are not affected. Ask the LMS's administrator, then retry it.")
        return f"{what} {advice}"
    if delivery.state == Delivery.State.QUEUED:
        return _("It is in a request just now.") if under_way else _queued(delivery)
    if delivery.state == Delivery.State.EXPIRED:
        given_up = _("It could not be sent for too long and was given up.")
        return f"{given_up} {_what_is_left(delivery)}"
    return said or _("What it told was erased before it was sent.")


def _what_is_left(delivery: Delivery) -> str:
    if delivery.dropped_at is not None:
        return _("What it told is no longer kept, so it cannot be sent any more.")
    return _("Retry it once the LMS works; what it tells is kept for some days yet.")


def _queued(delivery: Delivery) -> str:
    if delivery.configuration.paused:
        return _("It waits because the LMS configuration is paused. Resume it to send.")
    lane, when = delivery.lane, due(delivery)
    words = relative(when) if when is not None and when > clock.now() else _("now")
    next_try = _("The next try is %(when)s.") % {"when": words}
    if lane.status in (Lane.Status.CANNOT_CONNECT, Lane.Status.SERVER_ERROR):
        return _("It waits for the LMS: %(sentence)s %(next)s") % {"sentence": lane.sentence, "next": next_try}
    said = _("The last attempt failed: %(sentence)s") % {"sentence": delivery.sentence} if delivery.sentence else ""
    return " ".join(filter(None, [said, _("It waits its turn."), next_try]))
