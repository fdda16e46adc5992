"""The practice LMS's mail server: takes every mail, passes none on, keeps the newest to be looked at (RFC 5321)."""

from __future__ import annotations

import contextlib
import dataclasses
import email.policy
import socket
import threading
from collections import deque
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from socketserver import StreamRequestHandler, ThreadingTCPServer

KEPT = 200
LARGEST_MAIL = 1024 * 1024
LONGEST_LINE = 1000  # RFC 5321, 4.5.3.1.6, with its end
MOST_RECIPIENTS = 100
IDLE_SECONDS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """One mail as it came; ``number`` counts from 1 and never goes down."""

    number: int
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail with its headers and text taken apart."""
        return BytesParser(policy=email.policy.default).parsebytes(self.content)

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The plain text, decoded; empty if there is none that can be read."""
        part = self.message.get_body(("plain",))
        try:
            return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
        except LookupError:  # an unknown character set
            return ""


class Inbox:
    """The newest mails, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: deque[Letter] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, sender: str, recipients: tuple[str, ...], content: bytes) -> None:
        """Keep one more, and forget the oldest if there are too many."""
        with self._lock:
            self._count += 1
            self._letters.append(Letter(self._count, datetime.now(UTC), sender, recipients, content))

    @property
    def letters(self) -> list[Letter]:
        """What is kept, newest first."""
        with self._lock:
            return list(reversed(self._letters))

    @property
    def count(self) -> int:
        """How many came, kept or not."""
        return self._count


class MailServer(ThreadingTCPServer):
    """A mail server on one address; port 0 takes a free one. ``OSError`` if the address cannot be had."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str = "127.0.0.1", port: int = 0, inbox: Inbox | None = None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Conversation)
        self.inbox = inbox or Inbox()
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="practice-mail", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        found: int = self.server_address[1]
        return found

    def start(self) -> None:
        """Take mails from now on, in threads of its own."""
        self._serving.start()

    def stop(self) -> None:
        """Take no more connections; those that are open end by themselves."""
        self.shutdown()
        self._serving.join()
        self.server_close()

    def instead(self, verb: str) -> str | None:
        """Another answer than the usual one to this command, or to ``CONNECT`` or the end of the ``MESSAGE``."""
        return None


class Conversation(StreamRequestHandler):
    """One connection."""

    timeout = IDLE_SECONDS
    server: MailServer

    def setup(self) -> None:
        super().setup()
        self.sender = ""
        self.recipients: list[str] = []

    def handle(self) -> None:
        # The client may go away at any time; that is its own affair.
        with contextlib.suppress(ConnectionError, TimeoutError):
            going_on = self._say("CONNECT", "220 practice mail server")
            while going_on and (line := self.rfile.readline(LONGEST_LINE)).endswith(b"\n"):
                going_on = self._answer(line.decode("utf-8", "replace").strip())

    def _say(self, verb: str, usual: str) -> bool:
        """Answer; whether the conversation goes on."""
        answer = self.server.instead(verb) or usual
        self.wfile.write(answer.encode() + b"\r\n")
        return not answer.startswith(("221", "421"))

    def _answer(self, line: str) -> bool:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                return self._say(verb.upper(), "250 practice mail server")
            case "MAIL":
                self.sender, self.recipients = _address(rest), []
                return self._say("MAIL", "250 Fine.")
            case "RCPT":
                return self._add_recipient(_address(rest))
            case "DATA":
                return self._take_message()
            case "RSET":
                self.sender, self.recipients = "", []
                return self._say("RSET", "250 Forgotten.")
            case "NOOP":
                return self._say("NOOP", "250 Fine.")
            case "QUIT":
                return self._say("QUIT", "221 Bye.")
        return self._say(verb.upper(), "502 This command is not known here.")

    def _add_recipient(self, address: str) -> bool:
        instead = self.server.instead("RCPT")
        if instead is None and len(self.recipients) >= MOST_RECIPIENTS:
            instead = "452 Too many recipients."
        if instead is None:
            self.recipients.append(address)
        return self._say("", instead or "250 Fine.")

    def _take_message(self) -> bool:
        if not self.recipients:
            return self._say("", "503 Name a recipient first.")
        if not self._say("DATA", "354 Go on; end with a single dot."):
            return False
        content = self._read_message()
        if content is None:
            return self._say("", "421 The mail is too large or broke off.")
        instead = self.server.instead("MESSAGE")
        if instead is None:
            self.server.inbox.add(self.sender, tuple(self.recipients), content)
        return self._say("", instead or "250 Taken.")

    def _read_message(self) -> bytes | None:
        """The mail, with doubled dots undone (RFC 5321, 4.5.2)."""
        lines: list[bytes] = []
        size = 0
        while size <= LARGEST_MAIL:
            line = self.rfile.readline(LARGEST_MAIL)
            if line.rstrip(b"\r\n") == b"." and line.endswith(b"\n"):
                return b"".join(lines)
            if not line.endswith(b"\n"):
                return None
            size += len(line)
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return None


def _address(rest: str) -> str:
    """What stands between the angle brackets of ``FROM:<…>`` or ``TO:<…>``."""
    return rest.partition("<")[2].partition(">")[0]
