"""The Optuna dashboard in headless Chromium, on the database that the service writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.service.api.browser import CHROMIUM, PATIENCE_MS, Watched, chromium
from tests.service.processes import Server

NAME = "seen in a browser"
TRIALS = 96
TINY: dict[str, Any] = {
    "name": NAME,
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": {"low": 1, "high": 2}},
    "budget": {"trials": TRIALS, "epochs": 3},
    "pruner": {"name": "none"},  # importances need complete trials
    "evaluation": {"folds": 2, "confirm_top": 0},
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; install it to run this"),
]


@pytest.fixture(scope="module")
def links(server: Server) -> dict[str, str]:
    """The links of a finished study."""
    study_id = server.start(**TINY)
    server.finish(study_id)
    found: dict[str, str] = server.look(study_id)["links"]
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(PATIENCE_MS)
    watched = Watched(page=page, base=str(server.client.base_url).rstrip("/"))
    watched.watch()
    yield watched
    page.close()
    assert watched.wrong == []


def test_the_study_is_listed_and_opens_with_its_history_and_importances(
    watched: Watched, server: Server, links: dict[str, str]
) -> None:
    watched.open("/dashboard")
    watched.page.get_by_text(NAME).click()
    watched.page.wait_for_url(f"**{links['dashboard']}")
    history = watched.page.locator("#plot-history svg.main-svg")
    expect(history.locator(".point")).to_have_count(TRIALS, timeout=PATIENCE_MS)
    expect(history.locator("path.js-line")).to_have_count(1)
    importances = watched.page.locator("#graph-hyperparameter-importances svg.main-svg")
    expect(importances.locator(".point").first).to_be_visible(timeout=PATIENCE_MS)
    axes = importances.locator(".ytick").all_text_contents()
    assert {"activation", "depth", "learning_rate"} <= {axis.strip() for axis in axes}
    shares = [float(share) for share in importances.locator(".bartext").all_text_contents()]
    ours = server.client.get(f"{links['self']}/results").json()["importances"]
    assert shares == [round(share, 2) for share in sorted(ours.values())]


def test_our_figures_notes_and_artifacts_stand_beside_its_own(
    watched: Watched, links: dict[str, str]
) -> None:
    page, study = watched.page, links["self"].rsplit("/", 1)[1]
    watched.open(links["dashboard"])
    for name in ("scores", "shapes", "importances", "cost"):
        figure = page.locator(f"[id='user-defined-plot:{name}'] svg.main-svg").first
        expect(figure).to_be_visible(timeout=PATIENCE_MS)
    watched.open(f"{links['dashboard']}/note")
    expect(page.get_by_text("The importances here are those of the report")).to_be_visible(
        timeout=PATIENCE_MS
    )
    page.get_by_role("link", name="Report", exact=True).click()
    page.wait_for_url(f"**/studies/{study}")
    watched.open(f"{links['dashboard']}/trials?numbers=4")
    expect(page.get_by_text("trial-4.json")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Its curves").click()
    expect(page.get_by_role("heading", name="Trial 4:")).to_be_visible()


def test_the_trials_are_there_one_by_one(watched: Watched, links: dict[str, str]) -> None:
    watched.open(f"{links['dashboard']}/trials")
    expect(watched.page.get_by_text(f"{TRIALS} Trials")).to_be_visible(timeout=PATIENCE_MS)
    watched.page.get_by_text("Trial 0", exact=True).first.click()
    expect(watched.page.get_by_text(re.compile("learning_rate")).first).to_be_visible()
    expect(watched.page.get_by_text("kaiming_normal").first).to_be_visible()


def test_what_would_be_refused_is_not_offered(watched: Watched, links: dict[str, str]) -> None:
    page = watched.page
    watched.open("/dashboard")
    expect(page.locator(".MuiCard-root").filter(has_text=NAME)).to_be_visible(timeout=PATIENCE_MS)
    for name in ("delete study", "rename study"):
        expect(page.get_by_label(name).first).to_be_attached()
        expect(page.get_by_label(name).first).to_be_hidden()
    expect(page.get_by_text("Create", exact=True).first).to_be_hidden()
    watched.open(f"{links['dashboard']}/note")
    expect(page.get_by_text("The importances here are those of the report")).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(page.get_by_test_id("EditIcon").first).to_be_attached()
    expect(page.get_by_test_id("EditIcon").first).to_be_hidden()


def test_the_documentation_is_drawn_by_files_of_this_server(watched: Watched) -> None:
    watched.open("/docs")
    operation = watched.page.locator(".opblock-summary-path", has_text="/v1/activations")
    expect(operation.first).to_be_visible(timeout=PATIENCE_MS)
