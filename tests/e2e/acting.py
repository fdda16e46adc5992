"""What Nora of the demo does, in the admin and on the pages of the practice LMS; nothing of it by writing rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from django.db.models import F
from playwright.sync_api import Locator, Page, expect

from integrations.models import Incident
from tests.e2e.running_demo import Demo, log_in
from tests.polling import until

NAME, STORE, OBJECTIVE = "Our LMS", "my-lms", "Spotting phishing mails"
ANN, BEN = "ann.lee@northwind.example", "ben.okoro@northwind.example"
# Milliseconds that a worker, a queue and a browser may take on a busy machine; nothing is decided by them.
PATIENCE = 90_000


class Nora:
    """An organization admin in front of a browser, who connects an LMS called ``Our LMS``."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page, self.demo = page, demo
        log_in(page, demo, "nora", "demo-northwind")

    def open(self, path: str) -> None:
        """A page of the admin."""
        self.page.goto(f"{self.demo.address}/admin/{path}/")

    def row(self, *words: str) -> Locator:
        """The row of a list that has these words."""
        found = self.page.locator("#result_list tbody tr")
        for one in words:
            found = found.filter(has_text=one)
        return found

    def act(self, action: str, *rows: str) -> None:
        """Choose the rows with these words, and an action for them."""
        for one in rows:
            self.row(one).get_by_role("checkbox").check()
        self.page.locator("select[name=action]").first.select_option(label=action)

    def go(self) -> None:
        """Have the chosen action done."""
        self.page.get_by_role("button", name="Go").first.click()

    def is_told(self, words: str) -> None:
        """The message that answers an action."""
        expect(self.page.locator(".messagelist")).to_contain_text(words)

    # Setting up --------------------------------------------------------------------------------------------------

    def connect(self, kind: str, properties: Mapping[str, str]) -> None:
        """A configuration of this type in two steps, tested at the end; properties by their labels."""
        self.open("integrations/lmsconfiguration/add")
        self.page.get_by_label("Configuration name").fill(NAME)
        self.page.get_by_label("Contact e-mail").fill("nora@lms-bridge.example")
        self.page.get_by_label("Type").select_option(label=kind)
        self.page.get_by_role("button", name="Continue").click()
        for label, value in properties.items():
            self.page.get_by_label(re.compile(f"^{label}:?$")).fill(value)
        self.page.get_by_role("button", name="Save and test connection").click()
        expect(self.page.get_by_role("heading", name="The connection works")).to_be_visible()

    def attach(self) -> None:
        """Attach it to the objective."""
        self.open("objectives/objective")
        self.act("Attach LMS configuration", OBJECTIVE)
        self.page.locator("select[name=configuration]").first.select_option(label=NAME)
        self.go()
        self.is_told("attached to 1 objective")

    def assign(self, participant: str) -> None:
        """Ask the objective of somebody."""
        self.open("objectives/objective")
        self.act("Assign to people…", OBJECTIVE)
        self.go()
        self.page.get_by_label("Participant ids").fill(participant)
        self.page.get_by_role("button", name="Assign").click()
        self.is_told("1 assignment was made.")

    def record(self, participant: str, score: str = "9") -> None:
        """Record that somebody passed, with so many points of ten."""
        self.open("objectives/result/add")
        self.page.get_by_label("Participant id").fill(participant)
        self.page.locator("[name=objective]").select_option(label=OBJECTIVE)
        values = {"score_raw": score, "score_min": "0", "score_max": "10", "duration": "0:25:00"}
        for name, value in values.items():
            self.page.locator(f"[name={name}]").fill(value)
        self.page.locator("[name=success]").select_option("true")
        self.page.locator("[name=_save]").click()
        expect(self.page.locator(".messagelist .success")).to_be_visible()

    # Trouble and comparing ---------------------------------------------------------------------------------------

    def break_lms(self) -> None:
        """Let the practice LMS answer everything with 503."""
        self.page.goto(f"{self.demo.practice}/{STORE}/")
        self.page.get_by_label("What it does").select_option("503")
        self.page.get_by_role("button", name="Set", exact=True).click()

    def mend_lms(self) -> None:
        """Let it answer as it should again, and try it."""
        self.page.goto(f"{self.demo.practice}/{STORE}/")
        self.page.get_by_role("button", name="Answer as it should again").click()
        self.press("Test connection")
        expect(self.page.get_by_role("heading", name="The connection works")).to_be_visible()

    def press(self, button: str) -> None:
        """A button on the page of the configuration."""
        self.open("integrations/lmsconfiguration")
        self.page.get_by_role("link", name=NAME, exact=True).click()
        self.page.get_by_role("button", name=button, exact=True).click()

    def sees_status(self, words: str) -> None:
        """The flag in the list of configurations, once it has turned."""
        self.sees_listed("integrations/lmsconfiguration", NAME, words)

    def sees_listed(self, path: str, *words: str) -> None:
        """A row with these words, once the list has it."""

        def look() -> bool:
            self.open(path)
            return self.row(*words).count() > 0

        until(look, f"a row with {words} at {path}", within=PATIENCE / 1000, every=0.5)

    def gets_mail(self, words: str) -> None:
        """A mail about the configuration, once it has come."""
        self.page.goto(f"{self.demo.practice}/mails")
        heading = self.page.get_by_role("heading", name=f"{NAME}: {words}")
        expect(heading.first).to_be_visible(timeout=PATIENCE)

    def a_minute_later(self) -> None:
        """The outage is a minute older than it was: a second failure from now on confirms it."""
        Incident.objects.open().filter(configuration__name=NAME).update(
            opened_at=F("opened_at") - timedelta(seconds=61)
        )

    def compare(self) -> None:
        """Compare what was delivered with what the LMS says, until it is done."""
        self.press("Compare with the LMS")
        expect(self.page.locator("#job-progress")).to_contain_text("Done", timeout=PATIENCE)

    def send_difference_again(self, participant: str) -> None:
        """Send again what the LMS does not have of somebody."""
        self.open("integrations/difference")
        expect(self.row(participant)).to_contain_text(NAME)
        self.act("Send again", participant)
        self.go()
        self.is_told("1 is sent again")
