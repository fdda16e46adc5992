"""What became of a learner's result, in words for the learner."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.utils.translation import gettext as _

from integrations import launches
from integrations.models import Delivery, Launch
from stories.models import Play

SENDING, RECORDED, HELD, NOWHERE, KEPT = "sending", "recorded", "held", "nowhere", "kept"


@dataclasses.dataclass(frozen=True)
class Told:
    """One line below the result: its state for the looks, and its words."""

    state: str
    words: str

    def as_json(self) -> dict[str, Any]:
        """What the page's script needs to bring the line up to date."""
        return {"state": self.state, "words": self.words}


def told(play: Play) -> Told:
    """Whether the LMS has the result of a finished play yet."""
    organization = play.share.organization.name
    if play.looks:
        return Told(KEPT, _("Your course opened this story to look at only, so nothing is recorded."))
    if play.launch is not None:
        return of_launch(play.launch, organization)
    states = set(Delivery.objects.filter(result=play.result_id).values_list("state", flat=True))
    return _of_deliveries(states, organization)


def of_launch(launch: Launch, organization: str) -> Told:
    """The same for what came of a launch."""
    found = launches.state(launch)
    if found.state is launches.State.OPEN:
        return _kept(organization)
    return Told(found.state.value, found.sentence)


def _kept(organization: str) -> Told:
    return Told(KEPT, _("Your result is saved with %(organization)s.") % {"organization": organization})


def _of_deliveries(states: set[str], organization: str) -> Told:
    if not states:
        return _kept(organization)
    if Delivery.State.QUEUED in states:
        return Told(SENDING, _("Your result is being sent to your learning management system."))
    if states == {Delivery.State.DELIVERED.value}:
        return Told(RECORDED, _("Your result is recorded in your learning management system."))
    said = _("Your result is saved with %(organization)s, who will see to it that your LMS gets it.")
    return Told(HELD, said % {"organization": organization})
