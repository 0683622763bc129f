"""Cells count and average what was tried, F tests find what does not add up, curves are smooth."""

import json
from dataclasses import asdict, replace
from math import inf, nan

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from search.analysis.interactions import CURVE_POINTS, LEAST_POINTS, interactions, slope_effects
from search.study import LayerSnapshot, TrialRecord, TrialSource
from search.study.results import Interaction, TrialPoint


def trial(number: int, activation: str, value: float, **params) -> TrialRecord:
    layers = params.pop("layers", ())
    state = params.pop("state", TrialState.COMPLETE)
    source = params.pop("source", TrialSource.STRATIFIED)
    axes = {name: FloatDistribution(0.0, 1.0) for name in params if name.startswith(activation)}
    return TrialRecord(
        number=number,
        state=state,
        source=source,
        params={"activation": activation, "depth": 1, "initializer": "orthogonal", **params},
        distributions=axes,
        values=(value,),
        layers=layers,
    )


TRIALS = [
    trial(0, "relu", 0.5, initializer="kaiming_normal", depth=1),
    trial(1, "relu", 0.3, initializer="kaiming_normal", depth=2),
    trial(2, "relu", 0.9, initializer="lecun_normal", depth=2),
    trial(3, "tanh", 0.2, initializer="lecun_normal", depth=10),
    trial(4, "tanh", 9.0, initializer="lecun_normal", state=TrialState.FAIL),
    trial(5, "tanh", nan, initializer="lecun_normal"),
]


def cells(table, axis: str) -> dict:
    return {(cell.activation, getattr(cell, axis)): cell for cell in table.cells}


def test_cells_count_average_and_name_the_best() -> None:
    tables = interactions(TRIALS, 1.0)
    by_initializer = cells(tables["activation x initializer"], "initializer")
    relu = by_initializer["relu", "kaiming_normal"]
    assert (relu.count, relu.mean, relu.best) == (2, pytest.approx(0.4), 0.3)
    assert by_initializer["tanh", "lecun_normal"].count == 1
    assert ("tanh", "kaiming_normal") not in by_initializer
    best = cells(interactions(TRIALS, -1.0)["activation x initializer"], "initializer")
    assert best["relu", "kaiming_normal"].best == 0.5


def test_depths_come_in_order_of_number() -> None:
    trials = [trial(n, "relu", 0.1 * n, depth=depth) for n, depth in enumerate((10, 2, 1, 9))]
    table = interactions(trials, 1.0)["activation x depth"]
    assert [cell.depth for cell in table.cells] == [1, 2, 9, 10]


def test_many_depths_are_grouped_by_doublings() -> None:
    trials = [trial(n, "relu", 0.1, depth=n + 1) for n in range(50)]
    table = interactions(trials, 1.0)["activation x depth"]
    assert [cell.depth for cell in table.cells] == [
        1, 2, "3-4", "5-8", "9-16", "17-32", "33-64",
    ]  # fmt: skip
    assert sum(cell.count for cell in table.cells) == 50


def factorial(effect, repeats: int = 12, seed: int = 0) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    return [
        trial(n, activation, effect(i, j) + rng.normal(), initializer=initializer)
        for n, (i, activation, j, initializer) in enumerate(
            (i, activation, j, initializer)
            for i, activation in enumerate(("relu", "tanh", "gelu"))
            for j, initializer in enumerate(("kaiming_normal", "lecun_normal"))
            for _ in range(repeats)
        )
    ]


def test_what_does_not_add_up_is_found() -> None:
    crossed = factorial(lambda i, j: 4.0 * (i == j))
    table = interactions(crossed, 1.0)["activation x initializer"]
    assert table.p_value < 1e-6
    assert table.share > 0.3


