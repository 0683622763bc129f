"""Who is trained again: the best of each activation, and the usual network at their settings."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from optuna.trial import TrialState

from search.analysis.candidates import Candidate, config_key, current_runs, select_candidates
from search.metrics import Direction
from search.study import ConfirmationRun, ParamValue, Role, TrialRecord, TrialSource

COMMON: dict[str, ParamValue] = {
    "initializer": "orthogonal",
    "depth": 2,
    "width": 8,
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "momentum": 0.9,
}


def trial(
    number: int,
    activation: str,
    value: float | None,
    state: TrialState = TrialState.COMPLETE,
    **params: ParamValue,
) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        # Every trial has a learning rate of its own unless told otherwise.
        params={
            **COMMON,
            "learning_rate": 0.01 * (1 + number),
            "activation": activation,
            **params,
        },
        distributions={},
        values=None if value is None else (value,),
    )


def chosen(
    trials: list[TrialRecord], direction: Direction = Direction.MINIMIZE, top: int = 2
) -> list[tuple[int | None, tuple[Role, ...]]]:
    return [(c.trial, c.roles) for c in select_candidates(trials, direction, top)]


CANDIDATE, BASELINE = (Role.CANDIDATE,), (Role.BASELINE,)


def test_the_best_of_each_activation_are_chosen_and_a_baseline_beside_them() -> None:
    trials = [
        trial(0, "relu", 0.5),
        trial(1, "relu", 0.3),
        trial(2, "relu", 0.4),
        trial(3, "tanh", 0.9),
        trial(4, "tanh", 0.8),
        trial(5, "tanh", 0.7),
        trial(6, "elu", 0.1),
    ]
    relu, tanh, elu = {1, 2}, {5, 4}, {6}
    least = chosen(trials)
    assert {number for number, roles in least if roles == CANDIDATE} == relu | tanh | elu
    assert least[-1] == (None, BASELINE)
    greatest = chosen(trials, Direction.MAXIMIZE)
    assert {number for number, roles in greatest if roles == CANDIDATE} == {0, 2, 3, 4, 6}


def test_the_baseline_is_relu_with_he_weights_at_the_settings_of_the_best_relu() -> None:
    trials = [
        trial(0, "tanh", 0.1),
        trial(1, "relu", 0.4, depth=3),
        trial(2, "relu", 0.3, depth=5),
    ]
    baseline = select_candidates(trials, Direction.MINIMIZE, 1)[-1]
    assert baseline.params == {**trials[2].params, "initializer": "kaiming_normal"}
    assert baseline.activation == "relu"
    assert baseline.trial is None


def test_without_a_relu_the_baseline_takes_the_best_settings_but_nothing_of_their_slope() -> None:
    best = trial(0, "prelu", 0.1, prelu_slope=0.3, prelu_sharing="layer")
    failed = trial(1, "relu", None, TrialState.FAIL)
    baseline = select_candidates([best, failed], Direction.MINIMIZE, 1)[-1]
    common = {k: v for k, v in best.params.items() if not k.startswith("prelu_")}
    assert baseline.params == {**common, "activation": "relu", "initializer": "kaiming_normal"}
    assert baseline.params["momentum"] == 0.9


def test_a_candidate_that_is_the_baseline_has_both_roles() -> None:
    trials = [trial(0, "relu", 0.2, initializer="kaiming_normal"), trial(1, "tanh", 0.1)]
    assert chosen(trials) == [(1, CANDIDATE), (0, (Role.CANDIDATE, Role.BASELINE))]


def test_a_baseline_that_some_trial_tried_is_named_by_it() -> None:
    same = {"learning_rate": 0.5}
    trials = [
        trial(0, "relu", 0.1, **same),
        trial(1, "relu", 0.2),
        trial(2, "relu", 0.9, initializer="kaiming_normal", **same),
    ]
    assert chosen(trials)[-1] == (2, BASELINE)


def test_the_same_configuration_counts_once() -> None:
    same: dict[str, Any] = {"learning_rate": 0.5}
    trials = [
        trial(4, "tanh", 0.1, **same),
        trial(2, "tanh", 0.1, **same),
        trial(5, "tanh", 0.2, **same),
        trial(6, "tanh", 0.3),
    ]
    assert [number for number, roles in chosen(trials) if roles == CANDIDATE] == [2, 6]


def test_only_complete_trials_with_a_finite_value_are_chosen() -> None:
    trials = [
        trial(0, "tanh", 0.9),
        trial(1, "tanh", None, TrialState.PRUNED),
        trial(2, "tanh", None, TrialState.RUNNING),
        trial(3, "elu", None, TrialState.FAIL),
        trial(4, "tanh", nan),
        trial(5, "tanh", -inf),
    ]
    assert [number for number, roles in chosen(trials) if roles == CANDIDATE] == [0]


@pytest.mark.parametrize(
    ("trials", "top"),
    [([], 3), ([trial(0, "relu", None, TrialState.FAIL)], 3), ([trial(0, "relu", 0.1)], 0)],
)
def test_there_may_be_nothing_to_confirm(trials: list[TrialRecord], top: int) -> None:
    assert select_candidates(trials, Direction.MINIMIZE, top) == ()


def test_the_order_of_the_trials_does_not_matter() -> None:
    trials = [trial(n, ("relu", "tanh", "elu")[n % 3], (n * 7 % 5) / 10) for n in range(12)]
    forward = select_candidates(trials, Direction.MINIMIZE, 2)
    assert select_candidates(trials[::-1], Direction.MINIMIZE, 2) == forward


def test_the_key_ignores_the_order_of_axes_and_tells_kinds_apart() -> None:
    assert config_key({"a": 1, "b": None}) == config_key({"b": None, "a": 1})
    keys = {config_key({"a": value}) for value in (1, 1.0, True, "1", None, 0.1 + 0.2, 0.3)}
    assert len(keys) == 7


def run_of(candidate: Candidate, role: Role) -> ConfirmationRun:
    return ConfirmationRun(
        trial=candidate.trial,
        activation=candidate.activation,
        role=role,
        params=candidate.params,
        repeat=0,
        fold=0,
        scores={},
        failure=None,
        train_rows=1,
        validation_rows=1,
        fit_seconds=0.0,
    )


def test_runs_of_a_former_baseline_do_not_count_any_more() -> None:
    before = select_candidates([trial(0, "relu", 0.5)], Direction.MINIMIZE, 1)
    now = select_candidates([trial(0, "relu", 0.5), trial(1, "relu", 0.4)], Direction.MINIMIZE, 2)
    runs = [run_of(c, role) for group in (before, now) for c in group for role in c.roles]
    counting = current_runs(runs, now)
    assert [run.role for run in counting].count(Role.BASELINE) == 1
    assert {config_key(run.params) for run in counting} == {c.key for c in now}
