"""The Keras export runs on every backend without this project, and reads as written by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search.errors import MissingExtra
from search.exports.catalog import export
from search.networks.model_archive import load_model_archive
from search.prediction.predict import predict_rows
from search.study import ParamValue, Task
from tests.search.archives import Made, as_csv, make_archive, mixed_table
from tests.search.exports.own import EXPRESSIONS, SHORT
from tests.search.exports.programs import (
    ANSWERS,
    BACKENDS,
    ROWS,
    predicted_by_program,
    run_programs,
    unpacked,
)


def shares_of(made: Made, table: pd.DataFrame) -> list[list[float]]:
    predictions = predict_rows(made.blob, table.to_dict("records"))["predictions"]
    return [list(each["probabilities"].values()) for each in predictions]


@pytest.mark.parametrize("backend", BACKENDS)
def test_expressions_of_ones_own_are_layers(backend: str, tmp_path: Path) -> None:
    table = mixed_table(Task.MULTICLASS, rows=40, seed=5)
    made = {
        one.name: make_archive(activation=one.name, expression=one, depth=2) for one in EXPRESSIONS
    }
    folders = [unpacked("keras", each, tmp_path / name) for name, each in made.items()]
    for folder in folders:
        (folder / ROWS).write_bytes(as_csv(table))
    run_programs(folders, {"KERAS_BACKEND": backend})
    for name, each in made.items():
        answer = pd.read_csv(tmp_path / name / ANSWERS)
        np.testing.assert_allclose(answer.iloc[:, 1:], shares_of(each, table), atol=1e-5)


def test_the_program_takes_the_backend_that_is_there_and_warns_of_cells(tmp_path: Path) -> None:
    made = make_archive(activation="serf")
    table = mixed_table(Task.MULTICLASS, seed=5).drop(columns=["id", "size"]).head(50)
    table.loc[3, "open"] = "maybe"
    folder = unpacked("keras", made, tmp_path)
    answer, said = predicted_by_program(folder, table, {"KERAS_BACKEND": ""})
    assert "column 'size' is absent" in said
    assert "1 cells of column 'open' could not be read" in said
    np.testing.assert_allclose(answer.iloc[:, 1:], shares_of(made, table), atol=1e-5)


def test_a_network_of_keras_own_layers_loads_alone(tmp_path: Path) -> None:
    made = make_archive(activation="gelu", normalization="layer")
    folder = unpacked("keras", made, tmp_path)
    (folder / "model.py").unlink()
    code = "import keras; print(keras.saving.load_model('model.keras').count_params())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        check=True, capture_output=True, text=True, cwd=folder, env={"KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert int(done.stdout) == len(load_model_archive(made.blob).weights)


def test_the_code_builds_the_network_that_was_saved(tmp_path: Path) -> None:
    """Its weights fit in, and the two then answer alike."""
    for name, params in {
        "deep": {"activation": "acon", "depth": 9, "dropout": 0.1, "normalization": "batch"},
        "plain": {"activation": "relu", "depth": 3},
    }.items():
        folder = unpacked("keras", make_archive(**params), tmp_path / name)
        code = """
import sys
sys.path.insert(0, sys.argv[1])
from predict import keras, load_network
from model import build_network
saved, built = load_network(), build_network()
built.set_weights(saved.get_weights())
x = keras.ops.ones((3, saved.input_shape[1]))
answers = [keras.ops.convert_to_numpy(network(x, training=False)) for network in (saved, built)]
assert abs(answers[0] - answers[1]).max() < 1e-5 * abs(answers[0]).max(), answers
"""
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(folder)],
            check=False, capture_output=True, text=True, env={"KERAS_BACKEND": "torch"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("params", [{"activation": "tanh"}, *SHORT, {"depth": 9, "dropout": 0.1}])
def test_the_code_reads_as_written_by_hand(params: dict[str, ParamValue], tmp_path: Path) -> None:
    folder = unpacked("keras", make_archive(**params), tmp_path)
    for command in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,D2,D3,D4,UP,B"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--line-length", "100", "--isolated",
             "--config", "lint.isort.known-first-party=['model', 'preprocessing']",
             str(folder / "model.py"), str(folder / "predict.py")],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    source = (folder / "model.py").read_text()
    imports = {line for line in source.splitlines() if line.startswith(("import", "from"))}
    layers = {"from keras import layers", "from keras import KerasTensor, layers, ops"}
    assert imports - layers == {"import keras"}


def test_the_same_network_gives_the_same_file(tmp_path: Path) -> None:
    made = make_archive()
    folder = unpacked("keras", made, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "model.keras", "model.py", "predict.py", "preprocessing.json",
        "preprocessing.py", "requirements.txt",
    ]  # fmt: skip
    assert "(Keras)" in (folder / "README.md").read_text()
    assert export("keras", made.blob, {}) == export("keras", made.blob, {})


def test_without_keras_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_archive()
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtra, match=r"pip install 'activation-search\[keras\]'"):
        export("keras", made.blob, {})


@pytest.mark.parametrize("form", ["pytorch", "keras"])
def test_no_name_ends_the_text_that_it_stands_in(form: str, tmp_path: Path) -> None:
    made = make_archive()
    named = {
        "study": {"id": "st_1"},
        "dataset": {"name": 'a"""\nraise ValueError\n"""\\', "id": ""},
    }
    content = export(form, made.blob, named)
    (tmp_path / "export.zip").write_bytes(content)
    code = (
        "import sys; sys.path.insert(0, 'export.zip'); import model; assert 'ValueError' in "
        "model.__doc__"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, env={"KERAS_BACKEND": "torch"}
    )
