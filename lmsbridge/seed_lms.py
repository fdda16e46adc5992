"""The LMSs of the demo, all of them practice LMSs: of each type one that works and one with a wrong secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations import dispatch, tasks
from integrations.connectors import get_connector
from integrations.models import Attachment, LMSConfiguration
from lmsbridge.practice.stackone.account import ACCOUNT_ID
from objectives.models import Objective, Organization
from stories import offering
from stories.models import Share

# Members of their organizations, so that alerts reach them without asking first.
DOMAIN = "@lms-bridge.example"
ADMINS = {"Northwind Training": "nora", "Contoso Academy": "carl"}

# The practice LMS's own, which every store of it accepts.
KEY, SECRET, API_KEY = "practice-key", "practice-secret", "practice-api-key"


@dataclass(frozen=True)
class Connection:
    """One LMS configuration of the demo: what its type's form gets besides the URL, and what is attached to it."""

    name: str
    kind: str
    options: dict[str, str] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()


def _xapi(name: str, secret: str, *objectives: str) -> Connection:
    options = {"auth": "key_secret", "key": KEY, "key_secret": secret, "version": "1.0.3"}
    return Connection(name, "xapi", options, objectives)


def _open_elms(name: str, token: str, *objectives: str) -> Connection:
    return Connection(name, "open_elms", {"token": token}, objectives)


def _stackone(name: str, key: str, *objectives: str) -> Connection:
    options = {"api_key": key, "account_id": ACCOUNT_ID, "flow": "assignment_then_completion"}
    return Connection(name, "stackone", options, objectives)


# Below an organization's own store; an xAPI endpoint ends with a slash.
PATHS = {"xapi": "xapi/", "open_elms": "open_elms", "stackone": "stackone"}
CONNECTIONS = {
    "Northwind Training": [
        _xapi("Northwind LMS", SECRET, "fire-safety"),
        _open_elms("Northwind Open eLMS", API_KEY, "fire-safety", "first-aid"),
        _stackone("Northwind StackOne", API_KEY, "fire-safety", "first-aid"),
    ],
    "Contoso Academy": [
        _xapi("Contoso LMS", SECRET, "forklift"),
        _xapi("Old Contoso LMS", "a-secret-that-was-changed", "forklift"),
        _open_elms("Old Contoso Open eLMS", "a-token-that-was-changed", "forklift"),
        _stackone("Old Contoso StackOne", "a-key-that-was-changed", "forklift"),
    ],
}


def store_of(organization: str) -> str:
    """The name of the store that the practice LMS keeps for an organization."""
    return organization.split()[0].lower()


def connect(organization: Organization, practice: str) -> None:
    """Make an organization's LMS configurations and attach them; ``practice`` is where the practice LMS is."""
    for one in CONNECTIONS[organization.name]:
        configuration = LMSConfiguration(
            organization=organization,
            name=one.name,
            contact_email=f"{ADMINS[organization.name]}{DOMAIN}",
            type=one.kind,
        )
        url = f"{practice}/{store_of(organization.name)}/{PATHS[one.kind]}"
        configuration.set_options(*_cleaned(one, url))
        configuration.save()
        own = Objective.objects.of(organization).filter(external_reference__in=one.objectives)
        Attachment.objects.attach(configuration, own)


def _cleaned(one: Connection, url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Options and secrets, by the form that people fill in."""
    kind = get_connector(one.kind).options_form
    form = kind({"url": url, **one.options})
    if not form.is_valid():
        raise ValueError(f"{one.name}: {form.errors.as_json()}")
    options = dict(form.cleaned_data)
    return options, {name: options.pop(name) for name in kind.secret_fields}


# Once more ---------------------------------------------------------------------------------------------------------


def at(practice: str) -> list[LMSConfiguration]:
    """The configurations, whoever made them, that lead to a practice LMS at this address."""
    found = LMSConfiguration.objects.select_related("lane", "organization")
    return [one for one in found if one.url.startswith(f"{practice}/")]


def move(configuration: LMSConfiguration, before: str, practice: str) -> None:
    """Let a configuration follow the practice LMS to another address, its secrets sealed anew."""
    place = configuration.connector.options_form.address_field
    opened = configuration.connection().secrets
    configuration.set_options(
        {**configuration.options, place: practice + configuration.url.removeprefix(before)},
        {name: secret.value for name, secret in opened.items()},
    )
    configuration.save()


def begin_anew(configuration: LMSConfiguration) -> None:
    """Bring into the catalogue of a practice LMS, which forgets everything when it ends, what is to be there."""
    dispatch.forget_lms(configuration)
    shares = Share.objects.filter(configuration=configuration, story__objective__isnull=False)
    for share in shares.select_related("story__objective"):
        if share.story.objective is not None:
            # Its address may be another one now.
            offering.offer(configuration, share.story.objective)
    if configuration.keeps_catalogue:
        attached = Objective.objects.filter(attachments__configuration=configuration)
        tasks.nudge_lanes(dispatch.follow(configuration, list(attached), again=True))
