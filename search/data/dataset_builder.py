"""A person's table becomes a dataset, or an error that says why it cannot be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.column_readers import TextColumn, notes_on_sentinels, text_columns
from search.data.csv_dialect import looks_like_number
from search.data.datasets import (
    ColumnKind,
    ColumnReport,
    ColumnRole,
    Dataset,
)
from search.data.feature_columns import clean_features, examples_of, file_mark
from search.data.file_formats import MAX_BYTES, parse_file
from search.data.leaks import find_copies, join_groups, note_on_copies, single_predictors
from search.data.table_limits import TableLimits
from search.data.target_column import (
    EncodedTarget,
    Lines,
    TargetCells,
    encode_target,
    read_target,
)
from search.errors import InvalidDataset, InvalidInput, UnknownChoice
from search.study import Task

MIN_ROWS = 20
#: More column names than this are not listed in a message.
_LISTED_NAMES = 30

Roles = Mapping[str, ColumnRole]


def read_table(
    content: bytes,
    *,
    target: str,
    task: Task | None = None,
    columns: Roles | None = None,
    name: str = "",
    dataset_id: str = "",
    filename: str = "",
    limit: int = MAX_BYTES,
    shape: TableLimits | None = None,
) -> Dataset:
    """Read an uploaded file of `limit` bytes and `shape` at most.

    The same bytes give the same dataset.

    `columns` are the roles that a person gives to columns. Raises InvalidDataset, UnknownChoice (no
    such column) or InvalidInput (roles that contradict each other).
    """
    parsed = parse_file(content, filename=filename, limit=limit, shape=shape)
    return build_dataset(
        parsed.frame,
        target=target,
        task=task,
        columns=columns,
        name=name or filename,
        dataset_id=dataset_id,
        lines=parsed.lines,
        notes=parsed.notes,
    )


def build_dataset(
    frame: pd.DataFrame,
    *,
    target: str,
    task: Task | None = None,
    columns: Roles | None = None,
    name: str = "",
    dataset_id: str = "",
    lines: Lines | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Make a dataset of a table; rows without a target are left out.

    `lines` and `notes` are those of the file that the table was read from. Raises as `read_table`.
    """
    names = list(map(str, frame.columns))
    target = target if target in names else target.strip()
    _check_target_name(names, target)
    roles = _check_roles(columns or {}, names, target)
    if frame.empty:
        raise InvalidDataset(
            f"the table has no rows below its header; bring at least {MIN_ROWS}", pointer="/file"
        )
    table = frame.set_axis(names, axis=1)
    if lines is None:
        table = table.reset_index(drop=True)
    texts = text_columns(table)
    mark = file_mark(texts)
    cells = read_target(table[target], task=task, mark=mark, lines=lines)
    dropped = len(table) - len(cells.labels)
    _check_rows(table, cells, names)
    encoded = encode_target(cells, task)
    if dropped:
        table = table[cells.present].reset_index(drop=True)
        texts = {name: _select(column, cells.present) for name, column in texts.items()}
    features, reports, remarks = clean_features(
        table[[name for name in names if roles[name] is ColumnRole.FEATURE]],
        texts=texts,
        mark=mark,
        rows=len(frame),
        forced=frozenset(
            name for name, role in (columns or {}).items() if role is ColumnRole.FEATURE
        ),
    )
    groups, grouped = _groups(table, roles, features, encoded)
    every = (
        *notes,
        *([f"{dropped} rows without a value of '{target}' were left out"] if dropped else []),
        *cells.notes,
        *_notes_on_task(cells, encoded, task),
        *remarks,
        *grouped,
        *_notes_on_leaks(features, encoded),
    )
    by_name = {report.name: report for report in reports}
    return Dataset(
        id=dataset_id or name,
        name=name or dataset_id,
        task=encoded.task,
        target=target,
        features=features,
        y=encoded.y,
        classes=encoded.classes,
        notes=every,
        columns=tuple(
            by_name.get(name) or _report_other(table[name], roles[name], cells, encoded, dropped)
            for name in names
        ),
        groups=groups,
    )