def test_what_adds_up_is_no_interaction() -> None:
    p_values = [
        interactions(factorial(lambda i, j: 1.0 * i + j, seed=seed), 1.0)[
            "activation x initializer"
        ].p_value
        for seed in range(60)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    assert 0.3 < np.mean(p_values) < 0.7


def test_trials_that_pruning_or_the_sampler_has_chosen_are_no_evidence() -> None:
    chosen = [
        replace(trial, source=TrialSource.SAMPLER)
        for trial in factorial(lambda i, j: 4.0 * (i == j))
    ]
    table = interactions(chosen, 1.0)["activation x initializer"]
    assert (table.share, table.p_value) == (None, None)
    assert sum(cell.count for cell in table.cells) == len(chosen)


def test_one_exploded_loss_is_no_interaction() -> None:
    trials = factorial(lambda i, j: 4.0 * (i == j))
    clean = interactions(trials, 1.0)["activation x initializer"].share
    trials.append(trial(999, "relu", 1e9, initializer="lecun_normal"))
    with_one = interactions(trials, 1.0)["activation x initializer"].share
    assert with_one == pytest.approx(clean, abs=0.1)


def test_cells_without_spare_trials_test_nothing() -> None:
    table = interactions(TRIALS[:4], 1.0)["activation x initializer"]
    assert (table.share, table.p_value) == (None, None)
    equal = [trial(n, "relu", 0.5) for n in range(9)]
    assert interactions(equal, 1.0)["activation x depth"].p_value is None
    empty = Interaction(cells=(), share=None, p_value=None)
    assert interactions([], 1.0)["activation x depth"] == empty


def sloped(count: int, score, **facts) -> list[TrialRecord]:
    rng = np.random.default_rng(0)
    slopes = rng.uniform(0.0, 0.5, count)
    return [
        trial(n, "prelu", float(score(s) + 0.02 * rng.normal()), prelu_slope=float(s), **facts)
        for n, s in enumerate(slopes)
    ]


def test_the_curve_follows_the_effect_of_the_initial_slope() -> None:
    (row,) = slope_effects(sloped(120, lambda s: (s - 0.25) ** 2 * 8))
    assert (row.axis, row.activation, row.parameter) == ("prelu_slope", "prelu", "slope")
    curve = row.initial.curve
    assert len(curve) == CURVE_POINTS
    for point in curve:
        assert point.value == pytest.approx((point.x - 0.25) ** 2 * 8, abs=0.05)
    assert len(row.initial.points) == 120


def test_the_learned_slope_is_that_of_the_last_snapshot_over_the_layers() -> None:
    layers = (
        LayerSnapshot(epoch=9, statistics={"slope": (0.1, 0.3)}),
        LayerSnapshot(epoch=0, statistics={"slope": (0.9, 0.9)}),
    )
    (row,) = slope_effects([trial(7, "prelu", 0.4, prelu_slope=0.2, layers=layers)])
    assert row.learned.points == (TrialPoint(x=0.2, value=0.4, number=7),)
    assert row.learned.curve == ()


def test_a_slope_that_is_not_learned_has_no_learned_effect() -> None:
    trials = [trial(n, "leaky_relu", 0.1 * n, leaky_relu_slope=0.1 * n) for n in range(4)]
    (row,) = slope_effects(trials)
    assert row.learned is None
    assert len(row.initial.points) == 4


def test_a_logarithmic_slope_is_drawn_over_its_logarithm() -> None:
    rng = np.random.default_rng(1)
    trials = [
        trial(n, "leaky_relu", float(np.log10(s)), leaky_relu_slope=float(s))
        for n, s in enumerate(10 ** rng.uniform(-3, -0.5, 60))
    ]
    (row,) = slope_effects(trials)
    assert len(row.initial.curve) == CURVE_POINTS
    for point in row.initial.curve:
        assert point.value == pytest.approx(np.log10(point.x), abs=0.05)


def test_few_or_equal_slopes_make_no_curve() -> None:
    few = sloped(LEAST_POINTS - 1, lambda s: s)
    assert slope_effects(few)[0].initial.curve == ()
    equal = [trial(n, "prelu", 0.1 * n, prelu_slope=0.25) for n in range(20)]
    assert slope_effects(equal)[0].initial.curve == ()
    assert len(slope_effects(sloped(LEAST_POINTS, lambda s: s))[0].initial.curve) > 0


def test_fixed_slopes_and_other_activations_have_no_row() -> None:
    fixed = [
        TrialRecord(
            number=n,
            state=TrialState.COMPLETE,
            source=TrialSource.SAMPLER,
            params={"activation": "prelu", "prelu_slope": 0.25},
            distributions={},
            values=(0.1,),
        )
        for n in range(3)
    ]
    assert slope_effects(fixed) == ()
    assert slope_effects([trial(0, "relu", 0.1)]) == ()


def test_one_exploded_loss_does_not_bend_the_curve() -> None:
    trials = sloped(60, lambda s: s)
    trials.append(trial(60, "prelu", 1e9, prelu_slope=0.25))
    trials.append(trial(61, "prelu", inf, prelu_slope=0.25))
    (row,) = slope_effects(trials)
    assert max(point.value for point in row.initial.curve) < 1.0
    assert json.dumps(asdict(row), allow_nan=False)
