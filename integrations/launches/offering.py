"""The door by which stories get into LMSs' catalogues."""

from __future__ import annotations

import dataclasses

from integrations import tasks
from integrations.models import LMSConfiguration
from objectives.models import Objective


@dataclasses.dataclass(frozen=True)
class Offer:
    """A story as a catalogue shows it: ``url`` is where a learner begins, ``minutes`` how long it takes."""

    title: str
    url: str
    description: str = ""
    language: str = "en"
    minutes: int | None = None
    cover_url: str = ""


def offer_story(configuration: LMSConfiguration, objective: Objective, story: Offer | None) -> None:
    """Let the LMS offer this story to who is to achieve the objective; ``None``: no story any more.

    To be called as soon as a share is made, revoked or issued anew, and when its story is published or archived.
    Nothing happens where the LMS takes no contents. Asks nobody: what is to be told is queued.
    """
    said = {} if story is None else {name: value for name, value in dataclasses.asdict(story).items() if value}
    tasks.offer(configuration, objective, said)
