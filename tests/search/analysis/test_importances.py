"""Importances: they find what matters, say how sure that is, and say nothing of noise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from math import inf, log10, nan
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.analysis.importances import LEAST_TRIALS, importances
from search.space import SearchSpace, build_space
from search.study import Choices, Range, TrialRecord, TrialSource

NAMES = ("relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "identity")
SPACE = build_space(
    {
        "activation": Choices(values=("relu", "prelu", "tanh")),
        "initializer": Choices(values=("orthogonal",)),
    }
)
Score = Callable[[Any, float], float]


def trials(
    count: int, score: Score, seed: int = 0, space: SearchSpace = SPACE
) -> list[TrialRecord]:
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
                source=TrialSource.STRATIFIED,
                params=params,
                distributions=dict(asked.distributions),
                values=(score(params, rng.gauss(0.0, 0.01)),),
            )
        )
    return records


def by_activation(params: Any, noise: float) -> float:
    return {"relu": 0.0, "prelu": 1.0, "tanh": 2.0}[params["activation"]] + noise


def test_the_axis_that_decides_gets_nearly_everything() -> None:
    found = importances(trials(80, by_activation), 1.0)
    assert next(iter(found.shares)) == "activation"
    # Within an activation the ranks are noise: a ninth of their variance.
    assert found.shares["activation"] == pytest.approx(8 / 9, abs=0.04)
    assert found.is_enough
    assert found.trials == 80
    assert "80 trials that were drawn at random" in found.note


def test_shares_are_those_of_a_known_function_of_ranks() -> None:
    """Of two axes that add up, one of ten values and one even over its logarithm."""
    effects = dict(zip(NAMES, np.linspace(0.0, 1.0, 10), strict=True))
    space = build_space(
        {
            "activation": Choices(values=NAMES),
            "initializer": Choices(values=("orthogonal",)),
            "learning_rate": Range(low=1e-4, high=1e-1, log=True),
        }
    )

    def score(params: Any, noise: float) -> float:
        return effects[params["activation"]] + log10(params["learning_rate"]) / 3.0 + noise

    found = importances(trials(2000, score, space=space), 1.0)
    assert found.shares["activation"] == pytest.approx(0.55, abs=0.05)
    # Four groups of a range explain 15 of 16 parts of what it does.
    assert found.shares["learning_rate"] == pytest.approx(0.42, abs=0.05)
    assert found.explained == pytest.approx(sum(found.shares.values()))


def test_intervals_hold_the_share_of_many_trials() -> None:
    def score(params: Any, noise: float) -> float:
        return by_activation(params, 0.0) + 100.0 * noise + 0.1 * params["depth"]

    true = importances(trials(4000, score, seed=99), 1.0).shares["activation"]
    hits = 0
    for seed in range(40):
        low, high = importances(trials(80, score, seed), 1.0).intervals["activation"]
        hits += low <= true <= high
    assert hits >= 34


def test_noise_is_told_as_too_little_to_say() -> None:
    told, shares = 0, []
    for seed in range(40):
        found = importances(trials(60, lambda params, noise: noise, seed), 1.0)
        told += found.is_enough
        shares.append(found.explained)
    assert told <= 6  # at 5 % seven of 40 have a chance of 0.3 %
    # Shares that pure noise explains are never made to add up to 1.
    assert np.mean(np.array(shares, dtype=float)) < 0.15


def test_too_few_trials_say_so() -> None:
    records = trials(LEAST_TRIALS, by_activation)
    for some in ([], records[:-1]):
        found = importances(some, 1.0)
        assert (found.shares, found.explained, found.is_enough) == ({}, None, False)
        assert "too little to say" in found.note
    assert importances(records, 1.0).shares


def test_trials_that_pruning_or_the_sampler_has_chosen_do_not_count() -> None:
    records = trials(40, by_activation)
    chosen = [replace(r, number=100 + r.number, source=TrialSource.SAMPLER) for r in records]
    assert importances(chosen, 1.0).shares == {}
    assert importances([*records, *chosen], 1.0) == importances(records, 1.0)


def test_an_explosion_counts_as_the_worst_and_is_not_clipped_away() -> None:
    """Half of one activation explodes: that is what matters."""

    def score(params: Any, noise: float) -> float:
        return (1e9 if params["activation"] == "tanh" and params["depth"] > 2 else 0.0) + noise

    records = trials(200, score)
    found = importances(records, 1.0)
    assert found.shares["activation"] > 0.2
    failed = [
        replace(r, state=TrialState.FAIL, values=None) if (r.values or (0,))[0] > 1.0 else r
        for r in records
    ]
    assert importances(failed, 1.0).shares["activation"] == pytest.approx(
        found.shares["activation"], abs=0.05
    )
    endless = [
        replace(r, values=(inf if (r.values or (0,))[0] > 1.0 else r.values[0],))
        for r in records
        if r.values
    ]
    assert importances(endless, 1.0).shares == importances(failed, 1.0).shares


def test_one_exploded_loss_does_not_decide_what_matters() -> None:
    records = trials(80, by_activation)
    before = importances(records, 1.0).shares["activation"]
    records[17] = replace(records[17], values=(1e9,))
    assert importances(records, 1.0).shares["activation"] == pytest.approx(before, abs=0.1)


def test_trials_that_were_cancelled_do_not_count() -> None:
    records = trials(40, by_activation)
    cancelled = replace(
        records[0], number=99, state=TrialState.FAIL, values=None, flags=("cancelled",)
    )
    assert importances([*records, cancelled], 1.0) == importances(records, 1.0)


def test_shares_do_not_depend_on_the_direction() -> None:
    records = trials(60, lambda p, noise: 0.1 * p["depth"] + noise)
    turned = [replace(r, values=(-r.values[0],)) for r in records if r.values]
    down, up = importances(records, 1.0), importances(turned, -1.0)
    assert down.shares == pytest.approx(up.shares)
    assert down.shares["depth"] > 0.7


def test_axes_of_one_activation_have_no_share_beside_others() -> None:
    shares = importances(trials(60, by_activation), 1.0).shares
    assert set(shares) == {"activation", "depth", "learning_rate", "weight_decay"}


def test_a_slope_has_a_share_where_all_trials_have_it() -> None:
    space = build_space(
        {
            "activation": Choices(values=("prelu",)),
            "prelu_slope": Range(low=0.0, high=1.0),
            "initializer": Choices(values=("orthogonal",)),
        }
    )
    found = importances(trials(60, lambda p, noise: p["prelu_slope"] + noise, space=space), 1.0)
    assert found.shares["prelu_slope"] > 0.8


def test_the_same_trials_give_the_same_shares() -> None:
    records = trials(40, by_activation)
    assert importances(records, 1.0) == importances(records, 1.0)


@pytest.mark.parametrize("value", [0.5, nan])
def test_equal_values_say_nothing(value: float) -> None:
    found = importances(trials(40, lambda params, noise: value), 1.0)
    assert (found.shares, found.is_enough) == ({}, False)


def test_a_study_without_searched_axes_says_nothing() -> None:
    records = [replace(r, distributions={}) for r in trials(40, lambda params, noise: noise)]
    found = importances(records, 1.0)
    assert (found.shares, found.is_enough) == ({}, False)
