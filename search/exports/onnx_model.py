"""The ONNX export: one file from columns of a table to predictions, its preprocessing inside.

Inputs are columns, (N, 1) each: numbers, truth values (0 and 1), durations and dates (in days, of
dates since 1970) are double, NaN where missing; text is string, "" where missing. Outputs are
`prediction` (N,) and, for classes, `probabilities` (N, C).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from onnx import TensorProto, ValueInfoProto, checker, helper

from search.activations.expression_tree import bound
from search.activations.formulas import Namespace
from search.activations.program import program
from search.activations.simplify import simplify
from search.data.datasets import ColumnKind
from search.data.fold_arrays import MISSING
from search.data.input_columns import InputColumn
from search.exports.folder import about
from search.exports.onnx_graph import IR_VERSION, ML_OPSET, OPSET, Graph, OnnxFunctions, Value
from search.exports.onnx_scaling import scaled
from search.networks.model_archive import ModelArchive, load_model_archive
from search.networks.trained_network import HiddenLayer, take_apart
from search.study import Task

_OUTPUTS = ("prediction", "probabilities")
_EPSILON = 1e-5
_UNITS = {
    ColumnKind.DATE: "days since 1970",
    ColumnKind.DURATION: "days",
    ColumnKind.TRUTH: "0 or 1",
}


def write_onnx(blob: bytes, story: Mapping[str, Any]) -> bytes:
    """Return the model of an archive as one file."""
    archive = load_model_archive(blob)
    graph = Graph()
    columns = {column.name: Value(graph, input_name(column)) for column in archive.columns}
    logits = _network(archive, _inputs(archive, graph, columns))
    outputs = _predictions(archive, graph, logits)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [_input(column) for column in archive.columns],
            outputs,
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="activation-search",
        doc_string=about(archive, story),
    )
    helper.set_model_props(model, _metadata(archive, story))
    checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def input_name(column: InputColumn) -> str:
    """Return the name of a column's input: its own, unless an output is called so."""
    return f"column {column.name}" if column.name in _OUTPUTS else column.name


def _input(column: InputColumn) -> ValueInfoProto:
    kind = TensorProto.STRING if column.is_text else TensorProto.DOUBLE
    info = helper.make_tensor_value_info(input_name(column), kind, ["N", 1])
    info.doc_string = _described(column)["cells"]
    return info


def _described(column: InputColumn) -> dict[str, str]:
    missing = '"" where missing' if column.is_text else "NaN where missing"
    unit = _UNITS.get(column.kind)
    return {
        "column": column.name,
        "input": input_name(column),
        "kind": column.kind.value,
        "cells": f"{unit}, {missing}" if unit else missing,
    }


def _metadata(archive: ModelArchive, story: Mapping[str, Any]) -> dict[str, str]:
    return {
        "task": archive.task.value,
        "target": archive.target,
        "classes": json.dumps(archive.classes),
        "inputs": json.dumps([_described(column) for column in archive.columns]),
        "configuration": json.dumps(dict(archive.params)),
        "study": (story.get("study") or {}).get("id", ""),
        "opset": str(OPSET),
    }


def _inputs(archive: ModelArchive, graph: Graph, columns: Mapping[str, Value]) -> Value:
    """Return the inputs of the network, (N, D), rounded to float32 as in its training."""
    schema, parts = archive.schema, []
    if schema.numeric:
        values = graph.node("Concat", *(columns[name] for name in schema.numeric), axis=1)
        filled = values.apply("IsNaN").apply("Where", archive.statistics["median"], values)
        parts.append(scaled(archive.scaling, archive.statistics, filled))
    parts += [columns[name].apply("IsNaN").cast(TensorProto.DOUBLE) for name in schema.indicators]
    for name, levels in zip(schema.categorical, schema.levels, strict=True):
        place = _places(graph, columns[name], levels)
        every = graph.constant(np.arange(len(levels))[None, :], np.int64)
        parts.append(place.apply("Equal", every).cast(TensorProto.DOUBLE))
    for name, known in archive.encodings.items():
        levels = tuple(level for level in known if level is not None)
        place = _places(graph, columns[name], levels)
        flat = place.apply("Reshape", graph.constant([-1], np.int64))
        table = graph.constant([*(known[level] for level in levels), known[None]])
        parts.append(table.apply("Gather", flat))
    return graph.node("Concat", *parts, axis=1).cast(TensorProto.FLOAT).cast(TensorProto.DOUBLE)


def _places(graph: Graph, texts: Value, levels: tuple[str, ...]) -> Value:
    """Return the place of each text among `levels`, their number where it is none of them."""
    keys = ["" if level == MISSING else level for level in levels]
    return graph.label_encoder(texts, keys, range(len(levels)))


def _network(archive: ModelArchive, x: Value) -> Value:
    network = take_apart(archive, np.float64)
    for layer in network.hidden:
        z = _normalized(layer, x @ layer.linear.weight + layer.linear.bias)
        x = _activated(layer, z)
    outputs: Value = x @ network.output.weight + network.output.bias
    return outputs


def _activated(layer: HiddenLayer, z: Value) -> Value:
    functions = cast("Namespace", OnnxFunctions())
    if layer.row.listed:
        value: Value = layer.row.expression(functions, z, layer.numbers)
        return value
    # One's own has one number a layer, which leaves functions of z alone.
    numbers = {name: float(number[0]) for name, number in layer.numbers.items()}
    (own,) = program(simplify(bound(layer.row.tree, numbers))).run(functions, z, {})
    return own if isinstance(own, Value) else z * 0.0 + own


def _normalized(layer: HiddenLayer, z: Value) -> Value:
    norm = layer.normalization
    if norm is None:
        return z
    if norm.mean is not None and norm.variance is not None:
        factor = norm.scale / np.sqrt(norm.variance + _EPSILON)
        scaled: Value = z * factor + (norm.shift - norm.mean * factor)
        return scaled
    axes = z.graph.constant([1], np.int64)
    centred = z - z.apply("ReduceMean", axes)
    variance = (centred * centred).apply("ReduceMean", axes)
    normal: Value = centred / (variance + _EPSILON).apply("Sqrt") * norm.scale + norm.shift
    return normal


def _predictions(archive: ModelArchive, graph: Graph, logits: Value) -> list[ValueInfoProto]:
    flat = graph.constant([-1], np.int64)
    if archive.task is Task.REGRESSION:
        values = logits * archive.target_scale + archive.target_mean
        _name(values.apply("Reshape", flat), "prediction")
        return [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["N"])]
    if archive.task is Task.BINARY:
        # The logit of the first class is 0.
        logits = graph.node("Concat", logits * 0.0, logits, axis=1)
    shares = _name(logits.apply("Softmax", axis=1), "probabilities")
    best = shares.apply("ArgMax", axis=1, keepdims=0)
    labels = graph.constant(np.array(archive.classes, dtype=object), object)
    _name(labels.apply("Gather", best), "prediction")
    count = len(archive.classes)
    return [
        helper.make_tensor_value_info("prediction", TensorProto.STRING, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, ["N", count]),
    ]


def _name(value: Value, name: str) -> Value:
    """Give the value made last the name of an output."""
    value.graph.nodes[-1].output[0] = name
    return Value(value.graph, name)
