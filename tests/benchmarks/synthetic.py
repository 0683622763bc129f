"""Data of any size for the scaling curves: a linear rule of ten classes, and noise."""

from __future__ import annotations

import numpy as np

from search.data.fold_arrays import FeatureSchema, FoldArrays, TrainingData
from search.study import Task

CLASSES = 10
_VALIDATION_ROWS = 200


def synthetic(rows: int, features: int) -> TrainingData:
    """Return one fold of `rows` training rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows + _VALIDATION_ROWS, features)).astype(np.float32)
    score = x @ rng.normal(size=(features, CLASSES)) + rng.normal(size=(len(x), CLASSES))
    y = score.argmax(axis=1).astype(np.int64)
    names = tuple(f"x{k}" for k in range(features))
    return TrainingData(
        task=Task.MULTICLASS,
        features_in=features,
        outputs=CLASSES,
        classes=tuple(map(str, range(CLASSES))),
        folds=(
            FoldArrays(
                x_train=x[:rows],
                y_train=y[:rows],
                x_validation=x[rows:],
                y_validation=y[rows:],
                target_validation=y[rows:],
                target_mean=0.0,
                target_scale=1.0,
                inner_validation=np.arange(0),
            ),
        ),
        feature_names=names,
        schema=FeatureSchema(numeric=names, indicators=(), categorical=(), levels=()),
    )