def with_task(dataset: Dataset, task: Task | None) -> Dataset:
    """Read the target of `dataset` for another task; None keeps the one it has.

    Notes on columns that predict the target are made anew, since another task judges otherwise.
    Raises InvalidDataset where the target does not allow it.
    """
    if task is None or task is dataset.task:
        return dataset
    labels = np.array(dataset.classes, dtype=object)
    values = labels[dataset.y.astype(np.int64)] if dataset.classes else dataset.y
    cells = read_target(pd.Series(values, name=dataset.target), task=task, lines=None)
    encoded = encode_target(cells, task)
    before = EncodedTarget(task=dataset.task, y=dataset.y, classes=dataset.classes)
    outdated = frozenset(_notes_on_leaks(dataset.features, before))
    return replace(
        dataset,
        task=encoded.task,
        y=encoded.y,
        classes=encoded.classes,
        notes=(
            *(note for note in dataset.notes if note not in outdated),
            *_notes_on_leaks(dataset.features, encoded),
        ),
    )


def _select(column: TextColumn, rows: NDArray[np.bool_]) -> TextColumn:
    text = column.text[rows].reset_index(drop=True)
    plain = None if column.plain is None else column.plain[rows]
    return replace(column, text=text, missing=column.missing[rows], plain=plain)


def _check_rows(table: pd.DataFrame, cells: TargetCells, names: list[str]) -> None:
    target, rows = cells.name, len(cells.labels)
    if not rows:
        raise InvalidDataset(
            f"target '{target}' is missing in all of {len(table)} rows; choose another column",
            pointer="/target",
        )
    if rows < MIN_ROWS:
        raise InvalidDataset(
            f"the table has {rows} rows with a target, but at least {MIN_ROWS} are needed "
            f"to train and to judge a network; bring more rows",
            pointer="/file",
        )
    if len(names) == 1:
        raise InvalidDataset(
            f"the table holds only the target column '{target}'; bring the features to predict it "
            f"from, separated by commas, semicolons or tabs",
            pointer="/file",
        )


def _check_roles(columns: Roles, names: list[str], target: str) -> dict[str, ColumnRole]:
    """Return the role of every column; raises UnknownChoice or InvalidInput."""
    for name, role in columns.items():
        if name not in names:
            raise UnknownChoice("column", name, _near(names, name), pointer=f"/columns/{name}")
        if (role is ColumnRole.TARGET) != (name == target):
            raise InvalidInput(
                f"column '{name}' has the role '{role}', but the target is '{target}'; name one "
                f"and the same column as target in both places",
                pointer=f"/columns/{name}",
            )
    grouping = [name for name, role in columns.items() if role is ColumnRole.GROUP]
    if len(grouping) > 1:
        raise InvalidInput(
            f"columns {', '.join(grouping)} have the role 'group', but rows have one group each; "
            f"give the role to one column",
            pointer="/columns",
        )
    roles = dict.fromkeys(names, ColumnRole.FEATURE) | dict(columns) | {target: ColumnRole.TARGET}
    if len(names) > 1 and ColumnRole.FEATURE not in roles.values():
        raise InvalidInput(
            "no column has the role 'feature'; leave at least one to learn from",
            pointer="/columns",
        )
    return roles


