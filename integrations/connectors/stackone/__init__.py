"""StackOne: content, assignments and completions to any LMS that StackOne's unified LMS API reaches.

Sources: the API's description of version 4.34.1 (2026-02) and StackOne's guides, https://docs.stackone.com
"""

from __future__ import annotations

from collections.abc import Sequence

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
    Kind,
    Needs,
    Person,
    Progress,
    ReadBack,
    RemoteAccount,
    RemoteUser,
    ServerError,
    TooLarge,
    Unsupported,
)
from integrations.connectors.stackone import answers, bodies, contents, people, progress, sending
from integrations.connectors.stackone.bodies import Told
from integrations.connectors.stackone.calls import Calls
from integrations.connectors.stackone.options import COMPLETE_ONLY, StackOneOptions


class StackOneConnector(Connector):
    """One linked account of StackOne's unified LMS API."""

    label = gettext_lazy("StackOne")
    options_form = StackOneOptions
    max_batch = 1
    max_content_batch = 50
    # Per API key; StackOne guides, rate limiting.
    requests_per_minute = 1000
    abilities = frozenset(
        {
            Ability.CONTENT,
            Ability.CONTENT_UPDATES,
            Ability.CONTENT_REMOVAL,
            Ability.CATALOGUE,
            Ability.ASSIGNMENTS,
            Ability.USERS,
            Ability.READ_BACK,
            Ability.PROGRESS,
        }
    )

    def can_send(self, connection: Connection) -> Held | None:
        """Everything needs an API key and an account id."""
        if "api_key" not in connection.secrets:
            return Held("not_ready", _("The API key is missing. Enter it again on the configuration."))
        if not connection.options.get("account_id"):
            return Held("not_ready", _("The account id is missing. Enter it on the configuration."))
        return None

    def check(self, door: http.Door, connection: Connection) -> Check:
        """Read a page of content, which proves key and account, then one of users, to learn whether there are any."""
        held = self.can_send(connection)
        if held is not None:
            return Check(False, held.sentence)
        calls = Calls(door, connection)
        try:
            first = calls.get("content", params={"page_size": "1"})
            _is_there(first)
            knows_users = _is_there(calls.get("users", params={"page_size": "1"}))
        except (ServerError, TooLarge) as error:
            return Check(False, error.sentence, error.answer)
        learned = connection.memory.learned
        # Whoever checks has perhaps changed something there: what was not supported is tried again.
        tried = {*(one.value for one in self.abilities), people.EMAIL_FILTER}
        learned |= {name: True for name in tried if learned.get(name) is False}
        learned[people.USERS] = knows_users
        return Check(True, _reached(calls, knows_users=knows_users), first.answer)

    # Results -------------------------------------------------------------------------------------------------------

    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """A completion; for what is not finished an assignment in progress, where assignments are sent at all."""
        participant_id = bodies.email(facts.participant_id)
        learner = facts.profile.get(str(connection.options.get("learner_field", "")), "")
        if facts.completion or facts.success is not None:
            return bodies.freeze(Told(bodies.completion(facts), True, participant_id, learner))
        if connection.options.get("flow", COMPLETE_ONLY) == COMPLETE_ONLY:
            raise Held("unsupported", _("By this configuration's choice the LMS is only told what is completed."))
        return bodies.freeze(Told(bodies.beginning(facts), False, participant_id, learner))

    def send_results(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """One after the other, since completions have no batch."""
        return _one_by_one(Calls(door, connection), items)

    def read_result(self, door: http.Door, connection: Connection, item: Item) -> tuple[ReadBack, http.Answer | None]:
        """Among the learner's own completions or assignments; content in the catalogue."""
        calls = Calls(door, connection)
        try:
            if item.kind is Kind.CONTENT:
                return contents.read_back(calls, bodies.thaw(item.content).body), None
            return sending.read_back(calls, item), None
        except Unsupported:
            return ReadBack.FORBIDDEN, None
        except ServerError as error:
            if error.answer is not None and error.answer.status == 403:
                return ReadBack.FORBIDDEN, error.answer
            raise

    def needs(self, items: Sequence[Item]) -> Needs:
        """The learners and the contents that the items are about."""
        told = [bodies.thaw(item.content) for item in items]
        return Needs(
            users=frozenset(one.participant_id for one in told if one.participant_id),
            contents=frozenset(one.reference for one in told),
        )

    # Content -------------------------------------------------------------------------------------------------------

    def compose_content(self, facts: ContentFacts, connection: Connection) -> bytes:
        """The whole item, since updates are never partial."""
        return bodies.freeze(Told(bodies.content(facts)))

    def send_content(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """An upsert by external reference; of several a batch, which the LMS works through later."""
        return contents.send(Calls(door, connection), items)

    def catalogue(self, door: http.Door, connection: Connection) -> Sequence[CatalogueEntry]:
        """Page by page, as far as ``Calls.rows`` goes."""
        found = contents.catalogue(Calls(door, connection))
        # While the pages are read something may move from one to the next.
        return list({entry.remote_id: entry for entry in found if entry.remote_id}.values())

    # People, assignments and progress ------------------------------------------------------------------------------

    def find_user(self, door: http.Door, connection: Connection, person: Person) -> RemoteUser:
        """By e-mail address; where StackOne knows no users, by the id in the profile or the participant id."""
        learner = person.profile.get(str(connection.options.get("learner_field", "")), "")
        return people.find(Calls(door, connection), person.participant_id, learner)

    def users(self, door: http.Door, connection: Connection) -> Sequence[RemoteAccount]:
        """Page by page, as far as ``Calls.rows`` goes. Raises ``Unsupported`` where StackOne knows no users."""
        return list({one.remote_id: one for one in people.everybody(Calls(door, connection))}.values())

    def compose_assignment(self, facts: AssignmentFacts, connection: Connection) -> bytes:
        """An assignment; one that was made cannot be taken back."""
        if facts.withdrawn:
            raise Unsupported(_("StackOne cannot take an assignment back. Take it back in the LMS."))
        participant_id = bodies.email(facts.participant_id)
        learner = facts.profile.get(str(connection.options.get("learner_field", "")), "")
        return bodies.freeze(Told(bodies.assignment(facts), False, participant_id, learner))

    def send_assignments(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """One after the other, each only where the LMS has none."""
        return _one_by_one(Calls(door, connection), items)

    def read_progress(self, door: http.Door, connection: Connection, remote_id: str) -> Sequence[Progress]:
        """From the lists of all completions and all assignments; ``remote_id`` may be our reference, too."""
        return progress.read(Calls(door, connection), remote_id)


def _one_by_one(calls: Calls, items: Sequence[Item]) -> Exchange:
    exchanges = [sending.send(calls, item) for item in items]
    return Exchange([result for exchange in exchanges for result in exchange.results], exchanges[-1].answer)


def _is_there(reply: answers.Reply) -> bool:
    """Whether this kind of thing exists there. Raises a ``DestinationError``."""
    try:
        answers.rows(reply)
    except Unsupported:
        return False
    except answers.NotThere:
        raise answers.refusal(reply) from None
    return True


def _reached(calls: Calls, *, knows_users: bool) -> str:
    if knows_users:
        return _("StackOne was reached and accepts key and account.")
    if calls.option("learner_field"):
        return _(
            "StackOne was reached and accepts key and account. It knows no users of this LMS, so learners are named "
            "by the profile field “%(field)s”."
        ) % {"field": calls.option("learner_field")}
    return _(
        "StackOne was reached and accepts key and account. It knows no users of this LMS, so learners are named by "
        "their participant ids."
    )
