"""The arrays of each fold, ready for training, without the tools that made them.

Training processes import this module but neither scikit-learn nor pandas, which would cost each
process two seconds and some hundred megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.data.datasets import Target
from search.study import Scaling, Task

Floats: TypeAlias = NDArray[np.float32]
#: Targets as the loss wants them: float32 for regression and binary, int64 codes for multiclass.
LossTarget: TypeAlias = NDArray[np.float32] | NDArray[np.int64]

#: The level of a missing category; no text of a table reads so after its blanks are stripped.
MISSING = " missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSchema:
    """The columns and levels that decide the outputs of the preprocessing, in this order."""

    numeric: tuple[str, ...]
    #: Numeric columns with missing values among the search rows.
    indicators: tuple[str, ...]
    categorical: tuple[str, ...]
    #: Sorted levels of each categorical column; `MISSING` where values are missing.
    levels: tuple[tuple[str, ...], ...]
    #: Text columns of many levels, each encoded by the target of its training rows.
    encoded: tuple[str, ...] = ()
    #: Names of the numbers that stand for a level of such a column.
    encodings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of outputs `D`."""
        return (
            len(self.numeric)
            + len(self.indicators)
            + sum(map(len, self.levels))
            + len(self.encoded) * len(self.encodings)
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the `D` outputs."""
        return (
            *self.numeric,
            *(f"{column} is missing" for column in self.indicators),
            *(
                f"{column} is{level}" if level == MISSING else f"{column} = {level}"
                for column, levels in zip(self.categorical, self.levels, strict=True)
                for level in levels
            ),
            *(f"{column} ({name})" for column in self.encoded for name in self.encodings),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldArrays:
    """The arrays of one fold, ready for training."""

    #: `(N, D)` float32, C-contiguous.
    x_train: Floats
    #: `(N,)`
    y_train: LossTarget
    x_validation: Floats
    y_validation: LossTarget
    #: `(N,)` as in the dataset, for metrics: units of the target, or class codes.
    target_validation: Target
    #: Standardisation of the target by the training rows; 0 and 1 for classification.
    target_mean: float
    target_scale: float
    #: Indices of the training rows, sorted, that tell the best epoch of a network which keeps that
    #: epoch, and that its weights are not fitted to.
    inner_validation: NDArray[np.int64]
    #: `(N,)` block of each validation row, see `search.data.row_blocks`; None where not needed.
    blocks: NDArray[np.int32] | None = None

    def fitted_rows(self, *, keeps_best: bool) -> NDArray[np.int64]:
        """Return the indices of the training rows that weights are fitted to, sorted."""
        rows = np.arange(len(self.x_train))
        return np.delete(rows, self.inner_validation) if keeps_best else rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """The arrays of all folds of a study, ready for training."""

    task: Task
    #: `D`
    features_in: int
    #: `C` for multiclass, else 1.
    outputs: int
    classes: tuple[str, ...]
    #: All folds by the first of `scalings`, then all by the second, and so on.
    folds: tuple[FoldArrays, ...]
    #: Names of the `D` inputs.
    feature_names: tuple[str, ...]
    schema: FeatureSchema
    #: Scalings by which each fold is at hand.
    scalings: tuple[Scaling, ...] = (Scaling.STANDARD,)
    #: Blocks that the rows of the whole study are in; 0 where the folds have none.
    block_count: int = 0

    @property
    def splits(self) -> int:
        """Number of the folds that differ in their rows."""
        return len(self.folds) // len(self.scalings)

    def place(self, scaling: Scaling, split: int) -> int:
        """Return the index in `folds` of the `split`-th rows, scaled by `scaling`."""
        return self.scalings.index(scaling) * self.splits + split
