"""The recipe for an activation in CONTRIBUTING.md is all that it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

ROOT = Path(__file__).parents[3]
CATALOG = "search/activations/catalog.py"
FUNCTIONS = "search/engines/compiled/activation_functions.py"


def recipe() -> dict[str, str]:
    """The code of each step of the recipe, by the file that the step names."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split("## An activation\n")[1].split("\n## ")[0]
    steps = re.findall(r"^\d\. .*?`(search/\S+\.py)`.*?```python\n(.*?)```", section, re.S | re.M)
    return {file: dedent(code).strip() for file, code in steps}


def test_the_steps_of_the_recipe_stand_in_the_tree() -> None:
    steps = recipe()
    assert set(steps) == {CATALOG, FUNCTIONS}
    for file, code in steps.items():
        source = (ROOT / file).read_text()
        assert any(indent(code, by) in source for by in ("", "    ")), file


def test_no_other_file_names_the_activation_of_the_recipe() -> None:
    naming = {
        path.relative_to(ROOT).as_posix()
        for package in ("search", "service", "storage")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".nbc", ".nbi"}
        if re.search("squared_?relu", path.read_text(errors="replace"), re.IGNORECASE)
    }
    assert naming == {CATALOG, FUNCTIONS}


ROW = """
    SQUARE_ABOVE = Activation(
        name="square_above",
        title="Square above zero, slope below",
        formula="z² if z > 0 else slope·z, slope learned",
        expression=lambda xp, z, p: xp.where(z > 0.0, z * z, p["slope"] * z),
        operations=2,
        paper="Made up (2024)",
        parameters=(
            Parameter(name="slope", description="", default=0.5, low=0.0, high=1.0, learned=True),
        ),
    )
"""
#: Reads one file with the row of the recipe in it, the others as they are.
TRAIN_WITH_IT = """
from importlib.machinery import SourceFileLoader

row, engine = {row!r}, {engine!r}
EDITS = {{
    "search.activations.catalog": lambda text: text.replace(
        "    IDENTITY = Activation(", row + "    IDENTITY = Activation(", 1
    ),
}}
get_code = SourceFileLoader.get_code

def edited(self, name):
    if name not in EDITS:
        return get_code(self, name)
    return self.source_to_code(EDITS[name](self.get_source(name)), self.path)

SourceFileLoader.get_code = edited

from search.activations import get_activation
from search.engines.compiled.activation_functions import FUNCTIONS
from search.space import AXES
from tests.search.engines.test_stack import assert_equals_plain_network
from tests.search.plain_network import lane, segment, small_data, train

assert "square_above" in AXES["activation"].choices
assert "square_above_slope" in AXES
assert "square_above" not in FUNCTIONS
assert get_activation("square_above").gain({{"slope": 0.5}}) > 0
company = [
    lane(trial, activation=name, depth=1 + trial, normalization="layer")
    for trial, name in enumerate(("square_above", "relu", "square_above"))
]
reports = train(segment(company, compiled=engine == "compiled"), small_data())
for member in company:
    assert_equals_plain_network(member, reports[member.configuration, 0])
print("trained")
"""


@pytest.mark.parametrize("engine", ["compiled", "stacked"])
def test_an_activation_added_by_the_recipe_trains_as_its_formula_says(engine: str) -> None:
    script = TRAIN_WITH_IT.format(row=ROW, engine=engine)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "trained", done.stderr
