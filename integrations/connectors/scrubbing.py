"""Taking credentials out of what an LMS said, before anybody sees or stores it: some echo the request back."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from integrations.connectors.base import Connection
from integrations.connectors.http import Answer

MASK = "••••"
# Shorter texts stand in ordinary words, too; replacing them would tell what they are.
SHORTEST = 4


def scrub(text: str, connection: Connection) -> str:
    """``text`` without the secrets of ``connection``, neither plain nor URL-encoded nor in base64."""
    forms = set(_forms(connection))
    forms |= {form.replace("/", "\\/") for form in forms}  # as PHP writes it in JSON
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def scrub_answer(answer: Answer, connection: Connection) -> Answer:
    """The answer with its whole body scrubbed, before any of it is cut off."""
    if not answer.body:
        return answer
    return dataclasses.replace(answer, body=scrub(answer.body.decode(errors="replace"), connection).encode())


def _forms(connection: Connection) -> Iterator[str]:
    names = ["", *(value for value in connection.options.values() if isinstance(value, str) and value)]
    for secret in connection.secrets.values():
        if len(secret.value) < SHORTEST:
            continue
        yield from {json.dumps(secret.value, ensure_ascii=only)[1:-1] for only in (True, False)}
        yield from {secret.value, quote(secret.value, safe=""), quote_plus(secret.value)}
        yield _base64(secret.value)
        yield _base64(f"{secret.value}:")  # a key with an empty password
        for name in names:
            yield _base64(f"{name}:{secret.value}")  # RFC 7617: what stands after "Basic"


def _base64(text: str) -> str:
    # Without its padding, so that it is found with and without.
    return base64.b64encode(text.encode()).decode("ascii").rstrip("=")
