"""Arrays for training, and what they must not know."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from search.data import preprocessing
from search.data.datasets import Dataset, load_builtin
from search.data.preprocessing import fit_preprocessor, infer_schema, prepare
from search.data.scaling import CLIP
from search.data.splits import Splits, split
from search.errors import InvalidDataset
from search.study import Evaluation, Scaling, Task

ROWS = 120


def mixed(task: Task = Task.REGRESSION, rows: int = ROWS) -> Dataset:
    """Numbers with and without gaps, a constant, categories with and without gaps."""
    rng = np.random.default_rng(2)
    gaps = rng.normal(10, 3, rows)
    gaps[rng.choice(rows, rows // 6, replace=False)] = np.nan
    colours = rng.choice(["red", "green", "blue"], rows).astype(object)
    shapes = rng.choice(["round", "square"], rows).astype(object)
    shapes[rng.choice(rows, rows // 6, replace=False)] = np.nan
    features = pd.DataFrame(
        {
            "plain": rng.normal(-5, 2, rows),
            "shape": shapes,
            "gaps": gaps,
            "constant": np.full(rows, 7.0),
            "colour": colours,
        }
    )
    classes = {Task.REGRESSION: 0, Task.BINARY: 2, Task.MULTICLASS: 3}[task]
    y = rng.integers(classes, size=rows) if classes else rng.normal(300, 40, rows)
    return Dataset(
        id="mixed",
        name="mixed",
        task=task,
        target="y",
        features=features,
        y=y,
        classes=tuple("abc"[:classes]),
    )


def changed(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    """The same dataset, but for every number and target in `rows`, and the order of categories."""
    features = dataset.features.copy()
    for name in features.columns:
        values = features[name].to_numpy(copy=True)
        values[rows] = values[rows][::-1] if values.dtype == object else 1000 + 7 * values[rows]
        features[name] = values
    y = dataset.y.copy()
    y[rows] = y[rows] * 5 + 1 if dataset.task is Task.REGRESSION else y[rows][::-1]
    return replace(dataset, features=features, y=y)


def test_outputs_are_numbers_then_indicators_then_levels() -> None:
    dataset = mixed()
    prepared = prepare(dataset, split(dataset, Evaluation(), 0))
    assert prepared.feature_names == (
        "plain",
        "gaps",
        "constant",
        "gaps is missing",
        "shape is missing",
        "shape = round",
        "shape = square",
        "colour = blue",
        "colour = green",
        "colour = red",
    )
    assert prepared.features_in == len(prepared.feature_names) == prepared.schema.width


def test_numbers_are_imputed_and_standardised_by_the_training_rows() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    for fold, arrays in zip(splits.folds, prepare(dataset, splits).folds, strict=True):
        train = dataset.features["gaps"].iloc[fold.train]
        filled = train.fillna(train.median())
        validation = dataset.features["gaps"].iloc[fold.validation].fillna(train.median())
        for x, values in ((arrays.x_train, filled), (arrays.x_validation, validation)):
            by_hand = (values - filled.mean()) / filled.std(ddof=0)
            np.testing.assert_allclose(x[:, 1], by_hand, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(arrays.x_train[:, 3], train.isna())
        np.testing.assert_array_equal(arrays.x_train[:, 2], 0)  # the constant


def test_each_category_is_one_hot() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    x = prepare(dataset, splits).folds[0].x_train
    colour = dataset.features["colour"].iloc[splits.folds[0].train].to_numpy()
    for column, level in enumerate(["blue", "green", "red"], start=7):
        np.testing.assert_array_equal(x[:, column], colour == level)
    np.testing.assert_array_equal(x[:, 4:7].sum(axis=1), 1)


@pytest.mark.parametrize("task", list(Task))
def test_arrays_have_the_promised_shapes_and_types(task: Task) -> None:
    dataset = mixed(task)
    splits = split(dataset, Evaluation(folds=4), 0)
    prepared = prepare(dataset, splits)
    assert (prepared.task, prepared.classes) == (task, dataset.classes)
    assert prepared.outputs == (3 if task is Task.MULTICLASS else 1)
    assert len(prepared.folds) == 4
    for fold, arrays in zip(splits.folds, prepared.folds, strict=True):
        for x, y, rows in (
            (arrays.x_train, arrays.y_train, fold.train),
            (arrays.x_validation, arrays.y_validation, fold.validation),
        ):
            assert x.shape == (len(rows), prepared.features_in)
            assert x.dtype == np.float32
            assert x.flags.c_contiguous
            assert y.shape == (len(rows),)
            assert y.dtype == (np.int64 if task is Task.MULTICLASS else np.float32)
        np.testing.assert_array_equal(arrays.target_validation, dataset.y[fold.validation])
        if task is not Task.REGRESSION:
            assert (arrays.target_mean, arrays.target_scale) == (0, 1)
            np.testing.assert_array_equal(arrays.y_train, dataset.y[fold.train])


def test_regression_target_is_standardised_by_the_training_rows_and_back() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    (fold, *_), (arrays, *_) = splits.folds, prepare(dataset, splits).folds
    assert arrays.target_mean == pytest.approx(dataset.y[fold.train].mean())
    assert arrays.target_scale == pytest.approx(dataset.y[fold.train].std())
    assert arrays.y_train.mean() == pytest.approx(0, abs=1e-6)
    assert arrays.y_train.std() == pytest.approx(1, abs=1e-6)
    fitted = fit_preprocessor(dataset, fold.train)
    np.testing.assert_allclose(
        fitted.decode(arrays.y_validation[None, :, None])[0, :, 0],
        dataset.y[fold.validation],
        rtol=1e-6,
    )


def test_probabilities_need_no_decoding() -> None:
    dataset = mixed(Task.BINARY)
    probabilities = np.array([0.25, 0.5], dtype=np.float32)
    decoded = fit_preprocessor(dataset, np.arange(50)).decode(probabilities)
    np.testing.assert_array_equal(decoded, probabilities)


def test_target_that_is_constant_in_training_does_not_divide_by_zero() -> None:
    dataset = mixed()
    dataset.y[:50] = 3.0
    fitted = fit_preprocessor(dataset, np.arange(50))
    assert (fitted.target_mean, fitted.target_scale) == (3.0, 1.0)


def validation_rows(splits: Splits) -> NDArray[np.int64]:
    return splits.folds[0].validation


def kept_rows(splits: Splits) -> NDArray[np.int64]:
    return splits.test


@pytest.mark.parametrize("which", [validation_rows, kept_rows])
@pytest.mark.parametrize("task", list(Task))
def test_training_arrays_do_not_know_the_rows_they_must_not_see(
    task: Task, which: Callable[[Splits], NDArray[np.int64]]
) -> None:
    dataset = mixed(task)
    splits = split(dataset, Evaluation(), 0)
    other = changed(dataset, which(splits))
    assert not other.features.equals(dataset.features)
    before, after = prepare(dataset, splits).folds[0], prepare(other, splits).folds[0]
    np.testing.assert_array_equal(before.x_train, after.x_train)
    np.testing.assert_array_equal(before.y_train, after.y_train)
    assert before.target_mean == after.target_mean
    assert before.target_scale == after.target_scale
    schema = infer_schema(dataset, splits.search)
    one, two = (fit_preprocessor(d, splits.folds[0].train, schema) for d in (dataset, other))
    for name, values in one.statistics.items():
        np.testing.assert_array_equal(values, two.statistics[name])


def test_training_arrays_do_know_their_own_rows() -> None:
    """The test above can fail."""
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    other = changed(dataset, splits.folds[0].train[:5])
    before, after = prepare(dataset, splits).folds[0], prepare(other, splits).folds[0]
    assert not np.array_equal(before.x_train[5:], after.x_train[5:])


def test_levels_and_gaps_of_test_rows_do_not_reach_the_schema() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    features = dataset.features.copy()
    features.loc[splits.test, "colour"] = "ultraviolet"
    features.loc[splits.test, "plain"] = np.nan
    other = replace(dataset, features=features)
    assert prepare(other, splits).feature_names == prepare(dataset, splits).feature_names
    fitted = fit_preprocessor(other, splits.search)
    x = fitted.transform(features.iloc[splits.test])
    np.testing.assert_array_equal(x[:, 7:10], 0)  # no colour it knows
    assert np.isfinite(x).all()


def test_all_folds_have_equal_width_even_where_a_fold_lacks_a_level_or_a_gap() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    features = dataset.features.copy()
    (rare, *_) = splits.folds[0].validation  # in the training rows of the other folds only
    features.loc[rare, "colour"] = "ultraviolet"
    features["plain"] = features["plain"].where(features.index != rare)
    other = replace(dataset, features=features)
    prepared = prepare(other, splits)
    assert "colour = ultraviolet" in prepared.feature_names
    assert "plain is missing" in prepared.feature_names
    assert {arrays.x_train.shape[1] for arrays in prepared.folds} == {prepared.features_in}


def test_column_without_any_value_in_a_training_part_survives() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(folds=1), 0)
    features = dataset.features.copy()
    features.loc[splits.folds[0].train, "gaps"] = np.nan
    prepared = prepare(replace(dataset, features=features), splits)
    assert prepared.features_in == 10
    assert np.isfinite(prepared.folds[0].x_validation).all()


@pytest.mark.parametrize("columns", [["plain"], ["colour"], ["gaps", "shape"]])
def test_tables_of_one_kind_of_column_work(columns: list[str]) -> None:
    dataset = mixed()
    narrow = replace(dataset, features=dataset.features[columns])
    prepared = prepare(narrow, split(narrow, Evaluation(), 0))
    assert prepared.folds[0].x_train.shape[1] == prepared.features_in == len(prepared.feature_names)


def test_odd_value_in_an_almost_constant_column_is_cut_off() -> None:
    dataset = mixed()
    splits = split(dataset, Evaluation(), 0)
    almost = np.random.default_rng(0).normal(0, 1e-3, ROWS)
    almost[splits.folds[0].validation[0]] = 255
    dataset = replace(dataset, features=dataset.features.assign(almost=almost))
    prepared = prepare(dataset, splits)
    assert prepared.folds[0].x_validation.max() == CLIP


def test_columns_of_large_offset_and_tiny_spread_are_standardised() -> None:
    dataset = mixed()
    stamps = 1.7e9 + np.arange(ROWS)
    dataset = replace(dataset, features=pd.DataFrame({"stamp": stamps}))
    x = prepare(dataset, split(dataset, Evaluation(), 0)).folds[0].x_train
    assert x.std() == pytest.approx(1, abs=1e-4)


def test_fitted_preprocessor_pickles_and_stays_the_same() -> None:
    dataset = mixed()
    fitted = fit_preprocessor(dataset, np.arange(80))
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        copy.transform(dataset.features), fitted.transform(dataset.features)
    )
    assert copy.schema == fitted.schema


def test_order_of_columns_at_prediction_does_not_matter() -> None:
    dataset = mixed()
    fitted = fit_preprocessor(dataset, np.arange(80))
    turned = dataset.features[dataset.features.columns[::-1]]
    np.testing.assert_array_equal(fitted.transform(turned), fitted.transform(dataset.features))


def test_statistics_are_one_a_numeric_column() -> None:
    dataset = mixed()
    statistics = fit_preprocessor(dataset, np.arange(80)).statistics
    plain = dataset.features["plain"].iloc[:80]
    assert statistics["median"][0] == pytest.approx(plain.median())
    assert statistics["mean"][0] == pytest.approx(plain.mean())
    assert statistics["scale"][0] == pytest.approx(plain.std(ddof=0))
    only_text = replace(dataset, features=dataset.features[["colour"]])
    assert fit_preprocessor(only_text, np.arange(80)).statistics["mean"].shape == (0,)


def test_dataset_given_is_not_changed() -> None:
    dataset = mixed()
    before = dataset.features.copy(deep=True)
    prepare(dataset, split(dataset, Evaluation(), 0))
    pd.testing.assert_frame_equal(dataset.features, before)


def test_arrays_that_would_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_builtin("iris")
    monkeypatch.setattr(preprocessing, "MAX_BYTES", 1000)
    with pytest.raises(InvalidDataset, match=r"120 rows of 4 inputs in 3 folds take .* GiB"):
        prepare(dataset, split(dataset, Evaluation(), 0))


def test_every_scaling_takes_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_builtin("iris")
    splits = split(dataset, Evaluation(), 0)
    # Three folds of 120 rows and 4 inputs, 4 bytes each.
    monkeypatch.setattr(preprocessing, "MAX_BYTES", 3 * 120 * 4 * 4)
    prepare(dataset, splits, (Scaling.ROBUST,))
    with pytest.raises(InvalidDataset, match=r"in 3 folds and 2 scalings .* fewer folds, scalings"):
        prepare(dataset, splits, (Scaling.ROBUST, Scaling.QUANTILE))


def test_large_table_is_ready_in_seconds() -> None:
    dataset = mixed(rows=50_000)
    splits = split(dataset, Evaluation(), 0)
    start = perf_counter()
    prepare(dataset, splits)
    assert perf_counter() - start < 5  # 0.3 s on an idle core
