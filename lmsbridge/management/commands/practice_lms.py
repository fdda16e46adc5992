"""Runs the practice LMS until it is told to end."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from email.utils import parseaddr
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lmsbridge.practice.open_elms.campus import campus_of
from lmsbridge.practice.server import PracticeServer
from lmsbridge.practice.smtp import MailServer
from lmsbridge.practice.stackone.account import account_of
from lmsbridge.practice.store import Store


class Command(BaseCommand):
    help = "Runs the practice LMS: a record store in memory that can be told to fail. Ends on Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="The address to listen on; 127.0.0.1 if left out.")
        parser.add_argument("--port", type=int, default=8100, help="The port to listen on; 8100 if left out.")
        parser.add_argument("--smtp-port", type=int, help="Take mails at this port, too, and show them at /mails.")

        parser.add_argument("--story", metavar="STORE=LINK", help="The story that a store offers to launch.")
        parser.add_argument(
            "--person",
            metavar="STORE=NAME <EMAIL>",
            action="append",
            default=[],
            help="Somebody whom a store's Open eLMS and StackOne know; may be given several times.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port, smtp_port = options["host"], options["port"], options["smtp_port"]
        try:
            server = PracticeServer(host, port)
            mails = None if smtp_port is None else MailServer(host, smtp_port, server.inbox)
        except (OSError, OverflowError) as problem:
            ports = f"port {port}" if smtp_port is None else f"ports {port} and {smtp_port}"
            raise CommandError(
                f"The practice LMS cannot listen on {host} {ports} ({problem}). "
                "Choose others with --port and --smtp-port."
            ) from None
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        if options["story"]:
            _offer(server, options["story"])
        for person in options["person"]:
            _know(server, person)
        server.start()
        if mails is not None:
            mails.start()
        self.stdout.write(f"Practice LMS at {server.address}/")
        self.stdout.flush()
        ended.wait()
        if mails is not None:
            mails.stop()
        server.stop()


def _offer(server: PracticeServer, text: str) -> None:
    store, link = _store(server, text)
    store.sessions.link = link


def _know(server: PracticeServer, text: str) -> None:
    store, person = _store(server, text)
    name, address = parseaddr(person)
    first, _, last = name.partition(" ")
    campus_of(store).add_account(address, fname=first, lname=last)
    account_of(store).add_user(address, name=name)


def _store(server: PracticeServer, text: str) -> tuple[Store, str]:
    name, _, rest = text.partition("=")
    store = server.stores.get(name)
    if store is None:
        raise CommandError(f"{name!r} can be no store; use lower-case letters, digits and hyphens.")
    return store, rest
