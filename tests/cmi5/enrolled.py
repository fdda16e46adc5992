"""A learner enrolled in a course of the practice LMS, whose one unit is a story of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.models import Delivery
from lmsbridge.practice.cmi5.sessions import Registration, Session
from stories.models import Share, Story
from tests import make
from tests.cmi5.player import launched, registered
from tests.cmi5.structure import structure, unit
from tests.learner import Learner
from tests.scene import Scene, pump

PASSED = ["initialized", "progressed", "completed", "passed", "terminated"]
FAILED = ["initialized", "progressed", "completed", "failed", "terminated"]


class Enrolled:
    """Ann, registered in a course of the practice LMS whose unit is a story."""

    def __init__(self, scene: Scene, story: Story | None = None) -> None:
        self.scene = scene
        self.story = story or make.story(scene.organization, objective=scene.objective, pass_mark=50)
        self.share: Share = make.share(self.story, scene.configuration)
        address = f"http://testserver/s/{self.share.token()}/"
        self.registration: Registration = registered(scene.lms, structure(unit(url=address, masteryScore="0.5")))

    def launch(self, **choices: Any) -> Learner:
        """A session of the unit; the worker has time to ask for it before the learner goes on."""
        learner = self.arrive(**choices)
        pump()
        return learner

    def arrive(self, **choices: Any) -> Learner:
        """The learner at the cover of a new session, before any worker has looked at it."""
        session = launched(self.scene.lms, self.registration, **choices)
        return Learner(self.share).open(**dict(parse_qsl(urlsplit(session.link).query)))

    @property
    def session(self) -> Session:
        """The latest session."""
        return self.registration.sessions[-1]

    def told(self, session: Session | None = None) -> list[str]:
        """What the LMS took in a session, once all is told; its log has to be clean."""
        pump()
        session = session or self.session
        assert [str(entry.what) for entry in session.violations] == []
        return verbs(session)


def verbs(session: Session) -> list[str]:
    """What the unit told in a session, in order."""
    return [one["verb"]["id"].rpartition("/")[2] for one in session.statements]


def deliveries(state: str) -> list[str]:
    """What the deliveries in this state tell."""
    return [one.event or one.kind for one in Delivery.objects.filter(state=state).order_by("pk")]
