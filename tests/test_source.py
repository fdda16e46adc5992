"""The product's source, read as text: no unsafe markup, no pickles, and no way out but the one door."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent
APPS = ("lmsbridge", "objectives", "integrations", "stories")
# The practice LMS is a server for the demo and the tests, and the demo looks for free ports; neither asks anybody.
# Mails go to the operator's own mail server by way of Django, whose errors are those of smtplib.
MAY_USE_SOCKETS = (
    "integrations/alerts/sending.py",
    "integrations/connectors/http/",
    "lmsbridge/practice/",
    "lmsbridge/management/commands/demo.py",
)
NETWORK = re.compile(
    r"(aiohttp|asyncio|ftplib|http\.(client|server)|httpx|requests|smtplib|socket|socketserver|ssl)\b"
    r"|(urllib\.request|urllib3)\b"
)
# The client libraries behind the door, which trust the environment and follow redirects wherever else they are used.
CLIENTS = re.compile(r"(requests|urllib3)\b")
UNSAFE = re.compile(
    r"(pickle|marshal|shelve|dill)\b|(eval|exec|os\.(system|popen))\(\)"
    r"|.*\b(mark_safe(\(\))?|(SafeString|SafeText)\(\))$"
)
UNSAFE_MARKUP = re.compile(
    r"\|\s*safe(seq)?\b|autoescape\s+off|javascript:|<[^>]+\son[a-z]+\s*=|<script>|<style|\sstyle="
)
# What it makes went through the sanitizer a line before.
MAY_MAKE_MARKUP = {("stories/markdown.py", "SafeString()")}
CREDENTIALS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}\b|\bxox[abp]-\d")


def sources(*patterns: str) -> Iterator[tuple[str, str]]:
    """Path and text of the files that match, tracked or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=BASE, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if (BASE / name).is_file():
            yield name, (BASE / name).read_text(encoding="utf-8", errors="replace")


def names(code: str) -> Iterator[tuple[int, str]]:
    """Each import and each call (with brackets) of the code by its dotted name, with its line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call):
            yield node.lineno, f"{ast.unparse(node.func)}()"


def product() -> Iterator[tuple[str, str]]:
    return sources(*(f"{app}/*.py" for app in APPS), "manage.py")


def lines(text: str, pattern: re.Pattern[str]) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


@pytest.mark.parametrize(
    "code", ["import requests", "from urllib import request", "from socket import create_connection"]
)
def test_network__is_recognized(code: str) -> None:
    assert [bool(NETWORK.match(name)) for _, name in names(code)] == [True]


@pytest.mark.parametrize("code", ["from urllib.parse import quote", "from http import HTTPStatus", "request.get(1)"])
def test_network__is_not_mistaken(code: str) -> None:
    assert [bool(NETWORK.match(name)) for _, name in names(code)] == [False]


@pytest.mark.catalogue("S43")
def test_source__reaches_the_network_through_the_one_door_only() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path, code in product()
        if not path.startswith(MAY_USE_SOCKETS)
        for line, name in names(code)
        if NETWORK.match(name)
    ]

    assert found == []


@pytest.mark.catalogue("S43")
def test_source__knows_the_client_libraries_behind_the_one_door_only() -> None:
    found = {path.rpartition("/")[0] for path, code in product() for _, name in names(code) if CLIENTS.match(name)}

    assert found == {"integrations/connectors/http"}


@pytest.mark.catalogue("S43")
def test_source__runs_no_text_and_trusts_no_markup() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path, code in product()
        for line, name in names(code)
        if UNSAFE.match(name) and (path, name) not in MAY_MAKE_MARKUP
    ]

    assert found == []


@pytest.mark.catalogue("S43")
def test_templates__escape_everything_and_hold_no_script_or_style() -> None:
    found = [f"{path}:{line}" for path, text in sources("*.html") for line in lines(text, UNSAFE_MARKUP)]

    assert found == []


@pytest.mark.catalogue("S43")
def test_files__hold_no_credentials() -> None:
    found = [f"{path}:{line}" for path, text in sources(".") for line in lines(text, CREDENTIALS)]

    assert found == []
