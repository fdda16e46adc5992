"""The connector contract: what dispatch hands to a connector and what comes back.

A connector translates between LMS Bridge and one kind of learning management system. It gets frozen dataclasses
and returns one outcome per item in a closed vocabulary; it sees no database row and calls nothing back. What
concerns a single item is an outcome; what concerns the whole destination is one of four exceptions. Anything else
that leaves a connector is a bug and stays loud.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
import email.utils
import enum
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.functional import Promise

if TYPE_CHECKING:
    from integrations.connectors.http import Answer, Destination, Door

# What goes in ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Secret:
    """A credential on its way to the one door out; never printed by accident."""

    value: str = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return "••••"


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one LMS: the type's own options as its form cleaned them, and the unsealed secrets by field."""

    options: Mapping[str, Any]
    secrets: Mapping[str, Secret]


@dataclasses.dataclass(frozen=True, slots=True)
class Launched:
    """What the LMS itself called learner, activity and session in the launch by which something was achieved."""

    actor: Mapping[str, Any]
    activity_id: str
    registration: str
    session_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a participant achieved, frozen when it was recorded; what a statement or a completion is made of."""

    id: uuid.UUID
    participant_id: str
    participant_name: str
    activity_iri: str
    activity_name: str
    activity_description: str
    language: str
    completion: bool
    success: bool | None
    score_scaled: Decimal | None
    score_raw: Decimal | None
    score_min: Decimal | None
    score_max: Decimal | None
    duration: datetime.timedelta | None
    timestamp: datetime.datetime
    launch: Launched | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One thing to tell the LMS: its id there and its frozen bytes."""

    id: uuid.UUID
    content: bytes = dataclasses.field(repr=False)


# What comes out ----------------------------------------------------------------------------------------------------


class Outcome(enum.Enum):
    """What became of one item in one exchange."""

    DELIVERED = "delivered"  # the LMS proved that it has the item
    REJECTED = "rejected"  # the LMS refuses this very item (a whole refused batch: every item)
    CONFLICT = "conflict"  # the LMS says it knows the id (a whole refused batch: every item); reading back settles it
    UNPROVEN = (
        "unproven"  # a success that proves nothing for this item; reading back or the same bytes again settle it
    )


@dataclasses.dataclass(frozen=True, slots=True)
class ItemResult:
    """The outcome of one item, with a sentence for the person who reads the delivery."""

    id: uuid.UUID
    outcome: Outcome
    sentence: str = ""
    certain: bool = False  # looked up: nothing else can be at fault


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """One finished request: an outcome for each item that was in it, and the answer they were read from."""

    results: Sequence[ItemResult]
    answer: Answer | None = None


class ReadBack(enum.Enum):
    """What reading one item back from the LMS showed."""

    SAME = "same"
    DIFFERENT = "different"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """What *Test connection* found: whether results can be sent, and in a sentence what happened and what to do."""

    ok: bool
    sentence: str
    answer: Answer | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """What asking for the token of a launch gave: the token, or a sentence that says why there is none."""

    token: Secret | None
    sentence: str
    status: int


class Held(Exception):
    """These facts cannot be told to this LMS until a person or a missing fact changes something; says what."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class DestinationError(Exception):
    """The whole destination is concerned, no item is to blame; ``sentence`` says what happened and what to do.

    ``answer`` is what came back, if anything did. ``retry_after`` is what the LMS asked for, in seconds.
    ``request_began`` tells that the LMS may have received the request, so that the items' fate is unknown.
    """

    def __init__(
        self,
        sentence: str,
        *,
        answer: Answer | None = None,
        retry_after: float | None = None,
        request_began: bool = True,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.answer = answer
        self.retry_after = retry_after
        self.request_began = request_began


def retry_after(text: str | None, now: datetime.datetime) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, between 1 s and 6 h; ``None`` for nonsense.

    RFC 9110, 10.2.3: whole seconds or a date.
    """
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        seconds = (moment - now).total_seconds()
        if seconds <= 0:
            return None
    return min(max(seconds, 1.0), 6 * 3600.0)


class CannotConnect(DestinationError):
    """No complete HTTP status line and headers arrived. ``phase`` says how far it got."""

    def __init__(self, sentence: str, *, phase: str, request_began: bool = False) -> None:
        super().__init__(sentence, request_began=request_began)
        self.phase = phase


class ServerError(DestinationError):
    """A complete HTTP answer arrived and it is no success.

    ``perhaps_one_item`` tells that some LMSs give this answer to one bad item among good ones,
    ``refuses_credentials`` that the LMS does not let these credentials do it.
    """

    perhaps_one_item = False
    refuses_credentials = False


class RateLimited(DestinationError):
    """The LMS asks to slow down (429, or 408 and 503 with ``Retry-After``)."""


class TooLarge(DestinationError):
    """The request was larger than the LMS takes (413)."""


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


class Connector(abc.ABC):
    """One kind of LMS. Stateless: everything a call needs is handed in."""

    label: ClassVar[str | Promise]
    options_form: ClassVar[type[OptionsForm]]
    max_batch: ClassVar[int] = 200
    max_bytes: ClassVar[int] = 512 * 1024
    # Whether an LMS of this kind can launch stories. Where it cannot, a launch is refused as it comes in, so that
    # the last two methods, which only launches need, are never asked for.
    takes_launches: ClassVar[bool] = False

    @abc.abstractmethod
    def can_send(self, connection: Connection) -> Held | None:
        """Why plain results cannot be sent over this connection at all, or ``None`` if they can."""

    @abc.abstractmethod
    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """The bytes that tell the LMS these facts, to be frozen; raises ``Held`` where a fact is missing."""

    @abc.abstractmethod
    def check(self, door: Door, connection: Connection) -> Check:
        """Prove address and credentials without saving anything anywhere."""

    @abc.abstractmethod
    def send_results(self, door: Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """One request with these items. Raises ``DestinationError`` where the whole destination is concerned."""

    @abc.abstractmethod
    def read_result(self, door: Door, connection: Connection, item: Item) -> tuple[ReadBack, Answer | None]:
        """Whether the LMS has this very item. Raises ``DestinationError`` where the destination is concerned."""

    def fetch_token(self, door: Door, address: Destination) -> Fetched:
        """Ask once for the token of a launch. Raises ``CannotConnect``."""
        raise NotImplementedError

    def launch_connection(
        self, connection: Connection, url: str, token: Secret | None, *, own_key: bool = False
    ) -> Connection:
        """How to reach the destination of a launch: with its token, with the configured key, or with none."""
        raise NotImplementedError
