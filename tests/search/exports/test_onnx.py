"""The ONNX export: valid, with its preprocessing inside, and equal to the service to the digit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, checker, helper
from scipy import special

from search.activations import ActivationName
from search.data.dataset_builder import build_dataset
from search.exports.catalog import export
from search.exports.onnx_graph import IR_VERSION, OPSET, Graph, OnnxFunctions, Value
from search.exports.onnx_scaling import normal_quantile
from search.study import Expression, Task
from tests.search.archives import Made, archive_on, make_archive
from tests.search.exports.own import EXPRESSIONS
from tests.search.exports.programs import STORY


def session(content: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def feed(features: pd.DataFrame) -> dict[str, np.ndarray]:
    """Columns as the model takes them."""
    return {
        name: column.to_numpy(float)[:, None]
        if column.dtype == float
        else column.fillna("").to_numpy(object)[:, None]
        for name, column in features.items()
    }


def answers(made: Made, features: pd.DataFrame) -> list[Any]:
    found: list[Any] = session(export("onnx", made.blob, STORY)).run(None, feed(features))
    return found


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize("task", Task)
def test_columns_become_predictions(task: Task, scaling: str) -> None:
    made = make_archive(task, scaling=scaling, activation="gelu", normalization="batch")
    features = made.dataset.features.copy()
    features.loc[5, "kind"] = "not seen"
    features.loc[6, "city"] = "not seen"
    features.loc[7, "size"] = 1e6
    expected = made.oracle(features)
    prediction, *shares = answers(made, features)
    if task is Task.REGRESSION:
        np.testing.assert_allclose(prediction, expected, rtol=1e-12)
        return
    np.testing.assert_allclose(shares[0], expected, atol=1e-12)
    classes = made.dataset.classes
    assert prediction.tolist() == [classes[place] for place in expected.argmax(axis=1)]


def assert_predicts(made: Made) -> None:
    features = made.dataset.features
    np.testing.assert_allclose(answers(made, features)[1], made.oracle(features), atol=1e-9)


@pytest.mark.parametrize("activation", [name for name in ActivationName if name.row.hidden])
def test_every_activation_is_written(activation: str) -> None:
    assert_predicts(make_archive(activation=activation, depth=2))


@pytest.mark.parametrize("sharing", ["layer", "channel"])
def test_numbers_learned_by_layer_or_channel_are_written(sharing: str) -> None:
    assert_predicts(make_archive(activation="acon", acon_sharing=sharing, depth=2))


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda one: one.name)
def test_an_expression_is_written(expression: Expression) -> None:
    assert_predicts(make_archive(activation=expression.name, expression=expression, depth=2))


def test_ties_and_ends_have_the_ranks_of_the_training() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "few": rng.choice([1.0, 2.0, 2.5], 90),
            "ends": np.clip(rng.normal(size=90), -0.5, 0.8),
            "alone": np.where(np.arange(90) < 88, 3.0, 4.0),
            "y": rng.normal(size=90),
        }
    )
    made = archive_on(build_dataset(table, target="y"), table, scaling="quantile")
    values = [-9.0, 0.0, 1.0, 1.5, 2.0, 2.2, 2.5, 9.0, -0.5, 0.8, 0.1, 3.0, 3.5, 4.0]
    rows = pd.DataFrame(dict.fromkeys(["few", "ends", "alone"], values))
    np.testing.assert_allclose(answers(made, rows)[0], made.oracle(rows), rtol=1e-12)


def test_the_model_is_valid_and_says_what_it_takes() -> None:
    made = make_archive(Task.BINARY)
    content = export("onnx", made.blob, STORY)
    model = onnx.load_from_string(content)
    checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == OPSET
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["classes"]) == list(made.dataset.classes)
    assert told["opset"] == str(OPSET)
    assert told["study"] == STORY["study"]["id"]
    columns = {column["column"]: column for column in json.loads(told["inputs"])}
    assert columns["since"]["cells"] == "days since 1970, NaN where missing"
    assert columns["kind"]["cells"] == '"" where missing'
    kinds = {entry.name: entry.type for entry in session(content).get_inputs()}
    assert kinds["since"] == "tensor(double)"
    assert kinds["kind"] == "tensor(string)"


def test_columns_may_be_called_as_the_outputs_are() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["prediction", "probabilities", "y"])
    made = archive_on(build_dataset(table, target="y"), table)
    rows = feed(made.dataset.features)
    renamed = {f"column {name}": values for name, values in rows.items()}
    found = session(export("onnx", made.blob, {})).run(None, renamed)
    np.testing.assert_allclose(found[0], made.oracle(made.dataset.features), rtol=1e-12)


def evaluated(make: Any, z: np.ndarray) -> np.ndarray:
    """One function of a graph at the numbers `z`."""
    graph = Graph()
    made: Value = make(Value(graph, "z"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N"]) for name in ("z", made.name)
    ]
    drawn = helper.make_graph(graph.nodes, "g", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(
        drawn, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    found: np.ndarray = session(model.SerializeToString()).run(None, {"z": z})[0]
    return found


def test_the_normal_distribution_is_exact() -> None:
    z = np.concatenate([np.linspace(-12, 12, 4001), [0.0, 30.0, -30.0]])
    np.testing.assert_allclose(
        evaluated(OnnxFunctions().ndtr, z), special.ndtr(z), rtol=1e-9, atol=1e-15
    )
    p = np.concatenate([np.linspace(1e-7, 1 - 1e-7, 4001), [0.075, 0.925, 1e-12, 0.5]])
    np.testing.assert_allclose(evaluated(normal_quantile, p), special.ndtri(p), atol=1e-12)


@pytest.mark.parametrize("name", ["exp", "log1p", "expm1", "sin", "abs", "arctan", "sign"])
def test_functions_that_no_formula_uses_yet_are_there(name: str) -> None:
    z = np.linspace(-0.9, 3, 50)
    oracle = getattr(np, name)(z)
    np.testing.assert_allclose(evaluated(getattr(OnnxFunctions(), name), z), oracle, atol=1e-14)


def test_a_function_that_cannot_be_written_is_named() -> None:
    with pytest.raises(AttributeError, match="uses 'gamma'"):
        OnnxFunctions().gamma  # noqa: B018
