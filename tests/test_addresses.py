"""The check of tracked files for foreign hosts finds what it should."""

from __future__ import annotations

import pytest

from tests.addresses import allowed_hosts, findings

# Put together here, so that this file itself names no foreign host.
FOREIGN = "https:" + "//files.stranger.io/simple"


@pytest.mark.parametrize(
    "line",
    ["https://lms.example.com/xapi", "http://127.0.0.2:8000/", "http://testserver/", "http://adlnet.gov/expapi/"],
)
def test_findings__allowed_or_reserved_host(line: str) -> None:
    assert list(findings("a.py", line, allowed_hosts())) == []


@pytest.mark.parametrize("line", [FOREIGN, f"see <{FOREIGN}>", FOREIGN.replace("//", "//user:word@")])
def test_findings__foreign_host(line: str) -> None:
    assert list(findings("a.py", line, allowed_hosts())) == [
        "a.py:1: the host files.stranger.io is not in tests/addresses.txt"
    ]


@pytest.mark.parametrize("line", ["--index-url simple", "  --find-links wheels", '  "resolved": "file"'])
def test_findings__package_index(line: str) -> None:
    assert len(list(findings("requirements.txt", f"first\n{line}", allowed_hosts()))) == 1
