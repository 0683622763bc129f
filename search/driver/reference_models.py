"""Reference models that a network has to beat: a linear model and a constant prediction.

Both are scikit-learn's: logistic or ridge regression, and `sklearn.dummy`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from search.data.fold_arrays import FoldArrays, TrainingData
from search.data.row_blocks import block_sums
from search.metrics import get_metric
from search.study import BlockSums, Task, TestRole
from search.training.stores import SavedData

#: Iterations of the logistic regression: enough for standardised inputs; where they do not reach
#: convergence on a large table, more would change the scores little.
_ITERATIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFit:
    """A job: one reference model to be fitted on one fold and scored."""

    role: TestRole
    #: Index in `TrainingData.folds`.
    fold: int
    #: Names of the metrics to score.
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceReport:
    """The scores of one reference model on the validation rows of one fold."""

    scores: Mapping[str, float]
    #: Contributions of the rows to the first metric; None where the fold has no blocks.
    blocks: BlockSums | None


_CLASSIFIERS: dict[TestRole, Callable[[], Any]] = {
    TestRole.LINEAR: lambda: LogisticRegression(max_iter=_ITERATIONS),
    TestRole.TRIVIAL: lambda: DummyClassifier(strategy="prior"),
}
_REGRESSORS: dict[TestRole, Callable[[], Any]] = {
    TestRole.LINEAR: Ridge,
    TestRole.TRIVIAL: lambda: DummyRegressor(strategy="mean"),
}
_MODELS = {
    Task.REGRESSION: _REGRESSORS,
    Task.BINARY: _CLASSIFIERS,
    Task.MULTICLASS: _CLASSIFIERS,
}

REFERENCES: tuple[TestRole, ...] = tuple(_CLASSIFIERS)


def score_from_file(fit: ReferenceFit, data: SavedData) -> ReferenceReport:
    """Fit and score on the folds saved as `data`, see `score_reference`."""
    return score_reference(fit, data.load())


def score_reference(fit: ReferenceFit, data: TrainingData) -> ReferenceReport:
    """Fit on the training rows of the fold and score on its validation rows."""
    fold = data.folds[fit.fold]
    model = _MODELS[data.task][fit.role]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(fold.x_train, fold.y_train)
    prediction = _predict(model, data, fold)[None]
    first = get_metric(fit.metrics[0])
    blocks = None
    if fold.blocks is not None:
        contributions = first.rows(fold.target_validation, prediction)[0]
        blocks = block_sums(contributions, fold.blocks, data.block_count)
    return ReferenceReport(
        scores={
            name: float(get_metric(name).score(fold.target_validation, prediction)[0])
            for name in fit.metrics
        },
        blocks=blocks,
    )


def _predict(model: Any, data: TrainingData, fold: FoldArrays) -> NDArray[np.floating]:
    """Return (N, C) probabilities, (N, 1) of class 1, or (N, 1) values in the target's units."""
    if data.task is Task.REGRESSION:
        values = model.predict(fold.x_validation).astype(np.float64)
        decoded: NDArray[np.floating] = values * fold.target_scale + fold.target_mean
        return decoded[:, None]
    # scikit-learn leaves out the columns of classes without training rows.
    probabilities = np.zeros((len(fold.x_validation), max(len(data.classes), 2)))
    probabilities[:, model.classes_.astype(np.int64)] = model.predict_proba(fold.x_validation)
    return probabilities if data.task is Task.MULTICLASS else probabilities[:, 1:]
