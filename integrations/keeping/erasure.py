"""Erasing a person: what was achieved stays, who achieved it is forgotten everywhere in the database."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from integrations.keeping.launches import forget_launches_of
from integrations.models import (
    Attempt,
    Contact,
    Delivery,
    Difference,
    Incident,
    Lane,
    Launch,
    Mail,
    RemoteContent,
    RemoteProgress,
    RemoteUser,
)
from integrations.models.delivery import erased
from objectives import clock
from objectives.models import Assignment, Job, Membership, Participant, participant_erased
from objectives.scoping import TenantModel


class UnderWay(Exception):
    """A delivery about this person is in a request just now; in a minute it can be erased."""


@dataclasses.dataclass(frozen=True)
class Erased:
    """What erasing a person changed, in numbers."""

    pseudonym: str
    results: int  # kept, under the pseudonym
    delivered: int  # deliveries whose content was dropped; the LMS has them
    undelivered: int  # deliveries that are never sent now
    attempts: int  # exchanges whose answers were dropped
    launches: int  # launches of which nothing is left but that there was one
    texts: int  # other texts that named the person


def is_erased(participant: Participant) -> bool:
    """Whether this person was erased before."""
    return participant.is_erased


def erase(participant: Participant) -> Erased:
    """Forget a person in all rows of their organization, in one transaction.

    Raises ``UnderWay``, and changes nothing, while something about them is in a request.
    """
    with transaction.atomic():
        # Through the row's lock, so that nothing new is planned for the person meanwhile. Before the lanes: who
        # records a result takes the person's lock first, too, and the lane's at the end.
        person = Participant.objects.select_for_update().get(pk=participant.pk)
        # Before anything is looked at: what a worker has read by now is not sent any more, or is under way already.
        Lane.objects.filter(configuration__organization=person.organization_id, resting=False).touch()
        # Nothing more happens in their sessions, either: who plays locks the launch before anything is planned.
        list(Launch.objects.filter(participant=person).order_by("-pk").select_for_update().values_list("pk"))
        name = _Name(person, Participant.new_pseudonym())
        deliveries = Delivery.objects.about(person)
        lanes = set(deliveries.order_by().values_list("lane_id", flat=True))
        pks = set(deliveries.order_by().values_list("pk", flat=True))
        _look_whether_under_way(lanes, pks)
        delivered, undelivered = _drop(deliveries)
        attempts = _forget_answers(lanes, pks, name)
        participant_erased.send(sender=Participant, participant=person)
        _forget_what_lms_know(person)
        Participant.objects.filter(pk=person.pk).update(participant_id=name.pseudonym, name="", profile={})
        return Erased(
            pseudonym=name.pseudonym,
            results=person.results.count(),
            delivered=delivered,
            undelivered=undelivered,
            attempts=attempts,
            launches=forget_launches_of(person),
            texts=_forget_texts(person, name, deliveries),
        )


def _forget_what_lms_know(person: Participant) -> None:
    """Who the person is there, how far they were, and what was asked of them."""
    known = RemoteUser.objects.filter(participant=person)
    ids = Q(learner__in=known.values("remote_id")) & Q(content__configuration__in=known.values("configuration"))
    own = RemoteProgress.objects.filter(organization=person.organization_id)
    own.filter(Q(learner__iexact=person.participant_id) | ids).delete()
    known.delete()
    Difference.objects.filter(delivery__in=Delivery.objects.about(person)).delete()
    Assignment.objects.filter(participant=person).open().update(withdrawn_at=clock.now())


# A shorter id, or one of digits alone, would be found in numbers, dates and ordinary words.
SHORTEST = 6


def _is_telling(word: str) -> bool:
    """Whether a word that stands in a text means the person."""
    return "@" in word or (len(word) >= SHORTEST and any(map(str.isalpha, word)))


class _Name:
    """How a person is called in texts, and what to call them from now on."""

    def __init__(self, person: Participant, pseudonym: str) -> None:
        self.pseudonym = pseudonym
        called = [word for word in (person.participant_id, person.name) if _is_telling(word)]
        # Also as they stand in addresses and in JSON.
        self.words = {form for word in called for form in (word, quote(word, safe="@"), quote(word, safe=""))}
        self.words |= {json.dumps(word)[1:-1] for word in called}
        longest_first = sorted(self.words, key=len, reverse=True)
        named = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"
        # A link of ours comes first, so that nothing within it is found.
        links = rf"{re.escape(str(settings.PUBLIC_URL))}/\S*"
        self._named = re.compile(named, re.IGNORECASE)
        self._link_or_named = re.compile(rf"(?P<link>{links})|{named}", re.IGNORECASE)

    def without(self, text: str, *, keep_links: bool = False) -> str:
        """The text with the pseudonym in place of the person's id and name; on demand not within our own links."""
        if not self.words:
            return text
        pattern = self._link_or_named if keep_links else self._named
        return pattern.sub(lambda found: found.groupdict().get("link") or self.pseudonym, text)


