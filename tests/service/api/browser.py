"""Headless Chromium for tests, and a page whose errors are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Bundles of scripts are megabytes, and two busy cores are slow to read them.
PATIENCE_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A page, and everything that went wrong in it."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)

    def watch(self) -> None:
        def said(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.wrong.append(message.text)

        def failed(request: Request) -> None:
            # A page that is left ends its stream of events, which a browser calls a failure.
            if not (request.url.endswith("/events") and request.failure == "net::ERR_ABORTED"):
                self.wrong.append(request.url)

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", failed)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def forgive(self, *statuses: int) -> None:
        """Forget what the browser says of answers that the test has asked for."""
        kept = [text for text in self.wrong if not any(f"status of {s}" in text for s in statuses)]
        assert len(kept) < len(self.wrong)
        self.wrong[:] = kept


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for as long as the context lasts."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()
