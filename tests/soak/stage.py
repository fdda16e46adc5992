"""Who records what, and where it goes: four organizations with two LMSs each."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.utils import timezone

from integrations.models import Attachment, Delivery
from objectives.models import Objective, Organization, Participant, Result
from tests import make
from tests.scene import connect

ORGANIZATIONS = 4
PEOPLE = 20


class Stage:
    """Organizations, each with an objective for its first LMS, one for its second and one for both."""

    def __init__(self, lms: str, draw: random.Random) -> None:
        self._draw = draw
        self.lms = lms
        self.people: dict[int, list[Participant]] = {}
        self.objectives: list[Objective] = []
        self.editor, self.typist = self._who_types_results_in()
        for number in range(1, ORGANIZATIONS):
            self._connected(make.organization(f"Organization {number}"), number)

    def _who_types_results_in(self) -> tuple[User, Participant]:
        """An editor of the first organization, and the one whose results the editor types in."""
        first = make.organization("Organization 0")
        self._connected(first, 0)
        editor = make.member(first, "editor", "edith")
        # The web process has the product's own hashers, not the quick one of the tests.
        editor.password = PBKDF2PasswordHasher().encode(make.PASSWORD, "salt")
        editor.save()
        return editor, make.participant(first, "typed@example.com")

    def _connected(self, organization: Organization, number: int) -> None:
        first, second, both = (make.objective(organization, f"Objective {name}") for name in ("1", "2", "3"))
        for objective, name in ((first, "first"), (second, "second")):
            url = f"{self.lms}/lms-{number}-{name}/xapi/"
            made = connect(organization, objective, f"The {name}", {"url": url}, make.KEY_SECRET)
            Attachment.objects.create(configuration=made, objective=both)
        # What goes to both is the smaller part.
        self.objectives += [first] * 4 + [second] * 4 + [both]
        self.people[organization.pk] = [
            make.participant(organization, f"person{one}@example.com", name=f"Pérson {one}") for one in range(PEOPLE)
        ]

    @property
    def typed_objective(self) -> Objective:
        """The objective of the results that are typed in."""
        return self.objectives[0]

    def results(self, count: int) -> list[Result]:
        """So many results at random, not recorded yet."""
        return [self._result() for _number in range(count)]

    def _result(self) -> Result:
        objective = self._draw.choice(self.objectives)
        return Result(
            participant=self._draw.choice(self.people[objective.organization_id]),
            objective=objective,
            success=self._draw.choice([True, False, None]),
            score_raw=Decimal(self._draw.randint(0, 100)),
            score_min=Decimal(0),
            score_max=Decimal(100),
            duration=timedelta(seconds=self._draw.randint(1, 7200)),
            occurred_at=timezone.now() - timedelta(seconds=self._draw.randint(1, 10**6)),
        )

    @staticmethod
    def undelivered() -> int:
        """How many deliveries are not in their LMS yet, as far as the database knows."""
        return Delivery.objects.exclude(state=Delivery.State.DELIVERED).count()