def _drop(deliveries: Any) -> tuple[int, int]:
    delivered = deliveries.filter(state=Delivery.State.DELIVERED)
    undelivered = deliveries.exclude(state__in=[Delivery.State.DELIVERED, Delivery.State.ERASED])
    gone = undelivered.update(**erased())
    return delivered.exclude(content="").update(content="", dropped_at=clock.now(), sentence=""), gone


def _look_whether_under_way(lanes: Iterable[int], deliveries: set[int]) -> None:
    """Whose lease is over, its worker died: what it left open is no request any more."""
    busy = Lane.objects.filter(pk__in=lanes, lease_until__gte=Now()).values_list("pk", flat=True)
    if not deliveries.isdisjoint(Attempt.objects.all().under_way(busy)):
        raise UnderWay


def _forget_answers(lanes: Iterable[int], deliveries: set[int], name: _Name) -> int:
    """Answers to exchanges the person was part of."""
    exchanges = Attempt.objects.filter(lane__in=lanes).only("delivery_ids", "sentence", "answer")
    telling: list[tuple[int, str]] = []
    for one in exchanges.order_by("pk").iterator(1000):
        if deliveries.isdisjoint(one.delivery_pks):
            continue
        sentence = name.without(one.sentence)
        if one.answer or sentence != one.sentence:
            telling.append((one.pk, sentence))
    return sum(Attempt.objects.filter(pk=pk).update(answer="", sentence=sentence) for pk, sentence in telling)


# Texts -------------------------------------------------------------------------------------------------------------


def _forget_texts(person: Participant, name: _Name, deliveries: Any) -> int:
    """The few places in which an id may stand though none belongs there: somebody wrote it, or an LMS said it."""
    own = {"organization": person.organization_id}
    return sum(
        [
            _replace(deliveries, ["sentence"], name),
            _replace(Lane.objects.filter(configuration__organization=person.organization_id), ["sentence"], name),
            _replace(Incident.objects.filter(**own), ["sentence"], name),
            # Mails are of our own wording: their links lead to our pages and name nobody.
            _replace(Mail.objects.filter(**own), ["subject", "body", "sentence"], name, keep_links=True),
            _replace(RemoteContent.objects.filter(**own), ["last_error"], name),
            _replace(Job.objects.filter(**own), ["title", "reason", "sentence"], name),
            _replace_in_log(person, name),
        ]
    )


def _replace(rows: Any, columns: list[str], name: _Name, *, keep_links: bool = False) -> int:
    count = 0
    for row in rows.filter(_mentions(columns, name)).only(*columns):
        changes = {
            column: name.without(getattr(row, column), keep_links=keep_links)[: _longest(row, column)]
            for column in columns
        }
        if any(getattr(row, column) != text for column, text in changes.items()):
            count += type(row)._base_manager.filter(pk=row.pk).update(**changes)
    return count


def _longest(row: Any, column: str) -> int | None:
    """A pseudonym may be longer than what it stands for."""
    return getattr(row._meta.get_field(column), "max_length", None)


def _mentions(columns: list[str], name: _Name) -> models.Q:
    found = models.Q(pk__in=[])
    for column in columns:
        for word in name.words:
            found |= models.Q(**{f"{column}__icontains": word})
    return found


# The log -----------------------------------------------------------------------------------------------------------


def _replace_in_log(person: Participant, name: _Name) -> int:
    """What the log says of the person, whatever they were called then, and where entries of their organization do."""
    kind = ContentType.objects.get_for_model(Participant)
    about = LogEntry.objects.filter(content_type=kind, object_id=str(person.pk))
    count = about.exclude(object_repr=name.pseudonym).update(object_repr=name.pseudonym)
    columns = ["object_repr", "change_message"]
    entries = LogEntry.objects.filter(_mentions(columns, name)).select_related("content_type")
    own = [entry for entry in entries if _is_of(entry, person.organization_id)]
    return count + _replace(LogEntry.objects.filter(pk__in=[one.pk for one in own]), columns, name)


# Who may do what, and where alerts go: a person may have such a role besides learning, and keeps it.
NOT_ABOUT_LEARNERS = (Membership, Contact)


def _is_of(entry: LogEntry, organization: int) -> bool:
    """Whether an entry is about a row of the organization, or about one that a member of it saw the end of."""
    model = entry.content_type.model_class() if entry.content_type else None
    if model is None or not issubclass(model, TenantModel) or issubclass(model, NOT_ABOUT_LEARNERS):
        return False
    if not str(entry.object_id).isdecimal():
        return False
    row = model._default_manager.filter(pk=entry.object_id).values_list("organization_id", flat=True).first()
    if row is None:
        return Membership.objects.filter(organization=organization, user=entry.user_id).exists()
    return bool(row == organization)
