"""The web pages in headless Chromium: a study started, watched and read without curl."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sklearn.datasets import load_iris

from tests.service.api.browser import CHROMIUM, PATIENCE_MS, Watched, chromium
from tests.service.processes import Server, until

TINY: dict[str, Any] = {
    "name": "seen on a page",
    "dataset": "iris",
    "space": {"activation": ["relu", "prelu"], "width": 16, "depth": {"low": 1, "high": 2}},
    "budget": {"trials": 12, "epochs": 3},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}
#: Long enough to be paused and looked at while it runs.
LONG: dict[str, Any] = {
    **TINY,
    "name": "a long one",
    "dataset": "digits",
    "budget": {"trials": 2_000, "epochs": 300},
    "pruner": {"name": "none"},
}
TABLE = "height,colour,leaf,row\n" + "\n".join(
    f"{1.5 + (n % 9) / 7:.3f},{('red', 'blue', 'green')[n % 3]},"
    f"{('long', 'short')[(n % 9 > 4) ^ (n % 11 == 0)]},{n}"
    for n in range(120)
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; install it to run this"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def done(server: Server) -> str:
    """The id of a finished study."""
    study_id = server.start(**TINY)
    server.finish(study_id)
    return study_id


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    watched = Watched(page=page, base=str(server.client.base_url).rstrip("/"))
    watched.watch()
    yield watched
    page.close()
    assert watched.wrong == []


def test_a_study_is_started_watched_and_read_on_pages(
    watched: Watched, server: Server, tmp_path: Path
) -> None:
    page = watched.page
    (tmp_path / "plants.csv").write_text(TABLE)
    watched.open("/")
    page.get_by_role("link", name="New study").first.click()
    page.get_by_label("Table").set_input_files(tmp_path / "plants.csv")
    page.get_by_label("Target").select_option("leaf")
    expect(page.locator("#taken")).to_contain_text("120 rows")
    page.get_by_label("Role of row").select_option("ignore")
    expect(page.locator("#columns tr").filter(has_text="row")).to_contain_text("left out")
    for box in page.locator("input[name=activation]").all():
        box.set_checked(box.get_attribute("value") in ("relu", "tanh"))
    page.get_by_label("Trials").fill("8")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Name").fill("my plants")
    page.get_by_label("Anything else").fill('{"evaluation": {"folds": 2, "confirm_repeats": 2}}')
    asked = json.loads(page.locator("#json").inner_text())
    assert asked["space"] == {"activation": ["relu", "tanh"]}
    assert asked["budget"] == {"trials": 8, "epochs": 3}
    assert "-F 'target=leaf'" in page.locator("#curl").inner_text()
    page.get_by_role("button", name="Start the study").click()
    page.wait_for_url("**/studies/st_*")
    study = server.look(page.url.rsplit("/", 1)[1])
    assert study["name"] == "my plants"
    assert study["spec"]["budget"]["trials"] == 8
    # From here on nobody reloads: the page follows the study to its end.
    expect(page.locator("#status")).to_contain_text("completed", timeout=5 * PATIENCE_MS)
    results = server.client.get(f"/v1/studies/{study['id']}/results").json()
    first, *others = results["verdict"]["sentence"].split("; ")
    expect(page.locator(".sentence")).to_have_text(first)
    for point, clause in zip(page.locator(".points li").all(), others, strict=False):
        expect(point).to_have_text(clause)
    expect(page.locator("#figure-scores svg.main-svg").first).to_be_visible()
    expect(page.locator("#table-trials tbody tr")).to_have_count(8)


def test_what_is_refused_stands_at_its_field(watched: Watched) -> None:
    watched.open("/new?dataset=iris")
    page = watched.page
    page.get_by_label("Trials").fill("0")
    page.get_by_label("Anything else").fill('{"space": {"depth": [0]}}')
    page.get_by_role("button", name="Start the study").click()
    expect(page.locator("#wrong-trials")).to_contain_text("must be 1 or more")
    expect(page.get_by_label("Trials")).to_be_focused()
    page.get_by_label("Trials").fill("5")
    page.get_by_role("button", name="Start the study").click()
    expect(page.locator("#wrong-more")).to_contain_text("depth")
    page.get_by_label("Anything else").fill("{")
    expect(page.locator("#wrong-more")).to_have_text("This is no JSON object.")
    watched.forgive(422, 422)


def test_a_wrong_table_is_told_before_it_is_sent(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_bytes(b"\x00\x01\x02")
    watched.open("/new")
    watched.page.get_by_role("button", name="Start the study").click()
    expect(watched.page.locator("#wrong-file")).to_contain_text("Choose a table")
    watched.page.get_by_label("Table").set_input_files(tmp_path / "notes.csv")
    expect(watched.page.locator("#wrong-file")).to_contain_text("notes.csv")
    watched.forgive(422)


def test_figures_are_drawn_with_what_the_report_says(watched: Watched, done: str) -> None:
    watched.open(f"/studies/{done}")
    page = watched.page
    data = json.loads(page.locator("#figures-data").text_content() or "")
    for name in data["figures"]:
        place = page.locator(f"#figure-{name}")
        place.scroll_into_view_if_needed()
        expect(place.locator("svg.main-svg").first).to_be_visible()
    assert (
        page.locator("#figure-scores .plot").get_attribute("aria-label")
        == (data["figures"]["scores"]["layout"]["meta"]["summary"])
    )
    page.locator("#layers").scroll_into_view_if_needed()
    expect(page.locator("#layers svg.main-svg").first).to_be_visible()


def test_trials_are_sorted_by_any_column_and_looked_at(watched: Watched, done: str) -> None:
    watched.open(f"/studies/{done}")
    page = watched.page
    heads = page.locator("#table-trials tbody th")
    page.locator("#table-trials").get_by_role("button", name="Trial", exact=True).click()
    assert heads.all_inner_texts() == [str(number) for number in range(12)]
    page.locator("#table-trials").get_by_role("button", name="Trial", exact=True).click()
    assert heads.first.inner_text() == "11"
    page.get_by_role("button", name="Look at trial 3", exact=True).click()
    expect(page.get_by_role("heading", name="Trial 3:")).to_be_focused()
    expect(page.locator("#trial svg.main-svg").first).to_be_visible()


def test_the_network_is_taken_home_from_its_page(
    watched: Watched, server: Server, done: str, tmp_path: Path
) -> None:
    load_iris(as_frame=True).data.head(7).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "other.csv").write_text("colour\nred\n")
    watched.open(f"/studies/{done}")
    page = watched.page
    with page.expect_download() as trials:
        page.get_by_role("link", name="Trials as CSV").click()
    assert len(Path(trials.value.path()).read_text().splitlines()) == 1 + TINY["budget"]["trials"]
    with page.expect_download() as network:
        page.get_by_role("link", name="pytorch").click()
    assert zipfile.is_zipfile(network.value.path())
    page.get_by_label("Predict the rows").set_input_files(tmp_path / "rows.csv")
    with page.expect_download() as answers:
        page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("#predicted")).to_have_text("Done.")
    expected = server.client.post(
        f"/v1/studies/{done}/predict",
        content=(tmp_path / "rows.csv").read_bytes(),
        headers={"Content-Type": "text/csv"},
    )
    assert Path(answers.value.path()).read_text() == expected.text
    page.get_by_label("Predict the rows").set_input_files(tmp_path / "other.csv")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("#wrong-rows")).to_contain_text("colour")
    watched.forgive(422)


def test_an_address_opens_a_trial(watched: Watched, done: str) -> None:
    watched.open(f"/studies/{done}?trial=5")
    expect(watched.page.get_by_role("heading", name="Trial 5:")).to_be_focused()


def test_a_study_is_paused_tried_resumed_and_cancelled(watched: Watched, server: Server) -> None:
    study = server.start(**LONG)
    page = watched.page
    watched.open(f"/studies/{study}")
    expect(page.locator("#table-trials tbody tr").nth(3)).to_be_visible(timeout=2 * PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#status .state")).to_have_text("paused", timeout=2 * PATIENCE_MS)
    page.locator("[data-edit]").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("depth").fill("7")
    dialog.get_by_role("button", name="Try it").click()
    expect(dialog.locator("#wrong-depth")).to_contain_text("depth")
    dialog.get_by_label("depth").fill("2")
    dialog.get_by_role("button", name="Try it").click()
    expect(dialog).to_be_hidden()
    page.locator("[data-try]").first.click()
    expect(page.locator("#message")).to_have_text("It will be tried next.")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#status .state")).to_have_text("running", timeout=2 * PATIENCE_MS)
    newest = f"/v1/studies/{study}/trials?order=-number&limit=1000"
    until(
        lambda: any(
            trial["source"] == "requested" for trial in server.client.get(newest).json()["items"]
        )
    )
    page.once("dialog", lambda question: question.dismiss())
    page.get_by_role("button", name="Cancel").click()
    assert server.look(study)["state"] == "running"
    page.once("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status .state")).to_have_text("cancelled", timeout=2 * PATIENCE_MS)
    page.once("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{watched.base}/")
    assert server.client.get(f"/v1/studies/{study}").status_code == 404
    watched.forgive(422)


def test_without_events_the_page_asks_again_and_again(watched: Watched, server: Server) -> None:
    watched.page.route("**/events", lambda route: route.fulfill(status=503, body="no"))
    study = server.start(**TINY, task="multiclass")
    watched.open(f"/studies/{study}")
    expect(watched.page.locator("#status .state")).to_have_text(
        "completed", timeout=5 * PATIENCE_MS
    )
    watched.forgive(503)


def test_the_list_finds_and_compares(watched: Watched, server: Server, done: str) -> None:
    other = server.start(**{**TINY, "name": "the other"})
    server.finish(other)
    watched.open("/")
    page = watched.page
    page.get_by_label("Find").fill("the other")
    expect(page.locator("#studies tbody tr")).to_have_count(1)
    page.get_by_label("Find").fill("")
    expect(page.get_by_label("Compare the other")).to_be_visible()
    compare = page.get_by_role("button", name="Compare")
    expect(compare).to_be_disabled()
    page.locator(f"input[value={done}]").check()
    page.locator(f"input[value={other}]").check()
    compare.click()
    expect(page.get_by_role("heading", name="2 studies side by side")).to_be_visible()
    # Figures are drawn once they come into sight.
    page.locator("[data-figure]").first.scroll_into_view_if_needed()
    expect(page.locator("svg.main-svg").first).to_be_visible()


def test_the_report_file_needs_no_network(
    browser: Browser, server: Server, done: str, tmp_path: Path
) -> None:
    html = server.client.get(f"/studies/{done}/report.html").text
    (tmp_path / "report.html").write_text(html)
    context = browser.new_context(offline=True)
    page = context.new_page()
    watched = Watched(page=page, base="file://")
    watched.watch()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    watched.open(str(tmp_path / "report.html"))
    expect(page.locator("#figure-scores svg.main-svg").first).to_be_visible()
    page.locator("#layers").scroll_into_view_if_needed()
    expect(page.locator("#layers svg.main-svg").first).to_be_visible()
    page.get_by_role("button", name="State").click()
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file") and "report.html" not in url] == []
    assert watched.wrong == []
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/new?dataset=iris",
        "/studies/{}",
        "/studies/{}/report.html",
        "/compare?study={}&study={}",
        "/studies/nope",
    ],
)
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_page(
    browser: Browser, server: Server, done: str, path: str, scheme: Any, width: int
) -> None:
    if "compare" in path:
        path = path.format(done, server.client.get("/v1/studies").json()["items"][-1]["id"])
        if path.count(done) == 2:
            second = server.start(**TINY, task="multiclass")
            path = f"/compare?study={done}&study={second}"
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(str(server.client.base_url).rstrip("/") + path.format(done))
    _scroll_through(page)
    found = Axe().run(page)
    faults = [
        f"{fault['id']} ({fault['impact']}): {fault['nodes'][0]['html'][:200]}"
        for fault in found.response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def _scroll_through(page: Page) -> None:
    """Bring everything into view once, so that all figures are drawn."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for _ in range(0, height, 800):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(60)
    for place in page.locator(".plot:visible").all():
        expect(place.locator("svg.main-svg").first).to_be_attached(timeout=PATIENCE_MS)
