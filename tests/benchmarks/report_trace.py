"""When a report can be used, by the browser's own trace: `python -m tests.benchmarks.report_trace`.

A study is run, its page and its report file are opened in headless Chromium with an empty cache,
and the trace of the main thread is read: interactive is the end of the last task of more than
50 ms, once the page has been quiet for a second. Seconds of the thread's processor are given beside
those of the clock, which a busy machine lengthens.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.service.api.browser import FLAGS
from tests.service.processes import served

LONG_TASK_US = 50_000
QUIET_MS = 1_000
STUDY: dict[str, Any] = {"dataset": "digits", "budget": {"trials": 500, "epochs": 15}}


def trace(browser: Browser, address: str, *, offline: bool) -> list[dict[str, Any]]:
    """Open `address` in a fresh context; return the events of the browser's trace."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=offline)
    page = context.new_page()
    browser.start_tracing(page=page, categories=["toplevel", "blink.user_timing"])
    page.goto(address, wait_until="load")
    page.locator("#figure-scores svg.main-svg").first.wait_for()
    page.wait_for_timeout(QUIET_MS)
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    context.close()
    return events


def interactive(events: list[dict[str, Any]], address: str) -> tuple[float, float]:
    """Return the seconds from the navigation to interactive: by the clock, and of the processor."""
    began = max(
        (e for e in events if e["name"] == "navigationStart" and address in json.dumps(e["args"])),
        key=lambda event: event["ts"],
    )
    main = (began["pid"], began["tid"])
    tasks = [
        event
        for event in events
        if (event["pid"], event["tid"]) == main
        and event["name"].endswith("RunTask")
        and event["ts"] + event.get("dur", 0) >= began["ts"]
    ]
    ends = [e["ts"] + e["dur"] for e in tasks if e["dur"] > LONG_TASK_US]
    end = max(ends, default=began["ts"])
    used = sum(event.get("tdur", 0) for event in tasks if event["ts"] <= end)
    return (end - began["ts"]) / 1e6, used / 1e6


def main() -> None:
    """Run a study, or take that of `--address`, and print both pages' seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="of the page of a study that is served already")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        if asked.address:
            measure(asked.address, Path(folder))
            return
        with served(Path(folder)) as server:
            study = server.start(**STUDY)
            server.finish(study)
            measure(f"{str(server.client.base_url).rstrip('/')}/studies/{study}", Path(folder))


def measure(address: str, folder: Path) -> None:
    """Print when the page at `address` and its report file are interactive."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS]
        )
        page = browser.new_page()
        file = folder / "report.html"
        file.write_bytes(page.request.get(f"{address}/report.html").body())
        page.close()
        for name, place, offline in (
            ("page", address, False),
            ("report.html, offline", f"file://{file}", True),
        ):
            clock, used = interactive(trace(browser, place, offline=offline), place)
            print(f"{name}: interactive after {clock:.2f} s, {used:.2f} s of the main thread")
        browser.close()


if __name__ == "__main__":
    main()
