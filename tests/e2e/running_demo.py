"""The demo as its users have it: running, with its web server, its worker and its practice LMS."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Page

from tests.processes import Process, Processes, database_url
from tests.servers import free_port


class Demo:
    """A running demo on a database of this test's own."""

    def __init__(self, process: Process, address: str) -> None:
        self.process = process
        self.address = address
        parts = urlsplit(address)
        self.practice = f"http://{parts.hostname}:{(parts.port or 0) + 100}"

    def statements(self, store: str) -> list[dict[str, Any]]:
        """What the practice LMS has, asked over xAPI as any other client would."""
        answer = requests.get(
            f"{self.practice}/{store}/xapi/statements",
            auth=("practice-key", "practice-secret"),
            headers={"X-Experience-API-Version": "1.0.3"},
            timeout=10,
        )
        found: list[dict[str, Any]] = answer.json()["statements"]
        return found


def start(processes: Processes) -> Demo:
    """A demo that is ready, at a port of its own."""
    port = free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": database_url(),
        "PUBLIC_URL": address,
        "ALLOWED_HOSTS": "127.0.0.1",
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    process = processes.start("demo", [sys.executable, "manage.py", "demo"], environment)
    process.wait_for_output("LMS Bridge is running")
    return Demo(process, address)


def log_in(page: Page, demo: Demo, name: str, password: str) -> None:
    """As one of the demo's people."""
    page.goto(f"{demo.address}/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
