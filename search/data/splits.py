"""Who trains, who validates, who is kept for the test: sorted row numbers.

Test rows are cut off first and never seen by the search. The rest is split into `folds` parts that
validate in turn, or once into 80 % training and 20 % validation for `folds=1`. Classes keep their
shares everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from search.data.datasets import Dataset, DatasetSummary
from search.errors import InvalidDataset, InvalidInput
from search.seeds import derive_seed
from search.study import Evaluation, Task

Rows: TypeAlias = NDArray[np.int64]

HOLDOUT_FRACTION = 0.2
MAX_FOLDS = 20
MAX_TEST_FRACTION = 0.8
#: A validation part needs two rows for a variance.
MIN_VALIDATION_ROWS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """One train/validation split, as sorted row numbers of the dataset."""

    train: Rows
    validation: Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """The folds of a study and the rows it never sees."""

    #: Sorted; empty where `test_fraction` is 0.
    test: Rows
    folds: tuple[Fold, ...]
    #: All rows but the test rows, sorted.
    search: Rows
    #: Seed of the inner split of each fold's training rows, see `search.data.inner_split`.
    inner_seed: int


def split(dataset: Dataset, evaluation: Evaluation, seed: int) -> Splits:
    """Split the rows of `dataset`; the same arguments give the same rows.

    Raises what `check_folds` raises.
    """
    check_folds(dataset.describe(), evaluation)
    test_seed, fold_seed = _seeds(seed)
    rows = np.arange(len(dataset.y), dtype=np.int64)
    search, test = rows, rows[:0]
    if evaluation.test_fraction > 0:
        cut = _shuffle_split(dataset.task, evaluation.test_fraction, test_seed)
        search, test = next(cut.split(rows, dataset.y))
    search, test = np.sort(search), np.sort(test)
    folds = split_anew(dataset, search, evaluation.folds, fold_seed)
    inner_seed = derive_seed(seed, "inner split")
    return Splits(test=test, folds=folds, search=search, inner_seed=inner_seed)


def split_anew(dataset: Dataset, rows: Rows, folds: int, seed: int) -> tuple[Fold, ...]:
    """Split `rows`, sorted row numbers, into `folds`; the same arguments give the same folds."""
    # scikit-learn takes seeds of 32 bits.
    splitter = (
        _shuffle_split(dataset.task, HOLDOUT_FRACTION, seed % 2**32)
        if folds == 1
        else _k_fold(dataset.task, folds, seed % 2**32)
    )
    return tuple(
        Fold(train=np.sort(rows[train]), validation=np.sort(rows[validation]))
        for train, validation in splitter.split(rows, dataset.y[rows])
    )


def check_folds(summary: DatasetSummary, evaluation: Evaluation) -> None:
    """Refuse an evaluation that `summary`'s dataset has too few rows for.

    Raises InvalidInput where the evaluation makes no sense for any dataset, InvalidDataset where a
    class or the whole table is too small for it.
    """
    _check_evaluation(evaluation)
    test_rows = ceil(summary.rows * evaluation.test_fraction)
    search_rows = summary.rows - test_rows
    parts = _parts(evaluation)
    classes = max(len(summary.classes), 1)
    smallest_part = search_rows // evaluation.folds
    if evaluation.folds == 1:
        smallest_part = min(ceil(search_rows * HOLDOUT_FRACTION), search_rows // 2)
    needed = max(MIN_VALIDATION_ROWS, classes if evaluation.folds == 1 else 0)
    if smallest_part < needed:
        raise InvalidDataset(
            f"{parts} of {search_rows} rows{_beside(evaluation)} leave only {smallest_part} rows "
            f"to validate on, at least {needed} are needed; {_way_out(evaluation)}",
            pointer="/evaluation/folds",
        )
    if 0 < test_rows < classes:
        raise InvalidDataset(
            f"test_fraction {evaluation.test_fraction:g} of {summary.rows} rows is {test_rows} "
            f"rows, fewer than the {classes} classes; give a larger test_fraction, or 0",
            pointer="/evaluation/test_fraction",
        )
    _check_classes(summary, evaluation, test_rows)


def _check_evaluation(evaluation: Evaluation) -> None:
    if not 1 <= evaluation.folds <= MAX_FOLDS:
        raise InvalidInput(
            f"folds is {evaluation.folds}, but must be from 1 (one holdout split) to {MAX_FOLDS}",
            pointer="/evaluation/folds",
        )
    if not 0 <= evaluation.test_fraction <= MAX_TEST_FRACTION:
        raise InvalidInput(
            f"test_fraction is {evaluation.test_fraction:g}, but must be from 0 (no test rows) to "
            f"{MAX_TEST_FRACTION:g}",
            pointer="/evaluation/test_fraction",
        )


def _check_classes(summary: DatasetSummary, evaluation: Evaluation, test_rows: int) -> None:
    """Every class must be able to stand in every validation part (twice in all for a holdout)."""
    needed = max(evaluation.folds, 2)
    for label, count in zip(summary.classes, summary.class_counts, strict=True):
        # Stratifying takes a class's share of the test rows, rounded up at worst.
        left = count - ceil(count * test_rows / summary.rows)
        if left < needed:
            raise InvalidDataset(
                f"class '{label}' of target '{summary.target}' has {count} rows, {left} of them "
                f"for the search{_beside(evaluation)}, but {_parts(evaluation)} need at least "
                f"{needed} of each class; {_way_out(evaluation)}, or remove or merge that class",
                pointer="/evaluation/folds",
            )


def _parts(evaluation: Evaluation) -> str:
    return "one holdout split" if evaluation.folds == 1 else f"{evaluation.folds} folds"


def _beside(evaluation: Evaluation) -> str:
    fraction = evaluation.test_fraction
    return f" (test_fraction {fraction:g} taken off)" if fraction else ""


def _way_out(evaluation: Evaluation) -> str:
    ways = [
        *(["choose fewer folds"] if evaluation.folds > 1 else []),
        *(["a smaller test_fraction"] if evaluation.test_fraction else []),
        "bring more rows",
    ]
    return " or ".join(ways)


def _shuffle_split(task: Task, fraction: float, seed: int) -> Any:
    kind = ShuffleSplit if task is Task.REGRESSION else StratifiedShuffleSplit
    return kind(n_splits=1, test_size=fraction, random_state=seed)


def _k_fold(task: Task, folds: int, seed: int) -> Any:
    kind = KFold if task is Task.REGRESSION else StratifiedKFold
    return kind(n_splits=folds, shuffle=True, random_state=seed)


def _seeds(seed: int) -> tuple[int, int]:
    """Derive independent seeds for the test cut and the folds; any integer will do."""
    first, second = np.random.SeedSequence(seed % 2**64).generate_state(2)
    return int(first), int(second)
