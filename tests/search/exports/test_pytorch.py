"""The PyTorch export runs without this project and says what the service says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from search.activations import ActivationName
from search.networks.model_archive import load_model_archive
from search.prediction.predict import predict_rows
from search.prediction.predictor import Predictor
from search.study import Expression, ParamValue, Task
from tests.search.archives import Made, make_archive, mixed_table
from tests.search.exports.own import EXPRESSIONS, NUMBERS, SHORT
from tests.search.exports.programs import predicted_by_program, unpacked

HIDDEN = [name for name in ActivationName if name.row.hidden]


def module_of(folder: Path) -> torch.nn.Module:
    spec = importlib.util.spec_from_file_location("exported_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: torch.nn.Module = module.Network()
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return network.eval()


def outputs(made: Made, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of the exported module, and those of the service's predictor."""
    x = made.preprocessor.transform(made.dataset.features)
    with torch.no_grad():
        exported = module_of(unpacked("pytorch", made, folder)).double()(
            torch.from_numpy(x).double()
        )
    return exported.numpy(), Predictor(load_model_archive(made.blob)).logits(x)


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_every_activation_is_a_module_of_its_name(
    activation: str, normalization: str, tmp_path: Path
) -> None:
    made = make_archive(activation=activation, normalization=normalization, depth=3, dropout=0.2)
    exported, expected = outputs(made, tmp_path)
    np.testing.assert_allclose(exported, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda one: one.name)
def test_an_expression_is_a_module_that_reads_well(expression: Expression, tmp_path: Path) -> None:
    made = make_archive(activation=expression.name, expression=expression, depth=2)
    exported, expected = outputs(made, tmp_path)
    np.testing.assert_allclose(exported, expected, rtol=1e-6, atol=1e-6)
    assert len((tmp_path / "model.py").read_text()) < 4000


@pytest.mark.parametrize("params", NUMBERS)
def test_numbers_of_an_activation_are_kept(params: dict[str, ParamValue], tmp_path: Path) -> None:
    exported, expected = outputs(make_archive(seed=3, **params), tmp_path)
    np.testing.assert_allclose(exported, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("params", [{"activation": "tanh"}, *SHORT, {"depth": 9, "dropout": 0.1}])
def test_the_module_reads_as_one_written_by_hand(
    params: dict[str, ParamValue], tmp_path: Path
) -> None:
    folder = unpacked("pytorch", make_archive(**params), tmp_path)
    for command in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,D2,D3,D4,UP,B"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--line-length", "100", "--isolated",
             "--config", "lint.isort.known-first-party=['model', 'preprocessing']",
             str(folder / "model.py"), str(folder / "predict.py")],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    source = (folder / "model.py").read_text()
    imports = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert set(imports) <= {"import torch", "from torch import Tensor, nn"}


@pytest.mark.parametrize(
    ("task", "scaling"), list(zip(Task, ["standard", "robust", "quantile"], strict=True))
)
def test_the_program_predicts_without_this_project(
    task: Task, scaling: str, tmp_path: Path
) -> None:
    made = make_archive(task, activation="gelu", scaling=scaling, normalization="batch")
    table = mixed_table(task, seed=5).drop(columns="id")
    table.loc[3, ["size", "price", "open", "since"]] = ["-", "(1.250,5)", "maybe", "2020-01-01"]
    answer, said = predicted_by_program(unpacked("pytorch", made, tmp_path), table)
    expected = predict_rows(made.blob, table.to_dict("records"))
    for column in ("open", "since"):
        assert f"1 cells of column '{column}' could not be read" in said
        assert any(f"1 cells of column '{column}'" in warning for warning in expected["warnings"])
    predictions = [each["prediction"] for each in expected["predictions"]]
    if task is Task.REGRESSION:
        np.testing.assert_allclose(answer["prediction"], predictions, rtol=1e-9)
        return
    assert answer["prediction"].tolist() == predictions
    assert list(answer)[1:] == [f"probability_{label}" for label in made.dataset.classes]
    shares = [list(each["probabilities"].values()) for each in expected["predictions"]]
    np.testing.assert_allclose(answer.iloc[:, 1:], shares, atol=1e-9)


def test_the_program_names_absent_columns_and_refuses_foreign_ones(tmp_path: Path) -> None:
    made = make_archive()
    folder = unpacked("pytorch", made, tmp_path)
    answer, said = predicted_by_program(folder, made.table.drop(columns="size").head(5))
    assert len(answer) == 5
    assert "column 'size' is absent" in said
    with pytest.raises(AssertionError, match="not trained on the columns colour"):
        predicted_by_program(folder, made.table.assign(colour="red"))


def test_the_same_network_gives_the_same_file(tmp_path: Path) -> None:
    made = make_archive()
    folder = unpacked("pytorch", made, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "model.py", "predict.py", "preprocessing.json", "preprocessing.py",
        "requirements.txt", "weights.safetensors",
    ]  # fmt: skip
    readme = (folder / "README.md").read_text()
    assert "GELU is better than all others." in readme
    assert "`since` (date)" in readme
