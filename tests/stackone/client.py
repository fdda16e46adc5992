"""``StackOneClient``: StackOne's own client of npm, run by Node.js, which asks the practice StackOne."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lmsbridge.practice.stackone.account import ACCOUNT_ID
from tests import npm

SOURCE = Path(__file__).resolve().parent
FOLDER = SOURCE.parent.parent / "var" / "stackone"
WHAT = "StackOne's own client"


class StackOneClient:
    """The client with a key for one address, for the length of a ``with`` block."""

    def __init__(self, url: str, key: str) -> None:
        node = npm.node(WHAT)
        modules = npm.install(SOURCE, FOLDER, WHAT)
        self._process = subprocess.Popen(
            [node, SOURCE / "client.js", url, key],
            env={**os.environ, "NODE_PATH": str(modules)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """What an operation gives: ``status`` and ``data``, or ``error``, ``status`` and ``message``."""
        return self._say({"operation": operation, "request": {"xAccountId": ACCOUNT_ID} | request})

    def check(self, kind: str, body: Any) -> dict[str, list[str]]:
        """What the client's model of a body says: ``errors``, and ``lost``, the keys that it does not know."""
        return self._say({"operation": "check", "request": {"kind": kind, "body": body}})

    def _say(self, question: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"{WHAT} ended without an answer; its words are above."
        answer: dict[str, Any] = json.loads(line)
        return answer
