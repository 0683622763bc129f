"""Results from recorded trials: counts, order, front, nothing that JSON refuses."""

import json
import random
from dataclasses import asdict, replace
from math import inf, nan

import optuna
import pytest
from optuna.trial import TrialState

from search.analysis.search_summary import summarize
from search.space import build_space
from search.study import Choices, TrialRecord, TrialSource
from search.study.results import ActivationSummary, StudyResults

SPACE = build_space({"activation": Choices(values=("relu", "prelu", "tanh", "gelu"))})


def trial(
    number: int, activation: str, *values: float, state: TrialState = TrialState.COMPLETE, **facts
) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        params={"activation": activation, "depth": number % 5 + 1},
        distributions={},
        values=values or None,
        **facts,
    )


def rows(results: StudyResults) -> dict[str, ActivationSummary]:
    return {row.activation: row for row in results.by_activation}


TRIALS = [
    trial(0, "relu", 0.5),
    trial(1, "relu", 0.3),
    trial(2, "relu", 0.9),
    trial(3, "relu", state=TrialState.PRUNED),
    trial(4, "tanh", 0.2, metrics={"accuracy": 0.9, "roc_auc": nan}, parameters=77),
    trial(5, "tanh", state=TrialState.FAIL, flags=("diverged",)),
    trial(6, "tanh", state=TrialState.FAIL, flags=("diverged", "dead")),
    trial(7, "prelu", state=TrialState.RUNNING),
    trial(8, "prelu", state=TrialState.WAITING),
    trial(9, "prelu", state=TrialState.PRUNED),
]


def test_best_is_the_best_complete_trial_in_the_direction_asked_for() -> None:
    assert summarize(SPACE, ["minimize"], TRIALS).best.number == 4
    assert summarize(SPACE, ["maximize"], TRIALS).best.number == 2


def test_best_says_everything_needed_to_train_it_again() -> None:
    best = summarize(SPACE, ["minimize"], TRIALS).best
    assert best.params == {"activation": "tanh", "depth": 5}
    assert best.values == (0.2,)
    assert best.metrics == {"accuracy": 0.9, "roc_auc": None}
    assert best.parameters == 77
    assert best.source == "sampler"


def test_of_equal_values_the_earlier_trial_is_best() -> None:
    equal = [trial(n, "relu", 0.5) for n in (3, 1, 2)]
    assert summarize(SPACE, ["minimize"], equal).best.number == 1
    assert summarize(SPACE, ["maximize"], equal).best.number == 1


def test_every_activation_of_the_space_is_listed_the_best_first() -> None:
    result = summarize(SPACE, ["minimize"], TRIALS)
    assert [row.activation for row in result.by_activation] == [
        "tanh",
        "relu",
        "prelu",
        "gelu",
    ]
    result = summarize(SPACE, ["maximize"], TRIALS)
    assert [row.activation for row in result.by_activation][:2] == ["relu", "tanh"]


def test_rows_count_what_became_of_the_trials() -> None:
    by_name = rows(summarize(SPACE, ["minimize"], TRIALS))
    relu, tanh, prelu, gelu = (by_name[name] for name in ("relu", "tanh", "prelu", "gelu"))
    counts = ("trials", "completed", "pruned", "failed", "running")
    assert [getattr(relu, key) for key in counts] == [4, 3, 1, 0, 0]
    assert [getattr(tanh, key) for key in counts] == [3, 1, 0, 2, 0]
    assert [getattr(prelu, key) for key in counts] == [3, 0, 1, 0, 2]
    assert [getattr(gelu, key) for key in counts] == [0, 0, 0, 0, 0]
    assert tanh.flags == {"dead": 1, "diverged": 2}
    assert gelu.flags == {}


def test_rows_give_best_and_median_of_completed_trials() -> None:
    relu = rows(summarize(SPACE, ["minimize"], TRIALS))["relu"]
    assert (relu.best_value, relu.median_value, relu.best_number) == (0.3, 0.5, 1)
    assert relu.best_params == {"activation": "relu", "depth": 2}
    relu = rows(summarize(SPACE, ["maximize"], TRIALS))["relu"]
    assert (relu.best_value, relu.median_value, relu.best_number) == (0.9, 0.5, 2)


def test_activation_without_a_complete_trial_has_no_best() -> None:
    prelu = rows(summarize(SPACE, ["minimize"], TRIALS))["prelu"]
    assert (prelu.best_value, prelu.median_value) == (None, None)
    assert (prelu.best_number, prelu.best_params) == (None, None)


def test_no_trials_at_all_have_results_too() -> None:
    result = summarize(SPACE, ["minimize"], [])
    assert result.best is None
    assert result.front == ()
    assert len(result.by_activation) == 4


def test_with_one_objective_there_is_no_front() -> None:
    assert summarize(SPACE, ["minimize"], TRIALS).front == ()


@pytest.mark.parametrize(
    "directions", [["minimize", "minimize"], ["minimize", "maximize"], ["maximize", "minimize"]]
)
def test_front_equals_that_of_optuna(directions: list[str]) -> None:
    rng = random.Random(0)
    trials = [trial(n, "relu", rng.randint(0, 30) / 10, rng.randint(0, 30)) for n in range(200)]
    study = optuna.create_study(directions=directions)
    study.add_trials(optuna.create_trial(values=list(t.values)) for t in trials)
    front = summarize(SPACE, directions, trials).front
    assert sorted(row.number for row in front) == sorted(t.number for t in study.best_trials)
    assert 1 < len(front) < 50


def test_twins_on_the_front_are_both_on_it() -> None:
    twins = [trial(0, "relu", 0.1, 5.0), trial(1, "relu", 0.1, 5.0), trial(2, "relu", 0.1, 6.0)]
    front = summarize(SPACE, ["minimize", "minimize"], twins).front
    assert [row.number for row in front] == [0, 1]


def test_front_goes_from_the_best_of_the_first_objective_on() -> None:
    trials = [trial(0, "relu", 0.9, 10.0), trial(1, "relu", 0.1, 500.0)]
    front = summarize(SPACE, ["minimize", "minimize"], trials).front
    assert [row.number for row in front] == [1, 0]


def test_every_number_is_finite_whatever_the_trials_hold() -> None:
    wild = [
        trial(0, "relu", inf),
        trial(1, "relu", nan),
        trial(2, "relu", 0.5, metrics={"r2": -inf}, fit_seconds=nan),
        replace(trial(3, "relu", 0.4), params={"activation": "relu", "learning_rate": inf}),
    ]
    result = summarize(SPACE, ["minimize"], wild)
    assert json.dumps(asdict(result), allow_nan=False)
    assert result.best.number == 3
    assert result.best.params["learning_rate"] is None
    assert rows(result)["relu"].completed == 4


def test_order_of_the_records_does_not_matter() -> None:
    shuffled = TRIALS.copy()
    random.Random(1).shuffle(shuffled)
    assert summarize(SPACE, ["minimize"], shuffled) == summarize(SPACE, ["minimize"], TRIALS)
