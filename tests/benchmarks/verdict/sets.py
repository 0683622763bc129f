"""The data of the rows: shipped sets, and made ones whose true answer is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from search.data.dataset_builder import build_dataset
from search.data.datasets import Dataset
from search.study import Task

#: Features of the made sets, and how many of them bend the boundary.
_FEATURES, _BENT = 8, 4


def smooth(rows: int, bend: float, seed: int) -> Dataset:
    """Return two classes whose log odds are linear in the features, plus `bend` smooth waves.

    With `bend` 0 a linear network is as good as any; the more, the worse it is beside one that can
    bend its boundary.
    """
    rng = np.random.default_rng((seed, rows))
    x = rng.normal(size=(rows, _FEATURES))
    odds = x @ np.linspace(1.0, 0.2, _FEATURES)
    waves = np.sin(1.5 * x[:, :_BENT]).sum(axis=1) * x[:, _BENT]
    waves = waves + np.square(x[:, :_BENT]).sum(axis=1) - _BENT
    labels = rng.random(rows) < 1.0 / (1.0 + np.exp(-(odds + bend * waves)))
    table = pd.DataFrame({f"x{k}": x[:, k] for k in range(_FEATURES)})
    table["label"] = np.where(labels, "yes", "no")
    dataset = build_dataset(table, target="label", task=Task.BINARY, columns={}, name="smooth")
    return replace(dataset, id="smooth")


@cache
def from_folder(folder: Path, name: str) -> Dataset:
    """Return the table `name` of a folder of CSV files whose last column is the target."""
    table = pd.read_csv(next(folder.glob(f"{name}.csv*")))
    target = str(table.columns[-1])
    dataset = build_dataset(table, target=target, task=Task.MULTICLASS, columns={}, name=name)
    return replace(dataset, id=name)
