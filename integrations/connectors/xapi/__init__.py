"""xAPI: results as statements to any LMS or learning record store.

Sources: xAPI 1.0.3 Part Two (Data) and Part Three (Communication), cited as X2 and X3.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.connectors import http
from integrations.connectors.base import (
    Ability,
    CannotConnect,
    Check,
    Connection,
    Connector,
    EventFacts,
    Exchange,
    Facts,
    Fetched,
    Held,
    Item,
    ItemResult,
    Launched,
    Opened,
    Outcome,
    RateLimited,
    ReadBack,
    Secret,
    ServerError,
)
from integrations.connectors.xapi import cmi5
from integrations.connectors.xapi.answers import comparable, is_json, read_answer, refusal
from integrations.connectors.xapi.launches import connection_of, fetch_token
from integrations.connectors.xapi.options import XapiOptions
from integrations.connectors.xapi.statements import encode, problem, statement


def authorization(connection: Connection) -> str:
    """The value of the ``Authorization`` header (X3 4.0; Bearer is a vendors' extension)."""
    options, secrets = connection.options, connection.secrets
    if options.get("auth") == "key_secret":
        pair = f"{options.get('key', '')}:{secrets['key_secret'].value}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    scheme = "Bearer" if options.get("auth") == "bearer" else "Basic"
    return f"{scheme} {secrets['api_key'].value}"


def _found(item: Item, answer: http.Answer | None) -> Exchange:
    return Exchange([ItemResult(item.id, Outcome.DELIVERED, _("Found in the LMS."))], answer)


def _encoded(told: Mapping[str, Any]) -> bytes:
    try:
        return encode(told)
    except (UnicodeEncodeError, ValueError):
        raise Held("not_valid", _("A name holds characters that cannot be sent. Correct it.")) from None


class XapiConnector(Connector):
    """Statements to any LMS or record store that speaks xAPI 1.0.3 or 2.0.0."""

    label = gettext_lazy("xAPI")
    options_form = XapiOptions
    abilities = frozenset({Ability.LAUNCHES, Ability.READ_BACK})

    def can_send(self, connection: Connection) -> Held | None:
        """Results need a URL and a credential."""
        options = connection.options
        if not options.get("url"):
            sentence = _(
                "No address yet: this configuration serves launches only. Results wait until URL and key are entered."
            )
            return Held("not_ready", sentence)
        needed = "key_secret" if options.get("auth") == "key_secret" else "api_key"
        if needed not in connection.secrets:
            label = XapiOptions.base_fields[needed].label
            return Held(
                "not_ready", _("%(field)s is missing. Enter it again on the configuration.") % {"field": label}
            )
        return None

    def compose(self, facts: Facts, connection: Connection) -> bytes:
        """The statement's frozen bytes, valid xAPI or ``Held``."""
        in_session = facts.launch is not None and facts.launch.session is not None
        told = cmi5.result(facts, facts.launch) if in_session and facts.launch else statement(facts)
        wrong = problem(facts)
        if wrong is not None:
            raise Held("not_valid", wrong)
        return _encoded(told)

    def compose_event(self, facts: EventFacts, connection: Connection) -> bytes:
        """The statement's frozen bytes."""
        return _encoded(cmi5.event(facts))

    def check(self, door: http.Door, connection: Connection) -> Check:
        """``GET statements?limit=1`` proves address and credentials; ``about`` may be open to everybody."""
        held = self.can_send(connection)
        if held is not None:
            return Check(False, held.sentence)
        answer = self._call(door, connection, "GET", params={"limit": "1"})
        if answer.status == 403:
            sentence = _(
                "The LMS can be reached and knows the key, but does not let it read (403); it may still write."
            )
            return Check(True, sentence, answer)
        if answer.status != 200:
            error = refusal(answer)
            if isinstance(error, RateLimited):
                raise error
            return Check(False, error.sentence, answer)
        try:
            found = answer.json() if is_json(answer) else None
        except ValueError:
            # A page of statements larger than the door lets in is still one.
            found = {"statements": []} if answer.truncated and b'"statements"' in answer.body else None
        if isinstance(found, dict) and isinstance(found.get("statements"), list):
            return Check(True, _("The LMS was reached and accepts the credentials."), answer)
        return Check(
            False, _("The address answers, but not as a record store does. Check the path of the URL."), answer
        )

    def send_results(self, door: http.Door, connection: Connection, items: Sequence[Item]) -> Exchange:
        """One POST with a JSON list of the frozen statements (X3 2.1.2); in a cmi5 session each by itself."""
        if connection.options.get("in_session"):
            return self._send_in_session(door, connection, items[0])
        body = b"[" + b",".join(item.content for item in items) + b"]"
        return read_answer(self._call(door, connection, "POST", body=body), items)

    def _send_in_session(self, door: http.Door, connection: Connection, item: Item) -> Exchange:
        """403 answers a repeat as well as what is against the rules: reading the statement tells them apart."""
        if item.doubtful:
            found, answer = self.read_result(door, connection, item)
            if found is ReadBack.SAME:
                return _found(item, answer)
            if found is ReadBack.FORBIDDEN and cmi5.is_end(item.content):
                sentence = _("The LMS closed the session, as it does once it knows of its end; taken for delivered.")
                return Exchange([ItemResult(item.id, Outcome.DELIVERED, sentence)], answer)
        answer = self._call(door, connection, "POST", body=b"[" + item.content + b"]")
        if answer.status != 403:
            return read_answer(answer, [item])
        found, read = self.read_result(door, connection, item)
        if found is ReadBack.FORBIDDEN:
            raise refusal(answer)
        if found is ReadBack.SAME:
            return _found(item, read)
        sentence = _("The LMS refuses this statement by the rules of cmi5 (403).")
        return Exchange([ItemResult(item.id, Outcome.REJECTED, sentence, certain=True)], answer)

    def read_result(self, door: http.Door, connection: Connection, item: Item) -> tuple[ReadBack, http.Answer | None]:
        """``GET statements?statementId=…``; Ralph wraps what it found, and what it did not find, in a list."""
        answer = self._call(door, connection, "GET", params={"statementId": str(item.id)})
        if answer.status == 404:
            return ReadBack.ABSENT, answer
        if answer.status in {401, 403, 405, 501}:
            return ReadBack.FORBIDDEN, answer
        if answer.status != 200:
            raise refusal(answer)
        try:
            found = answer.json()
        except ValueError:
            raise ServerError(_("The LMS sent a statement back that cannot be read."), answer=answer) from None
        if isinstance(found, dict) and isinstance(found.get("statements"), list):
            found = found["statements"][0] if found["statements"] else None
        if not isinstance(found, dict):
            return ReadBack.ABSENT, answer
        alike = cmi5.comparable if connection.options.get("in_session") else comparable
        same = alike(found) == alike(json.loads(item.content))
        return (ReadBack.SAME if same else ReadBack.DIFFERENT), answer

    def fetch_token(self, door: http.Door, address: http.Destination) -> Fetched:
        """As cmi5 wants it."""
        return fetch_token(door, address)

    def launch_connection(
        self,
        connection: Connection,
        url: str,
        token: Secret | None,
        *,
        own_key: bool = False,
        in_session: bool = False,
    ) -> Connection:
        """A token goes out as it is after ``Basic`` (cmi5 8.2.2)."""
        return connection_of(connection, url, token, own_key=own_key, in_session=in_session)

    def open_session(self, door: http.Door, connection: Connection, launch: Launched) -> Opened:
        """As cmi5 wants it: launch data first, then the learner's preferences."""

        def get(resource: str, params: Mapping[str, str]) -> http.Answer:
            return self._call(door, connection, "GET", resource, params=params)

        return cmi5.open_session(get, launch)

    def _call(
        self,
        door: http.Door,
        connection: Connection,
        method: str,
        resource: str = "statements",
        *,
        body: bytes = b"",
        params: Mapping[str, str] | None = None,
    ) -> http.Answer:
        try:
            destination = http.parse(connection.options["url"]).join(resource)
        except http.AddressRefused as refused:
            raise CannotConnect(refused.sentence, phase="address") from None
        headers = {
            # A launch may lead to a server for which nobody has entered a key.
            **({"Authorization": authorization(connection)} if connection.secrets else {}),
            "X-Experience-API-Version": connection.options.get("version", "1.0.3"),
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if body else {}),
        }
        return door.request(method, destination, headers=headers, body=body, params=params)
