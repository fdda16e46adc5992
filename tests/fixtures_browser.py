"""``page``: a fresh page in a real Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.strictness import unavailable

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The installed Chromium or Chrome; ``CHROMIUM`` names another."""
    candidates = [os.environ.get("CHROMIUM", ""), *COMMANDS]
    found = next(filter(None, map(shutil.which, filter(None, candidates))), None)
    return found or unavailable("Chromium is needed for the browser tests; install chromium, or name it in CHROMIUM.")


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One headless Chromium for the session."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, and Django takes that for a call from async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        try:
            started = playwright.chromium.launch(
                executable_path=chromium_path,
                args=list(ARGUMENTS),
                # Chromium refuses its sandbox to root.
                chromium_sandbox=os.geteuid() != 0,
            )
        except Error as problem:
            unavailable(f"{chromium_path} did not start: {problem.message[:300]}")
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without cookies or history of others.."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="UTC")
    yield context.new_page()
    context.close()
