"""The rows of `make bench-verdict` count what they say, on studies small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.driver.plan import plan_study
from search.study import Choices, ConfirmationsMade, Event, TestsMade, TrialsChanged
from search.training.executors import InlineExecutor
from tests.benchmarks.verdict import peer_v
from tests.benchmarks.verdict.__main__ import BEGIN, END, PAGE, write_page
from tests.benchmarks.verdict.peer_v import seconds_of, work_of
from tests.benchmarks.verdict.rows import BESIDE, ROWS
from tests.benchmarks.verdict.sets import smooth
from tests.benchmarks.verdict.studies import spec_of, study, true_difference

SPACE = {"width": Choices(values=(16,)), "depth": Choices(values=(1,))}
ARMS = ("relu", "tanh")


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], list[Event]]:
    events: list[Event] = []
    dataset = smooth(300, 0.6, 0)
    made = study(dataset, ARMS, 0, InlineExecutor(), space=SPACE, trials=40, events=events)
    return made, events


@pytest.fixture(scope="module")
def record(ran: tuple[dict[str, Any], list[Event]]) -> dict[str, Any]:
    return ran[0]


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
        "ours": 2.0,
        "theirs": 20.0,
        "trainings": 100,
        "timed": 10,
        "lanes": 4,
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


def test_the_expert_trains_what_ours_has_trained(
    ran: tuple[dict[str, Any], list[Event]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = ran[1]
    dataset = smooth(300, 0.6, 0)
    plan = plan_study(spec_of(dataset, ARMS, 0, space=SPACE, trials=40), dataset)
    work = list(work_of(events, plan))
    trials = {r.number: r for e in events if isinstance(e, TrialsChanged) for r in e.trials}
    runs = [run for e in events if isinstance(e, ConfirmationsMade) for run in e.runs]
    refits = [t for e in events if isinstance(e, TestsMade) for t in e.runs if t.params]
    assert len(trials) == 40
    assert len(work) == 3 * 40 + len(runs) + sum(test.repeats for test in refits)
    pruned = sum(r.state is TrialState.PRUNED for r in trials.values())
    assert sum(one.epochs < 30 for one in work) == 3 * pruned
    monkeypatch.setattr(peer_v, "PART", 5)
    timed, seconds = seconds_of(work, plan.data, InlineExecutor(), str(tmp_path), 0)
    assert timed == 5
    assert seconds > 0.0
    assert ROWS["expert"].shown([one(True, 0.0, 0.1)]) == (
        "10.0x of 1 (100 trainings, timed on 10 and scaled: 20 s, ours 2 s)"
    )


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
