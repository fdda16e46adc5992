"""``check_deliveries``: hold all deliveries against the promises of the product."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import keeping


class Command(BaseCommand):
    help = (
        "Check that no result is lost, sent by two workers at once or delivered without proof, and that no row leads "
        "to another organization. Prints a sentence for each breach and ends with exit code 1 if there is one."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        found = keeping.noted(keeping.breaches())
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            raise CommandError(f"{len(found)} promises are broken.")
        self.stdout.write("All is sound.")
