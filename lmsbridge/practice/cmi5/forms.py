"""What the forms of the course page send: an upload or an address to import from, and the choices of a launch."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lmsbridge.practice.cmi5.course import LARGEST, BadCourse, decimal_of
from lmsbridge.practice.cmi5.documents import languages
from lmsbridge.practice.cmi5.sessions import Choices
from lmsbridge.practice.exchange import Request
from lmsbridge.practice.values import Invalid

SECONDS = 10


def uploaded(request: Request) -> bytes:
    """The course structure that the form brings or names; raises ``BadCourse`` with a sentence."""
    if len(request.body) > LARGEST:
        raise BadCourse(f"The file has more than {LARGEST} bytes.")
    parts = _parts(request)
    url = parts.get("url", b"").decode("utf-8", "replace").strip()
    document = parts.get("file") or (_download(url) if url else b"")
    if not document:
        raise BadCourse("Choose a file, or give its address.")
    return document


def _parts(request: Request) -> dict[str, bytes]:
    """The fields of a form in multipart/form-data (RFC 7578)."""
    boundary = request.headers.get_param("boundary")
    if request.headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise BadCourse("Send the file by the form of the course page.")
    found = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found[_field(BytesHeaderParser().parsebytes(head))] = content
    return found


def _field(head: Message) -> str:
    return str(head.get_param("name", "", "content-disposition"))


def _download(url: str) -> bytes:
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise BadCourse("The address must begin with http:// or https://.")
    try:
        with contextlib.closing(kinds[parts.scheme](parts.netloc, timeout=SECONDS)) as connection:
            connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
            answer = connection.getresponse()
            document: bytes = answer.read(LARGEST + 1)
    except (OSError, http.client.HTTPException, ValueError):
        raise BadCourse("There is no answer at this address.") from None
    if answer.status != 200:
        raise BadCourse(f"The address answers {answer.status}.")
    if len(document) > LARGEST:
        raise BadCourse(f"The file has more than {LARGEST} bytes.")
    return document


# Launching ---------------------------------------------------------------------------------------------------------


def fields_of(request: Request) -> dict[str, str]:
    """The fields of an ordinary form, each without blanks around it."""
    found = parse_qs(request.body.decode("utf-8", "replace"))
    return {name: given[-1].strip() for name, given in found.items()}


def choices_of(fields: Mapping[str, str]) -> Choices:
    """What was chosen for a launch; raises ``ValueError`` with a sentence."""
    given = fields.get("mastery_score", "")
    score = decimal_of(given) if given else None
    if given and score is None:
        raise ValueError("The score to pass with is a number from 0 to 1 with four decimals at most.")
    return Choices(
        mode=fields.get("mode", "Normal"),
        mastery_score=score,
        window=fields.get("window", "same"),
        answer=fields.get("answer", "token"),
        slash="no_slash" not in fields,
    )


def learner_of(fields: Mapping[str, str], address: str) -> dict[str, Any]:
    """The learner as an Agent with an account of this LMS (section 9.2), with a name if one is given."""
    name = fields.get("name", "")
    account = {"homePage": address, "name": fields.get("learner", "") or "1625378"}
    return {"objectType": "Agent", **({"name": name} if name else {}), "account": account}


def preferences_of(fields: Mapping[str, str]) -> tuple[str, str]:
    """Languages and audio as the learner prefers them, empty where nothing is chosen; ``ValueError`` says why not."""
    language, audio = fields.get("language", ""), fields.get("audio", "")
    try:
        if language:
            languages(language, "The languages")
    except Invalid:
        raise ValueError("Give the languages as tags with commas between them, such as en-US,fr.") from None
    return language, audio if audio in {"on", "off"} else ""
