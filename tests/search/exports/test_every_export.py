"""Every export says what the service says: on every task, activation, normalization and column.

Each network's rows are predicted in a process that lacks this project, by the export's own program
or, for ONNX, by the lines that a person would write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import cycle, product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest

from search.activations import ActivationName
from search.data.dataset_builder import build_dataset
from search.data.datasets import ColumnKind, ColumnRole, Dataset
from search.data.fold_arrays import MISSING
from search.exports.catalog import export
from search.networks.model_archive import load_model_archive
from search.networks.normalization import NORMALIZATIONS
from search.prediction.predictor import Predictor
from search.prediction.row_reader import RowReader
from search.study import ParamValue, Scaling, Task
from tests.search.archives import as_csv, mixed_table, trained_archives
from tests.search.exports.own import NUMBERS
from tests.search.exports.programs import ANSWERS, BACKENDS, ROWS, STORY, run_programs, unpacked

#: The most that a probability, or a prediction in standard deviations of its target, may differ by.
DOUBLE, SINGLE = 1e-7, 1e-5
#: On these, Keras rounds products of matrices, and more, to float32 (`keras.backend.result_type`).
ROUNDED = ("torch", "jax")
#: A row beyond all that was trained on: where an activation squares, layer by layer, what is far
#: out already, float32 keeps but five digits.
FAR_OUT = 1
#: Kinds of columns that a network takes.
KINDS = {
    ColumnKind.NUMBER,
    ColumnKind.TRUTH,
    ColumnKind.DATE,
    ColumnKind.DURATION,
    ColumnKind.CATEGORY,
    ColumnKind.MANY_CATEGORIES,
}
HIDDEN = [name for name in ActivationName if name.row.hidden]
#: Of what Keras can run on, what is here.
THERE = [str(p.values[0]) for p in BACKENDS if find_spec(str(p.values[0]))]


@cache
def dataset(task: Task) -> tuple[Dataset, pd.DataFrame]:
    """A dataset with every kind of column, and its table."""
    table = mixed_table(task)
    place = np.arange(len(table))
    table["lasting"] = pd.to_timedelta(place * 7 % 50 / 4, unit="D")
    made = build_dataset(
        table, target="target", task=task, columns={"city": ColumnRole.FEATURE}, name="mixed"
    )
    assert {column.kind for column in made.columns if column.used} >= KINDS
    return made, table


def new_rows(task: Task) -> pd.DataFrame:
    """Rows as a file holds them; some cells are missing, some levels new, some numbers far out."""
    _, table = dataset(task)
    rows = table.drop(columns="target").head(40)
    rows["lasting"] = [str(value / pd.Timedelta(days=1)) for value in rows["lasting"]]
    rows.loc[0, :] = ""
    rows.loc[FAR_OUT, ["size", "price", "lasting"]] = ["1e6", "-12", "-3"]
    rows.loc[2, ["kind", "city"]] = "never seen"
    return rows.drop(columns="id")


@cache
def networks(task: Task) -> dict[str, bytes]:
    """Every activation with every normalization, and numbers other than the usual; trained.

    Scalings and depths take turns.
    """
    scalings, depths = cycle(Scaling), cycle([1, 2, 5])
    chosen: list[dict[str, ParamValue]] = [
        {"activation": activation, "normalization": normalization}
        for activation, normalization in product(HIDDEN, NORMALIZATIONS)
    ]
    params = [
        {
            **one,
            "scaling": next(scalings).value,
            "width": 16,
            "depth": next(depths),
            "dropout": 0.1,
            "learning_rate": 1e-3,
        }
        for one in [*chosen, *NUMBERS]
    ]
    names = ["-".join(f"{value}" for value in one.values()) for one in params]
    return dict(zip(names, trained_archives(dataset(task)[0], params), strict=True))


def laid_out(form: str, archive: bytes, rows: pd.DataFrame, folder: Path) -> np.ndarray:
    """Write the export and the rows; returns the predictor's own answers."""
    predictor = Predictor(load_model_archive(archive))
    cells = RowReader(predictor, list(rows)).read_texts(rows)
    folder.mkdir()
    if form == "onnx":
        (folder / "model.onnx").write_bytes(export(form, archive, STORY))
        columns = {name: plain(each.values) for name, each in cells.items()}
        (folder / "columns.json").write_text(json.dumps(columns))
    else:
        unpacked(form, archive, folder)
        (folder / ROWS).write_bytes(as_csv(rows))
    return predictor.predict(cells)


