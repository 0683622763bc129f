"""Ways in which a table gives the answer away: columns that copy the target, rows that repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from search.data.datasets import Target
from search.study import Task

#: Rows on which single predictors are looked for.
_ROWS = 5000
#: Share of the variance that one column must explain to be suspicious ...
_SUSPICIOUS_R2 = 0.999
#: ... and share of the errors of guessing that it may make between classes.
_SUSPICIOUS_ERRORS = 0.01
#: Rows that a level must have on average before it can be said to predict anything.
_ROWS_PER_LEVEL = 3
#: Chance pairs of equal rows, as a share of those found, beyond which repeats are natural. They are
#: reckoned for independent columns; rows of others repeat several times as often.
_BY_CHANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Rows that repeat others exactly, target included."""

    #: `(N,)` number of the distinct row that each row is a copy of.
    groups: NDArray[np.int64]
    distinct: int
    #: Whether as many equal rows come about where few columns hold few values each. New data will
    #: repeat these rows too, so that a score which knows them is honest.
    by_chance: bool


def single_predictors(features: pd.DataFrame, y: Target, task: Task) -> list[tuple[str, str]]:
    """Return the columns that alone predict the target almost perfectly, and how well they do.

    A column is sorted and each row predicted from its two neighbours, so that any shape counts.
    """
    rows = np.arange(len(y))
    if len(rows) > _ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False))
    found = []
    for name in map(str, features.columns):
        column = features[name].iloc[rows]
        known = column.notna().to_numpy()
        answers = y[rows][known]
        keys = _keys(column[known], answers)
        if keys is None:
            continue
        order = np.lexsort((np.random.default_rng(0).permutation(len(keys)), keys))
        found += [(name, how) for how in _judge(answers[order], task)]
    return found


def find_copies(features: pd.DataFrame, y: Target) -> Copies | None:
    """Return the groups of equal rows; None where there are none."""
    hashes = pd.util.hash_pandas_object(features, index=False).to_numpy()
    answers = pd.util.hash_array(np.asarray(y)).astype(np.uint64)
    groups = np.unique(hashes * np.uint64(31) + answers, return_inverse=True)[1].astype(np.int64)
    distinct = int(groups.max()) + 1
    if distinct == len(groups):
        return None
    alike = np.unique(hashes, return_counts=True)[1].astype(np.float64)
    pairs = float((alike * (alike - 1)).sum())
    chance = 1.0
    for name in features.columns:
        shares = features[name].value_counts(normalize=True, dropna=False).to_numpy()
        chance *= float(np.square(shares).sum())
    by_chance = chance * len(groups) ** 2 > _BY_CHANCE * pairs
    return Copies(groups=groups, distinct=distinct, by_chance=by_chance)


def note_on_copies(copies: Copies) -> str:
    """Return the sentence that says how many rows are copies, and what was done about it."""
    rows = len(copies.groups)
    extra = rows - copies.distinct
    share = f"{extra} of {rows} rows ({extra / rows:.1%}) " + (
        "are exact copies of others" if extra > 1 else "is an exact copy of another"
    )
    if copies.by_chance:
        return (
            f"{share}, as comes about where columns hold few different values; each counts as a "
            f"row of its own and may stand in another fold than its twin; if they were copied, "
            f"bring a column that names the original, with the role 'group'"
        )
    return (
        f"{share}; copies are kept in one fold, so that none is judged by its twin, but scores "
        f"rest on no more than {copies.distinct} different rows"
    )


def join_groups(
    first: NDArray[np.int64] | None, second: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """Return the finest groups that keep together what either of two groupings does."""
    if first is None or second is None:
        return first if second is None else second
    size = int(first.max()) + 1
    edges = coo_array(
        (np.ones(len(first)), (first, size + second)), shape=(size + int(second.max()) + 1,) * 2
    )
    labels = connected_components(edges, directed=False)[1]
    joined: NDArray[np.int64] = np.unique(labels[first], return_inverse=True)[1].astype(np.int64)
    return joined


def _keys(column: pd.Series, answers: Target) -> NDArray[np.float64] | None:
    """Return numbers to sort by: the values, or for text the mean answer of its level."""
    if len(column) < 2 * _ROWS_PER_LEVEL:
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64)
    codes = pd.factorize(column)[0]
    levels = int(codes.max()) + 1
    if len(codes) < levels * _ROWS_PER_LEVEL:
        return None
    scaled = answers / (np.abs(answers).max() or 1)
    means = np.bincount(codes, scaled) / np.bincount(codes)
    # Levels of equal means must not mix.
    ranks = np.lexsort((np.arange(levels), means)).argsort()
    keys: NDArray[np.float64] = ranks[codes].astype(np.float64)
    return keys


def _judge(answers: Target, task: Task) -> list[str]:
    if task is Task.REGRESSION:
        scaled = answers - answers[0]
        scaled = scaled / (np.abs(scaled).max() or 1)
        errors = scaled[1:-1] - (scaled[:-2] + scaled[2:]) / 2
        spread = float(np.var(scaled))
        r2 = 1 - float(np.square(errors).mean()) / spread if spread else 0.0
        return [f"R² {r2:.4f}"] if r2 >= _SUSPICIOUS_R2 else []
    shares = np.bincount(answers.astype(np.int64)) / len(answers)
    present = int((shares > 0).sum())
    changes = int((answers[1:] != answers[:-1]).sum())
    guessing = (1 - float(np.square(shares).sum())) * len(answers)
    if present < 2 or changes > present - 1 + _SUSPICIOUS_ERRORS * guessing:
        return []
    return [f"{1 - (changes - present + 1) / len(answers):.1%} of the rows"]
