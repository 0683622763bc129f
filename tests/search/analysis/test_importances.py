"""Importances: they find what matters, and never stand in the way."""

import random
from dataclasses import replace
from math import inf, log10, nan

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sklearn.ensemble import RandomForestRegressor

from search.analysis import importances as module
from search.analysis.importances import LEAST_TRIALS, importances
from search.space import build_space
from search.study import Choices, Range, TrialRecord, TrialSource

SPACE = build_space(
    {
        "activation": Choices(values=("relu", "prelu", "tanh")),
        "initializer": Choices(values=("orthogonal",)),
    }
)


def trials(count: int, score, seed: int = 0, space=SPACE) -> list[TrialRecord]:
    """Random complete trials; `score` makes the value of the configuration and some noise."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    rng = random.Random(seed)
    records = []
    for number in range(count):
        asked = study.ask()
        params = space.suggest(asked)
        records.append(
            TrialRecord(
                number=number,
                state=TrialState.COMPLETE,
                source=TrialSource.SAMPLER,
                params=params,
                distributions=dict(asked.distributions),
                values=(score(params, rng.gauss(0.0, 0.01)),),
            )
        )
    return records


def by_activation(params, noise: float) -> float:
    return {"relu": 0.0, "prelu": 1.0, "tanh": 2.0}[params["activation"]] + noise


def test_the_axis_that_decides_gets_nearly_everything() -> None:
    shares = importances("minimize", trials(80, by_activation))
    assert next(iter(shares)) == "activation"
    assert shares["activation"] > 0.9
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "within"), [(100, 0.1), (400, 0.06)])
def test_shares_are_those_of_a_known_function(count: int, within: float) -> None:
    """Rates count by their logarithm, and a network has one activation at a time."""
    names = ("relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "identity")
    effects = dict(zip(names, (0.3, 1.0, 0.0, 0.2, 1.5, 0.0, 0.5, 0.2, 0.7, 0.0), strict=True))
    space = build_space(
        {
            "activation": Choices(values=names),
            "initializer": Choices(values=("orthogonal",)),
            "depth": Range(low=1, high=6),
            "learning_rate": Range(low=1e-4, high=1e-1, log=True),
            "weight_decay": Choices(values=(0.0,)),
        }
    )

    def score(params, noise: float) -> float:
        rate = 0.5 * log10(params["learning_rate"])
        return effects[params["activation"]] + 0.1 * params["depth"] + rate + noise

    variances = {
        "activation": np.var(list(effects.values())),
        "depth": np.var(0.1 * np.arange(1, 7)),
        "learning_rate": 0.5**2 * 3.0**2 / 12.0,  # even over three decades
    }
    true = {name: variance / sum(variances.values()) for name, variance in variances.items()}
    shares = importances("minimize", trials(count, score, space=space))
    assert shares == pytest.approx(true, abs=within)


def test_what_axes_explain_only_together_counts_for_neither() -> None:
    """Depth matters to two of three activations; its share is that of their mean."""

    def score(params, noise: float) -> float:
        return (params["activation"] != "relu") * params["depth"] + noise

    space = build_space(
        {
            "activation": Choices(values=("relu", "prelu", "tanh")),
            "initializer": Choices(values=("orthogonal",)),
            "depth": Range(low=1, high=6),
            "learning_rate": Choices(values=(1e-3,)),
            "weight_decay": Choices(values=(0.0,)),
        }
    )
    depths = np.arange(1, 7)
    by_depth = np.var(depths * 2.0 / 3.0)
    by_kind = np.var([0.0, depths.mean(), depths.mean()])
    shares = importances("minimize", trials(300, score, space=space))
    assert shares["depth"] == pytest.approx(by_depth / (by_depth + by_kind), abs=0.03)


def test_shares_do_not_depend_on_the_direction() -> None:
    records = trials(60, lambda p, noise: 0.1 * p["depth"] + noise)
    down = importances("minimize", records)
    up = importances("maximize", [replace(r, values=(-r.values[0],)) for r in records])
    assert down["depth"] > 0.8
    assert up["depth"] == pytest.approx(down["depth"], abs=0.05)


def test_axes_of_one_activation_have_no_share_beside_others() -> None:
    shares = importances("minimize", trials(60, by_activation))
    assert set(shares) == {"activation", "depth", "learning_rate", "weight_decay"}


def test_slope_has_a_share_where_all_trials_have_it() -> None:
    space = build_space(
        {
            "activation": Choices(values=("prelu",)),
            "prelu_slope": Range(low=0.0, high=1.0),
            "initializer": Choices(values=("orthogonal",)),
        }
    )
    shares = importances(
        "minimize", trials(60, lambda p, noise: p["prelu_slope"] + noise, space=space)
    )
    assert shares["prelu_slope"] > 0.9


def test_same_trials_give_the_same_shares() -> None:
    records = trials(40, by_activation)
    shares = importances("minimize", records)
    assert shares
    assert importances("minimize", records) == shares


def test_too_few_trials_say_nothing() -> None:
    records = trials(LEAST_TRIALS, by_activation)
    assert importances("minimize", []) == {}
    assert importances("minimize", records[:-1]) == {}
    assert importances("minimize", records) != {}


def test_only_complete_finite_trials_count() -> None:
    records = trials(40, by_activation)
    broken = [
        replace(records[0], number=100, values=(nan,)),
        replace(records[1], number=101, values=(inf,)),
        replace(records[2], number=102, state=TrialState.PRUNED, values=None),
    ]
    shares = importances("minimize", records)
    assert shares
    assert importances("minimize", records + broken) == shares


def test_equal_values_say_nothing() -> None:
    assert importances("minimize", trials(40, lambda params, noise: 0.5)) == {}


def test_a_study_without_searched_axes_says_nothing() -> None:
    records = [
        replace(record, distributions={}) for record in trials(20, lambda params, noise: noise)
    ]
    assert importances("minimize", records) == {}


def test_a_list_that_does_nothing_explains_little_of_noise() -> None:
    """Each of ten activations has its own luck in a handful of trials."""
    names = ("relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "identity")
    space = build_space(
        {"activation": Choices(values=names), "initializer": Choices(values=("orthogonal",))}
    )
    shares = [
        importances(
            "minimize",
            trials(60, lambda p, noise: 0.1 * p["depth"] + 30.0 * noise, seed, space),
        )["activation"]
        for seed in range(6)
    ]
    assert np.mean(shares) < 0.12


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_what_is_good_enough_most_of_the_time_has_importances_too(direction: str) -> None:
    """The middle half is all the same; one activation is worse."""
    sign = 1.0 if direction == "minimize" else -1.0
    records = trials(120, lambda p, noise: sign * (0.5 if p["activation"] == "tanh" else 0.0))
    spread = [r for r in records if r.params["activation"] != "tanh" or r.number % 3 == 0]
    assert np.ptp(np.quantile([r.values[0] for r in spread], [0.25, 0.75])) == 0.0
    assert importances(direction, spread)["activation"] > 0.9
    exploded = [*spread, replace(records[0], values=(sign * 1e9,))]
    assert importances(direction, exploded)["activation"] > 0.7


@pytest.mark.parametrize(
    ("axis", "up_to"),
    [
        pytest.param(IntDistribution(1, 10, log=True), 1, id="whole numbers by their logarithm"),
        pytest.param(FloatDistribution(0.0, 0.5, step=0.25), 0.0, id="steps"),
        pytest.param(FloatDistribution(0.0, 10.0, step=0.25), 2.5, id="many steps"),
    ],
)
def test_values_of_a_grid_count_as_often_as_they_are_drawn(
    axis: BaseDistribution, up_to: float
) -> None:
    """One axis matters by being low or not, which is so with probability p: p (1 - p)."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    other = FloatDistribution(0.0, 1.0)
    records, hits = [], []
    for number in range(2000):
        asked = study.ask({"depth": axis, "dropout": other})
        hit = asked.params["depth"] <= up_to
        hits.append(hit)
        records.append(
            TrialRecord(
                number=number,
                state=TrialState.COMPLETE,
                source=TrialSource.SAMPLER,
                params=asked.params,
                distributions=dict(asked.distributions),
                values=(float(hit) + asked.params["dropout"],),
            )
        )
    variance = np.mean(hits) * (1.0 - np.mean(hits))
    true = variance / (variance + 1.0 / 12.0)
    assert importances("minimize", records)["depth"] == pytest.approx(true, abs=0.06)


