"""The pages beside the code are true where that is cheap to see: paths, routes, fields, names."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from search.study import StudySpec
from service.api.schemas.study import StudyModel
from tests import pages
from tests.slow import SLOW

ROOT = Path(__file__).parent.parent
#: Pages whose every path in backticks must exist.
MAPS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "GLOSSARY.md",
    "tests/benchmarks/README.md",
)
#: A word in backticks is a path where it begins like one: `search/space/axes.py`, `service/api/`.
PATH = re.compile(r"`((?:search|storage|service|tests|\.ci)/[\w./*-]*)`")
MODULE = re.compile(r"`((?:search|storage|service|tests)(?:\.\w+)+)`")
ROUTE = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) ([^`?]+)` \|", re.MULTILINE)
API = (ROOT / "API.md").read_text()


def exists(path: str, page: str) -> bool:
    return any(list(base.glob(path)) for base in (ROOT, (ROOT / page).parent))


@pytest.mark.parametrize("page", MAPS)
def test_paths_that_a_page_names_exist(page: str) -> None:
    named = PATH.findall((ROOT / page).read_text())
    assert named
    assert [path for path in named if not exists(path.rstrip("/"), page)] == []


@pytest.mark.parametrize("page", [*MAPS, "API.md", "CHANGELOG.md", "OPERATING.md"])
def test_modules_and_links_of_a_page_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    for name in MODULE.findall(text):
        parts = name.split(".")
        # The last word may be a name within the module.
        modules = ["/".join(parts[:length]) for length in (len(parts), len(parts) - 1)]
        assert any((ROOT / m).is_dir() or (ROOT / f"{m}.py").exists() for m in modules), name
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)", text)
    for target, anchor in links:
        found = ROOT / Path(page).parent / target if target else ROOT / page
        assert found.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads
            }
            assert anchor[1:] in slugs, f"{target}{anchor}"


def test_the_tree_of_the_architecture_is_the_tree() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = text.split("## The map")[1].split("\n## ")[0]
    named = set(re.findall(r"^    ((?:search|storage|service)/[\w/.]*) ", drawn, re.MULTILINE))
    there = {
        f"{path.relative_to(ROOT)}/"
        for package in ("search", "storage", "service")
        for path in [ROOT / package, *(ROOT / package).iterdir()]
        if path.is_dir() and any(path.glob("*.py"))
    } | {
        str(path.relative_to(ROOT))
        for package in ("search", "storage", "service")
        for path in (ROOT / package).glob("*.py")
        if path.name != "__init__.py"
    }
    assert named == there


def test_the_routes_of_the_wire_format_are_those_of_the_service() -> None:
    served = {
        (method.upper(), path)
        for path, methods in pages.openapi()["paths"].items()
        for method in methods
    }
    listed = ROUTE.findall(API)
    assert len(listed) == len(set(listed))
    assert set(listed) == served


def test_the_tables_of_the_wire_format_are_those_of_the_code() -> None:
    assert set(re.findall(r"<!-- fields: (\w+) -->", API)) == set(pages.schemas())
    assert pages.rendered(API) == API, "run `make pages`"


def test_every_field_of_the_wire_format_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in pages.schemas().items()
        for field, of in schema["properties"].items()
        if not pages.meaning_of(of)
    ]
    assert silent == []


def test_the_study_of_the_wire_format_is_one() -> None:
    example = next(
        text for text in re.findall(r"```json\n(.*?)```", API, re.DOTALL) if "space" in text
    )
    body = json.loads(example)
    assert isinstance(StudyModel.model_validate(body).to_spec(), StudySpec)
    assert set(body) == set(StudyModel.model_fields) - {"task"}


def test_documents_are_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    documents = [path.name for path in ROOT.glob("*.md") if path.name != "README.md"]
    assert [name for name in documents if not fnmatch(readme, f"*]({name})*")] == []


@pytest.mark.parametrize("entry", SLOW)
def test_what_is_listed_as_slow_exists(entry: str) -> None:
    place, _, test = entry.partition("::")
    assert (ROOT / place).exists()
    assert not test or f"\ndef {test}(" in (ROOT / place).read_text()
