"""A database of its own for every measurement, and none of the developer's."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.servers import postgresql_binaries, throwaway_postgresql

MISSING = (
    "PostgreSQL is not installed, so everything is measured on SQLite only; install it or set TEST_DATABASE_URL."
)


@contextlib.contextmanager
def fresh_sqlite() -> Iterator[str]:
    """The URL of a SQLite file that does not exist yet, in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="lms-bridge-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


@contextlib.contextmanager
def fresh_postgresql(server: str) -> Iterator[str]:
    """The URL of an empty database on this server, which is dropped again."""
    name = f"lms_bridge_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def postgresql_server() -> Iterator[str | None]:
    """The server that ``TEST_DATABASE_URL`` names, else a throwaway one with durable commits; ``None`` if neither."""
    named, binaries = os.environ.get("TEST_DATABASE_URL", ""), postgresql_binaries()
    if named.startswith("postgres"):
        yield named
    elif binaries is None:
        yield None
    else:
        with throwaway_postgresql(binaries, durable=True) as url:
            yield url
