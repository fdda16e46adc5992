"""A learner at a shared story, with a browser that runs no script and keeps no cookie: presses what is there."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, Self

from django.http import HttpResponse
from django.test import Client

from stories.models import Play, Share


class Learner:
    """Opens the link of a share, presses buttons, and reads what is there."""

    def __init__(self, share: Share, client: Client | None = None) -> None:
        self.address = f"/s/{share.token()}/"
        self.client = client or Client()
        self.answer: Any = HttpResponse()

    def open(self, **query: str) -> Self:
        """Follow the link, with these launch parameters."""
        return self._read(self.client.get(self.address, query))

    def enter(self, email: str = "ann@example.com", **fields: Any) -> Self:
        """Give an e-mail address on the cover that was opened before, and press Start."""
        return self._read(
            self.client.post(self.address, {"email": email, "form": self.hidden("form"), "do": "begin", **fields})
        )

    def press(self, do: str, scene: int = 0, **fields: Any) -> Self:
        """Send a form of the page with the play's token."""
        data = {"play": self.hidden("play"), "do": do, "scene": scene, **fields}
        return self._read(self.client.post(self.address, data))

    def to_the_question(self) -> Self:
        """On from the first scene of ``make.story``."""
        return self.press("next")

    def choose(self, text: str) -> Self:
        """Answer the question of ``make.story``'s second scene."""
        found = re.search(rf'value="(\d+)"[^>]*>\s*<span>{text}</span>', self.page)
        assert found, f"{text!r} is not offered: {self.page}"
        return self.press("answer", 1, option=found[1])

    def finish(self) -> Self:
        """Press Finish in the second scene."""
        return self.press("finish", 1)

    def play_through(self, answer: str = "Leave") -> Self:
        """From the first scene of ``make.story`` to the end."""
        return self.to_the_question().choose(answer).finish()

    def hidden(self, name: str) -> str:
        """What a hidden field of the page holds."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        return unescape(found[1]) if found else ""

    @property
    def page(self) -> str:
        """The page as markup."""
        return str(self.answer.content.decode())

    @property
    def heading(self) -> str:
        """The page's first heading."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.page, re.DOTALL)
        return unescape(found[1]) if found else ""

    @property
    def text(self) -> str:
        """What can be read on the page."""
        main = self.page.partition("<main")[2]
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", f"<main{main}")))

    @property
    def play(self) -> Play:
        """The play as it is now."""
        found = Play.objects.find(self.hidden("play"))
        assert found is not None
        return found

    def _read(self, answer: Any) -> Self:
        self.answer = answer
        return self
