"""The confirmation trains in pairs and repeats itself exactly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.analysis.candidates import config_key
from search.data.datasets import Dataset, load_builtin
from search.driver import run_study
from search.driver.confirm_phase import confirmation_lane, last_scores
from search.driver.holdout_phase import evaluate_holdout
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import plan_study
from search.driver.resplits import Resplits
from search.networks.lane import NetworkConfig
from search.study import (
    Budget,
    Choices,
    ConfirmationsMade,
    Evaluation,
    Event,
    Phase,
    PhaseStarted,
    ProgressMade,
    Role,
    StudyEnded,
    StudyState,
    TestRole,
    TestsMade,
)
from search.training.executors import InlineExecutor, local_pool
from search.training.scoring import LaneReport
from tests.search.driver.confirmed_study import (
    EVALUATION,
    SPEC,
    candidates_of,
    confirm,
    timeless,
)
from tests.search.driver.events import phases_of, runs_of, trials_of
from tests.search.plain_network import train_plainly


def test_every_candidate_runs_on_every_fold_of_every_repeat(events: list[Event]) -> None:
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    cells = defaultdict(list)
    for run in runs_of(events):
        cells[config_key(run.params), run.role].append((run.repeat, run.fold))
        assert run.failure is None
        assert set(run.scores) == {"log_loss", "accuracy"}
        # 120 development rows in two folds.
        assert (run.train_rows, run.validation_rows) == (60, 60)
    expected = {(c.key, role) for c in candidates_of(events) for role in c.roles}
    assert set(cells) == expected
    assert all(sorted(seen) == [(0, 0), (0, 1), (1, 0), (1, 1)] for seen in cells.values())
    assert sum(role is Role.BASELINE for _, role in cells) == 1


def test_runs_name_the_trial_whose_configuration_they_have(events: list[Event]) -> None:
    params = {record.number: record.params for record in trials_of(events)}
    runs = runs_of(events)
    assert len(runs) == 4 * sum(len(candidate.roles) for candidate in candidates_of(events))
    assert any(run.trial is not None for run in runs)
    for run in runs:
        assert run.params["activation"] == run.activation
        assert run.trial is None or params[run.trial] == run.params
        assert run.trial is not None or run.role is Role.BASELINE


def test_all_configurations_share_rows_seeds_and_minibatches(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    chosen = candidates_of(events)
    assert len(chosen) >= 6
    _, trained = confirm(SPEC, iris, chosen, tmp_path)
    by_fold = defaultdict(set)
    for lane, data in trained:
        rows = data.folds[lane.split].x_validation.tobytes()
        by_fold[lane.repeat, lane.fold].add((lane.init_seed, lane.order_seed, rows))
        assert lane.config == NetworkConfig.from_params(chosen[lane.configuration].params)
    assert len(trained) == len(chosen) * 4
    assert sorted(by_fold) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [len(seen) for seen in by_fold.values()] == [1] * 4
    # And nothing is shared from fold to fold.
    (inits, orders, rows) = zip(*(next(iter(seen)) for seen in by_fold.values()), strict=True)
    assert len({*inits, *orders}) == 8
    assert len(set(rows)) == 4


def test_a_run_equals_a_plain_network_with_its_seeds(events: list[Event], iris: Dataset) -> None:
    plan = plan_study(SPEC, iris)
    chosen = {candidate.key: candidate for candidate in candidates_of(events)}
    compared = 0
    for run in runs_of(events):
        if (run.repeat, run.fold) == (1, 1):
            data = Resplits(plan).prepared((run.repeat,))
            candidate = chosen[config_key(run.params)]
            lane = confirmation_lane(plan, candidate, data, number=0, repeat=1, fold=1, split=1)
            _, losses = train_plainly(lane, data, plan.spec.budget.epochs)
            assert run.scores["log_loss"] == pytest.approx(losses[-1], rel=1e-4)
            compared += 1
    assert compared >= 6


def test_any_number_of_processes_gives_the_same_runs(events: list[Event], iris: Dataset) -> None:
    with local_pool(2) as pool:
        pooled = list(run_study(SPEC, iris, executor=pool))
    # In the same order, too: a record of the events is the same.
    assert timeless(runs_of(pooled)) == timeless(runs_of(events))
    assert pooled[-2] == events[-2]
    assert isinstance(events[-2], TestsMade)


def test_a_candidate_that_is_the_baseline_is_trained_once(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    candidate = candidates_of(events)[0]
    both = replace(candidate, roles=(Role.CANDIDATE, Role.BASELINE))
    made, trained = confirm(SPEC, iris, (both,), tmp_path)
    assert len(trained) == 4
    runs = runs_of(made)
    assert len(runs) == 8
    by_role = [
        [replace(run, role=Role.CANDIDATE) for run in runs if run.role is role] for role in Role
    ]
    assert by_role[0] == by_role[1]


def test_progress_moves_and_ends_at_the_total(events: list[Event]) -> None:
    start = events.index(PhaseStarted(phase=Phase.CONFIRM))
    moves = [e.progress for e in events[start:] if isinstance(e, ProgressMade)]
    counts = [progress.confirmations_finished for progress in moves]
    total = len(candidates_of(events)) * 4
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, total)
    assert len(set(counts)) >= 4
    assert {progress.confirmations_total for progress in moves} == {total}
    assert {progress.trials_finished for progress in moves} == {12}
    assert moves[0].seconds_left is None
    assert all(p.seconds_left is not None and p.seconds_left >= 0 for p in moves[1:])


def test_without_a_confirmation_nothing_follows_the_search(iris: Dataset) -> None:
    spec = replace(SPEC, evaluation=replace(EVALUATION, confirm_top=0))
    events = list(run_study(spec, iris))
    assert phases_of(events) == [Phase.SEARCH]
    assert not any(isinstance(e, ConfirmationsMade | TestsMade) for e in events)
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_a_study_without_a_complete_trial_has_nothing_to_confirm() -> None:
    space = {
        "activation": Choices(values=("identity",)),
        "learning_rate": Choices(values=(10.0,)),
        "optimizer": Choices(values=("sgd",)),
        "depth": Choices(values=(8,)),
        "normalization": Choices(values=("none",)),
        "gradient_clip": Choices(values=(None,)),
    }
    spec = replace(SPEC, dataset="diabetes", space=space, budget=Budget(trials=4, epochs=9))
    events = list(run_study(spec, load_builtin("diabetes")))
    assert [record.state for record in trials_of(events)] == [TrialState.FAIL] * 4
    assert phases_of(events) == [Phase.SEARCH]
    ended = events[-1]
    assert isinstance(ended, StudyEnded)
    assert ended.state is StudyState.FAILED
    assert ended.error
    assert ended.error.startswith("none of 4 trials completed; all 4 that failed share a cause")


def test_candidates_that_all_fail_are_recorded_with_the_reason(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    hopeless = tuple(
        replace(c, params={**c.params, "learning_rate": 1e30, "optimizer": "sgd", "momentum": 0.9})
        for c in candidates_of(events)
    )
    made, _ = confirm(SPEC, iris, hopeless, tmp_path)
    runs = runs_of(made)
    assert len(runs) == 4 * sum(len(candidate.roles) for candidate in hopeless)
    assert all(not run.scores for run in runs)
    assert all(run.failure and "learning rate" in run.failure for run in runs)
    jobs = OrderedJobs(InlineExecutor(), tmp_path)
    plan = plan_study(SPEC, iris)
    (tests,) = evaluate_holdout(plan, Resplits(plan), runs, jobs)
    assert isinstance(tests, TestsMade)
    assert tests.winner is None
    assert [run.role for run in tests.runs] == [TestRole.LINEAR, TestRole.TRIVIAL]


def test_a_first_objective_that_is_no_number_is_a_failure(iris: Dataset) -> None:
    report = LaneReport(
        configuration=0,
        fold=0,
        epochs=(4,),
        train_loss=(0.5,),
        validation_loss=(0.5,),
        scores={"log_loss": (nan,), "accuracy": (0.5,)},
        failure=None,
        state=None,
        seconds=0.0,
    )
    plan = plan_study(SPEC, iris)
    scores, failure = last_scores(plan, report)
    assert scores == {}
    assert failure is not None
    assert "log_loss is nan" in failure
    fine = replace(report, scores={"log_loss": (0.25,), "accuracy": (nan,)})
    assert last_scores(plan, fine)[0]["log_loss"] == 0.25


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "diabetes"])
@pytest.mark.parametrize("folds", [1, 2])
def test_every_task_is_confirmed_with_one_split_or_several(name: str, folds: int) -> None:
    spec = replace(
        SPEC,
        dataset=name,
        budget=Budget(trials=6, epochs=2),
        evaluation=Evaluation(folds=folds, confirm_top=1, confirm_repeats=2),
    )
    events = list(run_study(spec, load_builtin(name)))
    runs = runs_of(events)
    assert {(run.repeat, run.fold) for run in runs} == {
        (repeat, fold) for repeat in range(2) for fold in range(folds)
    }
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)
    (tests,) = (event for event in events if isinstance(event, TestsMade))
    assert [run.role for run in tests.runs] == list(TestRole)


def test_of_two_objectives_the_first_decides(iris: Dataset) -> None:
    spec = replace(SPEC, objectives=("accuracy", "parameters"), budget=Budget(trials=8, epochs=3))
    events = list(run_study(spec, iris))
    best: dict[str, float] = {}
    for record in trials_of(events):
        if record.values:
            best[record.activation] = max(best.get(record.activation, 0.0), record.values[0])
    trials = {record.number: record for record in trials_of(events)}
    confirmed: dict[str, float] = {}
    for run in runs_of(events):
        assert set(run.scores) == {"accuracy", "log_loss"}
        values = None if run.trial is None else trials[run.trial].values
        if values and run.role is Role.CANDIDATE:
            confirmed[run.activation] = max(confirmed.get(run.activation, 0.0), values[0])
    assert confirmed == best


def test_a_time_limit_leaves_every_candidate_as_many_repeats(iris: Dataset) -> None:
    evaluation = replace(EVALUATION, confirm_repeats=30)
    spec = replace(SPEC, budget=replace(SPEC.budget, seconds=0.01), evaluation=evaluation)
    history = trials_of(
        run_study(replace(SPEC, evaluation=replace(EVALUATION, confirm_top=0)), iris)
    )
    events = list(run_study(spec, iris, history=history))
    counts = defaultdict(set)
    for run in runs_of(events):
        counts[config_key(run.params), run.role].add(run.repeat)
    assert counts
    assert all(repeats == {0} for repeats in counts.values())
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_the_search_leaves_part_of_the_time_to_the_confirmation(iris: Dataset) -> None:
    spec = replace(SPEC, budget=Budget(trials=100_000, epochs=2, seconds=1.0))
    events = list(run_study(spec, iris))
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    assert runs_of(events)


def test_contributions_of_rows_average_to_the_score(events: list[Event]) -> None:
    for run in runs_of(events):
        assert run.blocks is not None
        # A block a row: 120 development rows are fewer than blocks.
        assert (len(run.blocks.rows), sum(run.blocks.rows)) == (120, 60)
        mean = sum(run.blocks.sums) / sum(run.blocks.rows)
        assert mean == pytest.approx(run.scores["log_loss"], rel=1e-6)


def test_rows_have_the_same_block_in_every_repeat(events: list[Event]) -> None:
    covered: dict[int, list[int]] = defaultdict(lambda: [0] * 120)
    for run in runs_of(events):
        if run.role is Role.BASELINE and run.blocks is not None:
            covered[run.repeat] = [
                a + b for a, b in zip(covered[run.repeat], run.blocks.rows, strict=True)
            ]
    assert set(map(tuple, covered.values())) == {(1,) * 120}
