"""From a table to the float32 arrays that networks are trained on.

`N` rows, `D` outputs of the preprocessing, `C` classes. Two kinds of facts are kept apart:

- the *schema*, read off all search rows (never the test rows): which columns are categorical, their
  levels, which columns get a "was missing" indicator. It decides `D`, which must be the same in all
  folds, since their lanes are trained in one stack;
- the *statistics*, fitted on the training rows of one fold only: medians, means, scales.

Numbers: missing ones become the median, then standardised, then cut off at `CLIP`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

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
from search.data.splits import Rows, Splits
from search.errors import InvalidDataset
from search.study import Task

#: Standardised numbers are cut off here. A column that is almost constant in the training rows has
#: a tiny scale; one odd value elsewhere (2,014 in a sample of MNIST) would drown its row.
CLIP = 10.0
#: All folds of a study are held in memory at once, in every worker process.
MAX_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preprocessor:
    """Fitted preprocessing; pickles, and so travels with a trained network."""

    task: Task
    classes: tuple[str, ...]
    schema: FeatureSchema
    #: scikit-learn's fitted ColumnTransformer.
    transformer: Any
    #: Of the training rows, in units of the target; 0 and 1 for classification.
    target_mean: float
    target_scale: float

    @property
    def statistics(self) -> dict[str, NDArray[np.float64]]:
        """`median`, `mean` and `scale` of each numeric column of the schema."""
        if not self.schema.numeric:
            return {name: np.empty(0) for name in ("median", "mean", "scale")}
        imputer, scaler, _ = (
            step for _, step in self.transformer.named_transformers_.numeric.steps
        )
        return {
            "median": imputer.statistics_,
            "mean": scaler.mean_,
            "scale": scaler.scale_,
        }

    def transform(self, features: pd.DataFrame) -> Floats:
        """Turn a table with the dataset's feature columns into `(N, D)`, C-contiguous.

        Levels that the schema does not know become zeros in all outputs of their column.
        """
        return _as_floats(self.transformer.transform(_without_gaps(features, self.schema)))

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


def infer_schema(features: pd.DataFrame, rows: Rows) -> FeatureSchema:
    """Read the schema off `rows` of the table."""
    seen = features.iloc[rows]
    numeric = tuple(seen.select_dtypes("number").columns)
    categorical = tuple(column for column in seen.columns if column not in set(numeric))
    return FeatureSchema(
        numeric=numeric,
        indicators=tuple(column for column in numeric if seen[column].isna().any()),
        categorical=categorical,
        levels=tuple(_levels(seen[column]) for column in categorical),
    )


def fit_preprocessor(
    dataset: Dataset, rows: Rows, schema: FeatureSchema | None = None
) -> Preprocessor:
    """Fit on `rows` only; the schema too is read off them where none is given."""
    return _fit_and_transform(dataset, rows, schema or infer_schema(dataset.features, rows))[0]


def _fit_and_transform(
    dataset: Dataset, rows: Rows, schema: FeatureSchema
) -> tuple[Preprocessor, Floats]:
    """Fit on `rows`; return these rows transformed too, which fitting makes anyway."""
    transformer = _transformer(schema)
    outputs = transformer.fit_transform(_without_gaps(dataset.features.iloc[rows], schema))
    mean, scale = 0.0, 1.0
    if dataset.task is Task.REGRESSION:
        y = dataset.y[rows]
        mean = float(np.mean(y))
        scale = float(np.std(y)) or 1.0
    preprocessor = Preprocessor(
        task=dataset.task,
        classes=dataset.classes,
        schema=schema,
        transformer=transformer,
        target_mean=mean,
        target_scale=scale,
    )
    return preprocessor, _as_floats(outputs)


def prepare(dataset: Dataset, splits: Splits) -> TrainingData:
    """Fit and apply the preprocessing of every fold.

    Raises InvalidDataset where the arrays would not fit into memory.
    """
    schema = infer_schema(dataset.features, splits.search)
    _check_size(schema.width, splits)
    folds = []
    for fold in splits.folds:
        fitted, x_train = _fit_and_transform(dataset, fold.train, schema)
        folds.append(
            FoldArrays(
                x_train=x_train,
                y_train=fitted.encode_target(dataset.y[fold.train]),
                x_validation=fitted.transform(dataset.features.iloc[fold.validation]),
                y_validation=fitted.encode_target(dataset.y[fold.validation]),
                target_validation=dataset.y[fold.validation],
                target_mean=fitted.target_mean,
                target_scale=fitted.target_scale,
                inner_validation=inner_validation(dataset.y[fold.train], splits.inner_seed),
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
    )


def _transformer(schema: FeatureSchema) -> Any:
    # An empty training column becomes zeros: dropping it would change D in that fold only.
    numeric = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -CLIP, "a_max": CLIP}),
    )
    levels = OneHotEncoder(
        categories=[np.array(levels, dtype=object) for levels in schema.levels],
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,
    )
    return ColumnTransformer(
        [
            ("numeric", numeric, list(schema.numeric)),
            ("missing", MissingIndicator(features="all"), list(schema.indicators)),
            ("categorical", levels, list(schema.categorical)),
        ],
        sparse_threshold=0,
    )


def _as_floats(outputs: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(outputs, dtype=np.float32)


def _without_gaps(features: pd.DataFrame, schema: FeatureSchema) -> pd.DataFrame:
    """Give missing categories their own level."""
    filled = {name: _texts(features[name]) for name in schema.categorical}
    return features.assign(**filled) if filled else features


def _texts(column: pd.Series) -> pd.Series:
    texts = column.astype(object)
    return texts.where(column.notna(), MISSING)


def _levels(column: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(map(str, _texts(column).unique())))


def _check_size(width: int, splits: Splits) -> None:
    needed = width * 4 * sum(len(fold.train) + len(fold.validation) for fold in splits.folds)
    if needed > MAX_BYTES:
        raise InvalidDataset(
            f"{len(splits.search)} rows of {width} inputs in {len(splits.folds)} folds take "
            f"{needed / 2**30:.1f} GiB, but {MAX_BYTES / 2**30:g} GiB is the limit; choose fewer "
            f"folds, rows or columns",
            pointer="/evaluation/folds",
        )
