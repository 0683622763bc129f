"""Who is trained again: entrants of each arm and search, their champions, the usual network."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan

import pytest
from optuna.trial import TrialState

from search.analysis.candidates import (
    Candidate,
    config_key,
    current_runs,
    select_baseline,
    select_champions,
    select_entrants,
)
from search.metrics import Direction, get_metric
from search.space import Arms, build_arms, build_space
from search.study import (
    Choices,
    ConfirmationRun,
    ParamValue,
    Question,
    Range,
    Role,
    Stage,
    TrialRecord,
    TrialSource,
)

COMMON: dict[str, ParamValue] = {
    "initializer": "orthogonal",
    "depth": 2,
    "width": 8,
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "momentum": 0.9,
}
NAMES = ("relu", "tanh", "elu", "prelu")
ARMS = build_arms(build_space({"activation": Choices(values=NAMES)}), Question.ACTIVATION)
LOSS, ACCURACY = get_metric("log_loss"), get_metric("accuracy")


def trial(
    number: int,
    activation: str,
    value: float | None,
    state: TrialState = TrialState.COMPLETE,
    *,
    search: int = 0,
    rungs: Mapping[int, float] | None = None,
    **params: ParamValue,
) -> TrialRecord:
    # Every trial has a learning rate of its own unless told otherwise.
    own = {"learning_rate": 0.01 * (1 + number), "activation": activation, **params}
    return TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        params={**COMMON, **own},
        distributions={},
        values=None if value is None else (value,),
        intermediate_values=rungs or {},
        search=search,
    )


def pruned(number: int, activation: str, epoch: int, value: float) -> TrialRecord:
    return trial(number, activation, None, TrialState.PRUNED, rungs={1: 9.0, epoch: value})


def entrants(
    trials: list[TrialRecord],
    top: int = 2,
    direction: Direction = Direction.MINIMIZE,
    arms: Arms = ARMS,
) -> dict[tuple[str, int | None], list[int | None]]:
    found: dict[tuple[str, int | None], list[int | None]] = {}
    for one in select_entrants(trials, arms, direction, top):
        found.setdefault((one.arm, one.search), []).append(one.trial)
    return found


def test_the_best_of_each_arm_and_search_enter() -> None:
    trials = [
        trial(0, "relu", 0.5),
        trial(1, "relu", 0.3),
        trial(2, "relu", 0.4),
        trial(3, "relu", 0.2, search=1),
        trial(4, "tanh", 0.8),
    ]
    assert entrants(trials) == {("relu", 0): [1, 2], ("relu", 1): [3], ("tanh", 0): [4]}
    assert entrants(trials, direction=Direction.MAXIMIZE)["relu", 0] == [0, 2]


def test_a_trial_that_was_trained_longer_goes_before_one_with_a_better_early_score() -> None:
    trials = [
        pruned(0, "relu", 3, 0.1),
        pruned(1, "relu", 9, 0.6),
        pruned(2, "relu", 9, 0.5),
        trial(3, "relu", 0.9),
    ]
    assert entrants(trials, top=4)["relu", 0] == [3, 2, 1, 0]


def test_the_same_configuration_enters_once_in_a_search_and_again_in_another() -> None:
    trials = [
        trial(4, "tanh", 0.1, learning_rate=0.5),
        trial(2, "tanh", 0.1, learning_rate=0.5),
        trial(5, "tanh", 0.2, learning_rate=0.5),
        trial(6, "tanh", 0.3),
        trial(7, "tanh", 0.1, learning_rate=0.5, search=1),
    ]
    assert entrants(trials) == {("tanh", 0): [2, 6], ("tanh", 1): [7]}


def test_trials_that_failed_or_have_no_finite_score_do_not_enter() -> None:
    trials = [
        trial(0, "tanh", 0.9),
        trial(1, "tanh", None, TrialState.PRUNED),
        trial(2, "tanh", None, TrialState.RUNNING),
        trial(3, "elu", None, TrialState.FAIL),
        trial(4, "tanh", nan),
        trial(5, "tanh", -inf),
        pruned(6, "tanh", 3, nan),
    ]
    assert entrants(trials, top=9) == {("tanh", 0): [0]}
    assert entrants([trial(0, "relu", 0.1)], top=0) == {}


def test_arms_of_another_question_have_their_own_entrants() -> None:
    space = build_space({"depth": Range(low=1, high=4)})
    depths = build_arms(space, Question.DEPTH)
    trials = [trial(n, "relu", 0.1 * n, depth=1 + n % 4) for n in range(8)]
    found = entrants(trials, top=1, arms=depths)
    assert found == {(name, 0): [n] for n, name in enumerate(depths.names)}


def race(candidate: Candidate, *scores: float | None, metric: str = "log_loss") -> list:
    return [
        ConfirmationRun(
            trial=candidate.trial,
            activation=candidate.activation,
            arm=candidate.arm,
            search=candidate.search,
            stage=Stage.RACE,
            role=candidate.role,
            params=candidate.params,
            repeat=index // 2,
            fold=index % 2,
            scores={} if score is None else {metric: score},
            failure="it failed" if score is None else None,
            train_rows=1,
            validation_rows=1,
            fit_seconds=0.0,
        )
        for index, score in enumerate(scores)
    ]


def three() -> tuple[Candidate, ...]:
    trials = [trial(0, "relu", 0.1), trial(1, "relu", 0.2), trial(2, "relu", 0.3)]
    return select_entrants(trials, ARMS, Direction.MINIMIZE, 3)


def test_the_champion_is_the_best_of_the_race_not_of_the_search() -> None:
    first, second, third = three()
    runs = [*race(first, 0.5, 0.5), *race(second, 0.2, 0.4), *race(third, 0.3, 0.5)]
    (champion,) = select_champions(three(), runs, LOSS)
    assert (champion.trial, champion.score) == (1, pytest.approx(-0.3))
    runs = [r for c, s in zip(three(), (0.5, 0.6, 0.7), strict=True) for r in race(c, s, s)]
    for run in runs:
        run.scores["accuracy"] = run.scores.pop("log_loss")
    (champion,) = select_champions(three(), runs, ACCURACY)
    assert champion.trial == 2


def test_an_entrant_that_failed_once_is_worse_than_any_that_did_not() -> None:
    first, second, third = three()
    runs = [*race(first, 0.1, None), *race(second, nan, 0.1), *race(third, 9.0, 9.0)]
    assert [c.trial for c in select_champions(three(), runs, LOSS)] == [2]


@pytest.mark.parametrize("raced", [0, 1, 2])
def test_of_a_race_cut_short_the_best_of_the_search_is_champion(raced: int) -> None:
    runs = [run for one in three()[1 : 1 + raced] for run in race(one, 0.0, 0.0)]
    assert [c.trial for c in select_champions(three(), runs, LOSS)] == [0]


def test_runs_of_the_confirmation_do_not_choose_the_champion() -> None:
    runs = [run for one in three() for run in race(one, 0.5 - 0.1 * (one.trial or 0))]
    confirming = [
        ConfirmationRun(**{f: getattr(r, f) for f in r.__slots__} | {"stage": Stage.CONFIRM})
        for r in runs
    ]
    assert select_champions(three(), runs, LOSS)[0].trial == 2
    assert select_champions(three(), confirming, LOSS)[0].trial == 0


def test_the_baseline_is_relu_with_he_weights_at_the_settings_of_the_best_relu() -> None:
    trials = [
        trial(0, "tanh", 0.1),
        trial(1, "relu", 0.4, depth=3),
        trial(2, "relu", 0.3, depth=5, search=1),
    ]
    champions = select_entrants(trials, ARMS, Direction.MINIMIZE, 1)
    baseline = select_baseline(champions, trials, ARMS)
    assert baseline is not None
    assert baseline.params == {**trials[2].params, "initializer": "kaiming_normal"}
    assert (baseline.role, baseline.search, baseline.trial) == (Role.BASELINE, None, None)
    assert baseline.arm == "relu"


def test_without_a_relu_the_baseline_takes_the_best_settings_but_nothing_of_their_slope() -> None:
    best = trial(0, "prelu", 0.1, prelu_slope=0.3, prelu_sharing="layer")
    others = [best, trial(1, "relu", None, TrialState.FAIL), trial(2, "elu", 0.2)]
    champions = select_entrants(others, ARMS, Direction.MINIMIZE, 1)
    baseline = select_baseline(champions, others, ARMS)
    assert baseline is not None
    common = {k: v for k, v in best.params.items() if not k.startswith("prelu_")}
    assert baseline.params == {**common, "activation": "relu", "initializer": "kaiming_normal"}
    assert select_baseline((), others, ARMS) is None


def test_a_baseline_that_some_trial_tried_is_named_by_it() -> None:
    trials = [
        trial(0, "relu", 0.1, learning_rate=0.5),
        trial(2, "relu", 0.9, initializer="kaiming_normal", learning_rate=0.5),
    ]
    champions = select_entrants(trials, ARMS, Direction.MINIMIZE, 1)
    baseline = select_baseline(champions, trials, ARMS)
    assert baseline is not None
    assert baseline.trial == 2


def test_the_order_of_the_trials_does_not_matter() -> None:
    trials = [trial(n, NAMES[n % 3], (n * 7 % 5) / 10, search=n % 2) for n in range(24)]
    forward = select_entrants(trials, ARMS, Direction.MINIMIZE, 2)
    assert select_entrants(trials[::-1], ARMS, Direction.MINIMIZE, 2) == forward


def test_the_key_ignores_the_order_of_axes_and_tells_kinds_apart() -> None:
    assert config_key({"a": 1, "b": None}) == config_key({"b": None, "a": 1})
    keys = {config_key({"a": value}) for value in (1, 1.0, True, "1", None, 0.1 + 0.2, 0.3)}
    assert len(keys) == 7


def test_runs_of_former_champions_and_of_the_race_do_not_count() -> None:
    first, second, _ = three()
    runs = [*race(first, 0.1), *race(second, 0.1)]
    confirmed = [
        ConfirmationRun(**{f: getattr(r, f) for f in r.__slots__} | {"stage": Stage.CONFIRM})
        for r in runs
    ]
    assert current_runs([*runs, *confirmed], [second]) == (confirmed[1],)
