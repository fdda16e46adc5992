"""What the learner is told about their launch and their result; nothing of what any server said."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.models import Delivery, Lane, Launch
from objectives import clock

# Sooner than this a result is on its way, and no moment is named.
SOON = timedelta(minutes=2)


class State(enum.StrEnum):
    """How far it is."""

    OPEN = "open"  # nothing was recorded by this launch yet, and nothing is wrong
    SENDING = "sending"
    RECORDED = "recorded"
    HELD = "held"  # the learner, or a person at the organization, has to do something
    NOWHERE = "nowhere"  # it belongs to no LMS
    KEPT = "kept"  # the organization has it, and its LMS takes nothing more of it


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """A state, a sentence for the learner, and when the LMS confirmed; ``relaunch`` if launching again helps."""

    state: State
    sentence: str
    confirmed_at: datetime | None = None
    relaunch: bool = False


def state(launch: Launch) -> Told:
    """How far the launch is: its result, if it has one, else whether it will get one to the LMS."""
    if launch.configuration_id is None:
        return Told(
            State.NOWHERE, _("This link belongs to no learning management system, so nothing is sent to one.")
        )
    delivery = _delivery(launch)
    if delivery is not None:
        return _of_delivery(delivery)
    if launch.result_id is not None and launch.cmi5 == Launch.Cmi5.OPEN:
        # The rules of cmi5 take one pass, and nothing after it.
        sentence = _("Your learning management system already has your pass from before, and keeps that.")
        return Told(State.KEPT, sentence)
    return _before(launch)


def _delivery(launch: Launch) -> Delivery | None:
    """The delivery of its result, or of that which goes with its token."""
    rows = Delivery.objects.select_related("lane", "configuration", "launch").order_by("pk")
    result = Q(kind=Delivery.Kind.RESULT)
    return rows.filter(result, launch=launch).last() or rows.filter(result, launch__relaunched_as=launch).last()


def _relaunch() -> Told:
    sentence = _(
        "Your learning management system did not confirm this session. Go back to the course and open the "
        "story there once more."
    )
    return Told(State.HELD, sentence, relaunch=True)


def _before(launch: Launch) -> Told:
    failed = {Launch.Token.REFUSED, Launch.Token.LOST, Launch.Token.EXPIRED, Launch.Token.DELETED}
    if launch.token in failed:
        return _relaunch()
    if launch.token == Launch.Token.WAITING:
        return Told(
            State.HELD,
            _(
                "Your organization has to approve your learning management system first. You can play all the same: "
                "your result is kept and sent once that is done."
            ),
        )
    return Told(State.OPEN, "")


def _of_delivery(delivery: Delivery) -> Told:
    if delivery.state == Delivery.State.DELIVERED:
        return Told(
            State.RECORDED, _("Your result is recorded in your learning management system."), delivery.delivered_at
        )
    if delivery.state == Delivery.State.QUEUED:
        return Told(State.SENDING, _sending(delivery))
    if delivery.state == Delivery.State.HELD and delivery.reason == Delivery.Reason.RELAUNCH:
        return _of_closed_session(delivery)
    if delivery.state == Delivery.State.HELD and delivery.reason == Delivery.Reason.SESSION:
        # A worker is about to ask the LMS about the session.
        return Told(State.SENDING, _("Your result is being sent to your learning management system."))
    return Told(State.HELD, _kept())


def _of_closed_session(delivery: Delivery) -> Told:
    if delivery.launch is not None and delivery.launch.may_be_carried_on:
        sentence = _(
            "Your result is kept, but your learning management system closed the session. Go back to the course and "
            "open the story there once more: then it is sent, and you need not play again."
        )
        return Told(State.HELD, sentence, relaunch=True)
    sentence = _(
        "Your learning management system did not confirm this session, so your result cannot be sent to it. Go back "
        "to the course, open the story there once more, and play it again."
    )
    return Told(State.HELD, sentence)


def _kept() -> str:
    return _("Your result is kept, but it cannot be sent just now. Your organization can see it and put that right.")


def _sending(delivery: Delivery) -> str:
    when = delivery.next_attempt_at
    if delivery.configuration.paused:
        return _("Your result is kept. It is sent once your organization resumes sending.")
    if delivery.lane.status in {Lane.Status.CANNOT_CONNECT, Lane.Status.SERVER_ERROR}:
        return _("Your result is kept. Your learning management system does not take it just now; it is tried again.")
    if when is not None and when > clock.now() + SOON:
        moment = date_format(when, "H:i")
        return _("Your result is kept. It is sent with the next batch, at %(time)s UTC.") % {"time": moment}
    return _("Your result is being sent to your learning management system.")
