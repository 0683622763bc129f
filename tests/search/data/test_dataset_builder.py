"""From an uploaded file to a dataset, or to a sentence."""

from __future__ import annotations

import io
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search.data.dataset_builder import build_dataset, read_table, with_task
from search.data.datasets import load_builtin
from search.data.preprocessing import prepare
from search.data.splits import split
from search.errors import InvalidDataset, SearchError, UnknownChoice
from search.study import Evaluation, Task

PENGUINS = 60


def penguins() -> pd.DataFrame:
    """Small birds with all that real tables bring: gaps, text, dates, ids, a row number."""
    rng = np.random.default_rng(1)
    species = np.repeat(["Adelie", "Gentoo", "Chin strap "], PENGUINS // 3)
    table = pd.DataFrame(
        {
            "": np.arange(PENGUINS) + 1,
            "species": species,
            "bill": rng.normal(40, 5, PENGUINS).round(1),
            "island": rng.choice(["Biscoe", "Dream"], PENGUINS),
            "tagged": rng.choice([True, False], PENGUINS),
            "seen": pd.date_range("2026-01-01", periods=PENGUINS).strftime("%Y-%m-%d"),
            "ring": [f"R{i:04}" for i in range(PENGUINS)],
        }
    )
    table.loc[3, "bill"] = np.nan
    table.loc[4, "island"] = None
    table.loc[5, "species"] = None
    return table


def cycled(*values: Any) -> pd.Series:
    return pd.Series((list(values) * PENGUINS)[:PENGUINS], dtype=object)


#: Columns that pandas can hold and nobody expects.
ODD = {
    "whole numbers beyond int64": cycled(10**30, 5, 10**19),
    "uint64": pd.Series(np.full(PENGUINS, 2**64 - 1, dtype=np.uint64)),
    "bytes": cycled(b"a", b"b"),
    "periods": pd.Series(pd.period_range("2020-01", periods=PENGUINS, freq="M")),
    "intervals": pd.Series(pd.cut(np.arange(PENGUINS) % 7, 3)),
    "no times": pd.Series([pd.NaT] * PENGUINS),
    "dates and times": cycled(datetime(2020, 1, 1), date(2020, 1, 2), None),
    "times of day": cycled(time(1, 2), time(3, 4)),
    "durations": pd.Series(pd.timedelta_range("1h", periods=PENGUINS)),
    "complex": pd.Series(np.ones(PENGUINS) * 1j),
    "lists": cycled([1], [2]),
    "dictionaries": cycled({"a": 1}, None),
    "arrays": cycled(np.array([1]), np.array([1, 2])),
    "of all kinds": cycled(1, "a", None, 2.5, True),
    "categories of dates": pd.Series(
        pd.Categorical(pd.to_datetime(cycled("2020-01-01", "2021-01-01")))
    ),
    "sparse": pd.Series(pd.arrays.SparseArray(np.arange(PENGUINS) % 3 / 2)),
    "float16": pd.Series(np.arange(PENGUINS, dtype=np.float16) % 5),
    "dates out of bounds": cycled("0001-01-01", "9999-12-31"),
    "decimals": cycled(Decimal("NaN"), Decimal("Infinity"), Decimal(1)),
    "overflow": cycled("1e400", "1"),
    "spread below rounding": pd.Series(1 + np.arange(PENGUINS) % 3 * 1e-16),
    "subnormal": pd.Series(np.arange(PENGUINS) % 3 * 1e-310),
    "huge": pd.Series(np.arange(PENGUINS) % 3 * 1e99),
}


def csv_bytes(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def test_upload_becomes_a_dataset_that_can_be_searched() -> None:
    dataset = read_table(
        csv_bytes(penguins()), target="species", name="birds", dataset_id="d1", filename="p.csv"
    )
    facts = dataset.describe()
    assert (facts.id, facts.name, facts.task) == ("d1", "birds", Task.MULTICLASS)
    assert facts.rows == PENGUINS - 1
    assert facts.classes == ("Adelie", "Chin strap", "Gentoo")
    assert facts.class_counts == (19, 20, 20)
    assert facts.feature_names == ("bill", "island", "tagged", "seen")
    assert len(facts.notes) == 5
    assert facts.notes[0] == "1 rows without a value of 'species' were left out"
    assert "'column 1' was left out: it numbers the rows" in facts.notes[1]
    assert "'seen' was read as dates" in facts.notes[2]
    assert "'ring' was left out" in facts.notes[3]
    prepared = prepare(dataset, split(dataset, Evaluation(), 0))
    # bill, tagged, seen; bill is missing; Biscoe, Dream and, unless in a test row, missing
    assert prepared.features_in in (5, 6, 7)


def test_same_bytes_give_the_same_dataset() -> None:
    content = csv_bytes(penguins())
    one, two = (read_table(content, target="species") for _ in range(2))
    assert one.describe() == two.describe()
    assert one.features.equals(two.features)
    np.testing.assert_array_equal(one.y, two.y)


def test_builtin_dataset_survives_the_way_through_csv_and_parquet() -> None:
    iris = load_builtin("iris")
    table = iris.features.assign(species=np.array(iris.classes)[iris.y])
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    for content in (csv_bytes(table), buffer.getvalue()):
        dataset = read_table(content, target="species")
        np.testing.assert_array_equal(dataset.features.to_numpy(), iris.features.to_numpy())
        np.testing.assert_array_equal(dataset.y, iris.y)
        assert dataset.classes == iris.classes


def test_given_task_is_obeyed() -> None:
    table = pd.DataFrame({"x": np.arange(40) % 7, "stars": np.arange(40) % 3})
    assert read_table(csv_bytes(table), target="stars").task is Task.MULTICLASS
    given = read_table(csv_bytes(table), target="stars", task=Task.REGRESSION)
    assert given.task is Task.REGRESSION
    assert given.y.dtype == np.float64


def test_dataset_can_be_read_for_another_task_where_its_target_allows() -> None:
    digits = load_builtin("digits")
    amounts = with_task(digits, Task.REGRESSION)
    assert (amounts.task, amounts.classes, amounts.y.dtype) == (Task.REGRESSION, (), np.float64)
    np.testing.assert_array_equal(amounts.y, digits.y)
    np.testing.assert_array_equal(with_task(amounts, Task.MULTICLASS).y, digits.y)
    assert with_task(digits, None) is digits
    assert with_task(digits, Task.MULTICLASS) is digits


def test_another_task_judges_anew_what_predicts_the_target() -> None:
    rng = np.random.default_rng(0)
    grade = rng.permutation(np.arange(300) % 20)
    table = pd.DataFrame({"x": rng.normal(size=300), "copy": grade * 1.5, "grade": grade})
    amounts = build_dataset(table, target="grade", task=Task.REGRESSION)
    classes = with_task(amounts, Task.MULTICLASS)
    assert classes.notes == build_dataset(table, target="grade", task=Task.MULTICLASS).notes
    assert "R²" in " ".join(amounts.notes)
    assert "% of the rows" in " ".join(classes.notes)
    assert with_task(classes, Task.REGRESSION).notes == amounts.notes


@pytest.mark.parametrize(
    ("name", "task", "sentence"),
    [
        ("iris", Task.REGRESSION, "needs a numeric target, but 'species' holds text such as 'set"),
        ("iris", Task.BINARY, "exactly two values, but 'species' holds 3"),
        ("breast_cancer", Task.MULTICLASS, "three classes or more"),
        ("diabetes", Task.BINARY, "but 'progression' holds 214"),
    ],
)
def test_task_that_the_target_does_not_allow_is_refused(
    name: str, task: Task, sentence: str
) -> None:
    with pytest.raises(InvalidDataset, match=sentence) as caught:
        with_task(load_builtin(name), task)
    assert caught.value.pointer == "/task"


def test_frame_from_a_notebook_becomes_a_dataset() -> None:
    table = penguins().set_index("ring")
    before = table.copy(deep=True)
    dataset = build_dataset(table, target="species", name="birds")
    assert dataset.id == "birds"
    pd.testing.assert_frame_equal(table, before)


def test_blanks_around_the_name_of_the_target_do_not_count() -> None:
    assert read_table(csv_bytes(penguins()), target=" species ").target == "species"


def test_unknown_target_is_answered_with_the_nearest_column() -> None:
    with pytest.raises(UnknownChoice, match=r"did you mean 'species'.*bill") as caught:
        read_table(csv_bytes(penguins()), target="specie")
    assert caught.value.pointer == "/target"


def test_unknown_target_in_a_wide_table_lists_the_near_ones_only() -> None:
    table = pd.DataFrame({f"pixel{i}": np.zeros(30) for i in range(800)}).assign(label=1)
    with pytest.raises(UnknownChoice, match="did you mean 'label'") as caught:
        read_table(csv_bytes(table), target="lable")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("table", "target", "sentence", "pointer"),
    [
        (penguins().assign(species=None), "species", "missing in all of 60 rows", "/target"),
        (penguins().assign(species=" "), "species", "missing in all of 60 rows", "/target"),
        (penguins().head(0), "species", "table has no rows", "/file"),
        (penguins().head(20), "species", "19 rows with a target, but at least 20", "/file"),
        (penguins()[["species"]], "species", "only the target column 'species'", "/file"),
        (penguins().assign(species="Adelie"), "species", "only the value 'Adelie'", "/target"),
        (penguins()[["species", "ring"]], "species", "no feature column is left", "/file"),
        (penguins()[["species", "tagged"]].assign(tagged=1), "species", "one and the sam", "/file"),
        (penguins().assign(bill=np.inf), "species", "'bill' holds 59 infinite", "/file"),
        (penguins().assign(bill=np.inf), "bill", "'bill' holds 60 infinite", "/target"),
        (penguins(), "ring", "60 different values in 60 rows, too many to be classes", "/target"),
    ],
)
def test_table_that_cannot_be_learned_from_is_refused_with_a_sentence(
    table: pd.DataFrame, target: str, sentence: str, pointer: str
) -> None:
    with pytest.raises(InvalidDataset, match=sentence) as caught:
        read_table(csv_bytes(table), target=target)
    assert caught.value.pointer == pointer


def test_missing_header_row_is_noticed() -> None:
    content = csv_bytes(penguins()[["bill", "bill", "bill"]].dropna()).partition(b"\n")[2]
    content = b"5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n" + content
    with pytest.raises(InvalidDataset, match=r"first row \(5.1, 3.5, 1.4, 0.2, setosa.*header row"):
        read_table(content[:50], target="species")


def test_numbers_may_be_names_of_columns() -> None:
    table = pd.DataFrame({"0": np.arange(30) % 7, "1": np.arange(30) % 2})
    assert read_table(csv_bytes(table), target="1").task is Task.BINARY


def test_limit_is_the_callers() -> None:
    with pytest.raises(InvalidDataset, match="limit"):
        read_table(csv_bytes(penguins()), target="species", limit=100)


#: Odd columns that are refused as a feature, whatever the task.
REFUSED_FEATURES = {"complex", "decimals", "overflow"}
#: Odd columns as targets: the tasks that they allow, first the outcome of inference, which is None
#: where the inferred task is refused. Others: none.
TARGET_TASKS: dict[str, tuple[Task | None, ...]] = {
    "whole numbers beyond int64": (Task.MULTICLASS, Task.REGRESSION),
    "bytes": (Task.BINARY,),
    "intervals": (Task.MULTICLASS,),
    "dates and times": (Task.BINARY,),
    "times of day": (Task.BINARY,),
    "lists": (Task.BINARY,),
    "arrays": (Task.BINARY,),
    "of all kinds": (Task.MULTICLASS,),
    "categories of dates": (Task.BINARY,),
    "sparse": (Task.REGRESSION, Task.MULTICLASS),
    "float16": (Task.MULTICLASS, Task.REGRESSION),
    "dates out of bounds": (Task.BINARY,),
    "spread below rounding": (Task.BINARY,),
    "subnormal": (None, Task.MULTICLASS),
    "huge": (Task.MULTICLASS, Task.REGRESSION),
}


def expected_task(kind: str, role: str, task: Task | None) -> Task | None:
    """The task of the dataset that should come of it; None where it should be refused."""
    allowed: tuple[Task | None, ...]
    if role == "target":
        allowed = TARGET_TASKS.get(kind, ())
    else:
        allowed = () if kind in REFUSED_FEATURES else (Task.MULTICLASS, Task.REGRESSION)
    if task is None:
        return allowed[0] if allowed else None
    return task if task in allowed else None


@pytest.mark.parametrize("task", [None, *Task])
@pytest.mark.parametrize("role", ["feature", "target"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_column_earns_finite_arrays_or_a_sentence(
    kind: str, role: str, task: Task | None
) -> None:
    """Nothing but a SearchError may be raised; warnings are errors here."""
    plain = pd.Series(np.arange(PENGUINS) % 3)
    odd = ODD[kind]
    feature, target = (odd, plain) if role == "feature" else (plain, odd)
    table = pd.DataFrame({"odd": feature, "even": np.arange(PENGUINS) % 7 / 2, "t": target})
    expected = expected_task(kind, role, task)
    if expected is None:
        with pytest.raises(SearchError, match=r"[a-z]+ "):
            build_dataset(table, target="t", task=task, name="odd")
        return
    dataset = build_dataset(table, target="t", task=task, name="odd")
    assert dataset.task is expected
    prepared = prepare(dataset, split(dataset, Evaluation(), 0))
    assert len(prepared.folds) == 3
    for arrays in prepared.folds:
        assert np.isfinite(arrays.x_train).all()
        assert np.isfinite(arrays.x_validation).all()
        assert np.isfinite(arrays.y_train).all()
