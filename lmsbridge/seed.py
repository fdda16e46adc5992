"""The rows of the demo: two organizations, their people, objectives, assignments and results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import Group, User
from django.db import transaction

from integrations.models import LastRun, LMSConfiguration
from lmsbridge import seed_lms
from lmsbridge.seed_lms import DOMAIN
from lmsbridge.seed_story import tell
from objectives import clock
from objectives.models import Assignment, Membership, Objective, Organization, Participant, Result
from objectives.scoping import OPERATORS

# Printed at the start of the demo, which listens on loopback only.
PASSWORDS = {
    "nora": ("demo-northwind", "admin of Northwind Training"),
    "carl": ("demo-contoso", "admin of Contoso Academy"),
    "vera": ("demo-viewer", "viewer of Northwind Training"),
    "olga": ("demo-operator", "operator: sees all organizations"),
}

OBJECTIVES = {
    "Northwind Training": [
        ("fire-safety", "Fire safety", "What to do when it burns, and how to keep it from burning."),
        ("first-aid", "First aid", "The first five minutes until help is there."),
        ("phishing", "Spotting phishing mails", "Seven signs that a mail is not what it seems."),
    ],
    "Contoso Academy": [
        ("forklift", "Forklift license", "Driving, loading and parking a forklift."),
        ("hygiene", "Kitchen hygiene", "Clean hands, clean tools, the right temperature."),
    ],
}

PEOPLE = {
    "Northwind Training": [
        ("ann.lee@northwind.example", "Ann Lee"),
        ("ben.okoro@northwind.example", "Ben Okoro"),
        ("employee-0042", "Chris Doe"),
    ],
    "Contoso Academy": [("dana@contoso.example", "Dana Ruiz"), ("eli@contoso.example", "Eli Fox")],
}

# Under this name the database remembers that it is the demo's, and where its practice LMS was.
MARK = "demo"
# The store for whoever connects an LMS of their own.
OWN_STORE = "my-lms"


class NotADemo(Exception):
    """The database has rows, and they are not the demo's."""


@transaction.atomic
def seed(practice: str) -> None:
    """Make the demo's rows unless they are there; ``practice`` is the address of the practice LMS."""
    if Organization.objects.exists():
        _go_on(practice)
        return
    LastRun.note(MARK, practice=practice)
    for name, objectives in OBJECTIVES.items():
        organization = Organization.objects.create(name=name)
        for reference, title, description in objectives:
            Objective.objects.create(
                organization=organization, external_reference=reference, name=title, description=description
            )
        for participant_id, person in PEOPLE[name]:
            Participant.objects.create(organization=organization, participant_id=participant_id, name=person)
        seed_lms.connect(organization, practice)
        _record(organization)
    _assign()
    _story()
    _people()


def _assign() -> None:
    """First aid is asked of those of Northwind whom its LMSs know."""
    [first_aid] = Objective.objects.filter(external_reference="first-aid")
    people = Participant.objects.of(first_aid.organization).filter(participant_id__contains="@")
    Assignment.objects.assign([first_aid], list(people), clock.now() + timedelta(days=14))


def _story() -> None:
    """One story to play, launched by one of Northwind's LMSs, offered by another, and for people without an LMS."""
    [organization] = Organization.objects.filter(name="Northwind Training")
    Organization.objects.filter(pk=organization.pk).update(open_stories=True)
    own = LMSConfiguration.objects.of(organization)
    objective = Objective.objects.of(organization).get(external_reference="fire-safety")
    tell(objective, [own.get(type="xapi"), own.get(type="stackone")])


def _people() -> None:
    roles = {
        "nora": ("Northwind Training", Membership.Role.ADMIN),
        "carl": ("Contoso Academy", Membership.Role.ADMIN),
        "vera": ("Northwind Training", Membership.Role.VIEWER),
    }
    for username, (password, _who) in PASSWORDS.items():
        user = User.objects.create_user(username, f"{username}{DOMAIN}", password)
        if username in roles:
            name, role = roles[username]
            Membership.objects.create(organization=Organization.objects.get(name=name), user=user, role=role)
        else:
            user.is_staff = True
            user.save()
            user.groups.add(Group.objects.get_or_create(name=OPERATORS)[0])


def _record(organization: Organization) -> None:
    objective = Objective.objects.of(organization).order_by("pk")[0]
    now = clock.now()
    Result.objects.record(
        Result(
            organization=organization,
            objective=objective,
            participant=participant,
            success=position != 1,
            score_raw=Decimal(9 - 5 * (position == 1)),
            score_min=Decimal(0),
            score_max=Decimal(10),
            duration=timedelta(minutes=4 + position, seconds=5),
            occurred_at=now - timedelta(minutes=10 * (position + 1)),
        )
        for position, participant in enumerate(Participant.objects.of(organization).order_by("pk"))
    )


def _go_on(practice: str) -> None:
    """The demo was started again, perhaps on another port: configurations follow, and catalogues are filled again."""
    mark = LastRun.objects.filter(pk=MARK).first()
    if mark is None:
        raise NotADemo("This database holds rows that are not the demo's. Let DATABASE_URL name an empty one.")
    before = str(mark.facts["practice"])
    for configuration in seed_lms.at(before):
        if before != practice:
            seed_lms.move(configuration, before, practice)
        seed_lms.begin_anew(configuration)
    LastRun.note(MARK, practice=practice)


def people() -> Iterator[tuple[str, str, str]]:
    """Who uses the practice LMSs: by store, with name and e-mail address. Northwind's people use ``my-lms``, too."""
    for organization, rows in PEOPLE.items():
        own = seed_lms.store_of(organization)
        for store in [own, OWN_STORE] if own == "northwind" else [own]:
            yield from ((store, name, address) for address, name in rows if "@" in address)
