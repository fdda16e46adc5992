"""The tests' own servers and tools do what the other tests rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests
from django.db import connection
from playwright.sync_api import Page

from tests.fixtures_ralph import Ralph
from tests.fixtures_validator import Validator
from tests.processes import Processes
from tests.servers import postgresql_binaries, run_with_postgresql, throwaway_postgresql

PARENT_AND_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def statement() -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": "mailto:ada@example.org", "objectType": "Agent"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://example.org/objectives/1", "objectType": "Activity"},
    }


def post(ralph: Ralph, *statements: dict[str, Any]) -> requests.Response:
    return requests.post(
        f"{ralph.url}/statements",
        json=list(statements),
        auth=(ralph.key, ralph.secret),
        headers={"X-Experience-API-Version": "1.0.3"},
        timeout=20,
    )


def test_ralph__stores_and_returns_statements(ralph: Ralph) -> None:
    first, second = statement(), statement()
    before = ralph.count()

    assert post(ralph, first).json() == [first["id"]]
    assert post(ralph, second).json() == [second["id"]]

    found = ralph.get(second["id"])
    assert found is not None
    assert found["actor"] == second["actor"]
    assert ralph.count() == before + 2


def test_ralph__knows_no_statement_that_was_not_sent(ralph: Ralph) -> None:
    post(ralph, statement())

    assert ralph.get(str(uuid.uuid4())) is None


def test_ralph__stores_again_after_being_cleared(ralph: Ralph) -> None:
    post(ralph, statement())
    ralph.clear()

    kept = statement()
    post(ralph, kept)

    assert [found["id"] for found in ralph.stored()] == [kept["id"]]


def test_ralph__refuses_a_wrong_secret(ralph: Ralph) -> None:
    answer = requests.get(f"{ralph.url}/statements", auth=(ralph.key, "wrong"), timeout=20)

    assert answer.status_code == 401


def test_validator__accepts_a_good_statement_and_names_what_is_wrong_with_a_bad_one(
    xapi_validator: Validator,
) -> None:
    bad = statement() | {"verb": {"id": "completed"}}

    assert xapi_validator([statement(), bad]) == [
        [],
        ['statement.verb.id: TypeWarning, Internationalized Resource Identifier (IRI) expected, found "completed"'],
    ]


def test_validator__answers_batch_after_batch(xapi_validator: Validator) -> None:
    assert [xapi_validator([statement()] * size) for size in (0, 1, 3)] == [[], [[]], [[], [], []]]


@pytest.mark.browser
def test_page__runs_scripts(page: Page) -> None:
    page.set_content("<p>waiting</p><script>document.querySelector('p').textContent = navigator.language</script>")

    assert page.inner_text("p") == "en-US"


@pytest.mark.database
@pytest.mark.django_db
def test_database__is_the_one_asked_for() -> None:
    asked = "postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite"

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert (connection.vendor, cursor.fetchone()) == (asked, (1,))


@pytest.mark.processes
def test_process__sees_the_rows_of_the_test(processes: Processes) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE left_for_a_process (word VARCHAR(9))")
        cursor.execute("INSERT INTO left_for_a_process VALUES ('found it')")
    look = "from django.db import connection; c = connection.cursor(); c.execute('SELECT * FROM left_for_a_process')"

    reader = processes.manage("shell", "--no-imports", "-c", f"{look}; print(c.fetchone()[0])")

    try:
        assert (reader.wait(), reader.output().strip()) == (0, "found it")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE left_for_a_process")


@pytest.mark.processes
def test_process__leaves_an_orphan_behind(processes: Processes) -> None:
    parent = processes.start("parent", [sys.executable, "-c", PARENT_AND_CHILD])
    parent.wait_for_output("ready")
    family = parent.family()

    with pytest.raises(AssertionError, match="parent left after TERM: .*time.sleep"):
        parent.stop(orphans_within=0.2)

    assert len(family) == 2
    assert not any(psutil.pid_exists(process.pid) and process.is_running() for process in family)


@pytest.mark.processes
def test_process__ends_before_it_is_ready(processes: Processes) -> None:
    short = processes.start("short", [sys.executable, "-c", "print('no room'); raise SystemExit(3)"])

    with pytest.raises(AssertionError, match="short ended with 3: no room"):
        short.wait_for_output("ready")


def test_throwaway_postgresql__goes_with_everything_it_made() -> None:
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed.")

    with throwaway_postgresql(binaries) as url, psycopg.connect(url) as client:
        row = client.execute("SHOW data_directory").fetchone()
        assert row is not None
        assert Path(row[0]).parent.parent == Path("/tmp")

    assert not Path(row[0]).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5)


def test_run_with_postgresql__passes_on_the_named_server_and_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://named.example/db")
    look = "import os, sys; sys.exit(7 if os.environ['TEST_DATABASE_URL'] == 'postgres://named.example/db' else 1)"

    assert run_with_postgresql([sys.executable, "-c", look]) == 7


def test_run_with_postgresql__reports_a_killed_command_as_a_shell_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://named.example/db")

    assert run_with_postgresql(["sh", "-c", "kill -TERM $$"]) == 128 + signal.SIGTERM


@pytest.mark.parametrize(("ci", "code", "words"), [("true", 1, "2 failed"), ("", 0, "1 passed, 2 skipped")])
def test_skip__fails_in_ci_only(tmp_path: Path, ci: str, code: int, words: str) -> None:
    tests = "import pytest\ndef test_skips(): pytest.skip('no tool')\ndef test_runs(): pass\n"
    (tmp_path / "test_one.py").write_text(tests)
    (tmp_path / "test_two.py").write_text("import pytest\npytest.skip('no tool', allow_module_level=True)\n")
    options = ["-p", "tests.strictness", "-p", "no:django", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path, "--continue-on-collection-errors", tmp_path],
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, words in done.stdout.replace("1 failed, 1 passed, 1 error", "2 failed")) == (code, True)
