"""A connector that is thrown away after its test: one statement a request, put under its id."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django import forms

from integrations.connectors import http
from integrations.connectors.base import (
    Ability,
    Check,
    Connection,
    Connector,
    DestinationError,
    Exchange,
    Facts,
    Held,
    Item,
    ItemResult,
    OptionsForm,
    Outcome,
    RateLimited,
    ReadBack,
    ServerError,
    TooLarge,
    retry_after,
)
from objectives import clock

VERBS = {True: "passed", False: "failed", None: "completed"}


class LedgerOptions(OptionsForm):
    """Where it is, and the key that opens it."""

    secret_fields = ("ledger_key",)

    url = forms.CharField(label="Ledger's address")
    ledger_key = forms.CharField(label="Ledger's key", required=False)


class LedgerConnector(Connector):
    """An LMS with a ledger, in which each result has a line of its own."""

    label = "Ledger"
    options_form = LedgerOptions
    max_batch = 1
    abilities = frozenset({Ability.READ_BACK})

    def can_send(self, connection: Connection) -> Held | None:
        """With a key."""
        return None if "ledger_key" in connection.secrets else Held("not_ready", "The key is missing. Enter it.")

    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """A line of the ledger."""
        if "@" not in facts.participant_id:
            raise Held("no_email", "The participant id is no e-mail address.")
        verb = VERBS[facts.success]
        line = {
            "id": str(facts.id),
            "actor": {"mbox": f"mailto:{facts.participant_id}"},
            "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}", "display": {"en": verb}},
            "object": {"id": facts.activity_iri},
            "timestamp": facts.timestamp.isoformat(),
        }
        return json.dumps(line).encode()

    def check(self, door: http.Door, connection: Connection) -> Check:
        """Read any line."""
        answer = self._call(door, connection, "GET", {"limit": "1"})
        is_ledger = answer.status == 200 and answer.headers.get("Content-Type", "") == "application/json"
        return Check(is_ledger, "It answers." if is_ledger else str(_refusal(answer)), answer)

    def send_results(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """Put one line."""
        [item] = items
        answer = self._call(door, connection, "PUT", {"statementId": str(item.id)}, item.content)
        if answer.status == 204:
            return Exchange([ItemResult(item.id, Outcome.DELIVERED)], answer)
        if answer.status in {400, 409, 422}:
            return Exchange([ItemResult(item.id, Outcome.REJECTED, "The ledger refuses this line.")], answer)
        raise _refusal(answer)

    def read_result(self, door: http.Door, connection: Connection, item: Item) -> tuple[ReadBack, http.Answer | None]:
        """Read one line."""
        answer = self._call(door, connection, "GET", {"statementId": str(item.id)})
        if answer.status not in {200, 404}:
            raise _refusal(answer)
        return (ReadBack.SAME if answer.status == 200 else ReadBack.ABSENT), answer

    def _call(
        self, door: http.Door, connection: Connection, method: str, params: dict[str, str], body: bytes = b""
    ) -> http.Answer:
        headers = {
            "Authorization": f"Bearer {connection.secrets['ledger_key'].value}",
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
        }
        where = http.parse(connection.options["url"]).join("statements")
        return door.request(method, where, headers=headers, body=body, params=params)


def _refusal(answer: http.Answer) -> DestinationError:
    wait = retry_after(answer.headers.get("Retry-After"), clock.now())
    if answer.status == 413:
        return TooLarge("The line is too long.", answer=answer)
    if answer.status == 429 or (answer.status == 503 and wait is not None):
        return RateLimited("The ledger asks to slow down.", answer=answer, retry_after=wait)
    place = answer.headers.get("Location", "").partition("?")[0]
    error = ServerError(f"The ledger answers {answer.status}. {place}".strip(), answer=answer, retry_after=wait)
    error.perhaps_one_item = answer.status == 500
    error.refuses_credentials = answer.status in {401, 403}
    return error
