"""Every export says what the service says: on every task, activation, normalization and column.

Each network's rows are predicted in a process that lacks this project, by the export's own program
or, for ONNX, by the lines that a person would write.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
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


#: By name of the network, what the service says of each row.
Expected: TypeAlias = dict[str, np.ndarray]


def lay_out(form: str, task: Task, names: Iterable[str], folder: Path) -> Expected:
    """Write exports of networks into a folder each."""
    folder.mkdir()
    rows, archives = new_rows(task), networks(task)
    return {name: laid_out(form, archives[name], rows, folder / name) for name in names}


def far_off(task: Task, expected: Expected, folder: Path, *, rounded: bool) -> dict[str, float]:
    """The networks whose answers are further off than may be, and how far."""
    made, tolerance = dataset(task)[0], SINGLE if rounded else DOUBLE
    far = {}
    for name, answer in expected.items():
        each = differences(made, answer, folder / name)
        far[name] = np.delete(each, FAR_OUT).max() if rounded else each.max()
    return {name: value for name, value in far.items() if not value <= tolerance}


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("form", ["pytorch", "onnx"])
def test_an_export_says_what_the_service_says(form: str, task: Task, tmp_path: Path) -> None:
    folder = tmp_path / form
    expected = lay_out(form, task, networks(task), folder)
    program = str(Path(__file__).with_name("predict_onnx.py")) if form == "onnx" else ""
    run_programs([folder / name for name in expected], program=program)
    assert far_off(task, expected, folder, rounded=False) == {}


def turns(names: Sequence[str]) -> dict[tuple[str, Task], list[str]]:
    """Backend of Keras and task -> the networks tried there.

    Each takes seconds a process and tenths of them a network, so each network is tried once: each
    activation, by its normalizations, on every task, and each normalization on every backend.
    """
    tasks, shares = list(Task), defaultdict[tuple[str, Task], list[str]](list)
    for place, name in enumerate(names):
        activation, normalization = divmod(place, len(NORMALIZATIONS))
        task = tasks[(activation + normalization) % len(tasks)]
        shares[THERE[(activation // len(tasks) + normalization) % len(THERE)], task].append(name)
    return dict(shares)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_export_to_keras_says_what_the_service_says(backend: str, tmp_path: Path) -> None:
    names = list(networks(Task.BINARY))
    expected = {
        task: lay_out("keras", task, share, tmp_path / task)
        for (where, task), share in turns(names).items()
        if where == backend
    }
    folders = [tmp_path / task / name for task, answers in expected.items() for name in answers]
    run_programs(folders, {"KERAS_BACKEND": backend})
    for task, answers in expected.items():
        assert far_off(task, answers, tmp_path / task, rounded=backend in ROUNDED) == {}


def test_backends_of_keras_share_every_network_among_them() -> None:
    names = list(networks(Task.BINARY))
    shares = turns(names)
    assert sorted(name for share in shares.values() for name in share) == sorted(names)
    assert set(shares) == set(product(THERE, Task))
    for share in shares.values():
        for normalization in NORMALIZATIONS:
            assert any(f"-{normalization}-" in name for name in share)
    for activation in HIDDEN:
        of_it = [
            k for k, share in shares.items() if any(n.startswith(f"{activation}-") for n in share)
        ]
        assert {task for _, task in of_it} == set(Task)
