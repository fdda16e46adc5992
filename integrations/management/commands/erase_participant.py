"""``erase_participant``: forget a person everywhere, and say what was changed."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import keeping
from objectives.models import Organization, Participant

# How long to wait for a request that is under way about the person.
PATIENCE = 120.0


class Command(BaseCommand):
    help = (
        "Erase a person: results stay under a pseudonym; id, name, what was sent and what came back are removed. "
        "What was not sent yet is never sent. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="the organization's name")
        parser.add_argument("participant_id", help="what the organization calls the person")

    def handle(self, *_args: Any, organization: str, participant_id: str, **_options: Any) -> None:
        owner = Organization.objects.filter(name=organization).first()
        if owner is None:
            raise CommandError("There is no organization of this name.")
        person = Participant.objects.of(owner).filter(participant_id=participant_id).first()
        if person is None or keeping.is_erased(person):
            self.stdout.write("Nothing to erase: the organization knows nobody by this id, or erased them before.")
            return
        self.report(self.erased(person))

    def erased(self, person: Participant) -> keeping.Erased:
        """Erase, as soon as nothing about the person is under way."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return keeping.erase(person)
            except keeping.UnderWay:
                if time.monotonic() >= until:
                    raise CommandError(
                        "Something about this person is being sent just now. Try again soon."
                    ) from None
                time.sleep(1)

    def report(self, done: keeping.Erased) -> None:
        """What was changed, line by line."""
        self.stdout.write(f"Erased. The person is {done.pseudonym} from now on.")
        self.stdout.write(f"  Results kept under this pseudonym: {done.results}")
        self.stdout.write(f"  Delivered before, content dropped: {done.delivered}")
        self.stdout.write(f"  Never sent now: {done.undelivered}")
        self.stdout.write(f"  Exchanges whose answers were dropped: {done.attempts}")
        self.stdout.write(f"  Launches whose parameters were dropped: {done.launches}")
        self.stdout.write(f"  Other texts that named the person: {done.texts}")
        self.stdout.write("What was delivered before is in the LMSs; ask their administrators to erase it there.")
