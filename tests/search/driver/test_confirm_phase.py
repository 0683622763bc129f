"""The confirmation trains in pairs, repeats itself exactly, and never looks at the test rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from optuna.trial import TrialState

from search.analysis.candidates import Candidate, config_key, select_candidates
from search.data.datasets import Dataset, load_builtin
from search.data.fold_arrays import TrainingData
from search.driver import run_study
from search.driver.confirm_phase import Confirmation, confirmation_lane, last_scores
from search.driver.holdout_phase import held_out
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import plan_study
from search.driver.resplits import Resplits
from search.networks.lane import Lane
from search.study import (
    Budget,
    Choices,
    ConfirmationRun,
    ConfirmationsMade,
    Control,
    Evaluation,
    Event,
    Phase,
    PhaseStarted,
    Progress,
    ProgressMade,
    Range,
    Role,
    SamplerSpec,
    Stop,
    StudyEnded,
    StudySpec,
    StudyState,
    TestRole,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)
from search.training.executors import InlineExecutor, local_pool
from search.training.scoring import LaneReport
from search.training.segment import Segment
from search.training.worker_files import load_data
from tests.search.plain_network import train_plainly

T = TypeVar("T")

EVALUATION = Evaluation(folds=2, confirm_top=2, confirm_repeats=2)
SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh", "prelu")),
        "depth": Range(low=1, high=3),
        # Several of both, so that the candidates need several stacks.
        "width": Choices(values=(6, 8)),
        "batch_size": Choices(values=(16, 32)),
    },
    sampler=SamplerSpec(seed=3),
    budget=Budget(trials=12, epochs=4),
    evaluation=EVALUATION,
)


@pytest.fixture(scope="module")
def iris() -> Dataset:
    return load_builtin("iris")


@pytest.fixture(scope="module")
def events(iris: Dataset) -> list[Event]:
    return list(run_study(SPEC, iris))


def trials_of(events: Iterable[Event]) -> tuple[TrialRecord, ...]:
    known = {r.number: r for e in events if isinstance(e, TrialsChanged) for r in e.trials}
    return tuple(known.values())


def runs_of(events: Iterable[Event]) -> list[ConfirmationRun]:
    return [run for e in events if isinstance(e, ConfirmationsMade) for run in e.runs]


def outcome(runs: Iterable[ConfirmationRun]) -> list[ConfirmationRun]:
    """Return the runs in one order, without the time they took."""
    timeless = [replace(run, fit_seconds=0.0) for run in runs]
    return sorted(timeless, key=lambda r: (r.repeat, r.fold, r.role, config_key(r.params)))


def phases_of(events: Iterable[Event]) -> list[Phase]:
    return [event.phase for event in events if isinstance(event, PhaseStarted)]


class Listening(InlineExecutor):
    """Notes which lanes were trained on which rows."""

    def __init__(self) -> None:
        self.trained: list[tuple[Lane, TrainingData]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        if isinstance(args[0], Segment):
            data = load_data(args[1])
            self.trained += [(lane, data) for lane in args[0].lanes]
        return super().submit(fn, *args, **kwargs)


def confirm(
    spec: StudySpec, dataset: Dataset, chosen: tuple[Candidate, ...], folder: Path
) -> tuple[list[Event], list[tuple[Lane, TrainingData]]]:
    executor = Listening()
    plan = plan_study(spec, dataset)
    confirmation = Confirmation(plan, Resplits(plan), chosen, ())
    base = Progress(trials_total=12, trials_finished=12)
    events = list(confirmation.run(base, OrderedJobs(executor, folder)))
    assert list(folder.iterdir()) == []
    return events, executor.trained


def chosen_of(events: Iterable[Event], top: int = 2) -> tuple[Candidate, ...]:
    plan = plan_study(SPEC, load_builtin("iris"))
    return select_candidates(trials_of(events), plan.objectives[0].direction, top)


def test_every_contender_runs_on_every_fold_of_every_repeat(events: list[Event]) -> None:
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    cells = defaultdict(list)
    for run in runs_of(events):
        cells[config_key(run.params), run.role].append((run.repeat, run.fold))
        assert run.failure is None
        assert set(run.scores) == {"log_loss", "accuracy"}
        # 120 development rows in two folds.
        assert (run.train_rows, run.validation_rows) == (60, 60)
    expected = {(c.key, role) for c in chosen_of(events) for role in c.roles}
    assert set(cells) == expected
    assert all(sorted(seen) == [(0, 0), (0, 1), (1, 0), (1, 1)] for seen in cells.values())
    assert sum(role is Role.BASELINE for _, role in cells) == 1


def test_runs_name_the_trial_whose_configuration_they_have(events: list[Event]) -> None:
    params = {record.number: record.params for record in trials_of(events)}
    for run in runs_of(events):
        assert run.params["activation"] == run.activation
        assert run.trial is None or params[run.trial] == run.params
        assert run.trial is not None or run.role is Role.BASELINE


def test_all_configurations_share_rows_seeds_and_minibatches(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    chosen = chosen_of(events)
    assert len(chosen) >= 6
    _, trained = confirm(SPEC, iris, chosen, tmp_path)
    by_fold = defaultdict(set)
    for lane, data in trained:
        rows = data.folds[lane.fold].x_validation.tobytes()
        by_fold[lane.fold].add((lane.init_seed, lane.order_seed, rows))
        assert lane.config.activation == chosen[lane.trial].activation
    assert len(trained) == len(chosen) * 4
    assert [len(seen) for seen in by_fold.values()] == [1] * 4
    # And nothing is shared from fold to fold.
    (inits, orders, rows) = zip(*(next(iter(seen)) for seen in by_fold.values()), strict=True)
    assert len({*inits, *orders}) == 8
    assert len(set(rows)) == 4


def test_each_repeat_splits_the_development_rows_anew(iris: Dataset) -> None:
    plan = plan_study(SPEC, iris)
    data = Resplits(plan).prepared((0, 1, 5))
    again = Resplits(plan).prepared((5,))
    assert [f.x_train.tobytes() for f in data.folds[4:]] == [
        f.x_train.tobytes() for f in again.folds
    ]
    development = np.sort(plan.dataset.y[plan.splits.search])
    for repeat in range(3):
        first, second = data.folds[2 * repeat : 2 * repeat + 2]
        both = np.concatenate([first.target_validation, second.target_validation])
        assert np.array_equal(np.sort(both), development)
    validated = {fold.x_validation.tobytes() for fold in (*data.folds, *plan.data.folds)}
    assert len(validated) == 8


def test_statistics_of_the_preprocessing_come_from_the_training_rows(iris: Dataset) -> None:
    for fold in Resplits(plan_study(SPEC, iris)).prepared((0, 1)).folds:
        assert np.allclose(fold.x_train.mean(axis=0), 0.0, atol=1e-5)
        assert np.allclose(fold.x_train.std(axis=0), 1.0, atol=1e-5)
        assert not np.allclose(fold.x_validation.mean(axis=0), 0.0, atol=1e-5)


def test_a_run_equals_a_plain_network_with_its_seeds(events: list[Event], iris: Dataset) -> None:
    plan = plan_study(SPEC, iris)
    chosen = {candidate.key: candidate for candidate in chosen_of(events)}
    compared = 0
    for run in runs_of(events):
        if (run.repeat, run.fold) == (1, 1):
            data = Resplits(plan).prepared((run.repeat,))
            lane = confirmation_lane(plan, chosen[config_key(run.params)], 0, 0, 1, 1)
            _, losses = train_plainly(lane, data, plan.spec.budget.epochs)
            assert run.scores["log_loss"] == pytest.approx(losses[-1], rel=1e-4)
            compared += 1
    assert compared >= 6


def test_any_number_of_processes_gives_the_same_runs(events: list[Event], iris: Dataset) -> None:
    with local_pool(2) as pool:
        pooled = list(run_study(SPEC, iris, executor=pool))
    # In the same order, too: a record of the events is the same.
    assert [replace(r, fit_seconds=0.0) for r in runs_of(pooled)] == [
        replace(r, fit_seconds=0.0) for r in runs_of(events)
    ]
    assert pooled[-2] == events[-2]
    assert isinstance(events[-2], TestsMade)


@pytest.mark.parametrize("after", [1, 2])
def test_a_confirmation_interrupted_goes_on_with_what_is_missing(
    after: int, events: list[Event], iris: Dataset
) -> None:
    seen: list[Event] = []
    for event in run_study(SPEC, iris):
        seen.append(event)
        if sum(isinstance(e, ConfirmationsMade) for e in seen) == after:
            break
    before = runs_of(seen)
    rest = list(run_study(SPEC, iris, history=trials_of(seen), confirmations=before))
    assert outcome([*before, *runs_of(rest)]) == outcome(runs_of(events))
    assert runs_of(rest)
    assert rest[-2:] == events[-2:]


def test_a_confirmation_on_record_is_not_trained_again(events: list[Event], iris: Dataset) -> None:
    executor = Listening()
    again = run_study(
        SPEC, iris, history=trials_of(events), confirmations=runs_of(events), executor=executor
    )
    assert runs_of(again) == []
    # Winner and baseline, refitted for the test with two seeds each.
    assert len(executor.trained) == 4


def test_more_repeats_add_to_the_runs_there_are(events: list[Event], iris: Dataset) -> None:
    spec = replace(SPEC, evaluation=replace(EVALUATION, confirm_repeats=3))
    more = run_study(spec, iris, history=trials_of(events), confirmations=runs_of(events))
    added = runs_of(more)
    assert {run.repeat for run in added} == {2}
    whole = runs_of(run_study(spec, iris, history=trials_of(events)))
    assert outcome([*runs_of(events), *added]) == outcome(whole)


def test_more_trials_confirm_newcomers_only(events: list[Event], iris: Dataset) -> None:
    spec = replace(SPEC, budget=replace(SPEC.budget, trials=24))
    before = runs_of(events)
    more = list(run_study(spec, iris, history=trials_of(events), confirmations=before))
    known = {config_key(run.params) for run in before}
    trials = {r.number: r for r in (*trials_of(events), *trials_of(more))}
    assert len(trials) == 24
    plan = plan_study(spec, iris)
    now = select_candidates(tuple(trials.values()), plan.objectives[0].direction, 2)
    assert any(c.key not in known for c in now)
    assert any(c.key in known for c in now)
    have = {(config_key(r.params), r.role, r.repeat, r.fold) for r in (*before, *runs_of(more))}
    for candidate in now:
        for role in candidate.roles:
            assert {(candidate.key, role, r, f) for r in (0, 1) for f in (0, 1)} <= have
    trained_again = {config_key(r.params) for r in runs_of(more)} & known
    # A known configuration comes again only where it has got another role.
    assert all(any(c.key == key and Role.BASELINE in c.roles for c in now) for key in trained_again)


def test_a_candidate_that_is_the_baseline_is_trained_once(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    candidate = chosen_of(events)[0]
    both = replace(candidate, roles=(Role.CANDIDATE, Role.BASELINE))
    made, trained = confirm(SPEC, iris, (both,), tmp_path)
    assert len(trained) == 4
    runs = runs_of(made)
    assert len(runs) == 8
    by_role = [
        [replace(run, role=Role.CANDIDATE) for run in runs if run.role is role] for role in Role
    ]
    assert by_role[0] == by_role[1]


def test_a_configuration_that_becomes_the_baseline_keeps_its_runs(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    candidate = chosen_of(events)[0]
    made, _ = confirm(SPEC, iris, (candidate,), tmp_path)
    both = replace(candidate, roles=(Role.CANDIDATE, Role.BASELINE))
    plan = plan_study(SPEC, iris)
    confirmation = Confirmation(plan, Resplits(plan), (both,), runs_of(made))
    executor = Listening()
    base = Progress(trials_total=1)
    added = runs_of(confirmation.run(base, OrderedJobs(executor, tmp_path)))
    assert executor.trained == []
    assert [replace(run, role=Role.CANDIDATE) for run in added] == runs_of(made)
    assert len(confirmation.runs) == 8


def test_progress_moves_and_ends_at_the_total(events: list[Event]) -> None:
    start = events.index(PhaseStarted(phase=Phase.CONFIRM))
    moves = [e.progress for e in events[start:] if isinstance(e, ProgressMade)]
    counts = [progress.confirmations_finished for progress in moves]
    total = len(chosen_of(events)) * 4
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, total)
    assert len(set(counts)) >= 4
    assert {progress.confirmations_total for progress in moves} == {total}
    assert {progress.trials_finished for progress in moves} == {12}
    assert moves[0].seconds_left is None
    assert all(p.seconds_left is not None and p.seconds_left >= 0 for p in moves[1:])


@pytest.mark.parametrize(
    ("stop", "state"), [(Stop.PAUSE, StudyState.PAUSED), (Stop.CANCEL, StudyState.CANCELLED)]
)
def test_pausing_and_cancelling_work_in_the_confirmation(
    stop: Stop, state: StudyState, events: list[Event], iris: Dataset
) -> None:
    seen: list[Event] = []

    def control() -> Control:
        return Control(stop=stop if runs_of(seen) else None)

    events_so_far = run_study(SPEC, iris, control=control)
    # One by one, because the control looks at what there is.
    while not isinstance(event := next(events_so_far), StudyEnded):
        seen.append(event)
    seen.append(event)
    assert seen[-1] == StudyEnded(state=state)
    assert 0 < len(runs_of(seen)) < len(runs_of(events))
    assert all(record.state.is_finished() for record in trials_of(seen))


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
    assert all(record.state is TrialState.FAIL for record in trials_of(events))
    assert phases_of(events) == [Phase.SEARCH]
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_contenders_that_all_fail_are_recorded_with_the_reason(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    hopeless = tuple(
        replace(c, params={**c.params, "learning_rate": 1e30, "optimizer": "sgd", "momentum": 0.9})
        for c in chosen_of(events)
    )
    made, _ = confirm(SPEC, iris, hopeless, tmp_path)
    runs = runs_of(made)
    assert len(runs) == 4 * sum(len(candidate.roles) for candidate in hopeless)
    assert all(not run.scores for run in runs)
    assert all(run.failure and "learning rate" in run.failure for run in runs)
    jobs = OrderedJobs(InlineExecutor(), tmp_path)
    plan = plan_study(SPEC, iris)
    (tests,) = held_out(plan, Resplits(plan), runs, jobs)
    assert isinstance(tests, TestsMade)
    assert tests.winner is None
    assert [run.role for run in tests.runs] == [TestRole.LINEAR, TestRole.TRIVIAL]


def test_a_first_objective_that_is_no_number_is_a_failure(iris: Dataset) -> None:
    report = LaneReport(
        trial=0,
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


def test_a_time_limit_leaves_every_contender_as_many_repeats(iris: Dataset) -> None:
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
    spec = replace(SPEC, budget=Budget(trials=100_000, epochs=2, seconds=3.0))
    events = list(run_study(spec, iris))
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    assert runs_of(events)
    times = [r.finished_at for r in trials_of(events) if r.finished_at is not None]
    starts = [r.started_at for r in trials_of(events) if r.started_at is not None]
    assert (max(times) - min(starts)).total_seconds() < 2.9
