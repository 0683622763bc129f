"""The inner split gives every class its share, keeps groups together, and leaves rows to fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.data.datasets import Dataset
from search.data.inner_split import INNER_FRACTION, inner_validation
from search.data.preprocessing import prepare
from search.data.splits import split
from search.study import Evaluation


@pytest.mark.parametrize("seed", range(20))
def test_every_class_gives_its_share_up_to_one_row(seed: int) -> None:
    y = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [140, 53, 7]))
    inner = inner_validation(y, seed)
    assert np.array_equal(inner, np.unique(inner))
    shares = INNER_FRACTION * np.bincount(y)
    assert np.all(np.abs(np.bincount(y[inner], minlength=3) - shares) <= 1.0)


def test_the_mean_of_a_number_is_that_of_all_rows() -> None:
    y = np.random.default_rng(0).lognormal(size=400)
    means = [y[inner_validation(y, seed)].mean() for seed in range(200)]
    at_random = [np.random.default_rng(seed).choice(y, 60).mean() for seed in range(200)]
    assert np.std(means) < 0.5 * np.std(at_random)
    assert np.mean(means) == pytest.approx(y.mean(), rel=0.02)


def test_every_row_is_drawn_by_some_seed_with_the_same_chance() -> None:
    y = np.repeat([0.0, 1.0], [30, 10])
    drawn = np.zeros(40)
    for seed in range(2000):
        drawn[inner_validation(y, seed)] += 1
    assert drawn / 2000 == pytest.approx(INNER_FRACTION, abs=0.04)


@pytest.mark.parametrize("rows", [2, 3, 6, 7])
def test_few_rows_leave_one_on_each_side(rows: int) -> None:
    for seed in range(20):
        assert 0 < len(inner_validation(np.arange(rows) % 2, seed)) < rows


def test_rows_of_a_group_stay_together() -> None:
    groups = np.random.default_rng(0).integers(0, 40, 300)
    y = groups % 2
    inner = inner_validation(y, 1, groups)
    assert 0.1 < len(inner) / 300 < 0.2
    assert not set(groups[inner]) & set(np.delete(groups, inner))


def test_a_single_group_is_cut() -> None:
    assert 0 < len(inner_validation(np.arange(20) % 2, 0, np.zeros(20))) < 20


def test_folds_hold_inner_rows_that_follow_the_seed_of_the_study(iris: Dataset) -> None:
    one, same, other = (
        prepare(iris, split(iris, Evaluation(), seed)).folds[0].inner_validation
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_fitted_rows_are_all_or_all_but_the_inner_ones(iris: Dataset) -> None:
    fold = prepare(iris, split(iris, Evaluation(), 0)).folds[0]
    fold = replace(fold, inner_validation=np.array([1, 3]))
    assert np.array_equal(fold.fitted_rows(keeps_best=False), np.arange(len(fold.x_train)))
    assert fold.fitted_rows(keeps_best=True)[:3].tolist() == [0, 2, 4]


def test_inner_rows_of_a_fold_do_not_divide_its_groups(iris: Dataset) -> None:
    groups = np.random.default_rng(0).permutation(150) // 5
    grouped = replace(iris, groups=groups)
    splits = split(grouped, Evaluation(), 0)
    for fold, arrays in zip(splits.folds, prepare(grouped, splits).folds, strict=True):
        inner = groups[fold.train[arrays.inner_validation]]
        fitted = groups[fold.train[arrays.fitted_rows(keeps_best=True)]]
        assert len(inner)
        assert not set(inner) & set(fitted)
