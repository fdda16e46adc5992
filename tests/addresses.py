"""Holds that tracked files name only the hosts of tests/addresses.txt, and no package index.

``python -m tests.addresses`` prints what is foreign and exits 1 if anything is.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
ALLOWED = Path(__file__).with_name("addresses.txt")
# Names that the standards keep free for examples and tests (RFC 2606, RFC 6761, RFC 6762).
RESERVED = (
    "example",
    "example.com",
    "example.net",
    "example.org",
    "invalid",
    "localhost",
    "test",
    "local",
    "internal",
)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/@\"'<>]*@)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)", re.IGNORECASE)
CONFIGURATION = {".txt", ".in", ".json", ".toml", ".cfg", ".ini", ".conf", ".lock", ".yml", ".yaml", ""}
INDEX = re.compile(
    r"^\s*(--(extra-)?index-url|--find-links|--trusted-host|-i |-f )"
    r"|\b(extra-)?index-url\s*=|\bfind-links\s*=|\bregistry\s*=|\"resolved\":|tool\.uv\.index",
)


def allowed_hosts() -> frozenset[str]:
    """The hosts listed in tests/addresses.txt, in lower case."""
    lines = (line.partition("#")[0].strip().lower() for line in ALLOWED.read_text(encoding="utf-8").splitlines())
    return frozenset(filter(None, lines))


def is_foreign(host: str, allowed: frozenset[str]) -> bool:
    """Whether the host is neither listed, reserved for examples, a bare name nor an address in figures."""
    name = host.lower().rstrip(".")
    if "." not in name or name in allowed or name.endswith(tuple(f".{end}" for end in RESERVED)) or name in RESERVED:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return not name.replace(".", "").isdigit()
    return False


def findings(path: str, text: str, allowed: frozenset[str]) -> Iterator[str]:
    """One sentence for each line of the file that should not be there."""
    configuration = Path(path).suffix in CONFIGURATION and not path.startswith(".ci/") and path != "Makefile"
    for number, line in enumerate(text.splitlines(), 1):
        for host in ADDRESS.findall(line):
            if is_foreign(host, allowed):
                yield f"{path}:{number}: the host {host} is not in tests/addresses.txt"
        if configuration and INDEX.search(line):
            yield f"{path}:{number}: names a package index: {line.strip()[:80]}"


def tracked() -> Iterator[tuple[str, str]]:
    """Every tracked text file that exists: its path and its text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=BASE, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        content = (BASE / name).read_bytes() if (BASE / name).is_file() else b"\0"
        if b"\0" not in content:
            yield name, content.decode("utf-8", errors="replace")


def main() -> int:
    """Print the findings in all tracked files; 1 if there are any."""
    allowed = allowed_hosts()
    found = [finding for path, text in tracked() for finding in findings(path, text, allowed)]
    sys.stdout.writelines(f"{line}\n" for line in found or ["No foreign addresses."])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
