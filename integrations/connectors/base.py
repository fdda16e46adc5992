"""The connector contract: what dispatch hands to a connector and what comes back.

A connector translates between LMS Bridge and one kind of learning management system. It gets frozen dataclasses
and returns one outcome per item in a closed vocabulary; it sees no database row and calls nothing back. What
concerns a single item is an outcome; what concerns the whole destination is one of four exceptions. Anything else
that leaves a connector is a bug and stays loud.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.functional import Promise

from integrations.connectors.facts import (
    AssignmentFacts,
    Connection,
    ContentFacts,
    EventFacts,
    Facts,
    Item,
    Kind,
    Launched,
    Memory,
    Needs,
    Person,
    RemoteItem,
    Secret,
    Session,
)
from integrations.connectors.outcomes import (
    CannotConnect,
    CatalogueEntry,
    Check,
    DestinationError,
    Exchange,
    Fetched,
    Held,
    ItemResult,
    Opened,
    Outcome,
    Progress,
    RateLimited,
    ReadBack,
    RemoteAccount,
    RemoteUser,
    ServerError,
    TooLarge,
    Unsupported,
    retry_after,
)

__all__ = [
    "Ability",
    "AssignmentFacts",
    "CannotConnect",
    "CatalogueEntry",
    "Check",
    "Connection",
    "Connector",
    "ContentFacts",
    "DestinationError",
    "EventFacts",
    "Exchange",
    "Facts",
    "Fetched",
    "Held",
    "Item",
    "ItemResult",
    "Kind",
    "Launched",
    "Memory",
    "Needs",
    "Opened",
    "OptionsForm",
    "Outcome",
    "Person",
    "Progress",
    "RateLimited",
    "ReadBack",
    "RemoteAccount",
    "RemoteItem",
    "RemoteUser",
    "Secret",
    "ServerError",
    "Session",
    "TooLarge",
    "Unsupported",
    "retry_after",
]

if TYPE_CHECKING:
    from integrations.connectors.http import Answer, Destination, Door

# The contract ------------------------------------------------------------------------------------------------------


class OptionsForm(forms.Form):
    """The properties of one type of LMS configuration.

    Fields named in ``secret_fields`` are write-only and sealed; all others are stored as they are cleaned, so they
    must clean to JSON values. Those in ``credential_fields`` are no secret, but shown only to who may change them.
    ``address_field`` names the URL whose origin the secrets are bound to.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ()
    credential_fields: ClassVar[tuple[str, ...]] = ()
    address_field: ClassVar[str] = "url"

    def __init__(self, *args: Any, stored_secrets: frozenset[str] = frozenset(), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_secrets = stored_secrets

    def has_secret(self, field: str) -> bool:
        """Whether a secret is stored already or was entered just now."""
        return bool(self.cleaned_data.get(field)) or field in self.stored_secrets


class Ability(enum.StrEnum):
    """What LMSs of a type can do beside taking results. What one of them turned out not to can is in its memory."""

    LAUNCHES = "launches"  # it can launch stories
    CONTENT = "content"  # it takes objectives and stories into its catalogue
    CONTENT_UPDATES = "content_updates"  # it takes changes of them, too
    CONTENT_REMOVAL = "content_removal"  # they can be taken out again
    CATALOGUE = "catalogue"  # its catalogue can be read
    CATALOGUE_MAPPING = "catalogue_mapping"  # what is in its catalogue can stand for an objective
    CREATOR = "creator"  # it gives one-time links to where its content is made
    DOWNLOADS = "downloads"  # its content can be downloaded
    ASSIGNMENTS = "assignments"
    WITHDRAWALS = "withdrawals"  # assignments can be taken back
    USERS = "users"  # it has people, who can be looked up
    NEW_USERS = "new_users"  # and added and changed
    READ_BACK = "read_back"  # it can be asked what it has of a result
    PROGRESS = "progress"  # it can be asked how far everybody is with something


class Connector(abc.ABC):
    """One kind of LMS. Stateless: everything a call needs is handed in.

    What only LMSs with an ability can do raises ``Unsupported`` here; whoever asks looks at ``abilities`` first.
    All that asks an LMS raises ``DestinationError`` where the whole destination is concerned.
    """

    label: ClassVar[str | Promise]
    options_form: ClassVar[type[OptionsForm]]
    max_batch: ClassVar[int] = 200
    max_content_batch: ClassVar[int] = 1
    max_bytes: ClassVar[int] = 512 * 1024
    # What the vendor allows, where a configuration sets no limit of its own.
    requests_per_minute: ClassVar[int | None] = None
    abilities: ClassVar[frozenset[Ability]] = frozenset()

    def can(self, ability: Ability) -> bool:
        """Whether LMSs of this type can do this."""
        return ability in self.abilities

    def lacks(self, learned: Mapping[str, Any]) -> frozenset[Ability]:
        """Which of its type's abilities an LMS turned out not to have, by what is remembered of it."""
        return frozenset(one for one in self.abilities if learned.get(one.value) is False)

    @abc.abstractmethod
    def can_send(self, connection: Connection) -> Held | None:
        """Why plain results cannot be sent over this connection at all, or ``None`` if they can."""

    @abc.abstractmethod
    def check(self, door: Door, connection: Connection) -> Check:
        """Prove address and credentials without saving anything anywhere."""

    # Results -------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """The bytes that tell the LMS these facts, to be frozen; raises ``Held`` where a fact is missing."""

    @abc.abstractmethod
    def send_results(self, door: Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Tell results, or what else happened in a launch, with one outcome for each."""

    @abc.abstractmethod
    def read_result(self, door: Door, connection: Connection, item: Item) -> tuple[ReadBack, Answer | None]:
        """Whether the LMS has this very item."""

    def most(self, kind: Kind) -> int:
        """How many items of a kind go in one exchange."""
        return self.max_content_batch if kind is Kind.CONTENT else self.max_batch

    def needs(self, items: Sequence[Item]) -> Needs:
        """What is to be in the connection's memory when these items are sent or read."""
        return Needs()

    # Launches ------------------------------------------------------------------------------------------------------

    def fetch_token(self, door: Door, address: Destination) -> Fetched:
        """Ask once for the token of a launch. Raises ``CannotConnect``."""
        raise Unsupported

    def launch_connection(
        self,
        connection: Connection,
        url: str,
        token: Secret | None,
        *,
        own_key: bool = False,
        in_session: bool = False,
    ) -> Connection:
        """How to reach the destination of a launch: with its token, with the configured key, or with none.

        ``in_session`` tells that it is a cmi5 session, which the LMS follows by its rules.
        """
        raise Unsupported

    def open_session(self, door: Door, connection: Connection, launch: Launched) -> Opened:
        """Ask what the LMS says of a cmi5 session. Safe to repeat."""
        raise Unsupported

    def compose_event(self, facts: EventFacts, connection: Connection) -> bytes:
        """The statement about something in a cmi5 session, to be frozen; raises ``Held`` where it cannot be said."""
        raise Unsupported

    # Content -------------------------------------------------------------------------------------------------------

    def compose_content(self, facts: ContentFacts, connection: Connection) -> bytes:
        """The bytes that bring an objective or a story into the catalogue as it is, or take it out; frozen."""
        raise Unsupported

    def send_content(self, door: Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Bring contents into the catalogue, or take them out. Ids that the LMS gives go into the memory."""
        raise Unsupported

    def catalogue(self, door: Door, connection: Connection) -> Sequence[CatalogueEntry]:
        """All that the LMS's catalogue has."""
        raise Unsupported

    def creator_link(self, door: Door, connection: Connection, remote_id: str) -> str:
        """A one-time link to where the LMS's own content is made."""
        raise Unsupported

    def download(self, door: Door, connection: Connection, remote_id: str, *, container: bool) -> Answer:
        """The LMS's own content as a ZIP file: as a SCORM package, or as a container that loads it."""
        raise Unsupported

    # People --------------------------------------------------------------------------------------------------------

    def find_user(self, door: Door, connection: Connection, person: Person) -> RemoteUser:
        """Who somebody is there. What is found goes into the memory."""
        raise Unsupported

    def users(self, door: Door, connection: Connection) -> Sequence[RemoteAccount]:
        """Everybody whom the LMS knows."""
        raise Unsupported

    def create_user(self, door: Door, connection: Connection, person: Person) -> RemoteUser:
        """Add somebody, who is not there yet."""
        raise Unsupported

    def update_user(self, door: Door, connection: Connection, person: Person, remote_id: str) -> RemoteUser:
        """Bring what the LMS knows of somebody up to date."""
        raise Unsupported

    def user_fields(self, door: Door, connection: Connection) -> Mapping[str, Sequence[str]]:
        """The values that the LMS allows in the fields of its people's profiles."""
        raise Unsupported

    # Assignments and progress --------------------------------------------------------------------------------------

    def compose_assignment(self, facts: AssignmentFacts, connection: Connection) -> bytes:
        """The bytes that ask an objective of somebody, or no more; raises ``Held`` where a fact is missing."""
        raise Unsupported

    def send_assignments(self, door: Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Ask objectives of people, or no more."""
        raise Unsupported

    def read_progress(self, door: Door, connection: Connection, remote_id: str) -> Sequence[Progress]:
        """How far everybody is with something in the catalogue."""
        raise Unsupported
