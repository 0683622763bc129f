"""Identifiers: columns that name the rows of a table instead of describing them.

A network that sees the row number of a sorted table, even a shuffled one, has seen the answer.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Names of index columns and keys: what pandas and R write, and words that end in a mark of keys.
_NAME = re.compile(
    r"unnamed: ?\d+|__index_level_\d+__|column \d+|level_0|row[._ ]?(?:names?|num|number|id|nr)"
    r"|(?:.*[_ .\-])?(?:id|ids|idx|index|key|uuid|guid|nr)",
    re.IGNORECASE,
)
_CAMEL_NAME = re.compile(r".*[a-z](?:Id|ID|Idx|Nr)")
#: Letters and digits without blanks, or words before one number.
_SHAPE = re.compile(r"(?=.*\d)[\w.:/#@+-]{1,64}|(?:[^\d\s]{1,16} ){0,2}[^\d\s]{0,16}\d+")
#: Share of cells that must have the shape of an identifier.
_SHAPED = 0.95
#: Share of rows that may have been removed from a sorted table after its rows were numbered.
_LEFT_OUT = 0.25
#: Whole numbers that rise within these bounds are years.
_YEARS = (1700, 2200)


def is_named_like_one(name: str) -> bool:
    """Return whether the name of a column is that of an index or a key."""
    return _NAME.fullmatch(name) is not None or _CAMEL_NAME.fullmatch(name) is not None


def numbers_the_rows(name: str, values: NDArray[np.float64], rows: int) -> bool:
    """Return whether the numbers of a column identify the rows of a table that had `rows` rows.

    They do where they are whole, unique and without gaps, in any order; or unique and named like
    an index; or rise from about 0 with few gaps. Numbers may lack rows that were left out. Years
    in order are none.
    """
    if not _are_unique_whole_numbers(values):
        return False
    if is_named_like_one(name):
        return True
    low, high = values.min(), values.max()
    steps = np.diff(values)
    rising, falling = bool((steps > 0).all()), bool((steps < 0).all())
    if (rising or falling) and _YEARS[0] <= low and high <= _YEARS[1]:
        return False
    gapless = high - low < max(rows, len(values))
    return bool(gapless or (rising and low >= 0 and high <= len(values) * (1 + _LEFT_OUT)))


def _are_unique_whole_numbers(values: NDArray[np.float64]) -> bool:
    for part in (values[:1000], values):  # most columns are told by their first rows
        if not np.equal(np.mod(part, 1), 0).all():  # NaN too
            return False
    return len(values) > 1 and len(np.unique(values)) == len(values)


def is_shaped_like_ids(texts: pd.Series) -> bool:
    """Return whether texts, one a row, look like keys: R0017, user 12, a UUID, a hash."""
    shaped = texts.head(2000).map(lambda text: _SHAPE.fullmatch(text) is not None)
    return bool(shaped.mean() >= _SHAPED)
