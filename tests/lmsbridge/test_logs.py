"""What is written to logs: addresses without their queries, links of stories without their tokens."""

from __future__ import annotations

import logging
import socket
import sys

import pytest
import requests

from lmsbridge.logs import Formatter, without_queries
from tests.polling import until
from tests.processes import Processes

pytestmark = [pytest.mark.catalogue("S38")]

# Everything that gunicorn can be told to write about a request.
TELLTALE = "%(r)s|%(q)s|%(U)s|%(f)s|%({raw_uri}e)s|%({query_string}e)s|%({path_info}e)s|%({referer}i)s|%(a)s"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"GET /s/Tok3n/?actor={"a": 1} HTTP/1.1" 200', '"GET /s/…/ HTTP/1.1" 200'),
        ('"POST /s/Tok3n/told/ HTTP/1.1" 200', '"POST /s/…/told/ HTTP/1.1" 200'),
        ('Invalid HTTP request line: \'GET /s/Tok3n/?actor={ "a"', "Invalid HTTP request line: 'GET /s/…/"),
        ("at https://bridge.example.com/s/Tok3n", "at https://bridge.example.com/s/…/"),
        ("Not Found: /admin/x/?q=ann@example.com", "Not Found: /admin/x/"),
        ("from https://lms.example.com/course?user=ann, then", "from https://lms.example.com/course then"),
        ("Really? Yes: /static/s.css", "Really? Yes: /static/s.css"),
    ],
    ids=["launch", "told", "broken", "link", "query", "referrer", "prose"],
)
def test_text__loses_queries_and_tokens(written: str, kept: str) -> None:
    assert without_queries(written) == kept


def test_traceback__loses_them_too() -> None:
    try:
        raise ValueError("GET /s/Tok3n/?actor=ann HTTP/1.1")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "It failed", (), sys.exc_info())

    assert "GET /s/…/ HTTP/1.1" in Formatter().format(record)
    assert "ann" not in Formatter().format(record)


@pytest.mark.processes
def test_web_server__writes_no_query_whatever_format_is_chosen(processes: Processes) -> None:
    options = f"--access-logfile - --access-logformat '{TELLTALE}'"
    web, address = processes.web({"GUNICORN_CMD_ARGS": options})
    launch = f"{address}/s/Tok3n7f3a/?actor=marked7f3a&activityId={'x' * 6000}"
    host, port = address.removeprefix("http://").split(":")

    answer = requests.get(launch, headers={"Referer": f"{address}/a?marked7f3a"}, timeout=60)
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b'GET /s/Tok3n7f3a/?actor={ "marked7f3a": 1 } HTTP/1.1\r\nHost: x\r\n\r\n')
        connection.recv(100)
    until(lambda: "Invalid" in web.output(), "a word about the broken request")

    assert answer.status_code == 404
    assert "GET /s/…/ HTTP/1.1" in web.output()
    assert "marked7f3a" not in web.output()
    assert "Tok3n" not in web.output()
