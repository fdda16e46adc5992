"""What became of a learner's result, in words for the learner."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.utils.translation import gettext as _

from integrations.models import Delivery
from stories.models import Play

SENDING, RECORDED, HELD, KEPT = "sending", "recorded", "held", "kept"


@dataclasses.dataclass(frozen=True)
class Told:
    """One line below the result, and the way back to the course where the LMS named one."""

    state: str
    words: str
    return_url: str = ""
    return_host: str = ""

    def as_json(self) -> dict[str, Any]:
        """What the page's script needs to bring the line up to date."""
        return {"state": self.state, "words": self.words}


def told(play: Play) -> Told:
    """Whether the LMS has the result of a finished play yet."""
    states = set(Delivery.objects.filter(result=play.result_id).values_list("state", flat=True))
    return _of_deliveries(states, play.share.organization.name)


def _of_deliveries(states: set[str], organization: str) -> Told:
    if not states:
        return Told(KEPT, _("Your result is saved with %(organization)s.") % {"organization": organization})
    if Delivery.State.QUEUED in states:
        return Told(SENDING, _("Sending your result to your LMS…"))
    if states == {Delivery.State.DELIVERED.value}:
        return Told(RECORDED, _("Recorded in your LMS."))
    said = _("Your result is saved with %(organization)s, who will see to it that your LMS gets it.")
    return Told(HELD, said % {"organization": organization})
