"""What comes out of a connector: outcomes of items, what was found, and what concerns a whole destination."""

from __future__ import annotations

import dataclasses
import datetime
import email.utils
import enum
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from integrations.connectors.facts import Secret, Session

if TYPE_CHECKING:
    from integrations.connectors.http import Answer


class Outcome(enum.Enum):
    """What became of one item in one exchange."""

    DELIVERED = "delivered"  # the LMS proved that it has the item
    REJECTED = "rejected"  # the LMS refuses this very item (a whole refused batch: every item)
    CONFLICT = "conflict"  # the LMS says it knows the id (a whole refused batch: every item); reading back settles it
    UNPROVEN = (
        "unproven"  # a success that proves nothing for this item; reading back or the same bytes again settle it
    )
    HELD = "held"  # nothing is wrong with it, but a person or a missing fact has to come first; has a reason


@dataclasses.dataclass(frozen=True, slots=True)
class ItemResult:
    """The outcome of one item, with a sentence for the person who reads the delivery."""

    id: uuid.UUID
    outcome: Outcome
    sentence: str = ""
    certain: bool = False  # looked up: nothing else can be at fault
    reason: str = ""  # of what is held


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """One finished exchange: an outcome for each item that was in it, and the answer they were read from."""

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


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteUser:
    """Somebody as the LMS knows them; empty ``remote_id`` where it does not, or not for certain.

    ``reason`` is then that of a held delivery, ``sentence`` says what to do.
    """

    remote_id: str
    sentence: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteAccount:
    """One of the people in an LMS, as it knows them."""

    remote_id: str
    email: str
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One thing in an LMS's catalogue; ``reference`` is ours where the LMS keeps it, ``kind`` is the LMS's word."""

    remote_id: str
    name: str
    kind: str = ""
    reference: str = ""
    active: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody is with something, as the LMS says it.

    ``status`` is ``none`` where it is not assigned, ``not_started``, ``started``, ``completed``, ``passed`` or
    ``failed``; ``score`` is in percent, ``at`` when it was completed, ``learner`` the e-mail address or else the id
    there.
    """

    status: str
    score: Decimal | None = None
    at: datetime.datetime | None = None
    learner: str = ""
    remote_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """What asking for a cmi5 session gave: the session, or a sentence that says why the launch is no such session."""

    session: Session | None
    sentence: str = ""
    answer: Answer | None = None


class Held(Exception):
    """These facts cannot be told to this LMS until a person or a missing fact changes something; says what."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class Unsupported(Held):
    """LMSs of this type cannot do this, or this one showed that it cannot."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__("unsupported", sentence or _("This LMS cannot do this."))


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
