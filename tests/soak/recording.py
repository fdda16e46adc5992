"""Recording while processes die: in bulk straight into the database, and one by one in the admin's form."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import requests
from django.db import DatabaseError, connections
from django.utils import timezone

from objectives.models import Result
from tests import make
from tests.soak.stage import Stage

# In a bulk at most so many, and for the answer to one form so many seconds.
BULK = 40
PATIENCE = 15.0
# What a database that is locked or busy may refuse in a row before it is a fault.
REFUSALS = 5


class Pace:
    """Spreads a number of steps over some seconds; ends early when told to."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._stop = stop

    def wait_for(self, share: float) -> bool:
        """Wait until this share of the time is over; whether to go on."""
        left = self._began + share * self._seconds - time.monotonic()
        return not self._stop.wait(max(0.0, left))


class InBulk:
    """Results recorded as an import does: many in one transaction."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._stage = stage
        self._count = count
        self.recorded: list[str] = []
        self.refused = 0

    def run(self, pace: Pace, draw: random.Random) -> None:
        """Record all, spread over the time."""
        with connections_closed():
            while len(self.recorded) < self._count and pace.wait_for(len(self.recorded) / self._count):
                left = self._count - len(self.recorded)
                self._record(self._stage.results(min(left, draw.randint(1, BULK))))

    def _record(self, results: list[Result]) -> None:
        for _turn in range(REFUSALS):
            try:
                Result.objects.record(results)
                break
            except DatabaseError:
                # All or none: this connection was neither killed nor cut, so none.
                self.refused += 1
                for result in results:
                    result.pk = None
        else:
            raise AssertionError(f"The database refused {REFUSALS} times in a row to record.")
        self.recorded += [str(result.uuid) for result in results]


class InTheForm:
    """Results that a person types in. An answer that never came leaves it open whether one was recorded."""

    def __init__(self, stage: Stage, address: str, count: int) -> None:
        self._stage = stage
        self._address = address
        self._count = count
        # Each has a time of its own, by which it is found in the database.
        self._first = (timezone.now() - timedelta(days=60)).replace(microsecond=0)
        self.answered: set[datetime] = set()
        self.unanswered: set[datetime] = set()
        # Answered with the page that says that nothing was saved.
        self.refused: set[datetime] = set()

    def run(self, pace: Pace) -> None:
        """Submit all, spread over the time; nothing is submitted twice."""
        with requests.Session() as browser:
            signed_in = False
            for number in range(self._count):
                if not pace.wait_for(number / self._count):
                    return
                # An answer may be lost at any moment, while signing in too.
                with contextlib.suppress(requests.RequestException):
                    signed_in = signed_in or self._sign_in(browser)
                    if signed_in:
                        self._submit(browser, self._first + timedelta(seconds=number))

    def _sign_in(self, browser: requests.Session) -> bool:
        browser.get(f"{self._address}/admin/login/", timeout=PATIENCE)
        answer = self._post(browser, "/admin/login/", username=self._stage.editor.username, password=make.PASSWORD)
        return answer.status_code == 302

    def _submit(self, browser: requests.Session, when: datetime) -> None:
        self.unanswered.add(when)
        answer = self._post(
            browser,
            "/admin/objectives/result/add/",
            who=self._stage.typist.participant_id,
            objective=str(self._stage.typed_objective.pk),
            completion="on",
            success="true",
            occurred_at_0=f"{when:%Y-%m-%d}",
            occurred_at_1=f"{when:%H:%M:%S}",
        )
        done = answer.status_code == 302 and "/login/" not in answer.headers["Location"]
        if not done and answer.status_code != 503:
            raise AssertionError(f"The form answered {answer.status_code}: {answer.text[:2000]}")
        self.unanswered.remove(when)
        (self.answered if done else self.refused).add(when)

    def _post(self, browser: requests.Session, path: str, **form: str) -> requests.Response:
        token = browser.cookies.get("csrf") or ""
        address = f"{self._address}{path}"
        form = {"csrfmiddlewaretoken": token, **form}
        return browser.post(address, form, timeout=PATIENCE, allow_redirects=False)

    def problems(self) -> Iterator[str]:
        """What is not as the answers said."""
        found = list(Result.objects.filter(participant=self._stage.typist).values_list("occurred_at", flat=True))
        if twice := len(found) - len(set(found)):
            yield f"{twice} results of the form were recorded twice."
        if lost := len(self.answered - set(found)):
            yield f"{lost} results of the form were answered as recorded and are not in the database."
        if saved := len(self.refused & set(found)):
            yield f"{saved} results of the form were answered as not saved and are in the database."


@contextlib.contextmanager
def connections_closed() -> Iterator[None]:
    """Leaves no connection of this thread open."""
    try:
        yield
    finally:
        connections.close_all()