def plain(values: np.ndarray) -> list[Any]:
    return [None if value == MISSING or value != value else value for value in values.tolist()]


def differences(made: Dataset, expected: np.ndarray, folder: Path) -> np.ndarray:
    """How far an export's answer to each row is from that expected."""
    answers = pd.read_csv(folder / ANSWERS, keep_default_na=False, dtype={"prediction": str})
    if made.task is Task.REGRESSION:
        scale = np.maximum(np.std(made.y), np.abs(expected - np.mean(made.y)))
        return np.abs(answers["prediction"].to_numpy(float) - expected) / scale
    classes = list(made.classes)
    assert list(answers) == ["prediction", *(f"probability_{label}" for label in classes)]
    shares = answers.iloc[:, 1:].to_numpy(float)
    assert answers["prediction"].tolist() == [classes[place] for place in shares.argmax(axis=1)]
    return np.abs(shares - expected).max(axis=1)


Expected: TypeAlias = dict[str, np.ndarray]


def share(backend: str, names: Sequence[str]) -> list[str]:
    """The networks that a backend of Keras is tried with: backends take turns, all where one is."""
    # Every activation comes with each normalization, so turns move on from one to the next.
    places = (divmod(place, len(NORMALIZATIONS)) for place in range(len(names)))
    turns = (sum(pair) % len(THERE) for pair in places)
    return [name for name, turn in zip(names, turns, strict=True) if turn == THERE.index(backend)]


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Task], tuple[Path, Expected]]:
    """All networks exported in one form, which is done once for all backends."""

    @cache
    def lay(form: str, task: Task) -> tuple[Path, Expected]:
        folder, rows = tmp_path_factory.mktemp(f"{form}-{task}"), new_rows(task)
        return folder, {
            name: laid_out(form, archive, rows, folder / name)
            for name, archive in networks(task).items()
        }

    return lay


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize(
    ("form", "backend"),
    [
        ("pytorch", ""),
        ("onnx", ""),
        *(pytest.param("keras", *p.values, marks=p.marks) for p in BACKENDS),
    ],
)
def test_an_export_says_what_the_service_says(
    form: str, backend: str, task: Task, laid: Callable[[str, Task], tuple[Path, Expected]]
) -> None:
    folder, expected = laid(form, task)
    if backend:
        expected = {name: expected[name] for name in share(backend, list(expected))}
    program = str(Path(__file__).with_name("predict_onnx.py")) if form == "onnx" else ""
    run_programs(
        [folder / name for name in expected],
        {"KERAS_BACKEND": backend} if backend else None,
        program=program,
    )
    made = dataset(task)[0]
    far, tolerance = {}, SINGLE if backend in ROUNDED else DOUBLE
    for name, answer in expected.items():
        each = differences(made, answer, folder / name)
        far[name] = np.delete(each, FAR_OUT).max() if backend in ROUNDED else each.max()
    assert {name: value for name, value in far.items() if not value <= tolerance} == {}


def test_backends_share_every_network_among_them() -> None:
    names = list(networks(Task.BINARY))
    shares = [share(backend, names) for backend in THERE]
    assert sorted(name for one in shares for name in one) == sorted(names)
    for one in shares:
        for value in NORMALIZATIONS:
            assert any(f"-{value}-" in f"-{name}-" for name in one)
