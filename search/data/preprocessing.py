"""A table is turned into the float32 arrays that networks are trained on.

`N` rows, `D` outputs of the preprocessing, `C` classes. Two kinds of facts are kept apart:

- the *schema*, read off all search rows (never the test rows): which columns are categorical, their
  levels, which columns get a "was missing" indicator. It decides `D`, which must be the same in all
  folds, since their lanes are trained in one stack;
- the *statistics*, fitted on the training rows of one fold only: medians, scales, and the mean
  targets that stand for the levels of a text column that has many.

Numbers: missing ones become the median, then they are scaled (`search.data.scaling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from search.data.column_readers import MAX_LEVELS
from search.data.datasets import Dataset, Target
from search.data.fold_arrays import (
    MISSING,
    FeatureSchema,
    Floats,
    FoldArrays,
    LossTarget,
    TrainingData,
)
from search.data.inner_split import inner_validation
from search.data.row_blocks import Blocks
from search.data.scaling import Scaler, fit_scaler
from search.data.splits import Rows, Splits
from search.errors import InvalidDataset
from search.study import Scaling, Task

#: All folds of a study are held in memory at once, in every worker process.
MAX_BYTES = 2 * 2**30
#: Parts of the training rows that are encoded by the mean targets of the others.
_CROSS_FITS = 5
_TARGET_TYPES = {
    Task.REGRESSION: "continuous",
    Task.BINARY: "binary",
    Task.MULTICLASS: "multiclass",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelEncodings:
    """The numbers that stand for the levels of one text column, (E,) each, already scaled."""

    levels: Mapping[str, NDArray[np.float64]]
    #: For levels that the training rows lack.
    unknown: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preprocessor:
    """Fitted preprocessing; pickles, and so travels with a trained network."""

    task: Task
    classes: tuple[str, ...]
    schema: FeatureSchema
    #: `(K,)` medians of the numeric columns, which stand for missing values.
    median: NDArray[np.float64]
    scaler: Scaler
    #: One entry per column of `schema.encoded`.
    encodings: tuple[LevelEncodings, ...]
    #: Of the training rows, in units of the target; 0 and 1 for classification.
    target_mean: float
    target_scale: float

    @property
    def statistics(self) -> dict[str, NDArray[np.float64]]:
        """`median` and the arrays of the scaling, of each numeric column of the schema."""
        return {"median": self.median, **self.scaler.statistics}

    def transform(self, features: pd.DataFrame) -> Floats:
        """Turn a table with the dataset's feature columns into `(N, D)`, C-contiguous.

        Levels that the schema does not know become zeros in all outputs of their column, or the
        mean target where the column is encoded by it.
        """
        encoded = [
            np.array([known.levels.get(text, known.unknown) for text in _texts(features[name])])
            for name, known in zip(self.schema.encoded, self.encodings, strict=True)
        ]
        return self._stack(features, encoded)

    def _stack(self, features: pd.DataFrame, encoded: list[NDArray[np.float64]]) -> Floats:
        schema = self.schema
        parts: list[NDArray[Any]] = []
        if schema.numeric:
            values = features[list(schema.numeric)].to_numpy(np.float64)
            parts.append(self.scaler.apply(np.where(np.isnan(values), self.median, values)))
        if schema.indicators:
            parts.append(features[list(schema.indicators)].isna().to_numpy(np.float32))
        if schema.categorical:
            parts.append(_one_hot(features, schema))
        return _as_floats(np.hstack([*parts, *encoded]))

    def encode_target(self, y: Target) -> LossTarget:
        """Turn `(N,)` targets into what the loss wants; standardised for regression."""
        if self.task is Task.MULTICLASS:
            return y.astype(np.int64)
        return ((y - self.target_mean) / self.target_scale).astype(np.float32)

    def decode(self, prediction: NDArray[Any]) -> NDArray[Any]:
        """Turn standardised predictions of any shape into units of the target.

        Predictions of classification are probabilities and stay as they are.
        """
        if self.task is not Task.REGRESSION:
            return prediction
        return prediction.astype(np.float64) * self.target_scale + self.target_mean


def infer_schema(dataset: Dataset, rows: Rows) -> FeatureSchema:
    """Read the schema off `rows` of the table."""
    seen = dataset.features.iloc[rows]
    numeric = tuple(seen.select_dtypes("number").columns)
    texts = [column for column in seen.columns if column not in set(numeric)]
    encoded = tuple(column for column in texts if seen[column].nunique() > MAX_LEVELS)
    categorical = tuple(column for column in texts if column not in set(encoded))
    return FeatureSchema(
        numeric=numeric,
        indicators=tuple(column for column in numeric if seen[column].isna().any()),
        categorical=categorical,
        levels=tuple(_levels(seen[column]) for column in categorical),
        encoded=encoded,
        encodings=_encodings_of(dataset),
    )


def fit_preprocessor(
    dataset: Dataset,
    rows: Rows,
    schema: FeatureSchema | None = None,
    scaling: Scaling = Scaling.STANDARD,
) -> Preprocessor:
    """Fit on `rows` only; the schema too is read off them where none is given."""
    return _fit_and_transform(dataset, rows, schema or infer_schema(dataset, rows), scaling)[0]


def _fit_and_transform(
    dataset: Dataset, rows: Rows, schema: FeatureSchema, scaling: Scaling
) -> tuple[Preprocessor, Floats]:
    """Fit on `rows`; return the preprocessor and these rows transformed.

    Levels of these rows are encoded by the targets of others only, of other groups where there are
    groups, which `transform` cannot know.
    """
    features = dataset.features.iloc[rows]
    values = features[list(schema.numeric)].to_numpy(np.float64)
    median = _medians(values)
    mean, scale = 0.0, 1.0
    if dataset.task is Task.REGRESSION:
        y = dataset.y[rows]
        mean = float(np.mean(y))
        scale = float(np.std(y)) or 1.0
    answers = (dataset.y[rows] - mean) / scale if dataset.task is Task.REGRESSION else None
    encodings, encoded = _fit_encodings(
        features,
        schema,
        dataset.y[rows] if answers is None else answers,
        dataset.task,
        None if dataset.groups is None else dataset.groups[rows],
    )
    preprocessor = Preprocessor(
        task=dataset.task,
        classes=dataset.classes,
        schema=schema,
        median=median,
        scaler=fit_scaler(scaling, np.where(np.isnan(values), median, values)),
        encodings=encodings,
        target_mean=mean,
        target_scale=scale,
    )
    return preprocessor, preprocessor._stack(features, encoded)


def prepare(
    dataset: Dataset,
    splits: Splits,
    scalings: Sequence[Scaling] = (Scaling.STANDARD,),
    blocks: Blocks | None = None,
) -> TrainingData:
    """Fit and apply the preprocessing of every fold, by each of `scalings`.

    `blocks` is the block of each row of the dataset, where contributions of rows are wanted.

    Raises InvalidDataset where the arrays would not fit into memory.
    """
    schema = infer_schema(dataset, splits.search)
    _check_size(schema.width, splits, len(scalings))
    folds = []
    for scaling, fold in product(scalings, splits.folds):
        fitted, x_train = _fit_and_transform(dataset, fold.train, schema, scaling)
        folds.append(
            FoldArrays(
                x_train=x_train,
                y_train=fitted.encode_target(dataset.y[fold.train]),
                x_validation=fitted.transform(dataset.features.iloc[fold.validation]),
                y_validation=fitted.encode_target(dataset.y[fold.validation]),
                target_validation=dataset.y[fold.validation],
                target_mean=fitted.target_mean,
                target_scale=fitted.target_scale,
                inner_validation=inner_validation(
                    dataset.y[fold.train],
                    splits.inner_seed,
                    None if dataset.groups is None else dataset.groups[fold.train],
                ),
                blocks=None if blocks is None else blocks[fold.validation],
            )
        )
    return TrainingData(
        task=dataset.task,
        features_in=schema.width,
        outputs=len(dataset.classes) if dataset.task is Task.MULTICLASS else 1,
        classes=dataset.classes,
        folds=tuple(folds),
        feature_names=schema.output_names,
        schema=schema,
        scalings=tuple(scalings),
        block_count=0 if blocks is None else int(blocks.max(initial=-1)) + 1,
    )


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each column, 0 where a column holds no value at all.

    Dropping such a column would change D in one fold only.
    """
    if not values.shape[1]:
        return np.empty(0)
    fitted = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
    return np.nan_to_num(np.asarray(fitted.statistics_, dtype=np.float64), nan=0.0)


