"""Launches for tests: links as an LMS makes them, opened, and what came of it recorded."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from integrations import launches
from integrations.launches import BadLaunch
from integrations.models import Delivery, Lane, Launch, LMSConfiguration
from objectives.models import Result
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

ANN: dict[str, Any] = {"objectType": "Agent", "mbox": "mailto:ann@example.com"}
COURSE = "https://lms.example.com/course/1"


def query(actor: Any = None, **given: str) -> QueryDict:
    """The query of a link: Ann and a course unless something else is given; an empty text leaves a parameter out."""
    text = actor if isinstance(actor, str) else json.dumps(ANN if actor is None else actor)
    values = {"actor": text, "activityId": COURSE} | given
    return QueryDict(urlencode({name: value for name, value in values.items() if value}))


def refusal(asked: QueryDict, configuration: LMSConfiguration | None = None) -> BadLaunch:
    """How the launch is refused."""
    try:
        launches.read(asked, configuration)
    except BadLaunch as problem:
        return problem
    raise AssertionError("The launch was taken.")


def fetch_from(lms: PracticeLMS, answer: str = "token", store: str = "default") -> str:
    """A new address that gives a token, or another answer, once."""
    prefix = "" if store == "default" else f"/{store}"
    return f"{lms.address}{prefix}/fetch/{lms.store(store).sessions.begin(answer)}"


def opened(scene: Scene, configuration: LMSConfiguration | None = None, actor: Any = None, **given: str) -> Launch:
    """A launch of a story shared with the configuration, the scene's own unless another is given."""
    found = LMSConfiguration.objects.get(pk=(configuration or scene.configuration).pk)
    return launches.open_launch(scene.organization, found, launches.read(query(actor, **given), found))


def finished(scene: Scene, launch: Launch, **values: Any) -> Delivery | None:
    """Record that the learner passed; the delivery that the launch made of it, as it is then."""
    values = {"participant": launch.participant, "objective": scene.objective, "success": True} | values
    launches.record(launch, Result(**values))
    return Delivery.objects.filter(launch=launch).first()


def now(launch: Launch) -> Launch:
    """The launch as it is now."""
    return Launch.objects.get(pk=launch.pk)


def delivery_of(launch: Launch) -> Delivery:
    """The launch's delivery as it is now."""
    return Delivery.objects.get(launch=launch)


def statements(lms: PracticeLMS, store: str = "default") -> list[dict[str, Any]]:
    """What the store has, oldest first."""
    return lms.store(store).statements


def authorizations(lms: PracticeLMS, store: str = "default") -> list[str]:
    """What the requests to the store signed in with, each once."""
    return list(dict.fromkeys(str(one.headers["Authorization"] or "") for one in lms.store(store).requests))


def keyless(scene: Scene, name: str = "Keyless") -> LMSConfiguration:
    """A configuration without address and key: for launches only. Attached to nothing."""
    found = LMSConfiguration(organization=scene.organization, name=name, contact_email="it@example.com", type="xapi")
    found.set_options({"auth": "key_secret", "version": "1.0.3"}, {})
    found.save()
    return found


def serve_all() -> None:
    """Let every waiting time be over, then work until nothing is ready."""
    Lane.objects.update(not_before=None)
    Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())
    pump()
