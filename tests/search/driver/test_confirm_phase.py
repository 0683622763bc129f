"""The race and the confirmation train in pairs and repeat themselves exactly."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.analysis.candidates import Candidate, config_key
from search.data.datasets import Dataset, load_builtin
from search.driver import run_study
from search.driver.holdout_phase import evaluate_holdout
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import plan_study
from search.driver.resplits import Resplits
from search.driver.stage_runs import last_scores, stage_lane
from search.networks.lane import NetworkConfig
from search.study import (
    Budget,
    Choices,
    ConfirmationRun,
    ConfirmationsMade,
    Evaluation,
    Event,
    Phase,
    PhaseStarted,
    ProgressMade,
    Role,
    Stage,
    StudyEnded,
    StudyState,
    TestRole,
    TestsMade,
    TrialSource,
)
from search.training.executors import InlineExecutor, local_pool
from search.training.scoring import LaneReport
from tests.search.driver.confirmed_study import (
    EVALUATION,
    SPEC,
    TRIALS,
    champions_of,
    confirm,
    entrants_of,
    plan_of,
    stage_of,
    timeless,
)
from tests.search.driver.events import phases_of, runs_of, trials_of
from tests.search.plain_network import train_plainly


def keys_of(candidates: Iterable[Candidate]) -> set[tuple[str, Role, int | None]]:
    return {(one.key, one.role, one.search) for one in candidates}


def key_of(run: ConfirmationRun) -> tuple[str, Role, int | None]:
    return config_key(run.params), run.role, run.search


def test_entrants_race_and_champions_are_confirmed(events: list[Event]) -> None:
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    cells: dict[Stage, dict[object, list[tuple[int, int]]]] = {
        stage: defaultdict(list) for stage in Stage
    }
    for run in runs_of(events):
        cells[run.stage][key_of(run)].append((run.repeat, run.fold))
        assert run.failure is None
        assert set(run.scores) == {"log_loss", "accuracy"}
        # 120 development rows in two folds.
        assert (run.train_rows, run.validation_rows) == (60, 60)
        assert run.verdict == 0
    assert set(cells[Stage.RACE]) == keys_of(entrants_of(events))
    assert set(cells[Stage.CONFIRM]) == keys_of(champions_of(events))
    assert len(cells[Stage.RACE]) == 2 * len(cells[Stage.CONFIRM]) - 2 == 12
    for stage in Stage:
        for seen in cells[stage].values():
            assert sorted(seen) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_runs_name_the_trial_whose_configuration_they_have(events: list[Event]) -> None:
    trials = {record.number: record for record in trials_of(events)}
    for run in runs_of(events):
        assert run.params["activation"] == run.activation == run.arm
        if run.trial is None:
            assert run.role is Role.BASELINE
        else:
            assert trials[run.trial].params == run.params
            assert run.role is Role.BASELINE or trials[run.trial].search == run.search
    assert {run.search for run in runs_of(events)} == {0, 1, None}


def test_the_confirmation_is_on_other_resamples_than_the_race(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    _, trained = confirm(SPEC, iris, trials_of(events), tmp_path)
    by_fold: dict[tuple[bytes, int, int], set[tuple[int, int]]] = defaultdict(set)
    for lane, data in trained:
        rows = data.folds[lane.split].x_validation.tobytes()
        by_fold[rows, lane.repeat, lane.fold].add((lane.init_seed, lane.order_seed))
    # Two stages of two repeats of two folds; nothing is shared from one to another.
    assert len(by_fold) == len({rows for rows, _, _ in by_fold}) == 8
    assert all(len(seeds) == 1 for seeds in by_fold.values())
    assert len({seed for seeds in by_fold.values() for pair in seeds for seed in pair}) == 16


def test_a_run_equals_a_plain_network_with_its_seeds(events: list[Event], iris: Dataset) -> None:
    plan = plan_study(SPEC, iris)
    compared = 0
    for stage in Stage:
        data = Resplits(plan, stage).prepared((1,))
        chosen = {one.key: one for one in (*entrants_of(events), *champions_of(events))}
        for run in stage_of(events, stage):
            if (run.repeat, run.fold) == (1, 1):
                lane = stage_lane(
                    plan,
                    stage,
                    chosen[config_key(run.params)],
                    data,
                    number=0,
                    repeat=1,
                    fold=1,
                    split=1,
                )
                assert lane.config == NetworkConfig.from_params(run.params)
                _, losses = train_plainly(lane, data, plan.spec.budget.epochs)
                assert run.scores["log_loss"] == pytest.approx(losses[-1], rel=1e-4)
                compared += 1
    assert compared >= 18


def test_any_number_of_processes_gives_the_same_runs(events: list[Event], iris: Dataset) -> None:
    with local_pool(2) as pool:
        pooled = list(run_study(SPEC, iris, executor=pool))
    # In the same order, too: a record of the events is the same.
    assert timeless(runs_of(pooled)) == timeless(runs_of(events))
    assert pooled[-2] == events[-2]
    assert isinstance(events[-2], TestsMade)


def test_a_configuration_in_two_roles_or_searches_is_trained_once(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    best = next(c for c in champions_of(events) if c.arm == "relu")
    one = next(t for t in trials_of(events) if t.number == best.trial)
    usual = plan_of().arms.usual(one.params)
    # One in each search, so there is nothing to race.
    twins = [
        replace(one, number=n, search=n, params=usual, source=TrialSource.SAMPLER) for n in (0, 1)
    ]
    made, trained = confirm(SPEC, iris, twins, tmp_path)
    runs = stage_of(made, Stage.CONFIRM)
    assert len(trained) == len(runs) // 3 == 4
    assert Counter(map(key_of, runs)) == {
        (config_key(twins[0].params), role, search): 4
        for role, search in ((Role.CANDIDATE, 0), (Role.CANDIDATE, 1), (Role.BASELINE, None))
    }
    scores = {(run.repeat, run.fold): run.scores for run in runs}
    assert all(run.scores == scores[run.repeat, run.fold] for run in runs)


def test_progress_moves_and_ends_at_the_total(events: list[Event]) -> None:
    start = events.index(PhaseStarted(phase=Phase.CONFIRM))
    moves = [e.progress for e in events[start:] if isinstance(e, ProgressMade)]
    counts = [progress.confirmations_finished for progress in moves]
    totals = [progress.confirmations_total for progress in moves]
    slots = {(run.stage, config_key(run.params), run.repeat, run.fold) for run in runs_of(events)}
    assert counts == sorted(counts)
    assert totals == sorted(totals)
    assert (counts[0], counts[-1], totals[-1]) == (0, len(slots), len(slots))
    assert len(set(counts)) >= 4
    assert {progress.trials_finished for progress in moves} == {TRIALS}
    assert moves[0].seconds_left is None
    assert moves[-1].seconds_left == 0.0


def test_an_arm_that_is_out_gets_no_more_repeats(iris: Dataset) -> None:
    spec = replace(
        SPEC,
        space={
            **SPEC.space,
            "activation": Choices(values=("relu", "tanh", "sigmoid")),
            "depth": Choices(values=(8,)),
            "normalization": Choices(values=("none",)),
            "learning_rate": Choices(values=(0.01,)),
        },
        budget=Budget(trials=60, epochs=12),
        evaluation=replace(EVALUATION, confirm_repeats=6),
    )
    events = list(run_study(spec, iris))
    repeats: dict[str, set[int]] = defaultdict(set)
    for run in stage_of(events, Stage.CONFIRM):
        if run.role is Role.CANDIDATE:
            repeats[run.arm].add(run.repeat)
    # Eight layers of sigmoid learn nothing.
    assert repeats["sigmoid"] == {0, 1}
    assert all(seen in ({0, 1}, set(range(4)), set(range(6))) for seen in repeats.values())


def test_repeats_that_a_person_asks_for_are_made(events: list[Event], iris: Dataset) -> None:
    for least in (0, 8):
        spec = replace(SPEC, evaluation=replace(EVALUATION, confirm_repeats=8), least_repeats=least)
        made = run_study(spec, iris, history=trials_of(events), confirmations=runs_of(events))
        repeats = {run.repeat for run in (*runs_of(events), *runs_of(made))}
        if least:
            assert repeats == set(range(8))


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
    hopeless = [
        replace(t, params={**t.params, "learning_rate": 1e30, "optimizer": "sgd", "momentum": 0.9})
        for t in trials_of(events)
    ]
    made, _ = confirm(SPEC, iris, hopeless, tmp_path)
    runs = runs_of(made)
    assert {run.stage for run in runs} == set(Stage)
    assert all(not run.scores for run in runs)
    assert all(run.failure and "learning rate" in run.failure for run in runs)
    jobs = OrderedJobs(InlineExecutor(), tmp_path)
    plan = plan_study(SPEC, iris)
    (tests,) = evaluate_holdout(plan, Resplits(plan, Stage.CONFIRM), runs, jobs)
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
        evaluation=Evaluation(searches=1, folds=folds, confirm_top=2, confirm_repeats=2),
    )
    events = list(run_study(spec, load_builtin(name)))
    runs = stage_of(events, Stage.CONFIRM)
    assert {(run.repeat, run.fold) for run in runs} == {
        (repeat, fold) for repeat in range(2) for fold in range(folds)
    }
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)
    (tests,) = (event for event in events if isinstance(event, TestsMade))
    assert [run.role for run in tests.runs] == list(TestRole)


def test_of_two_objectives_the_first_decides(iris: Dataset) -> None:
    spec = replace(
        SPEC,
        objectives=("accuracy", "parameters"),
        budget=Budget(trials=60, epochs=3),
        evaluation=replace(EVALUATION, confirm_top=1),
    )
    events = list(run_study(spec, iris))
    best: dict[tuple[str, int], float] = {}
    for record in trials_of(events):
        if record.values:
            place = record.activation, record.search
            best[place] = max(best.get(place, 0.0), record.values[0])
    trials = {record.number: record for record in trials_of(events)}
    confirmed: dict[tuple[str, int], float] = {}
    for run in runs_of(events):
        assert set(run.scores) == {"accuracy", "log_loss"}
        values = None if run.trial is None else trials[run.trial].values
        if values and run.role is Role.CANDIDATE and run.search is not None:
            confirmed[run.activation, run.search] = values[0]
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
        counts[run.stage, key_of(run)].add(run.repeat)
    assert {stage for stage, _ in counts} == set(Stage)
    assert all(repeats == {0} for repeats in counts.values())
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_the_search_leaves_part_of_the_time_to_the_confirmation(iris: Dataset) -> None:
    spec = replace(SPEC, budget=Budget(trials=100_000, epochs=2, seconds=1.0))
    events = list(run_study(spec, iris))
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    assert runs_of(events)


def test_contributions_of_rows_average_to_the_score(events: list[Event]) -> None:
    for run in stage_of(events, Stage.CONFIRM):
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


def test_trials_that_can_be_compared_are_never_pruned(events: list[Event]) -> None:
    states: dict[TrialSource, Counter[TrialState]] = defaultdict(Counter)
    for trial in trials_of(events):
        states[trial.source][trial.state] += 1
    assert sum(states[TrialSource.STRATIFIED].values()) >= 11
    assert TrialState.PRUNED not in states[TrialSource.STRATIFIED]
    assert states[TrialSource.SAMPLER][TrialState.PRUNED] > 10
