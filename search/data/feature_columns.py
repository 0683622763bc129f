"""Feature columns are made float64 or text, NaN where a value is missing.

Numbers and truth values become float64; times and dates become days since 1970; text becomes
categories. Columns that cannot help are left out with a note: without any value, identifiers (see
`search.data.identifiers`), and free text. A person's word, the role of a column, outranks all that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from search.data.column_readers import (
    EXAMPLE_CHARACTERS,
    MISSING_TEXT,
    CleanedColumn,
    TableContext,
    TextColumn,
    clean_column,
    text_columns,
)
from search.data.datasets import ColumnKind, ColumnReport, ColumnRole
from search.data.identifiers import is_named_like_one
from search.data.number_formats import (
    decimal_mark,
)
from search.data.tails import notes_on_tails
from search.errors import InvalidDataset

_EXAMPLES = 3


def file_mark(texts: Mapping[str, TextColumn]) -> str | None:
    """Return the decimal mark that the text columns of a file prove."""
    return decimal_mark(column.sniffed for column in texts.values())


def clean_features(
    table: pd.DataFrame,
    *,
    texts: Mapping[str, TextColumn] | None = None,
    mark: str | None = None,
    rows: int | None = None,
    forced: frozenset[str] = frozenset(),
) -> tuple[pd.DataFrame, tuple[ColumnReport, ...], tuple[str, ...]]:
    """Return every usable column of `table` as float64 or text, reports and notes.

    `texts` holds the text columns of the same rows, `mark` the decimal mark of the file, `rows` the
    rows that the file had; `forced` names columns that a person wants as features. Raises
    InvalidDataset where a column holds infinite values or no column is left.
    """
    texts = text_columns(table) if texts is None else texts
    context = TableContext(
        rows=len(table) if rows is None else rows,
        mark=file_mark(texts) if mark is None else mark,
        texts=texts,
        forced=forced,
    )
    cleaned = {name: clean_column(context, name, table[name]) for name in map(str, table.columns)}
    if all(column.values is None for column in cleaned.values()):
        _restore_spares(cleaned)
    kept = {name: column.values for name, column in cleaned.items() if column.values is not None}
    notes = [note for column in cleaned.values() for note in column.notes]
    if not kept:
        raise InvalidDataset(
            "no feature column is left to learn from"
            + "".join(f"; {note}" for note in notes)
            + "; bring columns of numbers or of texts that repeat",
            pointer="/file",
        )
    if not any(column.nunique(dropna=False) > 1 for column in kept.values()):
        raise InvalidDataset(
            f"every feature column ({', '.join(list(kept)[:10])}) holds one and the same value in "
            f"all rows; bring columns that vary",
            pointer="/file",
        )
    reports = tuple(
        _report(name, table[name], texts.get(name), column) for name, column in cleaned.items()
    )
    features = pd.DataFrame({name: column.to_numpy() for name, column in kept.items()})
    return features, reports, (*notes, *notes_on_tails(features))


def examples_of(column: pd.Series) -> tuple[str, ...]:
    """Return the first different cells of a column as short texts."""
    found: dict[str, None] = {}
    for cell in column.head(200):
        text = str(cell).strip()
        if text and text.lower() not in MISSING_TEXT:
            found.setdefault(text[:EXAMPLE_CHARACTERS])
        if len(found) == _EXAMPLES:
            break
    return tuple(found)


def _restore_spares(cleaned: dict[str, CleanedColumn]) -> None:
    """Take back identifiers that are the only features: a level of 1 to 60 is one, alone."""
    spares = [name for name, column in cleaned.items() if column.spare is not None]
    for name in spares:
        if len(cleaned) == 1 or not is_named_like_one(name):
            cleaned[name] = replace(
                cleaned[name],
                kind=ColumnKind.NUMBER,
                values=cleaned[name].spare,
                reason="it numbers the rows, but no other feature is left",
                notes=(
                    f"column '{name}' numbers the rows and was kept since no other feature is "
                    f"left; give it the role 'ignore' if it says nothing",
                ),
            )


def _report(
    name: str, column: pd.Series, text: TextColumn | None, cleaned: CleanedColumn
) -> ColumnReport:
    source = cleaned.values
    if source is not None:
        missing = int(source.isna().sum())
    else:
        missing = int(column.isna().sum() if text is None else text.missing.sum())
    return ColumnReport(
        name=name,
        role=ColumnRole.FEATURE,
        kind=cleaned.kind,
        used=source is not None,
        reason=cleaned.reason,
        missing=missing,
        examples=examples_of(column if text is None else text.text),
        written=cleaned.written,
    )
