"""A person's table becomes a dataset, or an error that says why it cannot be one."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from search.data.datasets import Dataset
from search.data.feature_columns import clean_features
from search.data.file_formats import MAX_BYTES, parse_file
from search.data.target_column import encode_target
from search.errors import InvalidDataset, UnknownChoice
from search.study import Task

MIN_ROWS = 20
#: More column names than this are not listed in a message.
_LISTED_NAMES = 30


def read_table(
    content: bytes,
    *,
    target: str,
    task: Task | None = None,
    name: str = "",
    dataset_id: str = "",
    filename: str = "",
    limit: int = MAX_BYTES,
) -> Dataset:
    """Read an uploaded file; the same bytes give the same dataset.

    Raises InvalidDataset, UnknownChoice (no such target column) or MissingExtra (Parquet without
    pyarrow).
    """
    frame = parse_file(content, filename=filename, limit=limit)
    return build_dataset(
        frame, target=target, task=task, name=name or filename, dataset_id=dataset_id
    )


def build_dataset(
    frame: pd.DataFrame,
    *,
    target: str,
    task: Task | None = None,
    name: str = "",
    dataset_id: str = "",
) -> Dataset:
    """Make a dataset of a table; rows without a target are left out.

    Raises InvalidDataset or UnknownChoice (no such target column).
    """
    names = list(map(str, frame.columns))
    target = target if target in names else target.strip()
    _check_target_name(names, target)
    table = frame.set_axis(names, axis=1)
    if table.empty:
        raise InvalidDataset(
            f"the table has no rows below its header; bring at least {MIN_ROWS}", pointer="/file"
        )
    known = table[target].notna() & (table[target].astype(str).str.strip() != "")
    dropped = int((~known).sum())
    if dropped == len(table):
        raise InvalidDataset(
            f"target '{target}' is missing in all of {len(table)} rows; choose another column",
            pointer="/target",
        )
    table = table[known].reset_index(drop=True)
    if len(table) < MIN_ROWS:
        raise InvalidDataset(
            f"the table has {len(table)} rows with a target, but at least {MIN_ROWS} are needed "
            f"to train and to judge a network; bring more rows",
            pointer="/file",
        )
    if len(names) == 1:
        raise InvalidDataset(
            f"the table holds only the target column '{target}'; bring the features to predict it "
            f"from, separated by commas, semicolons or tabs",
            pointer="/file",
        )
    encoded = encode_target(table[target], task)
    features, notes = clean_features(table.drop(columns=target))
    if dropped:
        notes = (f"{dropped} rows without a value of '{target}' were left out", *notes)
    return Dataset(
        id=dataset_id or name,
        name=name or dataset_id,
        task=encoded.task,
        target=target,
        features=features,
        y=encoded.y,
        classes=encoded.classes,
        notes=notes,
    )


def with_task(dataset: Dataset, task: Task | None) -> Dataset:
    """Read the target of `dataset` for another task; None keeps the one it has.

    Raises InvalidDataset where the target does not allow it.
    """
    if task is None or task is dataset.task:
        return dataset
    labels = np.array(dataset.classes, dtype=object)
    values = labels[dataset.y.astype(np.int64)] if dataset.classes else dataset.y
    encoded = encode_target(pd.Series(values, name=dataset.target), task)
    return replace(dataset, task=encoded.task, y=encoded.y, classes=encoded.classes)


def _check_target_name(names: list[str], target: str) -> None:
    if target in names:
        return
    numbers = pd.to_numeric(pd.Series(names), errors="coerce").notna()
    if np.mean(numbers) > 0.5:
        raise InvalidDataset(
            f"there is no column '{target}', and the first row ({', '.join(names[:5])}, ...) looks "
            f"like data; put a header row with the names of the columns above it",
            pointer="/file",
        )
    listed = names
    if len(names) > _LISTED_NAMES:
        near = get_close_matches(target, names, n=5)
        listed = list(dict.fromkeys([*near, *names[: _LISTED_NAMES // 2], *names[-5:]]))
    raise UnknownChoice("target", target, listed, pointer="/target")
