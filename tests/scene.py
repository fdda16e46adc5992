"""A small stage for delivery tests: one organization, one objective, LMS configurations, results."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from integrations.dispatch import send
from integrations.models import Attachment, Delivery, Lane, LMSConfiguration
from objectives.models import Objective, Organization, Participant, Result
from tests.lms import PracticeLMS


class Scene:
    """One organization whose objective is attached to a configuration for the practice LMS."""

    def __init__(self, lms: PracticeLMS, name: str = "Northwind") -> None:
        self.lms = lms
        self.organization = Organization.objects.create(name=name)
        self.objective = Objective.objects.create(
            organization=self.organization, external_reference="fire", name="Fire safety"
        )
        self.ann = self.person("ann@example.com")
        self.configuration = self.connect("LMS")

    def person(self, participant_id: str) -> Participant:
        """Another participant."""
        return Participant.objects.create(organization=self.organization, participant_id=participant_id)

    def connect(self, name: str, **options: Any) -> LMSConfiguration:
        """Another configuration, attached to the objective; ``key_secret`` and other options as given."""
        secret = options.pop("key_secret", "practice-secret")
        return connect(self.organization, self.objective, name, {"url": self.lms.url()} | options, secret)

    def record(self, count: int = 1, **values: Any) -> list[Result]:
        """Record so many results, of Ann and passed unless other values are given."""
        values = {"participant": self.ann, "objective": self.objective, "success": True} | values
        return Result.objects.record([Result(**values) for _number in range(count)])

    def lms_ids(self, store: str = "default") -> list[str]:
        """The ids of the statements that the practice LMS has, oldest first."""
        return [statement["id"] for statement in self.lms.store(store).statements]

    def lane(self) -> Lane:
        """The lane of the first configuration as it is now."""
        return Lane.objects.get(configuration=self.configuration)

    def states(self) -> dict[str, int]:
        """How many deliveries of the first configuration are in which state."""
        found = Delivery.objects.filter(configuration=self.configuration)
        return dict(Counter(found.values_list("state", flat=True)))

    def wait_is_over(self) -> None:
        """Let every waiting time be over."""
        Lane.objects.update(not_before=None)
        Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())


def connect(
    organization: Organization, objective: Objective, name: str, options: dict[str, Any], secret: str
) -> LMSConfiguration:
    """An xAPI configuration with these options, attached to an objective."""
    found = LMSConfiguration(organization=organization, name=name, contact_email="it@example.com", type="xapi")
    found.set_options(
        {"auth": "key_secret", "key": "practice-key", "version": "1.0.3"} | options, {"key_secret": secret}
    )
    found.save()
    Attachment.objects.create(configuration=found, objective=objective)
    return found


def pump() -> None:
    """Work in this thread until nothing is ready."""
    while send.serve_next(timezone.now(), time.monotonic() + 30) is not None:
        pass


@pytest.fixture
def scene(practice_lms: PracticeLMS, db: None) -> Scene:
    """An organization connected to a practice LMS."""
    return Scene(practice_lms)
