"""Organizations connected to a practice StackOne or a practice Open eLMS, for tests of what goes into catalogues."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.connectors.open_elms.options import OpenElmsOptions
from integrations.connectors.stackone.options import COMPLETE_ONLY
from integrations.models import Attachment, Delivery, LMSConfiguration, RemoteContent
from lmsbridge.practice.open_elms.campus import Campus, campus_of
from lmsbridge.practice.stackone.account import ACCOUNT_ID, LinkedAccount, account_of
from objectives.models import Objective, Organization, Participant
from tests import make
from tests.lms import PracticeLMS
from tests.scene import pump

SECRET = "practice-api-key"


class Catalogue:
    """One organization with an objective, Ann, and an LMS whose catalogue is to have the objective."""

    kind = "stackone"
    secret = "api_key"

    def __init__(self, lms: PracticeLMS, organization: Organization | None = None) -> None:
        self.lms = lms
        self.organization = organization or make.organization("Northwind")
        self.objective = make.objective(self.organization, external_reference="fire-01", description="Get out.")
        self.ann = make.participant(self.organization, "ann@example.com", name="Ann Lee")
        self.prepare()
        self.configuration = self.connect("LMS")

    def prepare(self) -> None:
        """Let the LMS be as the tests need it."""
        self.account.add_user("ann@example.com", "u1")

    @property
    def account(self) -> LinkedAccount:
        """What the practice StackOne holds."""
        return account_of(self.lms.store())

    def options(self) -> dict[str, Any]:
        """How to reach the LMS."""
        return {"url": f"{self.lms.address}/stackone", "account_id": ACCOUNT_ID, "flow": COMPLETE_ONLY}

    def connect(self, name: str, **options: Any) -> LMSConfiguration:
        """Another configuration for the same LMS."""
        found = LMSConfiguration(
            organization=self.organization, name=name, contact_email="it@example.com", type=self.kind
        )
        found.set_options(self.options() | options, {self.secret: SECRET})
        found.save()
        return found

    def attach(self, objective: Objective | None = None) -> None:
        """Attach the configuration, as the inline of an objective does."""
        Attachment.objects.create(configuration=self.configuration, objective=objective or self.objective)

    def detach(self) -> None:
        """Detach it, as the action does."""
        Attachment.objects.detach(self.configuration, Objective.objects.filter(pk=self.objective.pk))

    def rename(self, name: str) -> None:
        """Call the objective something else."""
        self.objective.name = name
        self.objective.save()

    def bring(self) -> None:
        """Attach the objective and have it delivered."""
        self.attach()
        pump()

    def content(self) -> RemoteContent:
        """What the LMS is to have of the objective, as it is now."""
        return RemoteContent.objects.get(external_reference=self.objective.external_reference)

    def deliveries(self, kind: str = "content") -> list[str]:
        """The states of the deliveries of this kind, oldest first."""
        found = Delivery.objects.filter(configuration=self.configuration, kind=kind).order_by("pk")
        return list(found.values_list("state", flat=True))

    def there(self) -> list[tuple[str, bool]]:
        """The titles in the LMS's catalogue, and whether they are offered."""
        return [(row["title"], row["active"]) for row in self.account.contents.values()]

    def person(self, participant_id: str) -> Participant:
        """Another participant."""
        return make.participant(self.organization, participant_id)

    def requests(self) -> list[str]:
        """What the LMS was asked, oldest first."""
        return [f"{one.method} {one.path}" for one in self.lms.store().requests]


class ElmsCatalogue(Catalogue):
    """The same with a practice Open eLMS, which knows Ann."""

    kind = "open_elms"
    secret = "token"

    def prepare(self) -> None:
        self.ann_there = self.campus.add_account("ann@example.com", fname="Ann", lname="Lee")

    @property
    def campus(self) -> Campus:
        """What the practice Open eLMS holds."""
        return campus_of(self.lms.store())

    def options(self) -> dict[str, Any]:
        plain = {name: field.initial or "" for name, field in OpenElmsOptions.base_fields.items() if name != "token"}
        return plain | {"url": f"{self.lms.address}/open_elms"}

    def there(self) -> list[tuple[str, bool]]:
        return [(one.name, True) for one in self.campus.resources.values()]


@pytest.fixture
def stackone(practice_lms: PracticeLMS, db: None) -> Catalogue:
    """An organization connected to a practice StackOne."""
    return Catalogue(practice_lms)


@pytest.fixture
def elms(practice_lms: PracticeLMS, db: None) -> ElmsCatalogue:
    """An organization connected to a practice Open eLMS."""
    return ElmsCatalogue(practice_lms)
