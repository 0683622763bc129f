"""The web pages over HTTP, on a recorded database."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.analysis.figures import FigureName, draw_figures, view_of_study
from search.study import StudyState
from service.api.study_documents import study_document
from service.pages.report import PAGE_POLICY
from service.pages.static_files import STATIC_FILES, script_hash, static_url
from service.settings import Settings
from storage import Database, Studies
from tests.service.recorded import ANSWERS, STUDY, recorded_settings

PAUSED = next(s["id"] for s in ANSWERS["/v1/studies"]["items"] if s["id"] != STUDY)
VERDICT = ANSWERS[f"/v1/studies/{STUDY}/results"]["verdict"]
PAGES = (
    "/",
    "/new",
    f"/studies/{STUDY}",
    f"/studies/{PAUSED}",
    f"/compare?study={STUDY}&study={PAUSED}",
)
HOSTILE = "</script><img src=x onerror=alert(1)>'\"{{ 7*7 }}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return recorded_settings(tmp_path)


class Elements(HTMLParser):
    """The elements of a page: names and attributes, and the texts of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        known = dict(attrs)
        self._is_script = tag == "script" and not known.keys() & {"type", "src"}
        if self._is_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[-1] += data

    def addresses(self) -> set[str]:
        """Return every address that a browser would fetch."""
        return {
            str(value)
            for tag, attributes in self.found
            for name, value in attributes.items()
            if (name == "src" or (tag == "link" and name == "href")) and value
        }


def data_of(html: str) -> dict[str, Any]:
    """Return the figures within a page."""
    found = re.search(r'id="figures-data" hidden>(.*?)</div>', html)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_scripts_of_this_server_only(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
    assert "script-src 'self';" in PAGE_POLICY
    page = Elements(answer.text)
    assert page.scripts == []
    handlers = [name for _, attributes in page.found for name in attributes if name[:2] == "on"]
    assert handlers == []
    for address in page.addresses():
        assert client.get(address).status_code == 200, address
        assert address.startswith("/assets/")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_its_language_its_title_and_where_its_content_begins(
    client: TestClient, path: str
) -> None:
    page = Elements(client.get(path).text)
    tags = [tag for tag, _ in page.found]
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    assert ("html", {"lang": "en"}) in page.found
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [a["aria-labelledby"] for _, a in page.found if "aria-labelledby" in a]
    assert set(named) <= set(ids)


def test_the_list_says_state_progress_and_winner_and_finds_studies(client: TestClient) -> None:
    html = client.get("/").text
    row = next(row for row in html.split("<tr>") if STUDY in row)
    assert f"<td>{VERDICT['winner']}" in row
    assert PAUSED in html
    assert "6 of 6 trials" in row
    assert STUDY not in client.get("/?q=no-such-words").text
    assert "No study matches." in client.get("/?q=no-such-words").text
    found = client.get("/?q=PLANTS&state=completed").text
    assert STUDY in found
    assert PAUSED not in found


def test_the_list_says_the_place_in_the_queue(client: TestClient) -> None:
    first, second = (
        client.post("/v1/studies", json={"dataset": "iris", "name": name}).json()["id"]
        for name in ("first", "second")
    )
    rows = client.get("/").text.split("<tr>")
    places = {
        study: found[1]
        for row in rows
        for study in (first, second)
        if study in row and (found := re.search(r"place (\d)", row))
    }
    assert places == {first: "1", second: "2"}


def test_a_study_shows_its_sentence_first_and_what_stands_behind_it(client: TestClient) -> None:
    html = client.get(f"/studies/{STUDY}").text
    for clause in VERDICT["sentence"].split("; "):
        assert clause in html
    assert html.index(VERDICT["sentence"].split("; ")[-1]) < html.index('data-figure="scores"')
    shown = data_of(html)["figures"]
    assert {"scores", "shapes", "curves", "cost"} <= set(shown)
    for row in VERDICT["comparisons"]:
        assert f'<th scope="row">{row["activation"]}</th>' in html


def test_the_figures_are_those_of_the_api_and_of_the_science(
    client: TestClient, database: Database
) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]  # FastAPI's
    document = study_document(services, STUDY)
    trials = [services.trials.get(STUDY, n) for n in range(len(document.trials))]
    results = services.results.get(STUDY).results
    here = draw_figures(view_of_study(results, trials, metric=document.metric))
    assert json.loads(json.dumps(here)).keys() == document.figures.keys()
    for name in (FigureName.SCORES, FigureName.SHAPES, FigureName.CURVES, FigureName.SLOPES):
        assert json.loads(json.dumps(here.get(name))) == document.figures.get(name)


def test_what_can_be_done_follows_the_state(client: TestClient) -> None:
    done, paused = (client.get(f"/studies/{study}").text for study in (STUDY, PAUSED))
    assert f"/v1/studies/{STUDY}/extend" in done
    assert f'data-delete="/v1/studies/{STUDY}"' in done
    assert f"/v1/studies/{STUDY}/pause" not in done
    assert f"/v1/studies/{PAUSED}/resume" in paused
    assert f"/v1/studies/{PAUSED}/cancel" in paused
    assert f"/v1/studies/{PAUSED}/extend" not in paused


