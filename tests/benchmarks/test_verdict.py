"""The rows of `make bench-verdict` count what they say, on studies small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search.study import Choices
from search.training.executors import InlineExecutor
from tests.benchmarks.verdict.__main__ import BEGIN, END, PAGE, write_page
from tests.benchmarks.verdict.rows import BESIDE, ROWS
from tests.benchmarks.verdict.sets import smooth
from tests.benchmarks.verdict.studies import study, true_difference


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    space = {"width": Choices(values=(16,)), "depth": Choices(values=(1,))}
    dataset = smooth(300, 0.6, 0)
    return study(dataset, ("relu", "tanh"), 0, InlineExecutor(), space=space, trials=40)


def test_a_study_is_kept_as_json(record: dict[str, Any]) -> None:
    again = json.loads(json.dumps(record, allow_nan=False))
    assert set(again["arms"]) == {"relu", "tanh"}
    assert len(again["champions"]) == 4
    assert min(again["champions"]) == 1.0
    assert again["sentence"].endswith(".")


def one(worse: bool, low: float, high: float, best: str = "relu") -> dict[str, Any]:
    other = "tanh" if best == "relu" else "relu"
    row = {"mean": 0.1, "low": None, "high": None, "difference": 0.0, "worse": False}
    behind = {**row, "mean": 0.2, "low": low, "high": high, "worse": worse}
    behind["difference"] = (low + high) / 2.0
    names = {best: row, other: behind, "identity": behind, "sigmoid": behind}
    return {
        "best": best,
        "arms": names,
        "champions": [1.0, 1.3, 2.5, 1.0],
        "seconds": 2.0,
        "network": {"low": low, "high": high},
        "truth": 0.05,
    }


def test_the_rows_count_what_they_say() -> None:
    records = [one(True, 0.01, 0.19), one(False, 0.06, 0.3), one(True, 0.02, 0.2, "tanh")]
    assert ROWS["identity_digits"].shown(records).startswith("2 of 3")
    assert ROWS["twins"].shown(records).startswith("2 of 3")
    assert ROWS["gap_40"].shown([one(True, 0.0, 0.1)]).startswith("1 of 1")
    # The truth, 0.05, is outside of the second interval.
    assert ROWS["coverage"].shown(records).startswith("2 of 3")
    shown = {title: count(records) for title, (_, count, _, _) in BESIDE.items()}
    assert "50.0 % of 12, 3 by 100 %" in shown.values()
    assert any("0 of 2" in text or "0 of 3" in text for text in shown.values())


def test_nothing_yet_is_said() -> None:
    for row in ROWS.values():
        assert row.shown([]).startswith("nothing yet")


def test_the_truth_of_two_networks_is_found_on_fresh_rows(record: dict[str, Any]) -> None:
    params = record["network"]["params"]
    worse = {**params, "learning_rate": 1e-7}
    assert true_difference(300, 0.6, 0, params, params) == 0.0
    assert true_difference(300, 0.6, 0, params, worse) < -0.05


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    write_page(page, {name: [one(True, 0.0, 0.1)] for name in ROWS})
    text = page.read_text()
    assert text.startswith(PAGE.read_text().partition(BEGIN)[0])
    table = text.partition(BEGIN)[2].partition(END)[0]
    assert table.count("\n| ") >= len(ROWS) + len(BESIDE)