def test_one_exploded_loss_does_not_decide_what_matters() -> None:
    records = trials(80, by_activation)
    records[17] = replace(records[17], values=(1e9,))
    assert importances("minimize", records)["activation"] > 0.7
    turned = [replace(record, values=(-record.values[0],)) for record in records]
    assert importances("maximize", turned)["activation"] > 0.7


def test_huge_values_are_values_like_any_other() -> None:
    records = trials(60, by_activation)
    huge = [replace(record, values=(record.values[0] * 1e300,)) for record in records]
    assert importances("minimize", huge) == pytest.approx(
        importances("minimize", records), abs=1e-6
    )


def test_of_thousands_of_trials_an_even_selection_is_used(monkeypatch) -> None:
    used = []

    class Forest(RandomForestRegressor):
        def fit(self, x, y):
            used.append(y)
            return super().fit(x, y)

    monkeypatch.setattr(module, "MOST_TRIALS", 200)
    monkeypatch.setattr(module, "RandomForestRegressor", Forest)
    records = trials(1000, lambda p, noise: by_activation(p, noise) + 0.1 * p["depth"])
    shares = importances("minimize", records)
    assert shares["activation"] > shares["depth"] > shares["weight_decay"]
    later_half = [replace(record, values=(float(record.number >= 500),)) for record in records]
    importances("minimize", later_half)
    assert [len(values) for values in used] == [200, 200]
    assert used[1].mean() == 0.5
