"""Open eLMS: results, assignments and learning resources over its REST API.

Source: Open eLMS, "About the Open eLMS API". No second document and no client library is public, and the page leaves
much open, so every answer is read tolerantly and nothing is told before what is there was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors import http
from integrations.connectors.base import (
    Ability,
    AssignmentFacts,
    CatalogueEntry,
    Check,
    Connection,
    Connector,
    ContentFacts,
    Exchange,
    Facts,
    Held,
    Item,
    ItemResult,
    Kind,
    Needs,
    Outcome,
    Person,
    Progress,
    ReadBack,
    RemoteAccount,
    RemoteUser,
    ServerError,
    Unsupported,
)
from integrations.connectors.open_elms import assignments, contents, people, records, results
from integrations.connectors.open_elms.answers import NotThere, Refused
from integrations.connectors.open_elms.frozen import Achieved, Asked, Offered
from integrations.connectors.open_elms.options import OpenElmsOptions
from integrations.connectors.open_elms.site import Site

_Answered = TypeVar("_Answered")

CANNOT_REMOVE = gettext_lazy(
    "Open eLMS lets nothing be taken out or hidden by its API. The learning resource stays visible there until "
    "somebody removes it in Open eLMS."
)


# What is no more possible without any of these commands.
_COMMANDS: Mapping[Ability, frozenset[str]] = {
    Ability.CREATOR: frozenset({"creator_url"}),
    Ability.DOWNLOADS: frozenset({"download", "download-container"}),
    Ability.NEW_USERS: frozenset({"add_user", "change_user"}),
    Ability.WITHDRAWALS: frozenset({"unassign"}),
}


class OpenElmsConnector(Connector):
    """Results to Open eLMS, one at a time: progress is read, something assigned if need be, the action said.

    The date of a completion is the moment at which it is told, and the time spent cannot be told at all.
    """

    label = gettext_lazy("Open eLMS")
    options_form = OpenElmsOptions
    max_batch = 1
    abilities = frozenset(
        {
            *(Ability.CONTENT, Ability.CATALOGUE, Ability.CATALOGUE_MAPPING, Ability.CREATOR, Ability.DOWNLOADS),
            *(Ability.ASSIGNMENTS, Ability.WITHDRAWALS, Ability.USERS, Ability.NEW_USERS),
            *(Ability.READ_BACK, Ability.PROGRESS),
        }
    )

    def lacks(self, learned: Mapping[str, Any]) -> frozenset[Ability]:
        """What needs commands that this LMS answered to be without (501)."""
        missing = set(learned.get("missing", ()))
        return frozenset(ability for ability, commands in _COMMANDS.items() if commands <= missing)

    def can_send(self, connection: Connection) -> Held | None:
        """Everything needs a URL and the token."""
        if not connection.options.get("url"):
            return Held("not_ready", _("No address yet. Results wait until URL and token are entered."))
        if "token" not in connection.secrets:
            label = OpenElmsOptions.base_fields["token"].label
            said = _("%(field)s is missing. Enter it again on the configuration.")
            return Held("not_ready", said % {"field": label})
        return None

    def check(self, door: http.Door, connection: Connection) -> Check:
        """``GET backend/learning``, of which the beginning is enough."""
        held = self.can_send(connection)
        if held is not None:
            return Check(False, held.sentence)
        site = Site(door, connection)
        try:
            site.prove()
        except ServerError as error:
            return Check(False, error.sentence, error.answer)
        return Check(True, _("The LMS was reached and accepts the token."), site.answer)

    # Results -------------------------------------------------------------------------------------------------------

    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """Who, what, the verdict and a whole score; time and time spent cannot be told."""
        return Achieved.of(facts).encode()

    def send_results(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Each by itself. Whether an item is doubtful makes no difference: its progress is read in any case."""
        return _each(door, connection, items, lambda site, item: results.tell(site, Achieved.decode(item.content)))

    def read_result(self, door: http.Door, connection: Connection, item: Item) -> tuple[ReadBack, http.Answer | None]:
        """By the progress of this person; which of several results led to it, the LMS does not keep."""
        site = Site(door, connection)
        try:
            return results.read_back(site, Achieved.decode(item.content)), site.answer
        except (Held, Refused):
            return ReadBack.FORBIDDEN, site.answer

    def needs(self, items: Sequence[Item]) -> Needs:
        """The people and contents of the items. What stands for a content already must not stand for another."""
        offered = [Offered.decode(item.content) for item in items if item.kind is Kind.CONTENT]
        told = [_of_somebody(item) for item in items if item.kind is not Kind.CONTENT]
        return Needs(
            users=frozenset(one.participant_id for one in told),
            contents=frozenset([*(one.reference for one in offered), *(one.reference for one in told)]),
            taken=True,
        )

    # Content -------------------------------------------------------------------------------------------------------

    def compose_content(self, facts: ContentFacts, connection: Connection) -> bytes:
        """Reference and title. What is to be taken out raises ``Unsupported``."""
        if not facts.active:
            raise Unsupported(str(CANNOT_REMOVE))
        return Offered.of(facts).encode()

    def send_content(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Find or create a learning resource for each; one found by its name alone is taken only if allowed."""

        def bring(site: Site, item: Item) -> str:
            return contents.bring(site, Offered.decode(item.content), doubtful=item.doubtful)

        return _each(door, connection, items, bring)

    def catalogue(self, door: http.Door, connection: Connection) -> Sequence[CatalogueEntry]:
        """All learning resources."""
        return contents.catalogue(Site(door, connection))

    def creator_link(self, door: http.Door, connection: Connection, remote_id: str) -> str:
        """A link to Open eLMS Creator that works once; earlier ones work no more. Raises ``Held``."""
        link = _asked(lambda: Site(door, connection).creator_url(remote_id))
        if not link:
            raise Held("unsupported", _("The LMS gave no link to its Creator for this learning resource."))
        return link

    def download(self, door: http.Door, connection: Connection, remote_id: str, *, container: bool) -> http.Answer:
        """A ZIP file of at most 100 MB. Raises ``Held`` where there is none."""
        return _asked(lambda: Site(door, connection).download(remote_id, container=container))

    # People --------------------------------------------------------------------------------------------------------

    def find_user(self, door: http.Door, connection: Connection, person: Person) -> RemoteUser:
        """By e-mail address, each account that is found compared anew."""
        return _somebody(lambda: people.find(Site(door, connection), person))

    def users(self, door: http.Door, connection: Connection) -> Sequence[RemoteAccount]:
        """All accounts that have an id and an e-mail address."""
        found = [records.account(one) for one in Site(door, connection).accounts()]
        return [one for one in found if one.remote_id and one.email]

    def create_user(self, door: http.Door, connection: Connection, person: Person) -> RemoteUser:
        """Add somebody with a password that nobody knows, unless they are there after all."""
        site = Site(door, connection)
        return _somebody(lambda: people.find(site, person) or people.add(site, person))

    def update_user(self, door: http.Door, connection: Connection, person: Person, remote_id: str) -> RemoteUser:
        """Bring names, address and profile up to date; nothing is sent where they are."""

        def change() -> str:
            people.change(Site(door, connection), person, remote_id)
            return remote_id

        return _somebody(change)

    def user_fields(self, door: http.Door, connection: Connection) -> Mapping[str, Sequence[str]]:
        """As ``backend/user/fields`` has them. Raises ``Held`` where the LMS does not tell."""
        return _asked(Site(door, connection).user_fields)

    # Assignments and progress --------------------------------------------------------------------------------------

    def compose_assignment(self, facts: AssignmentFacts, connection: Connection) -> bytes:
        """Who, what, and whether it is withdrawn; a due date cannot be told."""
        return Asked.of(facts).encode()

    def send_assignments(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Each by itself, after reading whether it is assigned."""
        return _each(door, connection, items, lambda site, item: assignments.tell(site, Asked.decode(item.content)))

    def read_progress(self, door: http.Door, connection: Connection, remote_id: str) -> Sequence[Progress]:
        """Everybody to whom it is assigned, one record each. Raises ``Held`` if it is not there."""
        return _asked(lambda: results.of_everybody(Site(door, connection), remote_id))


def _of_somebody(item: Item) -> Achieved | Asked:
    return Asked.decode(item.content) if item.kind is Kind.ASSIGNMENT else Achieved.decode(item.content)


def _each(
    door: http.Door, connection: Connection, items: Sequence[Item], act: Callable[[Site, Item], str]
) -> Exchange:
    site = Site(door, connection)
    return Exchange([_outcome(site, item, act) for item in items], site.answer)


def _outcome(site: Site, item: Item, act: Callable[[Site, Item], str]) -> ItemResult:
    try:
        return ItemResult(item.id, Outcome.DELIVERED, act(site, item))
    except Held as held:
        return ItemResult(item.id, Outcome.HELD, held.sentence, reason=held.reason)
    except Refused as refused:
        return ItemResult(item.id, Outcome.REJECTED, refused.sentence)


def _somebody(act: Callable[[], str]) -> RemoteUser:
    try:
        id = act()
    except Held as held:
        return RemoteUser("", held.sentence, held.reason)
    except Refused as refused:
        return RemoteUser("", refused.sentence, "not_valid")
    if id:
        return RemoteUser(id)
    nobody = people.unknown()
    return RemoteUser("", nobody.sentence, nobody.reason)


def _asked(act: Callable[[], _Answered]) -> _Answered:
    """What was asked for; ``Held`` where the LMS does not have it or does not give it."""
    try:
        return act()
    except NotThere:
        raise Held("unknown_content", _("The LMS does not know this (404).")) from None
    except Refused as refused:
        raise Held("not_valid", refused.sentence) from None
