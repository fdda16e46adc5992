"""On PYTHONPATH: a process that begins to send a record about somebody "deadly" dies of it."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

_send = socket.socket.send


def _deadly(self: socket.socket, data: Any, *flags: int) -> int:
    if b"deadly" in bytes(data):
        os.kill(os.getpid(), signal.SIGKILL)
    return _send(self, data, *flags)


socket.socket.send = _deadly  # type: ignore[method-assign, assignment]  # on purpose
