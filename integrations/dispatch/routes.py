"""Where the results of a launch go and what opens the door there: the launch overrides, decided without any request.

A key goes nowhere but to the origin it was entered for, and there only below the path it was entered with. A token
that the LMS gave for the launch goes to the launch's own destination. Everything else waits for a person.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.connectors import http
from integrations.connectors.base import Connection, Held, Secret
from integrations.models import Launch, LMSConfiguration
from integrations.models.configuration import Approval


class Key(enum.Enum):
    """What a request of a launch signs in with."""

    CONFIGURED = enum.auto()
    TOKEN = enum.auto()
    OF_ORIGIN = enum.auto()  # a key that an admin entered for a server that launches name, or none at all


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """The destination of a launch and what it signs in with."""

    url: str
    key: Key


def _not_approved(origin: str, configuration: LMSConfiguration) -> Held:
    if configuration.approval(origin) is Approval.REFUSED:
        sentence = _("The launch leads to %(origin)s, which was refused for this LMS configuration.")
    else:
        sentence = _(
            "The launch leads to %(origin)s, which nobody has approved yet for this LMS configuration. An admin can "
            "approve it on the launch's page."
        )
    return Held("not_approved", sentence % {"origin": origin})


RELAUNCH = {
    Launch.Token.REFUSED: gettext_noop("The LMS gave no token for this launch."),
    Launch.Token.LOST: gettext_noop("The token of this launch was lost: the exchange with the LMS was cut short."),
    Launch.Token.EXPIRED: gettext_noop("The LMS does not accept the token of this launch any more."),
    Launch.Token.DELETED: gettext_noop("The token of this launch was kept as long as a launch lasts, and deleted."),
}


def relaunch(launch: Launch, token: str = "") -> Held:
    """Held until the learner opens the story from the LMS once more, with what became of the token."""
    if launch.may_be_carried_on:
        then = _("It goes as soon as the learner opens the story from the LMS once more.")
    else:
        then = _(
            "The learner has to open the story from the LMS once more and play it again: this launch proves nothing, "
            "and it names no registration by which another one would be known to be theirs."
        )
    return Held("relaunch", f"{_(RELAUNCH[Launch.Token(token or launch.token)])} {then}")


def route_of(launch: Launch, configuration: LMSConfiguration) -> Route:
    """Where the launch's results go, by the configuration as it is now; raises ``Held`` with the reason.

    A token that is still to be asked for counts as if it were there: who sends asks for it first.
    """
    launch = launch.relaunched_as or launch
    if launch.fetch_origin:
        return _by_token(launch, configuration)
    if not launch.endpoint:
        _raise_unless_ready(configuration)
        return Route(configuration.url, Key.CONFIGURED)
    if _is_below(launch.endpoint, configuration.url):
        _raise_unless_ready(configuration)
        return Route(launch.endpoint, Key.CONFIGURED)
    if configuration.approval(launch.endpoint_origin) not in Approval.allowing():
        raise _not_approved(launch.endpoint_origin, configuration)
    return Route(launch.endpoint, Key.OF_ORIGIN)


def _by_token(launch: Launch, configuration: LMSConfiguration) -> Route:
    wanted = launch.token == Launch.Token.WANTED
    if not may_fetch(launch, configuration) if wanted else not configuration.allows(launch.fetch_origin):
        raise _not_approved(launch.fetch_origin, configuration)
    # Which origin is the first to give a token, and so the one to trust, shows with the token.
    undecided = wanted and configuration.trusts_first_token
    if launch.endpoint and not undecided and not configuration.allows(launch.endpoint_origin):
        raise _not_approved(launch.endpoint_origin, configuration)
    if not launch.endpoint and not configuration.url:
        raise Held("not_ready", _("The launch names no endpoint, and the LMS configuration has no URL."))
    if launch.token in RELAUNCH:
        raise relaunch(launch)
    return Route(launch.endpoint or configuration.url, Key.TOKEN)


def _raise_unless_ready(configuration: LMSConfiguration) -> None:
    held = configuration.connector.can_send(configuration.declared())
    if held is not None:
        raise held


def _is_below(url: str, configured: str) -> bool:
    """Whether ``url`` is on the very origin that the key was entered for, and below its path."""
    try:
        found, bound = http.parse(url), http.parse(configured)
    except http.AddressRefused:
        return False
    return found.origin == bound.origin and _is_path_below(found.path, bound.path)


def _is_path_below(path: str, prefix: str) -> bool:
    # As some servers read it: dots, and what stands for dots and slashes, may lead out of the prefix again.
    parts = path.lower().replace("%2e", ".").replace("%2f", "/").split("/")
    return ".." not in parts and "." not in parts and f"{path}/".startswith(f"{prefix.rstrip('/')}/")


def may_fetch(launch: Launch, configuration: LMSConfiguration) -> bool:
    """Whether the launch's token may be asked for where the launch says so."""
    if configuration.allows(launch.fetch_origin):
        return True
    return configuration.trusts_first_token and configuration.approval(launch.fetch_origin) is None


def connection_of(launch: Launch, configuration: LMSConfiguration) -> Connection:
    """How to reach the launch's destination; raises ``Held``, or ``secrets.Unreadable`` if a secret does not open."""
    launch = launch.relaunched_as or launch
    route = route_of(launch, configuration)
    connector = configuration.connector
    if route.key is Key.CONFIGURED:
        return connector.launch_connection(configuration.connection(), route.url, None, own_key=True)
    if route.key is Key.TOKEN:
        token = Secret(launch.token_text())
        in_session = launch.cmi5 == Launch.Cmi5.OPEN
        return connector.launch_connection(configuration.declared(), route.url, token, in_session=in_session)
    return connector.launch_connection(configuration.declared(), route.url, _key_of(launch, configuration))


def _key_of(launch: Launch, configuration: LMSConfiguration) -> Secret | None:
    entered_for = configuration.origins.get(launch.endpoint_origin, {}).get("address", "")
    return configuration.origin_key(launch.endpoint_origin) if _is_below(launch.endpoint, entered_for) else None


def trust_first(configuration: LMSConfiguration, origin: str, now: datetime) -> bool:
    """Trust the origin that gave a token if it is the first for a configuration without an address; whether it was.

    Inside the transaction that keeps the token.
    """
    with transaction.atomic():
        row = LMSConfiguration.objects.select_for_update().get(pk=configuration.pk)
        first = row.trusts_first_token and row.approval(origin) is None
        if first:
            row.set_approval(origin, Approval.PINNED, now)
            row.save(update_fields=["origins"])
        configuration.origins = row.origins
        return bool(first)


def unapproved(launch: Launch, configuration: LMSConfiguration) -> list[str]:
    """The servers that the launch leads to and that need an approval."""
    try:
        route_of(launch, configuration)
    except Held as held:
        if held.reason == "not_approved":
            named = [origin for origin in (launch.fetch_origin, launch.endpoint_origin) if origin]
            return [origin for origin in dict.fromkeys(named) if not configuration.allows(origin)]
    return []


def decision(launch: Launch, configuration: LMSConfiguration) -> str:
    """Where the results of the launch go and what they are sent with, or why they are not sent, in a sentence."""
    try:
        route = route_of(launch, configuration)
    except Held as held:
        return held.sentence
    words = {
        Key.CONFIGURED: _("Results go to %(url)s, with the key of the LMS configuration."),
        Key.TOKEN: _("Results go to %(url)s, with the token that the LMS gives for this launch."),
        Key.OF_ORIGIN: _("Results go to %(url)s, which was approved. The configured key is not sent there."),
    }
    return words[route.key] % {"url": route.url}
