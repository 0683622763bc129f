"""What becomes of feature columns."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search.data.feature_columns import clean_features
from search.errors import InvalidDataset

ROWS = 60
NAN = float("nan")


def cleaned(values: Any) -> tuple[pd.Series | None, tuple[str, ...]]:
    """The column "c" as it comes out beside a harmless one, and the notes."""
    column = pd.Series(values, name="c")
    table = pd.DataFrame({"c": column, "other": np.arange(len(column)) % 7 / 2})
    features, _, notes = clean_features(table)
    return features.get("c"), notes


def repeated(*values: Any) -> list[Any]:
    return (list(values) * ROWS)[:ROWS]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (repeated(3, 1, 2), [3, 1, 2]),
        (repeated(1.5, None, 2), [1.5, NAN, 2]),
        (repeated(True, False), [1, 0]),
        (repeated("True", "false ", None), [1, 0, NAN]),
        (repeated(" 1.5", "2", ""), [1.5, 2, NAN]),
        (repeated(Decimal("1.50"), Decimal("2")), [1.5, 2]),
        (pd.array(repeated(1, None, 4), dtype="Int64"), [1, NAN, 4]),
        (pd.array(repeated(True, None, False), dtype="boolean"), [1, NAN, 0]),
        (pd.Categorical(repeated(5, 7)), [5, 7]),
        (np.array(repeated(1, 300), dtype=np.uint16), [1, 300]),
    ],
)
def test_numbers_and_truth_values_become_floats(values: Any, first: list[float]) -> None:
    column, notes = cleaned(values)
    assert column is not None
    assert column.dtype == np.float64
    np.testing.assert_array_equal(column.to_numpy()[: len(first)], first)
    assert notes == ()


@pytest.mark.parametrize(
    "values",
    [
        repeated("red", " blue ", "", None, "red"),
        pd.Categorical(repeated("red", "blue", None, None, "red")),
        pd.array(repeated("red", "blue", None, None, "red"), dtype="string"),
        pd.array(repeated("red", "blue", None, None, "red"), dtype="str"),
    ],
    ids=["objects", "categorical", "string", "str"],
)
def test_texts_become_categories_without_blanks_at_the_ends(values: Any) -> None:
    column, notes = cleaned(values)
    assert column is not None
    assert column.fillna("-").tolist()[:5] == ["red", "blue", "-", "-", "red"]
    assert notes == ()


def test_mixed_texts_and_numbers_become_categories() -> None:
    column, _ = cleaned(repeated("A1", 5, "B"))
    assert column is not None
    assert column.tolist()[:3] == ["A1", "5", "B"]


@pytest.mark.parametrize(
    "values",
    [
        repeated("1970-01-02", "1970-03-01", None),
        repeated("1970-01-02T00:00:00Z", "1970-03-01 00:00", ""),
        pd.to_datetime(pd.Series(repeated("1970-01-02", "1970-03-01", None))),
        pd.to_datetime(pd.Series(repeated("1970-01-02", "1970-03-01", None)), utc=True),
        repeated(date(1970, 1, 2), date(1970, 3, 1), None),
    ],
    ids=["days", "times", "datetime64", "with zone", "dates"],
)
def test_dates_become_days_since_1970_with_a_note(values: Any) -> None:
    column, notes = cleaned(values)
    assert column is not None
    np.testing.assert_array_equal(column.to_numpy()[:3], [1, 59, NAN])
    assert notes == ("column 'c' was read as dates, in days since 1970",)


def test_date_that_means_never_is_a_date() -> None:
    column, _ = cleaned(repeated("2026-01-01", "9999-12-31"))
    assert column is not None
    assert column.tolist()[:2] == [20454, 2932896]


def test_texts_that_only_look_like_dates_stay_texts() -> None:
    column, _ = cleaned(repeated("2026-02-31", "2026-01-01"))
    assert column is not None
    assert column.tolist()[:2] == ["2026-02-31", "2026-01-01"]


def test_durations_become_days() -> None:
    column, notes = cleaned(pd.to_timedelta(repeated(36, 12), unit="h"))
    assert column is not None
    assert column.tolist()[:2] == [1.5, 0.5]
    assert "in days" in notes[0]


def test_few_stray_texts_in_a_numeric_column_count_as_missing() -> None:
    column, notes = cleaned([*np.linspace(0, 1, 58).astype(str), "unknown", "n. a."])
    assert column is not None
    assert column.isna().sum() == 2
    assert notes == ("2 cells of column 'c' such as 'unknown' count as missing",)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None] * ROWS, "it holds no value"),
        ([NAN] * ROWS, "it holds no value"),
        (["", " "] * 30, "it holds no value"),
        # Identifiers: a text of its own in every row, or too many.
        ([f"user {i}" for i in range(ROWS)], "60 different texts in 60 rows"),
        ([f"user {i}" for i in range(10)], "10 different texts in 10 rows"),
        # Row numbers, from 0 or 1.
        (range(ROWS), "it numbers the rows"),
        (np.arange(1.0, ROWS + 1), "it numbers the rows"),
        (np.delete(np.arange(ROWS), [5, 17]), "it numbers the rows"),
        ([[1, 2]] * ROWS, "its cells hold lists or tables"),
        ([{"a": 1}] * ROWS, "its cells hold lists or tables"),
    ],
)
def test_column_that_cannot_help_is_left_out_with_a_note(values: Any, why: str) -> None:
    column, (note,) = cleaned(values)
    assert column is None
    assert note.startswith("column 'c' was left out: ")
    assert why in note


@pytest.mark.parametrize(
    "values",
    [
        [f"level {i % 50}" for i in range(120)],  # just few enough
        range(1900, 1900 + ROWS),  # years
        np.arange(ROWS) * 2,
        [1.0] * ROWS,  # constant, but the other column varies
    ],
)
def test_column_that_only_looks_like_it_is_kept(values: Any) -> None:
    column, notes = cleaned(values)
    assert column is not None
    assert notes == ()


@pytest.mark.parametrize("wild", [np.inf, -np.inf, 1e200])
def test_infinite_values_are_refused_by_column_and_count(wild: float) -> None:
    with pytest.raises(InvalidDataset, match="column 'c' holds 30 infinite values or values beyon"):
        cleaned(repeated(wild, 1.0))


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(InvalidDataset, match="column 'c' holds complex numbers"):
        cleaned(repeated(1 + 2j, 3 - 1j))


def test_table_without_a_usable_column_is_refused_with_the_reasons() -> None:
    table = pd.DataFrame({"id": range(ROWS), "note": [f"text {i}" for i in range(ROWS)]})
    with pytest.raises(InvalidDataset, match=r"no feature column is left.*'id'.*numbers.*'note'"):
        clean_features(table)


def test_table_of_constants_is_refused() -> None:
    table = pd.DataFrame({"x": [1.0] * ROWS, "y": ["a"] * ROWS})
    with pytest.raises(
        InvalidDataset, match=r"every feature column \(x, y\) holds one and the same"
    ):
        clean_features(table)


def test_table_given_is_not_changed() -> None:
    table = pd.DataFrame({"x": repeated(" a", "b "), "y": repeated(1, 2)})
    before = table.copy(deep=True)
    clean_features(table)
    pd.testing.assert_frame_equal(table, before)


def test_rows_line_up_whatever_the_index_was() -> None:
    table = pd.DataFrame({"x": repeated(1, 2, 3), "y": repeated("a", "b", "c")})
    table.index = pd.Index(np.arange(ROWS)[::-1] * 5)
    features, _, _ = clean_features(table)
    assert features["x"].tolist()[:3] == [1, 2, 3]
    assert features["y"].tolist()[:3] == ["a", "b", "c"]
