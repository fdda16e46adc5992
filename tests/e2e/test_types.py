"""The whole story of an LMS of each type: connected, used, broken, mended and compared, by pages that people have."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import requests
from playwright.sync_api import Page, expect

from lmsbridge.practice.stackone.account import ACCOUNT_ID
from tests.e2e.acting import ANN, BEN, NAME, OBJECTIVE, PATIENCE, STORE, Nora
from tests.e2e.running_demo import Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    # What depends on the database in this is tested without a browser, on both.
    pytest.mark.database(only="sqlite"),
    pytest.mark.django_db(transaction=True),
]

API_KEY = "practice-api-key"


class Type(abc.ABC):
    """One type of LMS, and what it shows on its page of the practice LMS."""

    label: ClassVar[str]
    page_below: ClassVar[str]
    has_catalogue: ClassVar[bool] = True

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page, self.demo = page, demo
        self.base = f"{demo.practice}/{STORE}"

    @abc.abstractmethod
    def properties(self) -> Mapping[str, str]:
        """What the second step asks for, by label."""

    @abc.abstractmethod
    def assigned(self) -> str:
        """How the page says that it is assigned."""

    @abc.abstractmethod
    def passed(self, percent: int) -> str:
        """How the page says that it was passed."""

    @abc.abstractmethod
    def lose(self, participant: str) -> None:
        """Let the LMS lose what it has of somebody, as by a hand in it."""

    def shows(self, participant: str, words: str) -> None:
        """The page says this of somebody, once it is so."""
        self.page.goto(f"{self.base}/{self.page_below}")
        expect(self.page.locator("#received li").filter(has_text=participant).first).to_contain_text(
            words, timeout=PATIENCE
        )

    def shows_content(self) -> None:
        """The objective is in its catalogue, once it is."""
        self.page.goto(f"{self.base}/{self.page_below}")
        catalogue = self.page.locator("section").filter(has=self.page.get_by_role("heading", name="Catalogue"))
        expect(catalogue).to_contain_text(OBJECTIVE, timeout=PATIENCE)


class Xapi(Type):
    label, page_below, has_catalogue = "xAPI", "", False

    def properties(self) -> Mapping[str, str]:
        address = f"{self.base}/xapi/"
        return {"xAPI URL": address, "xAPI key": "practice-key", "xAPI key secret": "practice-secret"}

    def assigned(self) -> str:
        raise AssertionError("Record stores know no assignments.")

    def passed(self, percent: int) -> str:
        return f"passed {OBJECTIVE}"

    def lose(self, participant: str) -> None:
        """Statements cannot be taken out one by one: the whole store is emptied."""
        self.page.goto(f"{self.base}/")
        self.page.get_by_role("button", name="Forget everything received").click()


class OpenElms(Type):
    label, page_below = "Open eLMS", "lms/open_elms"

    def properties(self) -> Mapping[str, str]:
        return {"Open eLMS URL": f"{self.base}/open_elms", "API token": API_KEY}

    def assigned(self) -> str:
        return f"{OBJECTIVE}: not attempted"

    def passed(self, percent: int) -> str:
        return f"{OBJECTIVE}: completed, {percent} %"

    def lose(self, participant: str) -> None:
        """Taken off the objective, which takes the progress with it."""
        [user] = self._ask("GET", f"users/?email={participant}")
        [learning] = [one for one in self._ask("GET", "learning") if one["name"] == OBJECTIVE]
        self._ask("DELETE", f"unassign/{user['id']}/{learning['id']}")

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Basic {API_KEY}"}
        answer = requests.request(method, f"{self.base}/open_elms/backend/{path}", headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


class StackOne(Type):
    label, page_below = "StackOne", "lms/stackone"

    def properties(self) -> Mapping[str, str]:
        return {"API key": API_KEY, "Account id": ACCOUNT_ID, "StackOne URL": f"{self.base}/stackone"}

    def assigned(self) -> str:
        return "phishing: assigned"

    def passed(self, percent: int) -> str:
        return f"phishing: completed, Pass, {percent} %"

    def lose(self, participant: str) -> None:
        """The completion is deleted."""
        [user] = [one for one in self._ask("GET", "users")["data"] if one["email"] == participant]
        [completion] = self._ask("GET", f"users/{user['id']}/completions")["data"]
        self._ask("DELETE", f"users/{user['id']}/completions/{completion['id']}")

    def _ask(self, method: str, path: str) -> Any:
        answer = requests.request(
            method,
            f"{self.base}/stackone/unified/lms/{path}",
            auth=(API_KEY, ""),
            headers={"x-account-id": ACCOUNT_ID},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def nora(page: Page, demo: Demo) -> Nora:
    return Nora(page, demo)


@pytest.mark.parametrize("kind", [Xapi, OpenElms, StackOne])
def test_lms__from_connecting_to_comparing(kind: type[Type], nora: Nora) -> None:
    lms = kind(nora.page, nora.demo)
    nora.connect(lms.label, lms.properties())
    nora.attach()
    if lms.has_catalogue:
        lms.shows_content()
        nora.assign(ANN)
        lms.shows(ANN, lms.assigned())
    nora.record(ANN)
    lms.shows(ANN, lms.passed(90))
    nora.sees_status("OK")

    nora.break_lms()
    nora.record(BEN, score="8")
    nora.sees_status("Server Error")
    nora.a_minute_later()
    nora.press("Send now")
    nora.gets_mail("Server Error")

    nora.mend_lms()
    nora.sees_status("OK")
    lms.shows(BEN, lms.passed(80))
    nora.gets_mail("it works again")

    lms.lose(ANN)
    nora.compare()
    nora.send_difference_again(ANN)
    lms.shows(ANN, lms.passed(90))
    nora.sees_listed("integrations/delivery", NAME, ANN, "Delivered")