def _one_hot(features: pd.DataFrame, schema: FeatureSchema) -> NDArray[np.float32]:
    encoder = OneHotEncoder(
        categories=[np.array(levels, dtype=object) for levels in schema.levels],
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,
    )
    texts = pd.DataFrame({name: _texts(features[name]) for name in schema.categorical})
    outputs: NDArray[np.float32] = encoder.fit(texts).transform(texts)
    return outputs


def _encodings_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the names of the numbers that stand for a level: the mean target, or class shares."""
    if dataset.task is Task.REGRESSION:
        return (f"mean {dataset.target}",)
    labels = dataset.classes[1:] if dataset.task is Task.BINARY else dataset.classes
    return tuple(f"share of {label}" for label in labels)


def _fit_encodings(
    features: pd.DataFrame,
    schema: FeatureSchema,
    y: NDArray[Any],
    task: Task,
    groups: NDArray[np.int64] | None,
) -> tuple[tuple[LevelEncodings, ...], list[NDArray[np.float64]]]:
    """Fit mean targets by level; return them, and those of the rows, each from other rows' targets.

    Both are scaled alike, by the larger of their spreads over the rows: that of the rows' own
    encodings is next to nothing where each level stands in one group.
    """
    fitted, rows = [], []
    cross_fits = _cross_fits(len(y), groups) if schema.encoded else []
    for name in schema.encoded:
        texts = _texts(features[name]).to_numpy(dtype=object)[:, None]
        encoder = TargetEncoder(target_type=_TARGET_TYPES[task], cv=cross_fits)
        encoded = encoder.fit_transform(texts, y)
        mean = encoded.mean(axis=0)
        scale = np.maximum(encoded.std(axis=0), encoder.transform(texts).std(axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        table = (np.stack(encoder.encodings_, axis=1) - mean) / scale  # (levels, E)
        fitted.append(
            LevelEncodings(
                levels=dict(zip(encoder.categories_[0].tolist(), table, strict=True)),
                unknown=(np.atleast_1d(encoder.target_mean_) - mean) / scale,
            )
        )
        rows.append((encoded - mean) / scale)
    return tuple(fitted), rows


def _cross_fits(
    rows: int, groups: NDArray[np.int64] | None
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the rows to learn levels from, and those to encode, of each cross-fit.

    A group lies on one side, so that no row is encoded by its copies or by others of its patient; a
    single group is cut.
    """
    nothing, count = np.empty((rows, 0)), 0 if groups is None else len(np.unique(groups))
    if count > 1:
        cut = GroupKFold(min(_CROSS_FITS, count), shuffle=True, random_state=0)
        return list(cut.split(nothing, groups=groups))
    return list(KFold(min(_CROSS_FITS, rows), shuffle=True, random_state=0).split(nothing))


def _as_floats(outputs: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(outputs, dtype=np.float32)


def _texts(column: pd.Series) -> pd.Series:
    """Give missing categories their own level."""
    texts = column.astype(object)
    return texts.where(column.notna(), MISSING)


def _levels(column: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(map(str, _texts(column).unique())))


def _check_size(width: int, splits: Splits, scalings: int) -> None:
    rows = sum(len(fold.train) + len(fold.validation) for fold in splits.folds)
    needed = width * 4 * rows * scalings
    if needed > MAX_BYTES:
        raise InvalidDataset(
            f"{len(splits.search)} rows of {width} inputs in {len(splits.folds)} folds"
            f"{f' and {scalings} scalings' if scalings > 1 else ''} take {needed / 2**30:.1f} GiB, "
            f"but {MAX_BYTES / 2**30:g} GiB is the limit; choose fewer folds, "
            f"{'scalings, ' if scalings > 1 else ''}rows or columns",
            pointer="/evaluation/folds",
        )
