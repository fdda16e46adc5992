"""``reseal_secrets``: bring every stored credential under the newest key of ``FIELD_KEYS``."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from integrations.models import Launch, LMSConfiguration
from objectives.secrets import Unreadable


class Command(BaseCommand):
    help = (
        "Seal every stored credential under the newest key of FIELD_KEYS. Put the new key first, run this, "
        "then remove the old key. Safe to repeat."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        done, unreadable = 0, []
        for pk in LMSConfiguration.objects.exclude(sealed={}, origins={}).order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                configuration = LMSConfiguration.objects.select_for_update().get(pk=pk)
                try:
                    if configuration.reseal():
                        configuration.save(update_fields=["sealed", "origins"])
                        done += 1
                except Unreadable:
                    unreadable.append(f"{configuration.organization}: {configuration.name}")
        self.stdout.write(f"{done} configurations were sealed under the newest key.")
        self.stdout.write(f"{self.reseal_launches()} launches were sealed under the newest key.")
        self.reseal_others()
        if unreadable:
            names = "\n  ".join(unreadable)
            raise CommandError(f"These could not be read; their credentials must be entered again:\n  {names}")

    def reseal_others(self) -> None:
        """The rows of apps above this one, whose models name their sealed columns in ``SEALED``."""
        for model in apps.get_models():
            columns = getattr(model, "SEALED", ())
            if not columns:
                continue
            done = unreadable = 0
            for pk in model._default_manager.order_by("pk").values_list("pk", flat=True):
                with transaction.atomic():
                    row: Any = model._default_manager.select_for_update().get(pk=pk)
                    try:
                        if row.reseal():
                            row.save(update_fields=columns)
                            done += 1
                    except Unreadable:
                        unreadable += 1
            names = model._meta.verbose_name_plural
            self.stdout.write(
                f"{done} {names} were sealed under the newest key; {unreadable} cannot be read any more."
            )

    def reseal_launches(self) -> int:
        """Seal the tokens of launches anew; how many. What cannot be read any more is of use to nobody."""
        done = 0
        sealed = Launch.objects.exclude(sealed_token="", sealed_fetch="")
        for pk in sealed.order_by("pk").values_list("pk", flat=True):
            with transaction.atomic(), suppress(Unreadable):
                launch = Launch.objects.select_for_update().get(pk=pk)
                if launch.reseal():
                    launch.save(update_fields=["sealed_token", "sealed_fetch"])
                    done += 1
        return done
