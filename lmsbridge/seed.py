"""The rows of the demo: two organizations, their people, objectives and results."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import Group, User
from django.db import transaction

from integrations.models import Attachment, LastRun, LMSConfiguration
from lmsbridge.seed_story import tell
from objectives import clock
from objectives.models import Membership, Objective, Organization, Participant, Result
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


# Members of their organizations, so that alerts reach them without asking first.
DOMAIN = "@lms-bridge.example"
ADMINS = {"Northwind Training": "nora", "Contoso Academy": "carl"}

# Under this name the database remembers that it is the demo's, and where its practice LMS was.
MARK = "demo"


class NotADemo(Exception):
    """The database has rows, and they are not the demo's."""


@transaction.atomic
def seed(practice: str) -> None:
    """Make the demo's rows unless they are there; ``practice`` is the address of the practice LMS."""
    if Organization.objects.exists():
        _move(practice)
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
        _connect(organization, practice)
        _record(organization)
    _story()
    _people()


def _story() -> None:
    """One story to play, shared with Northwind's LMS; its learners may also play without one."""
    configuration = LMSConfiguration.objects.get(name="Northwind LMS")
    Organization.objects.filter(pk=configuration.organization_id).update(open_stories=True)
    tell(Objective.objects.of(configuration.organization).get(external_reference="fire-safety"), configuration)


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


def _slug(organization: Organization) -> str:
    return organization.name.split()[0].lower()


def _connect(organization: Organization, practice: str) -> None:
    """One configuration that works; at Contoso another whose secret is wrong, to see what that looks like."""
    store = _slug(organization)
    names = {f"{organization.name.split()[0]} LMS": "practice-secret"}
    if store == "contoso":
        names["Old Contoso LMS"] = "a-secret-that-was-changed"
    first = Objective.objects.of(organization).order_by("pk")[0]
    for name, secret in names.items():
        configuration = LMSConfiguration(
            organization=organization, name=name, contact_email=f"{ADMINS[organization.name]}{DOMAIN}", type="xapi"
        )
        configuration.set_options(
            {
                "url": f"{practice}/{store}/xapi/",
                "auth": "key_secret",
                "key": "practice-key",
                "version": "1.0.3",
                "account_home_page": "",
            },
            {"key_secret": secret},
        )
        configuration.save()
        Attachment.objects.create(configuration=configuration, objective=first)


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


def _move(practice: str) -> None:
    """The demo was started on another port: its own configurations follow, with their secrets sealed anew."""
    mark = LastRun.objects.filter(pk=MARK).first()
    if mark is None:
        raise NotADemo("This database holds rows that are not the demo's. Let DATABASE_URL name an empty one.")
    before = str(mark.facts["practice"])
    if before == practice:
        return
    for configuration in LMSConfiguration.objects.filter(type="xapi"):
        address = str(configuration.options.get("url", ""))
        if not address.startswith(f"{before}/"):
            continue
        opened = configuration.connection().secrets
        configuration.set_options(
            {**configuration.options, "url": practice + address.removeprefix(before)},
            {field: secret.value for field, secret in opened.items()},
        )
        configuration.save()
    LastRun.note(MARK, practice=practice)