def test_a_trial_shows_its_findings_and_its_layers(client: TestClient) -> None:
    html = client.get(f"/studies/{STUDY}/trials/1").text
    detail = ANSWERS[f"/v1/studies/{STUDY}/trials/1"]
    assert f"Trial 1: {detail['activation']}" in html
    assert "trial-figures" in html
    assert "gradient" in html


def test_a_study_without_a_verdict_says_how_it_stands(
    client: TestClient, database: Database
) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    assert "Waiting for a worker." in client.get(f"/studies/{study}").text
    Studies(database).cancel(study)
    assert Studies(database).get(study).state is StudyState.CANCELLED
    assert "was cancelled before its verdict" in client.get(f"/studies/{study}").text


def test_a_hostile_name_is_a_name(client: TestClient) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris", "name": HOSTILE}).json()["id"]
    for path in ("/", f"/studies/{study}", f"/studies/{study}/report.html"):
        html = client.get(path).text
        assert "<img src=x" not in html
        assert "{{ 7*7 }}" in html


def test_the_report_is_one_file_that_asks_for_nothing(client: TestClient) -> None:
    answer = client.get(f"/studies/{STUDY}/report.html")
    html = answer.text
    assert len(answer.content) < 6_000_000
    page = Elements(html)
    assert page.addresses() == {"data:,"}
    assert not re.findall(r"url\((?!#)", html[: html.index("<body>")])
    assert all(clause in html for clause in VERDICT["sentence"].split("; "))


def test_the_scripts_of_the_report_run_by_their_hashes(client: TestClient) -> None:
    answer = client.get(f"/studies/{STUDY}/report.html")
    page = Elements(answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in page.found
    sources = policy.split("script-src ")[1].split(";")[0].split()
    assert sources == [script_hash(script) for script in page.scripts]
    assert len(sources) == 3


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/studies/st_nope", 404, "there is no study &#39;st_nope&#39;"),
        ("/studies/st_nope/report.html", 404, "st_nope"),
        (f"/studies/{STUDY}/trials/99", 404, "99"),
        (f"/studies/{STUDY}/trials/x", 422, "whole number"),
        ("/?state=asleep", 422, "must be one of queued"),
        ("/?cursor=x", 422, "cursor"),
        (f"/compare?study={STUDY}", 422, "2 to 4"),
        (f"/compare?study={STUDY}&study=st_nope", 404, "st_nope"),
        ("/assets/nope.js", 404, "nope.js"),
        ("/assets/../../settings.py", 404, ""),
    ],
)
def test_what_goes_wrong_is_told_on_a_page(
    client: TestClient, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize("name", STATIC_FILES)
def test_a_static_file_may_be_kept_since_its_address_changes_with_it(
    client: TestClient, name: str
) -> None:
    answer = client.get(static_url(name))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"].split(";")[0] in (
        "text/css",
        "text/javascript",
        "image/svg+xml",
    )


TABLE = "height,kind,id\n" + "\n".join(
    f"{1.5 + number % 9},{'ab'[number % 2]},{number}" for number in range(40)
)


def look(client: TestClient, **fields: str) -> Any:
    return client.post("/new/table", data=fields, files={"file": ("t.csv", TABLE)})


def test_a_table_is_looked_at_without_being_stored(client: TestClient) -> None:
    before = client.get("/v1/datasets").json()
    seen = look(client).json()
    assert seen["rows"] == 40
    assert [column["name"] for column in seen["columns"]] == ["height", "kind", "id"]
    assert seen["columns"][1]["examples"] == ["a", "b"]
    taken = look(client, target="kind", columns='{"id": "ignore"}').json()
    assert (taken["task"], taken["target"]) == ("binary", "kind")
    roles = {column["name"]: column["role"] for column in taken["columns"]}
    assert roles == {"height": "feature", "kind": "target", "id": "ignore"}
    assert client.get("/v1/datasets").json() == before


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"target": "colour"}, "colour"),
        ({"target": "kind", "columns": "{"}, "JSON object"),
        ({"target": "kind", "columns": '{"id": "key"}'}, "role"),
    ],
)
def test_what_is_wrong_with_a_table_is_a_problem_with_a_pointer(
    client: TestClient, fields: dict[str, str], words: str
) -> None:
    answer = look(client, **fields)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"]


def test_a_table_beyond_the_limit_is_refused(client: TestClient, settings: Settings) -> None:
    content = b"x,y\n" + b"1,2\n" * (settings.max_upload_bytes // 4)
    answer = client.post("/new/table", files={"file": ("t.csv", content)})
    assert answer.status_code in (413, 422)


def test_a_new_study_may_begin_as_another_one_was_asked_for(client: TestClient) -> None:
    html = client.get(f"/new?copy={STUDY}").text
    found = re.search(r'id="start-data">(.*?)</script>', html)
    assert found is not None
    assert json.loads(found[1])["before"] == client.get(f"/v1/studies/{STUDY}").json()["spec"]
    assert client.get("/new?copy=st_nope").status_code == 404
    assert client.get("/new?dataset=ds_nope").status_code == 404
    assert '<option value="wine" selected>' in client.get("/new?dataset=wine").text
