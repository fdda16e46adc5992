"""What all tests may ask for; see tests/README.md."""

from __future__ import annotations

import os

import pytest
from django.conf import settings

pytest_plugins = [
    "tests.strictness",
    "tests.fixtures_ralph",
    "tests.fixtures_validator",
    "tests.fixtures_browser",
    "tests.cmi5.fixtures",
    "tests.fixtures_lms",
    "tests.fixtures_cast",
    "tests.outage",
    "tests.scene",
    "tests.catalogues",
    "tests.smtp",
    "tests.processes",
    "tests.redis_server",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On SQLite the test database is a file, as in the product, so that threads and processes see one another."""
    if not os.environ.get("TEST_DATABASE_URL"):
        folder = tmp_path_factory.mktemp("database")
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite3")