def _groups(
    table: pd.DataFrame,
    roles: Roles,
    features: pd.DataFrame,
    encoded: EncodedTarget,
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Return the groups of rows that must not be split, and notes on them."""
    notes, chosen = [], None
    for name in (name for name, role in roles.items() if role is ColumnRole.GROUP):
        keys = table[name].astype(object).where(table[name].notna(), "").astype(str).str.strip()
        missing = (keys == "").to_numpy()
        # A row without a group is a group of its own.
        keys = keys.where(~missing, "row " + pd.Series(np.arange(len(keys)).astype(str)))
        chosen = np.unique(keys.to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
        notes.append(
            f"rows are split by the {int(chosen.max()) + 1} groups of column '{name}'"
            + (
                f"; {int(missing.sum())} rows without one are groups of their own"
                if missing.any()
                else ""
            )
        )
    copies = find_copies(features, encoded.y)
    if copies is None:
        return chosen, notes
    notes.append(note_on_copies(copies))
    if copies.by_chance:
        return chosen, notes
    return join_groups(chosen, copies.groups), notes


def _notes_on_task(cells: TargetCells, encoded: EncodedTarget, task: Task | None) -> list[str]:
    name, notes = cells.name, []
    counts = np.bincount(encoded.y.astype(np.int64)) if encoded.classes else np.empty(0, int)
    for label, count in zip(encoded.classes, counts.tolist(), strict=True):
        if count < 2:
            notes.append(
                f"class '{label}' of target '{name}' has {count} row, which cannot both be learned "
                f"and be judged; leave its target cell empty, merge it with another class, or "
                f"bring more rows of it"
            )
    if encoded.task is Task.REGRESSION:
        notes += notes_on_sentinels(f"target '{name}'", encoded.y.astype(np.float64))
    if task is not None or cells.numbers is None:
        return notes
    if encoded.task is Task.MULTICLASS:
        notes.append(
            f"the {len(encoded.classes)} whole numbers of target '{name}' were taken for classes; "
            f"give task 'regression' if they are amounts or counts"
        )
    whole = np.equal(np.mod(cells.numbers, 1), 0).all()
    distinct = len(np.unique(cells.numbers))
    if encoded.task is Task.REGRESSION and whole and distinct <= _LISTED_NAMES:
        notes.append(
            f"the {distinct} whole numbers of target '{name}' were taken for amounts; give task "
            f"'multiclass' if they are classes"
        )
    return notes


def _notes_on_leaks(features: pd.DataFrame, encoded: EncodedTarget) -> list[str]:
    return [
        f"column '{name}' alone predicts the target almost perfectly ({how}); make sure that it is "
        f"known before the target is, and no copy of it, or give it the role 'ignore'"
        for name, how in single_predictors(features, encoded.y, encoded.task)
    ]


def _report_other(
    column: pd.Series, role: ColumnRole, cells: TargetCells, encoded: EncodedTarget, dropped: int
) -> ColumnReport:
    """Report on a column that is no feature."""
    if role is ColumnRole.TARGET:
        number = encoded.task is Task.REGRESSION
        reason = (
            "it is the target, and its values are amounts"
            if number
            else f"it is the target, and its {len(encoded.classes)} different values are classes"
        )
        kind = ColumnKind.NUMBER if number else ColumnKind.LABEL
        missing = dropped
    else:
        kind, reason = ColumnKind.UNREAD, f"it was given the role '{role}'"
        missing = int((column.isna() | (column.astype(str).str.strip() == "")).sum())
    return ColumnReport(
        name=str(column.name),
        role=role,
        kind=kind,
        used=role is not ColumnRole.IGNORE,
        reason=reason,
        missing=missing,
        examples=examples_of(column),
    )


def _check_target_name(names: list[str], target: str) -> None:
    if target in names:
        return
    if np.mean([looks_like_number(name) for name in names]) > 0.5:
        raise InvalidDataset(
            f"there is no column '{target}', and the first row ({', '.join(names[:5])}, ...) looks "
            f"like data; put a header row with the names of the columns above it",
            pointer="/file",
        )
    raise UnknownChoice("target", target, _near(names, target), pointer="/target")


def _near(names: list[str], wanted: str) -> list[str]:
    """Return the names to list in a message: all, or of very many the nearest and some others."""
    if len(names) <= _LISTED_NAMES:
        return names
    near = get_close_matches(wanted, names, n=5)
    return list(dict.fromkeys([*near, *names[: _LISTED_NAMES // 2], *names[-5:]]))
