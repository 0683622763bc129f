"""Splits: who may see whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from search.data.datasets import Dataset, DatasetSummary, load_builtin
from search.data.fold_rules import check_folds
from search.data.splits import split
from search.errors import InvalidDataset, InvalidInput
from search.study import Evaluation, Task


def labelled(*counts: int) -> Dataset:
    """A shuffled dataset with so many rows of each class."""
    y = np.repeat(np.arange(len(counts)), counts)
    y = np.random.default_rng(0).permutation(y)
    return Dataset(
        id="t",
        name="t",
        task=Task.BINARY if len(counts) == 2 else Task.MULTICLASS,
        target="kind",
        features=pd.DataFrame({"x": np.arange(len(y), dtype=float)}),
        y=y,
        classes=tuple("abcdefghij"[: len(counts)]),
    )


def measured(rows: int) -> Dataset:
    x = np.arange(rows, dtype=float)
    features = pd.DataFrame({"x": x})
    return Dataset(id="t", name="t", task=Task.REGRESSION, target="y", features=features, y=x)


@pytest.mark.parametrize("folds", [1, 2, 3, 7])
@pytest.mark.parametrize("test_fraction", [0.0, 0.2, 0.33])
@pytest.mark.parametrize("dataset", [labelled(40, 61, 33), measured(97)], ids=["classes", "values"])
def test_rows_are_sorted_and_fall_into_disjoint_parts(
    dataset: Dataset, test_fraction: float, folds: int
) -> None:
    splits = split(dataset, Evaluation(folds=folds, test_fraction=test_fraction), 1)
    everything = np.concatenate([splits.test, splits.search])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(dataset.y)))
    assert len(splits.test) == int(np.ceil(len(dataset.y) * test_fraction))
    assert len(splits.folds) == folds
    for fold in splits.folds:
        both = np.concatenate([fold.train, fold.validation])
        np.testing.assert_array_equal(np.sort(both), splits.search)
        for rows in (fold.train, fold.validation, splits.test, splits.search):
            assert rows.dtype == np.int64
            assert (np.diff(rows) > 0).all()


def test_every_search_row_validates_exactly_once() -> None:
    splits = split(labelled(40, 61, 33), Evaluation(folds=4), 1)
    validated = np.concatenate([fold.validation for fold in splits.folds])
    np.testing.assert_array_equal(np.sort(validated), splits.search)


def test_one_fold_is_a_holdout_of_a_fifth() -> None:
    (fold,) = split(measured(100), Evaluation(folds=1, test_fraction=0.0), 1).folds
    assert (len(fold.train), len(fold.validation)) == (80, 20)


@pytest.mark.parametrize("folds", [1, 5])
def test_classes_keep_their_shares_in_every_part(folds: int) -> None:
    dataset = labelled(300, 150, 50)
    splits = split(dataset, Evaluation(folds=folds), 1)
    parts = [splits.test, *(fold.validation for fold in splits.folds)]
    parts += [fold.train for fold in splits.folds]
    for rows in parts:
        shares = np.bincount(dataset.y[rows].astype(int)) / len(rows)
        np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.5 / min(map(len, parts)) + 1e-9)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_same_seed_same_rows_and_another_seed_other_rows(name: str) -> None:
    dataset = load_builtin(name)
    first, again, other = (split(dataset, Evaluation(), seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.test, again.test)
    for one, two in zip(first.folds, again.folds, strict=True):
        np.testing.assert_array_equal(one.train, two.train)
        np.testing.assert_array_equal(one.validation, two.validation)
    assert not np.array_equal(first.test, other.test)
    assert not np.array_equal(first.folds[0].train, other.folds[0].train)


@pytest.mark.parametrize("seed", [-1, 2**31, 2**80])
def test_any_integer_is_a_seed(seed: int) -> None:
    assert len(split(measured(30), Evaluation(), seed).folds) == 3


def test_number_of_folds_does_not_change_the_test_rows() -> None:
    dataset = labelled(40, 61, 33)
    three, five = (split(dataset, Evaluation(folds=folds), 1) for folds in (3, 5))
    np.testing.assert_array_equal(three.test, five.test)


@pytest.mark.parametrize(
    ("dataset", "evaluation", "sentence"),
    [
        # A class too small for the folds: which, how many, what to do.
        (
            labelled(50, 3),
            Evaluation(folds=3),
            r"class 'b' of target 'kind' has 3 rows, 2 of them for the search \(test_fraction 0.2 "
            r"taken off\), but 3 folds need at least 3 of each class; choose 2 folds or choose "
            r"test_fraction 0 or bring at least 1 more of them or merge that class with another",
        ),
        (labelled(50, 1), Evaluation(folds=1, test_fraction=0), "one holdout split need"),
        # Test rows fewer than classes.
        (
            labelled(*[10] * 8),
            Evaluation(test_fraction=0.05),
            "0.05 of 80 rows is 4 rows, fewer than the 8 classes",
        ),
        # A fifth of the rows fewer than classes.
        (
            labelled(*[3] * 8),
            Evaluation(folds=1, test_fraction=0),
            "leave only 5 rows to validate on, at least 8",
        ),
        (measured(20), Evaluation(folds=10), "10 folds of 16 rows .* leave only 1 rows"),
    ],
)
def test_dataset_too_small_for_the_evaluation_is_refused_with_a_way_out(
    dataset: Dataset, evaluation: Evaluation, sentence: str
) -> None:
    with pytest.raises(InvalidDataset, match=sentence) as caught:
        split(dataset, evaluation, 0)
    assert caught.value.pointer.startswith("/evaluation/")


@pytest.mark.parametrize(
    ("evaluation", "sentence"),
    [
        (Evaluation(folds=0), "folds is 0, but must be from 1"),
        (Evaluation(folds=21), "folds is 21"),
        (Evaluation(test_fraction=-0.1), "test_fraction is -0.1, but must be from 0"),
        (Evaluation(test_fraction=0.95), "test_fraction is 0.95"),
        (Evaluation(test_fraction=float("nan")), "test_fraction is nan"),
    ],
)
def test_evaluation_out_of_range_is_refused(evaluation: Evaluation, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        check_folds(load_builtin("iris").describe(), evaluation)


def test_what_the_check_lets_pass_can_be_split() -> None:
    """The check works on counts alone, before any worker has the data; it must promise enough."""
    rng = np.random.default_rng(0)
    passed = refused = 0
    for _ in range(300):
        dataset = labelled(*rng.integers(1, 14, size=rng.integers(2, 7)))
        evaluation = Evaluation(
            folds=int(rng.integers(1, 6)), test_fraction=float(rng.choice([0, 0.1, 0.25, 0.6]))
        )
        try:
            check_folds(dataset.describe(), evaluation)
        except InvalidDataset:
            refused += 1
            continue
        splits = split(dataset, evaluation, int(rng.integers(100)))  # warnings are errors here
        passed += 1
        classes = set(dataset.y.tolist())
        for fold in splits.folds:
            assert set(dataset.y[fold.train].tolist()) == classes
            if evaluation.folds > 1:
                assert set(dataset.y[fold.validation].tolist()) == classes
    assert passed > 50
    assert refused > 50


def test_check_needs_the_summary_only() -> None:
    summary: DatasetSummary = replace(load_builtin("iris").describe(), class_counts=(50, 50, 2))
    with pytest.raises(InvalidDataset, match="class 'virginica'"):
        check_folds(summary, Evaluation())


def grouped(dataset: Dataset, groups: int, seed: int = 0) -> Dataset:
    codes = np.random.default_rng(seed).integers(groups, size=len(dataset.y))
    return replace(dataset, groups=np.unique(codes, return_inverse=True)[1].astype(np.int64))


@pytest.mark.parametrize("folds", [1, 2, 5])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.2, 0.6])
@pytest.mark.parametrize(
    "dataset",
    [
        grouped(labelled(300, 200, 100), 40),
        grouped(measured(600), 40),
        # So many groups that representatives are drawn.
        grouped(labelled(2000, 1500), 2500),
        grouped(measured(3500), 2500),
    ],
    ids=["classes", "values", "classes of many groups", "values of many groups"],
)
def test_groups_are_never_divided(dataset: Dataset, fraction: float, folds: int) -> None:
    assert dataset.groups is not None
    splits = split(dataset, Evaluation(folds=folds, test_fraction=fraction), 3)
    everything = np.concatenate([splits.test, splits.search])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(dataset.y)))
    assert len(splits.test) / len(dataset.y) == pytest.approx(fraction, abs=0.1)
    assert not set(dataset.groups[splits.test]) & set(dataset.groups[splits.search])
    for fold in splits.folds:
        assert not set(dataset.groups[fold.train]) & set(dataset.groups[fold.validation])
        both = np.sort(np.concatenate([fold.train, fold.validation]))
        np.testing.assert_array_equal(both, splits.search)
        share = 0.2 if folds == 1 else 1 / folds
        assert len(fold.validation) / len(splits.search) == pytest.approx(share, abs=0.12)
    if folds > 1:
        validated = np.concatenate([fold.validation for fold in splits.folds])
        np.testing.assert_array_equal(np.sort(validated), splits.search)


def test_groups_follow_the_seed() -> None:
    dataset = grouped(labelled(300, 200, 100), 40)
    one, same, other = (split(dataset, Evaluation(), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.test, same.test)
    assert not np.array_equal(one.test, other.test)


def test_too_few_groups_are_refused_with_a_way_out() -> None:
    dataset = grouped(labelled(50, 50), 3)
    with pytest.raises(InvalidDataset, match=r"3 groups that must not be split.* at least 4"):
        split(dataset, Evaluation(folds=3), 0)
    assert len(split(dataset, Evaluation(folds=3, test_fraction=0), 0).folds) == 3


def test_a_class_of_one_group_is_refused() -> None:
    dataset = grouped(labelled(100, 20), 30)
    assert dataset.groups is not None
    alone = replace(dataset, groups=np.where(dataset.y == 1, 0, dataset.groups))
    with pytest.raises(InvalidDataset, match=r"class 'b' .* has 1 group"):
        check_folds(alone.describe(), Evaluation())


def test_groups_that_the_test_rows_use_up_are_refused() -> None:
    sizes = np.repeat(np.arange(4), [90, 5, 4, 1])
    dataset = replace(measured(100), groups=sizes)
    with pytest.raises(InvalidDataset, match=r"leave \d groups of rows to split, but 3 folds need"):
        split(dataset, Evaluation(folds=3, test_fraction=0.8), 0)
