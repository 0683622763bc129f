"""Scalings of numeric columns, fitted on training rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from search.data.datasets import load_builtin
from search.data.preprocessing import prepare
from search.data.scaling import CLIP, REACH, fit_scaler
from search.data.splits import split
from search.driver.plan import StudyPlan, plan_study
from search.driver.stage_runs import whole_training
from search.networks.lane import Lane
from search.study import Budget, Choices, Evaluation, Scaling, StudySpec
from search.training.scoring import LaneReport
from search.training.segment import train_segment


def tails(rows: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([np.exp(rng.normal(0, 2, rows)), rng.normal(size=rows)])


def test_standard_keeps_a_long_tail_whole_and_reaches_beyond_it() -> None:
    values = tails()
    scaler = fit_scaler(Scaling.STANDARD, values)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(scaler.apply(values), z)
    furthest = np.abs(z).max(axis=0)
    assert furthest[0] > CLIP  # the test can fail
    far = values.mean(axis=0) + 1e6 * values.std(axis=0)
    np.testing.assert_allclose(scaler.apply(far[None])[0], np.maximum(CLIP, REACH * furthest))


def test_standard_cuts_rare_values_of_an_almost_constant_column() -> None:
    values = np.zeros((400, 1))
    values[7] = 255
    assert fit_scaler(Scaling.STANDARD, values).apply(values).max() == CLIP


def test_robust_is_that_of_scikit_learn_squashed() -> None:
    values = tails()
    z = RobustScaler().fit_transform(values)
    scaled = fit_scaler(Scaling.ROBUST, values).apply(values)
    np.testing.assert_allclose(scaled, z / np.sqrt(1 + (z / 3) ** 2), atol=1e-12)
    assert np.abs(scaled).max() < 3


def test_robust_survives_columns_without_spread() -> None:
    values = np.column_stack([np.zeros(50), np.r_[np.zeros(45), np.arange(5)], np.ones(50)])
    scaled = fit_scaler(Scaling.ROBUST, values).apply(values)
    assert np.isfinite(scaled).all()
    assert scaled[:, 1].max() > 1


@pytest.mark.parametrize("rows", [30, 3000])
def test_quantile_is_that_of_scikit_learn(rows: int) -> None:
    values = np.round(tails(rows), 1)  # with ties
    other = np.round(tails(200) * 1.3, 1)
    theirs = QuantileTransformer(
        n_quantiles=min(1000, rows), output_distribution="normal", subsample=None
    ).fit(values)
    scaler = fit_scaler(Scaling.QUANTILE, values)
    ours, expected = scaler.apply(other), theirs.transform(other)
    low, high = values.min(axis=0), values.max(axis=0)
    # Theirs sends all that equals the least value to the end, however often it occurs.
    tied = (other == low) | (other == high)
    np.testing.assert_allclose(ours[~tied], expected[~tied], atol=1e-9)
    assert (np.abs(ours[(other < low) | (other > high)]) > 5).all()


def test_quantile_puts_a_value_of_half_of_the_rows_in_the_middle_of_their_ranks() -> None:
    values = np.r_[np.zeros(200), np.arange(1, 201)][:, None]
    scaled = fit_scaler(Scaling.QUANTILE, values).apply(values)
    assert scaled[0, 0] == pytest.approx(-0.6745, abs=0.01)  # the quartile


@pytest.mark.parametrize("scaling", list(Scaling))
def test_validation_rows_do_not_reach_the_scaling(scaling: Scaling) -> None:
    dataset = load_builtin("wine")
    splits = split(dataset, Evaluation(), 0)
    features = dataset.features.copy()
    features.iloc[splits.folds[0].validation] *= 50
    before = prepare(dataset, splits, [scaling]).folds[0]
    after = prepare(replace(dataset, features=features), splits, [scaling]).folds[0]
    np.testing.assert_array_equal(before.x_train, after.x_train)
    assert not np.array_equal(before.x_validation, after.x_validation)


@pytest.mark.parametrize("scaling", list(Scaling))
def test_a_table_of_text_needs_no_scaling(scaling: Scaling) -> None:
    dataset = load_builtin("wine")
    texts = pd.DataFrame({"kind": np.where(dataset.features["ash"] > 2.3, "high", "low")})
    text_only = replace(dataset, features=texts)
    assert prepare(text_only, split(text_only, Evaluation(), 0), [scaling]).features_in == 2


def test_each_scaling_has_its_folds() -> None:
    dataset = load_builtin("wine")
    splits = split(dataset, Evaluation(), 0)
    data = prepare(dataset, splits, [Scaling.QUANTILE, Scaling.STANDARD])
    assert (data.splits, len(data.folds)) == (3, 6)
    for scaling in data.scalings:
        alone = prepare(dataset, splits, [scaling])
        for place in range(3):
            one, other = data.folds[data.place(scaling, place)], alone.folds[place]
            np.testing.assert_array_equal(one.x_train, other.x_train)
            np.testing.assert_array_equal(one.x_validation, other.x_validation)
            np.testing.assert_array_equal(one.inner_validation, other.inner_validation)
    assert not np.array_equal(data.folds[0].x_train, data.folds[3].x_train)


def test_a_trial_has_its_own_scaling_whatever_others_have() -> None:
    """Trials of two scalings are trained in one stack, each as in a study of its scaling alone."""
    spec = StudySpec(dataset="wine", budget=Budget(epochs=3))
    values = ("standard", "robust", "quantile")
    alone = [plan_study(with_scalings(spec, value), load_builtin("wine")) for value in values]
    mixed = plan_study(with_scalings(spec, *values), load_builtin("wine"))
    usual = mixed.space.baseline()
    assert usual is not None
    lanes = [mixed.lanes(7, usual | {"scaling": value})[1] for value in values]
    expected = [
        train(plan, plan.lanes(7, usual | {"scaling": value})[1])[0]
        for plan, value in zip(alone, values, strict=True)
    ]
    for report, own in zip(train(mixed, *lanes), expected, strict=True):
        assert report.scores == own.scores
        assert report.train_loss == own.train_loss
    assert len({report.train_loss for report in expected}) == 3


def with_scalings(spec: StudySpec, *values: str) -> StudySpec:
    return replace(spec, space={"scaling": Choices(values=values)})


def train(plan: StudyPlan, *lanes: Lane) -> tuple[LaneReport, ...]:
    return train_segment(whole_training(plan, lanes), plan.data)
