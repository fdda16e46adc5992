"""A throwaway Redis for the tests, from the machine's installed binary; ``TEST_REDIS_URL`` names another."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from tests.polling import until
from tests.servers import free_port
from tests.strictness import unavailable

QUEUE = f"django_q:{settings.Q_CLUSTER['name']}:q"


def answers(client: Any) -> bool:
    """Whether Redis takes commands."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@contextlib.contextmanager
def throwaway_redis(binary: str, folder: Path) -> Iterator[str]:
    """Start an empty Redis on a free port of 127.0.0.1; yields its URL."""
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with contextlib.closing(redis.from_url(url)) as client:
            until(lambda: answers(client), "Redis to start")
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis whose queue is empty and nobody else's."""
    if named := os.environ.get("TEST_REDIS_URL"):
        with contextlib.closing(redis.from_url(named)) as client:
            client.delete(QUEUE)
        yield named
        return
    binary = shutil.which("redis-server")
    if binary is None:
        unavailable("Redis is not installed; install redis-server or set TEST_REDIS_URL.")
    with throwaway_redis(binary, tmp_path) as url:
        yield url
