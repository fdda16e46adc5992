"""A month of outages on a virtual clock: every state and every mail as promised."""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from integrations import tasks
from integrations.models import Contact, Delivery, Incident, Lane, Mail
from tests.lms import PracticeLMS
from tests.scene import Scene

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
STEP = timedelta(hours=1)


class World:
    """One connected organization whose worker, sweep and daily re-queue run by a clock that we move."""

    def __init__(self, lms: PracticeLMS, clock: time_machine.Traveller) -> None:
        self.clock = clock
        self.scene = Scene(lms)
        Contact.objects.create(organization=self.scene.organization, email="it@example.com", confirmed_at=START)
        self.run()

    def run(self) -> None:
        """What a worker does at this moment: the sweep, the mails, and the daily re-queue if it is time."""
        tasks.sweep()
        tasks.send_mails()

    def live(self, span: timedelta) -> None:
        """Let time pass, stopping wherever something may happen: at each probe, each hour, each 03:00."""
        end = timezone.now() + span
        while (now := timezone.now()) < end:
            probe = Lane.objects.get().not_before
            stops = [end, now + STEP, now.replace(hour=3, minute=0, second=0) + timedelta(days=now.hour >= 3)]
            if probe is not None and probe > now:
                stops.append(probe + timedelta(seconds=1))
            moment = min(stops)
            self.clock.move_to(moment)
            if (moment.hour, moment.minute) == (3, 0) and moment.second == 0:
                tasks.requeue()
                tasks.retain()
            self.run()

    def kinds(self) -> Counter[str]:
        """How many mails of each kind the contact got."""
        return Counter(Mail.objects.filter(state="sent").exclude(kind="confirm").values_list("kind", flat=True))


@pytest.fixture
def world(practice_lms: PracticeLMS, db: None) -> Iterator[World]:
    with time_machine.travel(START, tick=False) as clock:
        yield World(practice_lms, clock)


@pytest.mark.catalogue("R29", "R30")
@pytest.mark.parametrize(
    ("outage", "reminders"),
    [(timedelta(hours=1), 0), (timedelta(hours=23), 0), (timedelta(days=3), 3), (timedelta(days=20), 20)],
    ids=["1 h", "23 h", "3 d", "20 d"],
)
def test_outage__of_less_than_thirty_days__ends_with_everything_delivered_and_each_mail_once(
    world: World, outage: timedelta, reminders: int
) -> None:
    scene = world.scene
    scene.record(3)
    world.run()
    scene.lms.fail("503")
    scene.record(250)
    world.run()
    world.live(outage)
    assert scene.states() == {"delivered": 3, "queued": 250}
    assert scene.lane().status == "server_error"
    scene.lms.heal()
    world.live(timedelta(minutes=61))
    assert scene.states() == {"delivered": 253}
    assert len(set(scene.lms_ids())) == len(scene.lms_ids()) == 253
    assert scene.lane().status == "ok"
    assert world.kinds() == Counter(
        {kind: count for kind, count in (("opening", 1), ("reminder", reminders), ("recovery", 1)) if count}
    )
    assert Incident.objects.open().count() == 0
    assert len(mail.outbox) == 2 + reminders


@pytest.mark.catalogue("R30")
def test_outage__of_thirty_one_days__expires_what_waited_after_two_warnings(world: World) -> None:
    scene = world.scene
    scene.lms.fail("503")
    scene.record(10)
    world.live(timedelta(days=31))
    assert scene.states() == {"expired": 10}
    assert world.kinds()["expiry"] == 2
    assert world.kinds()["opening"] == 1
    scene.record(1)
    scene.lms.heal()
    world.live(timedelta(hours=1, minutes=1))
    assert scene.states() == {"expired": 10, "delivered": 1}
    assert world.kinds()["recovery"] == 1
    assert tasks.retry(Delivery.objects.all()) == 10
    world.run()
    assert scene.states() == {"delivered": 11}


@pytest.mark.catalogue("R31")
@pytest.mark.database
def test_lms__that_fails_and_works_each_ten_minutes__brings_one_unstable_mail_an_hour_at_most(world: World) -> None:
    for turn in range(18):
        if turn % 2 == 0:
            world.scene.lms.fail("503")
        else:
            world.scene.lms.heal()
        world.scene.record()
        world.run()
        world.live(timedelta(minutes=10))
    assert world.kinds()["unstable"] <= 3
    assert sum(world.kinds().values()) <= 8


@pytest.mark.catalogue("R29")
def test_failure__that_is_over_within_a_minute__brings_no_mail(world: World) -> None:
    world.scene.lms.script(["503", "ok"])
    world.scene.record()
    world.run()
    world.live(timedelta(minutes=10))
    assert world.scene.states() == {"delivered": 1}
    assert world.kinds() == Counter()


@pytest.mark.catalogue("R02")
@pytest.mark.database
def test_lms__that_cannot_be_reached__is_flagged_mailed_about_and_recovers(world: World) -> None:
    scene = world.scene
    scene.record()
    world.run()
    scene.lms.fail("reset")
    scene.record(5)
    world.run()
    world.live(timedelta(hours=2))
    assert scene.lane().status == "cannot_connect"
    [opening] = mail.outbox
    assert "Northwind" in opening.subject
    assert "LMS" in opening.subject
    assert "ann@example.com" not in opening.body
    assert "practice-secret" not in opening.body
    scene.lms.heal()
    world.live(timedelta(hours=1, minutes=1))
    assert scene.states() == {"delivered": 6}
    assert world.kinds() == Counter({"opening": 1, "recovery": 1})


class MailServer:
    """The mail server, which may be down."""

    down = True

    def send(self, messages: list[object]) -> int:
        if self.down:
            raise smtplib.SMTPServerDisconnected("down")
        mail.outbox.extend(messages)  # type: ignore[arg-type]  # locmem keeps what it is given
        return len(messages)


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> MailServer:
    server = MailServer()
    monkeypatch.setattr(
        "django.core.mail.backends.locmem.EmailBackend.send_messages", lambda _self, messages: server.send(messages)
    )
    return server


@pytest.mark.catalogue("R55")
def test_mail_server__down_for_two_hours__gets_the_mail_later_and_once(world: World, mail_server: MailServer) -> None:
    scene = world.scene
    scene.lms.fail("503")
    scene.record()
    world.run()
    world.live(timedelta(hours=2))
    assert mail.outbox == []
    mail_server.down = False
    world.live(timedelta(hours=2))
    assert world.kinds() == Counter({"opening": 1})
    assert len(mail.outbox) == 1


@pytest.mark.catalogue("R55")
@pytest.mark.parametrize("told_before", [False, True])
def test_mail_server__down_for_days__gets_one_mail_then_and_the_next_a_day_later(
    world: World, mail_server: MailServer, told_before: bool
) -> None:
    scene = world.scene
    mail_server.down = not told_before
    scene.lms.fail("503")
    scene.record()
    world.run()
    world.live(timedelta(hours=1))
    mail_server.down = True
    world.live(timedelta(days=3))
    scene.record()
    world.live(timedelta(hours=1))
    mail.outbox.clear()
    mail_server.down = False
    world.live(timedelta(hours=2))
    [first] = mail.outbox
    # A reminder that had to wait tells how things are now.
    assert "2 results" in first.body or not told_before
    world.live(timedelta(hours=21))
    assert len(mail.outbox) == 1
    world.live(timedelta(hours=4))
    assert len(mail.outbox) == 2
    assert "still" in mail.outbox[1].subject
