"""A mail server for tests, on a real socket, that can be told to fail."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pytest

from lmsbridge.practice.smtp import Letter, MailServer

HOST = "127.0.0.1"
HANG = "hang"


class FakeSMTP(MailServer):
    """A mail server at a port of its own, for the length of a ``with`` block.

    ``answers["RCPT"] = "550 No such user"`` changes one answer until it is changed back, ``HANG`` keeps the client
    waiting; ``script("CONNECT", ["421 Busy"])`` changes the next answers only. See ``MailServer.instead`` for the
    places.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(HOST, port)
        self.answers: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.ended = threading.Event()
        self._scripts: dict[str, deque[str]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.stop()

    def script(self, place: str, answers: list[str]) -> None:
        """The next answers at this place."""
        self._scripts[place] = deque(answers)

    def instead(self, verb: str) -> str | None:
        self.asked[verb] += 1
        script = self._scripts.get(verb)
        answer = script.popleft() if script else self.answers.get(verb)
        if answer == HANG:
            self.ended.wait()
            return "421 The test is over."
        return answer

    @property
    def letters(self) -> list[Letter]:
        """What it took, oldest first."""
        return self.inbox.letters[::-1]

    def message_ids(self) -> list[str]:
        """The message ids of what it took, oldest first."""
        return [str(letter.message["Message-ID"]) for letter in self.letters]

    def subjects(self) -> list[str]:
        """The subjects of what it took, oldest first."""
        return [letter.subject for letter in self.letters]


def use(settings: Any, port: int, timeout: float = 5) -> None:
    """Let mails go to this port of the test's own machine."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = HOST, port, timeout


@pytest.fixture
def smtp(settings: Any) -> Iterator[FakeSMTP]:
    """A mail server that takes everything, and the settings to reach it."""
    with FakeSMTP() as server:
        use(settings, server.port)
        yield server
