"""The commands of the API, one method each, and how they are asked.

Source: Open eLMS, "About the Open eLMS API", the only document there is; as of 2026-11.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _

from integrations.connectors import http
from integrations.connectors.base import (
    CannotConnect,
    CatalogueEntry,
    Connection,
    Held,
    Memory,
    Progress,
    ServerError,
    Unsupported,
)
from integrations.connectors.open_elms import records
from integrations.connectors.open_elms.answers import (
    NotThere,
    Refused,
    as_json,
    as_text,
    as_url,
    judged,
    prove,
    refusal,
    unreadable,
)

# Lists have no pages, and an account holds everything that it has been assigned.
MAX_LIST = 20 * 1024 * 1024
MAX_DOWNLOAD = 100 * 1024 * 1024
DOWNLOAD_SECONDS = 300.0
FORM = "application/x-www-form-urlencoded"  # what PHP reads with PUT, too
MASK = b"****"

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_Shaped = TypeVar("_Shaped")


class Site:
    """One Open eLMS. ``answer`` is what came back last.

    What is asked raises ``DestinationError``, or ``Refused`` or ``NotThere`` where it is about the one request. What
    results can do without raises ``Unsupported`` where the LMS does not have it.
    """

    def __init__(self, door: http.Door, connection: Connection) -> None:
        self._door = door
        self._connection = connection
        self.answer: http.Answer | None = None

    @property
    def memory(self) -> Memory:
        """What is remembered of this LMS."""
        return self._connection.memory

    def option(self, name: str) -> Any:
        """One of the configuration's options."""
        return self._connection.options.get(name)

    # People --------------------------------------------------------------------------------------------------------

    def search(self, email: str) -> list[records.Record]:
        """The accounts found for an e-mail address; some answer 404 if there is none."""
        try:
            answer = self._ask("GET", "users/", params={"email": email}, max_body=MAX_LIST)
        except NotThere:
            self.prove()
            return []
        found = self._shaped(answer, records.people)
        # Others may be among them, who are no business of whoever looks at the exchange.
        self.answer = dataclasses.replace(answer, body=b"")
        return found

    def accounts(self) -> list[records.Record]:
        """Everybody's accounts."""
        try:
            answer = self._ask("GET", "users/", max_body=MAX_LIST)
        except (NotThere, Refused):
            raise self._no_open_elms() from None
        return self._shaped(answer, records.people)

    def account(self, user: str) -> records.Record | None:
        """One account, or ``None`` if it is not there."""
        try:
            answer = self._ask("GET", f"users/{_segment(user)}", max_body=MAX_LIST)
        except NotThere:
            self.prove()
            return None
        found = self._shaped(answer, records.people)
        return next((one for one in found if records.user_id(one) in {"", user}), None)

    def add_user(self, form: Mapping[str, str]) -> None:
        """Add an account; the page says nothing of the answer."""
        self._ask("POST", "users/", form=form, optional="add_user")

    def change_user(self, user: str, form: Mapping[str, str]) -> None:
        """Change an account."""
        self._ask("PUT", f"users/{_segment(user)}", form=form, optional="change_user")

    def user_fields(self) -> dict[str, list[str]]:
        """The values that fields of accounts may have."""
        return self._shaped(
            self._ask("GET", "user/fields", max_body=MAX_LIST, optional="user_fields"), records.field_values
        )

    def assign(self, user: str, learning: str) -> None:
        """Give somebody a learning resource. Whether that resets their progress is unknown, so it is read before."""
        self._ask("PUT", f"assign/{_segment(user)}/{_segment(learning)}")

    def unassign(self, user: str, learning: str) -> None:
        """Take a learning resource from somebody."""
        self._ask("DELETE", f"unassign/{_segment(user)}/{_segment(learning)}", optional="unassign")

    # Learning resources --------------------------------------------------------------------------------------------

    def catalogue(self) -> list[CatalogueEntry]:
        """All learning resources, read once in a turn. Raises ``ServerError`` where there is no Open eLMS."""
        scratch = self.memory.scratch
        if "catalogue" not in scratch:
            try:
                answer = self._ask("GET", "learning", max_body=MAX_LIST)
            except (NotThere, Refused):
                raise self._no_open_elms() from None
            scratch["catalogue"] = self._shaped(answer, records.resources)
        found: list[CatalogueEntry] = scratch["catalogue"]
        return found

    def forget_catalogue(self) -> None:
        """Read the learning resources anew when they are asked for next."""
        self.memory.scratch.pop("catalogue", None)

    def resource(self, learning: str) -> CatalogueEntry | None:
        """One learning resource, or ``None`` if it is not there."""
        try:
            answer = self._ask("GET", f"learning/{_segment(learning)}", max_body=MAX_LIST)
        except NotThere:
            return None
        found = self._shaped(answer, records.resources)
        return next((one for one in found if one.remote_id == learning), None)

    def add_resource(self, name: str, kind: str) -> str:
        """Create a learning resource, an empty shell; its id, or nothing if the answer holds none."""
        form = {"name": name} | ({"type": kind} if kind else {})
        answer = self._ask("POST", "learning/new-resource", form=form, optional="add_resource")
        id = records.identifier(as_text(answer)) or _id_in(answer)
        if id and "catalogue" in self.memory.scratch:
            self.catalogue().append(CatalogueEntry(id, name, kind))
        return id

    def creator_url(self, learning: str) -> str:
        """A one-time link to the editor; earlier links work no more. Empty if the answer holds none."""
        return as_url(self._ask("GET", f"learning/creator-url/{_segment(learning)}", optional="creator_url"))

    def download(self, learning: str, *, container: bool) -> http.Answer:
        """The ZIP file of a SCORM resource, or of a container that loads it; at most ``MAX_DOWNLOAD`` bytes."""
        command = "download-container" if container else "download"
        path = f"learning/{command}/{_segment(learning)}"
        answer = self._ask("GET", path, max_body=MAX_DOWNLOAD, deadline=DOWNLOAD_SECONDS, optional=command)
        if answer.truncated:
            most = MAX_DOWNLOAD // (1024 * 1024)
            raise Held("unsupported", _("The file is larger than %(most)s MB. Download it there.") % {"most": most})
        if not answer.complete:
            raise ServerError(_("The download broke off. Try again."), answer=answer)
        if not answer.body.startswith(_ZIP):
            raise Unsupported(_not_a_package(container))
        return answer

    # Progress ------------------------------------------------------------------------------------------------------

    def progress(self, learning: str, user: str) -> Progress | None:
        """How far somebody is, or ``None`` if it is not assigned: both an empty list and 404 say so."""
        return _of(user, self._trainees(f"learning/{_segment(learning)}/trainees/{_segment(user)}"))

    def trainees(self, learning: str) -> list[Progress]:
        """How far everybody is to whom a learning resource is assigned."""
        return self._trainees(f"learning/{_segment(learning)}/trainees")

    def _trainees(self, path: str) -> list[Progress]:
        try:
            answer = self._ask("GET", path, max_body=MAX_LIST)
        except NotThere:
            self.prove()
            return []
        return self._shaped(answer, records.progresses)

    def set_progress(self, learning: str, user: str, action: str, score: int | None) -> Progress | None:
        """Say ``start``, ``complete`` or ``fail``; the progress after it, or ``None`` if the answer tells none.

        The score is whole, from 0 to 100; without one its segment is left out together with its slash.
        """
        path = f"learning/{_segment(learning)}/{_segment(user)}/{action}"
        answer = self._ask("PUT", path if score is None else f"{path}/{score}")
        try:
            return _of(user, records.progresses(answer.json()))
        except ValueError:
            return None

    # How it is asked -----------------------------------------------------------------------------------------------

    def prove(self) -> None:
        """Raise ``DestinationError`` unless there is an Open eLMS that takes the token; asked once in a turn.

        404 may be about the person, the learning resource or the address; this tells.
        """
        if "catalogue" in self.memory.scratch or self.memory.scratch.get("proven"):
            return
        prove(self._request("GET", "learning"))
        self.memory.scratch["proven"] = True

    def _ask(
        self, method: str, path: str, *, form: Mapping[str, str] | None = None, optional: str = "", **options: Any
    ) -> http.Answer:
        """One command, judged; ``optional`` names it where results can do without it."""
        answer = self._request(method, path, form=form, **options)
        if optional and answer.status in {200, 501}:
            self._learn(optional, missing=answer.status == 501)
        return judged(answer, optional=bool(optional))

    def _learn(self, command: str, *, missing: bool) -> None:
        """Which commands this LMS turned out not to have, by their names in ``memory.learned["missing"]``."""
        before = set(self.memory.learned.get("missing", []))
        after = before | {command} if missing else before - {command}
        if after != before:
            self.memory.learned["missing"] = sorted(after)

    def _request(
        self, method: str, path: str, *, form: Mapping[str, str] | None = None, **options: Any
    ) -> http.Answer:
        try:
            destination = http.parse(str(self.option("url"))).join(f"backend/{path}")
        except http.AddressRefused as refused:
            raise CannotConnect(refused.sentence, phase="address") from None
        headers = {
            # Raw, as the API page shows it, and not in base64 as RFC 7617 has it.
            "Authorization": f"Basic {self._connection.secrets['token'].value}",
            "Accept": "application/json",
            **({} if form is None else {"Content-Type": FORM}),
        }
        body = urlencode(form or {}).encode()
        answer = self._door.request(method, destination, headers=headers, body=body, **options)
        self.answer = _without((form or {}).get("password"), answer)
        return self.answer

    def _shaped(self, answer: http.Answer, read: Callable[[Any], _Shaped]) -> _Shaped:
        try:
            return read(as_json(answer))
        except ValueError:
            raise unreadable(answer) from None

    def _no_open_elms(self) -> ServerError:
        assert self.answer is not None  # noqa: S101 - tells the type checker that there was an answer
        return ServerError(refusal(self.answer).sentence, answer=self.answer)


def _segment(id: str) -> str:
    return quote(id, safe="")


def _of(user: str, found: list[Progress]) -> Progress | None:
    """Somebody's newest record; those that say they are somebody else's do not count."""
    return records.newest(one for one in found if one.remote_id in {"", user})


def _without(password: str | None, answer: http.Answer) -> http.Answer:
    """The answer without a password that was sent and may have been echoed; it reads the same in every encoding."""
    if not password:
        return answer
    return dataclasses.replace(answer, body=answer.body.replace(password.encode(), MASK))


def _id_in(answer: http.Answer) -> str:
    try:
        found = records.resources(answer.json())
    except ValueError:
        return ""
    return found[0].remote_id if len(found) == 1 else ""


def _not_a_package(container: bool) -> str:
    if container:
        return _(
            "The LMS gives no container for this. It must be e-learning (SCORM), and allowSCORMContainerPlayer must "
            "be switched on there."
        )
    return _("The LMS gives no package for this. It must be e-learning (SCORM).")
