"""What is remembered of an LMS: read before an exchange as far as its items need it, kept after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from django.db import transaction

from integrations.connectors.base import Memory, Needs, RemoteItem
from integrations.connectors.http.answers import clean
from integrations.dispatch.outlast import repeated
from integrations.models import Lane, LMSConfiguration, RemoteContent, RemoteUser
from objectives import clock
from objectives.models import Participant

Value = TypeVar("Value")
# People change; who they are in an LMS is looked up again after this.
USERS_KEPT_FOR = timedelta(days=30)
# Of what a person in an LMS is called; a longer text is no id.
LONGEST_ID = 1000


class Remembering:
    """One turn's memory of an LMS: loads what is needed and keeps what a connector added to it or took away."""

    def __init__(self, lane: Lane, token: uuid.UUID, memory: Memory) -> None:
        self._lane = lane
        self._token = token
        self._configuration: LMSConfiguration = lane.configuration
        self._memory = memory
        memory.learned = dict(lane.learned)
        self._learned = dict(lane.learned)
        self._users: dict[str, str | None] = {}
        self._contents: dict[str, RemoteItem | None] = {}

    @repeated
    def load(self, needs: Needs) -> None:
        """Have in memory whatever is known of these people and contents."""
        self._load_users(needs.users - self._memory.users.keys())
        self._load_contents(needs.contents - self._memory.contents.keys())
        if needs.contents and needs.taken:
            taken = RemoteContent.objects.filter(configuration=self._configuration).exclude(remote_id="")
            self._memory.taken = frozenset(taken.values_list("remote_id", flat=True))

    def _load_users(self, wanted: Iterable[str]) -> None:
        if not (wanted := set(wanted)):
            return
        known = RemoteUser.objects.filter(
            configuration=self._configuration,
            participant__participant_id__in=wanted,
            found_at__gt=clock.now() - USERS_KEPT_FOR,
        )
        found = dict(known.values_list("participant__participant_id", "remote_id"))
        self._memory.users |= found
        self._users |= found

    def _load_contents(self, wanted: Iterable[str]) -> None:
        if not (wanted := set(wanted)):
            return
        known = RemoteContent.objects.filter(configuration=self._configuration, external_reference__in=wanted)
        found = {one.external_reference: one.as_item() for one in known if one.remote_id or one.name}
        self._memory.contents |= found
        self._contents |= found

    @repeated
    def keep(self) -> None:
        """Write down what changed. By itself, so that an id that an LMS gave is not lost with what went wrong later.

        Only while the lane is ours: who has it now knows better.
        """
        memory = self._memory
        users = _changed(self._users, memory.users)
        contents = _changed(self._contents, memory.contents)
        learned = {name: value for name, value in memory.learned.items() if self._learned.get(name) != value}
        if not (users or contents or learned):
            return
        with transaction.atomic():
            # Locked before contents, as by everybody who changes both.
            if not Lane.objects.holding(self._lane.pk, self._token).locked().exists():
                return
            self._keep_users(users)
            self._keep_contents(contents)
            if learned:
                self._lane.learned = self._lane.learned | learned
                Lane.objects.holding(self._lane.pk, self._token).update(learned=self._lane.learned)
        self._users |= users
        self._contents |= contents
        self._learned |= learned

    def _keep_users(self, changed: dict[str, str | None]) -> None:
        organization = self._configuration.organization_id
        people = Participant.objects.filter(organization=organization, participant_id__in=changed)
        for person in people:
            remote_id = changed[person.participant_id]
            own = {"configuration": self._configuration, "participant": person}
            if remote_id is None or not _is_id(remote_id):
                RemoteUser.objects.filter(**own).delete()
            else:
                told = {"remote_id": remote_id, "found_at": clock.now(), "organization_id": organization}
                RemoteUser.objects.update_or_create(**own, defaults=told)

    def _keep_contents(self, changed: dict[str, RemoteItem | None]) -> None:
        for reference, item in changed.items():
            own = {"configuration": self._configuration, "external_reference": reference}
            remote_id = item.remote_id if item is not None and _is_id(item.remote_id) else ""
            if item is None or item.broken:
                RemoteContent.objects.filter(**own).update(remote_id="", name="")
            elif self._is_free(remote_id, reference):
                told = {"remote_id": remote_id, "name": clean(item.name)}
                organization = {"organization_id": self._configuration.organization_id}
                RemoteContent.objects.update_or_create(**own, defaults=told, create_defaults=told | organization)

    def _is_free(self, remote_id: str, reference: str) -> bool:
        """Whether the id does not stand for another content already."""
        others = RemoteContent.objects.filter(configuration=self._configuration, remote_id=remote_id)
        return not remote_id or not others.exclude(external_reference=reference).exists()


def _is_id(text: str) -> bool:
    """Whether this may be what something is called: not what no database keeps, and nobody would find again."""
    return len(text) <= LONGEST_ID and clean(text) == text


def _changed(before: dict[str, Value], after: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in after.items() if name not in before or before[name] != value}
