"""Requests to one linked account, and the lists that come in pages."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import CannotConnect, Connection, Memory, ServerError
from integrations.connectors.scrubbing import scrub_answer
from integrations.connectors.stackone import answers
from integrations.connectors.stackone.answers import NotThere, Reply
from integrations.connectors.stackone.bodies import encode
from integrations.connectors.stackone.options import ADDRESS

PAGE_SIZE = 100  # the most that StackOne's guides name
PAGE_BYTES = 1024 * 1024
MOST_PAGES = 200
# So long may a list be read whose end is not needed, in seconds: an exchange has 40 for all its requests.
WALK_SECONDS = 12.0


class Endless(ServerError):
    """A list whose pages lead back to each other, or are more than can be read."""


class Calls:
    """Requests with the credentials of one connection, during one exchange."""

    def __init__(self, door: http.Door, connection: Connection) -> None:
        self._door = door
        self._connection = connection

    @property
    def memory(self) -> Memory:
        """What is remembered of this LMS."""
        return self._connection.memory

    def option(self, name: str) -> str:
        """One of the configuration's options; empty if it was never given."""
        return str(self._connection.options.get(name, ""))

    def get(self, *path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Read what is at this path, given in segments that are not encoded yet."""
        return self._call("GET", path, params=params)

    def send(self, method: str, *path: str, body: Mapping[str, Any]) -> Reply:
        """Send a body to this path."""
        return self._call(method, path, body=encode(body))

    def rows(
        self, *path: str, params: Mapping[str, str] | None = None, within: float = math.inf
    ) -> Iterator[Mapping[str, Any]]:
        """All rows of a list, page after page: a page may be empty and still not be the last.

        Raises what ``answers.rows`` raises, and ``Endless`` after the rows of a list that does not end, or not
        ``within`` so many seconds.
        """
        ends = time.monotonic() + within
        given = {**(params or {}), "page_size": str(PAGE_SIZE)}
        seen = {""}
        cursor = ""
        for _number in range(MOST_PAGES):
            reply = self.get(*path, params=given | ({"next": cursor} if cursor else {}))
            yield from self._page(path, reply)
            cursor = answers.cursor(reply)
            if not cursor:
                return
            if cursor in seen or time.monotonic() > ends:
                break
            seen.add(cursor)
        raise Endless(_("StackOne's list does not end. Ask StackOne about it."), request_began=False)

    def _page(self, path: tuple[str, ...], reply: Reply) -> Iterator[Mapping[str, Any]]:
        try:
            yield from answers.rows(reply)
        except NotThere:
            if len(path) > 1:
                raise
            # A whole collection is missing: it is the account that is not there.
            raise answers.refusal(reply) from None

    def _call(
        self, method: str, path: tuple[str, ...], *, params: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        headers = {
            "Authorization": self._authorization(),
            "x-account-id": self.option("account_id"),
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if body else {}),
        }
        where = self._destination(path)
        answer = self._door.request(method, where, headers=headers, body=body, params=params, max_body=PAGE_BYTES)
        return answers.read(scrub_answer(answer, self._connection))

    def _authorization(self) -> str:
        # The key as the user, and an empty password.
        pair = f"{self._connection.secrets['api_key'].value}:"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def _destination(self, path: tuple[str, ...]) -> http.Destination:
        try:
            base = http.parse(self.option("url") or ADDRESS)
        except http.AddressRefused as refused:
            raise CannotConnect(refused.sentence, phase="address") from None
        return base.join("/".join(["unified/lms", *(quote(segment, safe="") for segment in path)]))
