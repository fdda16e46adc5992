"""What everything is measured on."""

from __future__ import annotations

import os
import platform
import sqlite3

import psutil
import psycopg


def machine() -> str:
    """The line under the table: cores, memory, Python, and how busy the machine is just now."""
    memory = psutil.virtual_memory().total / 1024**3
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {python} on {platform.system()}; load {os.getloadavg()[0]:.1f}."
    )


def sqlite() -> str:
    """The name of this kind of database, with its version."""
    return f"SQLite {sqlite3.sqlite_version}"


def postgresql(server: str) -> str:
    """The name of this kind of database, with the version of the server at this URL."""
    with psycopg.connect(server) as connection:
        version = connection.info.parameter_status("server_version") or "of unknown version"
    return f"PostgreSQL {version.split()[0]}"
