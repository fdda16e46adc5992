"""Where a test's tools may be missing, and where not: with ``CI=true`` every skip is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Whether everything must be there and nothing may be skipped."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def unavailable(reason: str) -> NoReturn:
    """End the test because a tool it needs is not here: a skip, with ``CI=true`` a failure."""
    pytest.skip(reason)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not in_ci() or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"Nothing may be skipped with CI=true. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _fits(item: pytest.Item, vendor: str) -> bool:
    marker = item.get_closest_marker("database")
    return marker is None or marker.kwargs.get("only", vendor) == vendor


# Fixtures with a server or process of their own.
SERVERS = {"ralph", "xapi_validator", "second_opinion", "browser", "processes"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests with servers or processes of their own ``alone``: they run one by one, each server started once.

    (An xdist group would do, but pytest-xdist 3.8 does not see groups with pytest 9.2: its issue 1386.)
    """
    if (
        SERVERS & set(getattr(item, "fixturenames", ()))
        or item.get_closest_marker("processes")
        or item.get_closest_marker("browser")
    ):
        item.add_marker(pytest.mark.alone)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are for the other database only."""
    vendor = "postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite"
    left_out = [item for item in items if not _fits(item, vendor)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
