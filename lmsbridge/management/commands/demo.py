"""``demo``: everything on this machine, ready to look at — web server, worker, practice LMS, two organizations."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from email.utils import formataddr
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from lmsbridge import demo
from lmsbridge.practice.stackone.account import ACCOUNT_ID
from lmsbridge.seed import OWN_STORE, PASSWORDS, NotADemo, people, seed
from lmsbridge.seed_lms import API_KEY, KEY, SECRET
from lmsbridge.seed_story import link, shared
from stories import packages

STOP_WITHIN = 40.0
READY_WITHIN = 60.0
# Whatever address the pages are served on: the practice LMS is nobody else's business.
PRACTICE_HOST = "127.0.0.1"
# The store of the practice LMS that launches the demo's story.
STORE = "northwind"


class Command(BaseCommand):
    help = "Run LMS Bridge with demo data and a practice LMS on this machine, until Ctrl-C."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stopping.set())
        host, port = os.environ["HOST"], _port()
        here, practice = demo.public_host(host), f"http://{PRACTICE_HOST}:{port + 100}"
        places = [(here.strip("[]"), port), (PRACTICE_HOST, port + 100), (PRACTICE_HOST, port + 101)]
        _refuse_busy(places)
        self.set_up(practice)
        children: list[subprocess.Popen[bytes]] = []
        try:
            story, alone, package = link(with_lms=True), link(with_lms=False), _package()
            connections.close_all()
            for command in _commands(host, port, story):
                children.append(subprocess.Popen(command, start_new_session=True))  # noqa: S603  # our own commands
            self.wait_until_ready(children, places)
            if not self.stopping.is_set():
                _import(port + 100, package)
                self.stdout.write(_welcome(f"http://{here}:{port}", practice, alone))
                if not _is_loopback():
                    self.stdout.write("Mind that the passwords above are known and others can reach this address.")
                self.stdout.flush()
            self.watch(children)
        finally:
            _end(children)
        self.stdout.write("Ended.")

    def set_up(self, practice: str) -> None:
        """A migrated database with the demo's rows, and the style sheets where the web server looks for them."""
        if "postgres" not in settings.DATABASES["default"]["ENGINE"]:
            self.begin_afresh_if_shaped_differently()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False, clear=False)
        try:
            seed(practice)
        except NotADemo as problem:
            raise CommandError(str(problem)) from None
        connections.close_all()

    def begin_afresh_if_shaped_differently(self) -> None:
        """Demo data only: a database made by other migrations is put away, and it is said."""
        file, mark = Path(settings.DATABASES["default"]["NAME"]), demo.DEMO_DIR / "shape"
        if demo.DEMO_DIR not in file.parents:
            return
        if file.exists() and (not mark.exists() or mark.read_text() != demo.shape()):
            self.stdout.write("The demo database has another shape than this version needs; beginning afresh.")
            for path in demo.DEMO_DIR.glob(f"{file.name}*"):
                path.unlink()
        mark.write_text(demo.shape())

    def wait_until_ready(self, children: list[subprocess.Popen[bytes]], places: list[tuple[str, int]]) -> None:
        """Until every part answers."""
        until = time.monotonic() + READY_WITHIN
        while not self.stopping.wait(0.1):
            _refuse_ended(children)
            if all(_answers(place) for place in places):
                return
            if time.monotonic() > until:
                raise CommandError("The demo did not start within a minute.")

    def watch(self, children: list[subprocess.Popen[bytes]]) -> None:
        """Until Ctrl-C, or until one part ends by itself."""
        while not self.stopping.wait(0.5):
            _refuse_ended(children)


def _port() -> int:
    text = os.environ["PORT"]
    if not text.isdigit() or not 1024 <= int(text) <= 65000:
        raise CommandError(f"PORT is {text}; it must be a number between 1024 and 65000.")
    return int(text)


def _answers(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, timeout=1):
            return True
    except OSError:
        return False


def _is_loopback() -> bool:
    # What listens on every address is known as 127.0.0.1 here, too.
    return os.environ["HOST"] in {"127.0.0.1", "::1", "localhost"}


def _refuse_busy(places: list[tuple[str, int]]) -> None:
    for place in places:
        if _answers(place):
            raise CommandError(
                f"Port {place[1]} is in use. End what runs there, or choose another: make demo PORT=8200"
            )


def _refuse_ended(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is not None:
            raise CommandError(f"A part of the demo ended by itself: {child.args!r}")


def _commands(host: str, port: int, story: str) -> list[list[str]]:
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = ["-m", "gunicorn", "lmsbridge.wsgi", "--bind", bind, "--threads", "4", "--log-level", "warning"]
    practice = ["--host", PRACTICE_HOST, "--port", str(port + 100), "--smtp-port", str(port + 101)]
    practice += ["--story", f"{STORE}={story}"] if story else []
    practice += [f"--person={store}={formataddr((name, address))}" for store, name, address in people()]
    return [
        [*manage, "practice_lms", *practice],
        [*manage, "run_worker"],
        [sys.executable, *web, "--no-control-socket"],
    ]


def _package() -> bytes:
    """The demo's story as a cmi5 package; empty if its share was taken away."""
    share = shared(with_lms=True)
    return b"" if share is None else packages.course_zip(share)


def _import(port: int, package: bytes) -> None:
    """Have the practice LMS offer the story as a course, by the form of its course page."""
    if not package:
        return
    head = '--part\r\nContent-Disposition: form-data; name="file"; filename="story.zip"\r\n\r\n'
    body = head.encode() + package + b"\r\n--part--\r\n"
    with contextlib.closing(http.client.HTTPConnection(PRACTICE_HOST, port, timeout=10)) as connection:
        connection.request(
            "POST", f"/{STORE}/course/import", body, {"Content-Type": "multipart/form-data; boundary=part"}
        )
        answer = connection.getresponse()
        if answer.status != 303:
            raise CommandError(f"The practice LMS takes no course: {answer.read().decode()}")


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """TERM to each part, then KILL to what is left of its group: nothing stays behind."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    until = time.monotonic() + STOP_WITHIN
    for child in children:
        try:
            child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _welcome(address: str, practice: str, story: str) -> str:
    own = f"{practice}/{OWN_STORE}"
    people = "\n".join(f"    {name:<12} {password:<18} {who}" for name, (password, who) in PASSWORDS.items())
    return f"""
LMS Bridge is running:

    {address}/

    log in as    password           who
{people}

A story to play, by its link alone and on a phone, too:

    {story or "its share was removed"}

The practice LMS, which stands in for a customer's LMS and can be told to fail:

    {practice}/
    Its course with that story, to launch as a learner: {practice}/{STORE}/course
    The alerts that LMS Bridge mails to contacts: {practice}/mails
    To connect it yourself:
    xAPI       {own}/xapi/  key {KEY}, secret {SECRET}
    Open eLMS  {own}/open_elms  token {API_KEY}
    StackOne   {own}/stackone  API key {API_KEY}, account id {ACCOUNT_ID}

Ctrl-C ends all of it. `make demo-reset` begins afresh.
"""
