"""Splits: the rows that train, validate and test, as sorted row numbers.

Test rows are cut off first and never seen by the search. The rest is split into `folds` parts that
validate in turn, or once into 80 % training and 20 % validation for `folds=1`. Classes keep their
shares everywhere, and rows of one group stay together.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from search.data.datasets import Dataset
from search.data.fold_rules import HOLDOUT_FRACTION, MIN_VALIDATION_ROWS, check_folds
from search.errors import InvalidDataset
from search.seeds import derive_seed
from search.study import Evaluation, Task

Rows: TypeAlias = NDArray[np.int64]

#: Of more groups than this, one row each is drawn to stand for its group: quick, and as even.
_MANY_GROUPS = 1000
#: Equal parts into which rows in groups are cut, to take some of them off.
_MOST_PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """One train/validation split, as sorted row numbers of the dataset."""

    train: Rows
    validation: Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """The folds of a study, and the test rows that its search never sees."""

    #: Sorted; empty where `test_fraction` is 0.
    test: Rows
    folds: tuple[Fold, ...]
    #: All rows but the test rows, sorted.
    search: Rows
    #: Seed of the inner split of each fold's training rows, see `search.data.inner_split`.
    inner_seed: int


def split(dataset: Dataset, evaluation: Evaluation, seed: int) -> Splits:
    """Split the rows of `dataset`; the same arguments give the same rows.

    Raises InvalidInput and InvalidDataset as `check_folds` does, and InvalidDataset where groups
    leave a training part without one of the classes.
    """
    check_folds(dataset.describe(), evaluation)
    test_seed, fold_seed = _seeds(seed)
    rows = np.arange(len(dataset.y), dtype=np.int64)
    search, test = rows, rows[:0]
    if evaluation.test_fraction > 0:
        search, test = _cut(dataset, rows, evaluation.test_fraction, test_seed)
    search, test = np.sort(search), np.sort(test)
    folds = split_anew(dataset, search, evaluation.folds, fold_seed)
    inner_seed = derive_seed(seed, "inner split")
    splits = Splits(test=test, folds=folds, search=search, inner_seed=inner_seed)
    if dataset.groups is not None:
        _check_parts(dataset, splits)
    return splits


def split_anew(dataset: Dataset, rows: Rows, folds: int, seed: int) -> tuple[Fold, ...]:
    """Split `rows`, sorted row numbers, into `folds`; the same arguments give the same folds."""
    seed %= 2**32  # as scikit-learn takes them
    if dataset.groups is not None:
        _check_groups(len(np.unique(dataset.groups[rows])), folds)
    parts = (
        [_cut(dataset, rows, HOLDOUT_FRACTION, seed)]
        if folds == 1
        else _parts_of(dataset, rows, folds, seed)
    )
    return tuple(
        Fold(train=np.sort(train), validation=np.sort(validation)) for train, validation in parts
    )


def _cut(dataset: Dataset, rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Cut about `fraction` of `rows` off; return the rest and what was cut off."""
    if dataset.groups is None:
        cut = _shuffle_split(dataset.task, fraction, seed)
        rest, off = next(cut.split(rows, dataset.y[rows]))
        return rows[rest], rows[off]
    groups = dataset.groups[rows]
    firsts = _representatives(groups)
    if len(firsts) > _MANY_GROUPS:
        cut = _shuffle_split(dataset.task, fraction, seed)
        _, off = next(cut.split(firsts, dataset.y[rows[firsts]]))
        chosen = np.isin(groups, groups[firsts[off]])
    else:
        # Some of equal folds come nearest to a share of rows and of classes.
        largest = np.unique(dataset.y[rows], return_counts=True)[1].max()
        most = len(firsts) if dataset.task is Task.REGRESSION else min(len(firsts), largest)
        parts, taken = _as_parts(fraction, int(most))
        folds = _parts_of(dataset, rows, parts, seed)
        chosen = np.isin(rows, np.concatenate([off for _, off in folds[:taken]]))
    return rows[~chosen], rows[chosen]


def _parts_of(dataset: Dataset, rows: Rows, folds: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Return the training and validation rows of each of `folds`."""
    y = dataset.y[rows]
    if dataset.groups is None:
        splits = _k_fold(dataset.task, folds, seed).split(rows, y)
        return [(rows[train], rows[validation]) for train, validation in splits]
    groups = dataset.groups[rows]
    firsts = _representatives(groups)
    if len(firsts) <= _MANY_GROUPS:
        kind = GroupKFold if dataset.task is Task.REGRESSION else StratifiedGroupKFold
        splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # That a class has fewer rows than folds is checked here, by groups.
            warnings.simplefilter("ignore", UserWarning)
            splits = list(splitter.split(rows, y, groups))
        return [(rows[train], rows[validation]) for train, validation in splits]
    parts = []
    for _, off in _k_fold(dataset.task, folds, seed).split(firsts, y[firsts]):
        chosen = np.isin(groups, groups[firsts[off]])
        parts.append((rows[~chosen], rows[chosen]))
    return parts


def _as_parts(fraction: float, most: int) -> tuple[int, int]:
    """Return how many equal parts to make, at most `most`, and how many of them to take."""
    choices = [
        (abs(taken / parts - fraction), parts, taken)
        for parts in range(2, max(min(most, _MOST_PARTS), 2) + 1)
        for taken in range(1, parts)
    ]
    _, parts, taken = min(choices)
    return parts, taken


def _representatives(groups: Rows) -> Rows:
    """Return the index of the first row of each group."""
    return np.unique(groups, return_index=True)[1].astype(np.int64)


def _check_groups(left: int, folds: int) -> None:
    """Refuse to split `left` groups, those outside the test rows, into more parts than that."""
    if left < max(folds, 2):
        raise InvalidDataset(
            f"the test rows leave {left} groups of rows to split, but {folds} folds need at least "
            f"{max(folds, 2)}; choose fewer folds, test_fraction 0, or a column with more groups",
            pointer="/evaluation/folds",
        )


def _check_parts(dataset: Dataset, splits: Splits) -> None:
    """Refuse groups that leave a class, or everything, out of a training part."""
    for fold in splits.folds:
        if len(fold.validation) < MIN_VALIDATION_ROWS or not len(fold.train):
            raise InvalidDataset(
                f"the groups of rows leave {len(fold.train)} rows to train and "
                f"{len(fold.validation)} to validate on in one of the folds; choose fewer folds, "
                f"or a column with more groups",
                pointer="/evaluation/folds",
            )
        present = set(dataset.y[fold.train].tolist()) if dataset.classes else set()
        for code, label in enumerate(dataset.classes):
            if code not in present:
                raise InvalidDataset(
                    f"class '{label}' of target '{dataset.target}' stands in so few groups of rows "
                    f"that a training part lacks it; choose fewer folds or another column of "
                    f"groups, or merge that class with another",
                    pointer="/evaluation/folds",
                )


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
