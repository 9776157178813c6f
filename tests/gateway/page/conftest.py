"""A real Chromium: the system's, for Playwright's own builds come in no package."""

import contextlib
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PATIENCE_MS = 60_000
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other modules' tests
def browser() -> Iterator[Browser]:
    """One for all tests of a module."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("no Chromium is installed: run `make programs`, or install your system's package chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # without the sandbox, which root in a container cannot have: it opens our own pages alone
        chromium = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[OpenPage]:
    """Makes pages that share nothing. At the end none may have failed, or asked anybody but its gateway."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def make(**options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: _note(wrong, message.type, message.text))
        page.on("request", lambda request: _note_foreign(wrong, request.url))
        return page

    yield make
    for context in contexts:
        with contextlib.suppress(Exception):
            context.close()
    assert not wrong


def _note(wrong: list[str], kind: str, text: str) -> None:
    """What the console says; that a call was refused, or the connection is away, is the page's business."""
    if kind in ("error", "warning") and not text.startswith(("Failed to load resource", "WebSocket connection")):
        wrong.append(text)


def _note_foreign(wrong: list[str], url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "blob:", "data:")):
        wrong.append(f"asked for {url}")
