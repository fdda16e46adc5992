"""A database of its own for each soak and each trial."""

from __future__ import annotations

import contextlib
import logging
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from tests.bench.databases import fresh_postgresql, fresh_sqlite, postgresql_server

Fresh = Callable[[], AbstractContextManager[str]]


def add_choice(parser: ArgumentParser) -> None:
    """The option ``--on``: PostgreSQL where ``TEST_DATABASE_URL`` names one, else SQLite."""
    named = os.environ.get("TEST_DATABASE_URL", "").startswith("postgres")
    default = "postgresql" if named else "sqlite"
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default=default, help="which database")


@contextlib.contextmanager
def databases(on: str) -> Iterator[Fresh]:
    """How to make a fresh database of this kind, which is gone afterwards; SystemExit if there can be none."""
    if on == "sqlite":
        yield fresh_sqlite
        return
    with postgresql_server() as server:
        if server is None:
            raise SystemExit("PostgreSQL is not installed; install it, set TEST_DATABASE_URL, or use --on sqlite.")
        yield partial(fresh_postgresql, server)


def prepare(url: str) -> None:
    """Use this database from now on, with all its tables."""
    os.environ.update({"DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE_URL": url})
    import django

    django.setup()
    from django.core.management import call_command

    logging.getLogger("django-q").setLevel(logging.WARNING)
    call_command("migrate", verbosity=0)
