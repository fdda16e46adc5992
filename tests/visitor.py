"""A member of an organization at the web process: logs in and records results through the admin's own forms."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import requests
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests import make
from tests.scene import Scene

PATIENCE = 60


class Visitor:
    """An editor with a browser without script, logged in for the length of a ``with`` block."""

    def __init__(self, address: str, scene: Scene) -> None:
        self._address = address
        self._scene = scene
        self._browser = requests.Session()

    def __enter__(self) -> Self:
        edith = make.member(self._scene.organization, "editor", "edith")
        # The web process has the product's own hashers, not the quick one of the tests.
        edith.password = PBKDF2PasswordHasher().encode(make.PASSWORD, "salt")
        edith.save()
        self.get("/admin/login/")
        answer = self.post("/admin/login/", username="edith", password=make.PASSWORD)
        assert answer.ok, answer.text
        assert "errornote" not in answer.text, answer.text
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()

    def get(self, path: str) -> requests.Response:
        """Look at a page."""
        return self._browser.get(f"{self._address}{path}", timeout=PATIENCE)

    def post(self, path: str, **form: object) -> requests.Response:
        """Send a form."""
        data = {"csrfmiddlewaretoken": self._browser.cookies["csrf"], **form}
        return self._browser.post(f"{self._address}{path}", data, timeout=PATIENCE)

    def record(self) -> requests.Response:
        """Record a result of Ann; AssertionError if the form is shown again with errors."""
        answer = self.post(
            "/admin/objectives/result/add/",
            who=self._scene.ann.participant_id,
            objective=self._scene.objective.pk,
            completion="on",
            success="true",
            occurred_at_0="2026-11-01",
            occurred_at_1="10:00:00",
        )
        assert "errornote" not in answer.text, answer.text
        return answer
