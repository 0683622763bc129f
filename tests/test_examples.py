"""The lines of EXAMPLES.md run, and say what stands beside them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
#: Printed at the end, by the names of the page.
_FACTS = """
import json
facts = {name: globals()[name] for name in ("by_hand", "accuracy", "r2_by_hand", "r2")}
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the lines ran in, and what they printed."""
    folder = tmp_path_factory.mktemp("examples")
    lines = re.findall(r"```python\n(.+?)```", (ROOT / "EXAMPLES.md").read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*lines, _FACTS])],
        check=False, capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


def source(folder: Path, name: str) -> str:
    with zipfile.ZipFile(folder / name) as export:
        return " ".join(export.read("model.py").decode().split())


def test_the_classifier_is_as_good_as_by_hand_and_leaves_as_it_was_written(
    ran: tuple[Path, list[str]],
) -> None:
    folder, (sentence, _, printed) = ran
    facts: dict[str, Any] = json.loads(printed)
    assert set(facts["by_hand"]) == {"relu", "sigmoid", "tanh"}
    assert all(abs(facts["accuracy"] - each) < 0.03 for each in facts["by_hand"].values())
    assert facts["accuracy"] > 0.95
    assert "ReLU" in sentence
    layers = r"nn\.Linear\(10, 20\), nn\.(ReLU|Sigmoid|Tanh)\(\), nn\.Linear\(20, 5\)"
    assert re.search(layers, source(folder, "digits.zip"))


def test_the_regression_is_better_than_by_hand_and_leaves_as_it_was_written(
    ran: tuple[Path, list[str]],
) -> None:
    folder, (_, sentence, printed) = ran
    facts = json.loads(printed)
    assert facts["r2"] > max(0.25, facts["r2_by_hand"])
    assert "linear" in sentence
    layers = 'keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(1),'
    assert layers in source(folder, "diabetes.zip")
