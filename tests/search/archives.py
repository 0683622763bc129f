"""Archives of networks: of random weights behind a real preprocessing, or trained for a moment."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from search.activations import own_activation
from search.data.dataset_builder import build_dataset
from search.data.datasets import ColumnRole, Dataset
from search.data.preprocessing import Preprocessor, fit_preprocessor, infer_schema, prepare
from search.data.splits import split
from search.networks.dimensions import Dimensions
from search.networks.lane import LaneState, NetworkConfig
from search.networks.model_archive import save_model_archive
from search.networks.sequential import build_network, load_state
from search.study import Evaluation, Expression, ParamValue, Scaling, Task
from search.training.device import Device
from search.training.packing import pack
from search.training.segment import train_segment
from tests.search.plain_network import BASE, lane, segment

ROWS = 240
CLASSES = {Task.BINARY: ("no", "yes, please"), Task.MULTICLASS: ("low", 'the "mid"', "hoch")}


def mixed_table(task: Task, rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Text cells of every kind of column, as a file would hold them, and a target."""
    rng = np.random.default_rng(seed)
    size = rng.normal(5.0, 2.0, rows)
    date = pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    price = rng.gamma(2.0, 900.0, rows)
    table = {
        "size": np.where(rng.random(rows) < 0.1, "", [f"{v:.2f}" for v in size]),
        "id": [f"row-{place:05d}" for place in range(rows)],
        "price": [f"{v:,.2f}".translate(str.maketrans(",.", ".,")) + " €" for v in price],
        "open": rng.choice(["true", "False"], rows),
        "since": date.strftime("%d.%m.%Y"),
        "kind": np.where(rng.random(rows) < 0.1, "NA", rng.choice(["a", "b, c", "ü"], rows)),
        "city": rng.choice([f"city {i}" for i in range(70)], rows),
    }
    score = size + (table["kind"] == "a") + rng.normal(size=rows)
    if task is Task.REGRESSION:
        table["target"] = [f"{v:.4f}" for v in 1e4 + 30 * score]
    else:
        labels = CLASSES[task]
        cuts = np.quantile(score, np.linspace(0, 1, len(labels) + 1)[1:-1])
        table["target"] = [labels[place] for place in np.digitize(score, cuts)]
    return pd.DataFrame(table).astype("str")


def as_csv(table: pd.DataFrame, separator: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.to_numpy().tolist())
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """An archive and what it was made of."""

    blob: bytes
    table: pd.DataFrame
    dataset: Dataset
    preprocessor: Preprocessor
    config: NetworkConfig
    state: LaneState

    def oracle(self, features: pd.DataFrame) -> np.ndarray:
        """Predictions by scikit-learn's preprocessing and torch.nn, as an archive's should be."""
        x = self.preprocessor.transform(features)
        network = build_network(
            self.config, features=x.shape[1], outputs=outputs_of(self.dataset)
        ).double()
        load_state(network, self.state, self.config)
        with torch.no_grad():
            logits = network.eval()(torch.from_numpy(x).double())
        if self.dataset.task is Task.REGRESSION:
            return self.preprocessor.decode(logits.squeeze(1).numpy())
        if self.dataset.task is Task.BINARY:
            positive = torch.sigmoid(logits).numpy()
            return np.hstack([1 - positive, positive])
        return torch.softmax(logits, dim=1).numpy()


def outputs_of(dataset: Dataset) -> int:
    return len(dataset.classes) if dataset.task is Task.MULTICLASS else 1


def make_archive(
    task: Task = Task.MULTICLASS,
    *,
    seed: int = 0,
    expression: Expression | None = None,
    **params: ParamValue,
) -> Made:
    """An archive on the mixed table with the configuration `params` over those of BASE."""
    table = mixed_table(task)
    roles = {"city": ColumnRole.FEATURE}
    dataset = build_dataset(table, target="target", task=task, columns=roles, name="mixed")
    return archive_on(dataset, table, seed=seed, expression=expression, **params)


def archive_on(
    dataset: Dataset,
    table: pd.DataFrame,
    *,
    seed: int = 0,
    expression: Expression | None = None,
    **params: ParamValue,
) -> Made:
    whole: dict[str, ParamValue] = {**BASE, "scaling": "standard", **params}
    own = {} if expression is None else {expression.name: own_activation(expression)}
    config = NetworkConfig.from_params(whole, own)
    fitted = fit_preprocessor(dataset, np.arange(0, len(dataset.y), 2), scaling=config.scaling)
    shape = Dimensions(
        features=fitted.schema.width, outputs=outputs_of(dataset), dtype=torch.float64
    )
    first = shape.first_state(replace(lane(), config=config), fitted.transform(dataset.features))
    rng = np.random.default_rng(seed)
    noise: dict[str, Any] = {
        "params": (first.params + 0.1 * rng.random(first.params.shape)).astype(np.float32),
        "running": rng.uniform(0.5, 1.5, first.running.shape).astype(np.float32),
    }
    state = LaneState(first_moment=np.empty(0), second_moment=np.empty(0), steps=1, **noise)
    return Made(
        blob=save_model_archive(whole, state, fitted, dataset, expression),
        table=table,
        dataset=dataset,
        preprocessor=fitted,
        config=config,
        state=state,
    )


def trained_archives(
    dataset: Dataset, configurations: Sequence[Mapping[str, ParamValue]], epochs: int = 3
) -> list[bytes]:
    """Archives of networks trained together, as a study trains its winner."""
    splits = split(dataset, Evaluation(folds=1), 0)
    scalings = list(Scaling)
    data = prepare(dataset, splits, scalings)
    whole = [{**BASE, "scaling": "standard", **params} for params in configurations]
    lanes = []
    for number, params in enumerate(whole):
        config = NetworkConfig.from_params(params)
        fold = data.place(config.scaling, 0)
        lanes.append(replace(lane(number), config=config, fold=fold))
    states: dict[int, LaneState | None] = {}
    for stack in pack(lanes, Device.CPU):
        for report in train_segment(replace(segment(stack, epochs=epochs), dtype="float32"), data):
            assert report.failure is None, (whole[report.configuration], report.failure)
            states[report.configuration] = report.state
    schema = infer_schema(dataset, splits.search)
    fitted = {
        scaling: fit_preprocessor(dataset, splits.folds[0].train, schema, scaling)
        for scaling in scalings
    }
    return [
        save_model_archive(params, states[number], fitted[lanes[number].config.scaling], dataset)
        for number, params in enumerate(whole)
    ]
