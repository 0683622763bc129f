"""Scaling curves: where stacking pays and where it stops. `make bench CURVES=1`.

Each curve is microseconds of processor time a lane-step (one minibatch of one network, forward,
backward and update) for lanes in stacks of several widths, and for one plain PyTorch network after
another as peer B trains them. All networks have three hidden layers and are trained on minibatches
of 64 rows; where the swept quantity is another, width is 64, features 64, rows 1,437, as in digits.
Time against trials is measured on the service, under the default pruner.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, TypeAlias

import torch
from rich.console import Console
from torch.nn import functional

from search.data.fold_arrays import TrainingData
from search.training.executors import use_one_core
from tests.benchmarks.engine import make_lanes, step_seconds
from tests.benchmarks.ours import OurRun, served
from tests.benchmarks.peer_network import build
from tests.benchmarks.plots import Curve, plot
from tests.benchmarks.synthetic import synthetic
from tests.benchmarks.work import BATCH, study_body

_DEPTH = (3,)
_ACTIVATION = "relu"
_WIDTH, _FEATURES, _ROWS = 64, 64, 1437
#: Lanes a stack of the curves over width, rows and features.
_STACKS = (1, 4, 16, 32)
LANES = (1, 2, 4, 8, 16, 32, 64)
WIDTHS = (16, 32, 64, 128, 256, 512)
ROWS = (500, 2_000, 10_000, 30_000, 100_000)
FEATURES = (4, 16, 64, 256, 1_000)
#: Trials of the studies of one and two processes.
TRIALS = {1: 1_000, 2: 5_000}
#: Steps of a measurement, about; long epochs are not repeated.
_STEPS = 200

Points: TypeAlias = list[tuple[float, float]]


def draw_curves(folder: Path, console: Console) -> None:
    """Measure all curves; write one SVG file each, and the points as curves.json."""
    use_one_core()
    points: dict[str, dict[str, Points]] = {}
    for curve, measure in _CURVES.items():
        measured = measure()
        lines = {name: [(x, float(f"{y:.4g}")) for x, y in row] for name, row in measured.items()}
        points[curve.name] = lines
        plot(curve, lines, folder / f"{curve.name}.svg")
        ends = (f"{name} {row[0][1]:.3g} to {row[-1][1]:.3g}" for name, row in lines.items())
        console.print(f"{curve.title}, {curve.y}: {', '.join(ends)}")
    (folder / "curves.json").write_text(json.dumps(points, indent=1) + "\n")


def over_lanes() -> dict[str, Points]:
    """A stack of so many lanes, by activation."""
    data = synthetic(_ROWS, _FEATURES)
    return {
        activation: [(lanes, _stacked(lanes, data, activation=activation)) for lanes in LANES]
        for activation in ("relu", "gelu", "mixed")
    }


def over_widths() -> dict[str, Points]:
    """Units a layer."""
    data = synthetic(_ROWS, _FEATURES)
    return _against(WIDTHS, lambda width: (data, width))


def over_rows() -> dict[str, Points]:
    """Training rows: an epoch's shuffling and gathering leave the cache."""
    return _against(ROWS, lambda rows: (synthetic(rows, _FEATURES), _WIDTH))


def over_features() -> dict[str, Points]:
    """Features: the first layer grows."""
    return _against(FEATURES, lambda features: (synthetic(_ROWS, features), _WIDTH))


def over_trials() -> dict[str, Points]:
    """Seconds until so many trials of the reference work had finished."""
    lines = {}
    for processes, trials in TRIALS.items():
        with (
            TemporaryDirectory(prefix="bench-") as folder,
            served(Path(folder), processes=processes) as service,
        ):
            body = study_body(trials=trials, pruner="successive_halving")
            lines[f"{processes} process{'es' if processes > 1 else ''}"] = _finished(
                service.run(body)
            )
    return lines


def _finished(run: OurRun) -> Points:
    began = min(datetime.fromisoformat(str(trial["started_at"])) for trial in run.trials)
    ends = sorted(datetime.fromisoformat(str(trial["finished_at"])) for trial in run.trials)
    every = max(1, len(ends) // 50)
    return [
        (float(count), (end - began).total_seconds())
        for count, end in islice(enumerate(ends, start=1), every - 1, None, every)
    ]


def _against(
    values: Sequence[int], setting: Callable[[int], tuple[TrainingData, int]]
) -> dict[str, Points]:
    lines: dict[str, Points] = {f"stack of {lanes}": [] for lanes in _STACKS}
    lines["plain PyTorch"] = []
    for value in values:
        data, width = setting(value)
        for lanes in _STACKS:
            lines[f"stack of {lanes}"].append((value, _stacked(lanes, data, width=width)))
        lines["plain PyTorch"].append((value, _plain(data, width)))
    return lines


def _stacked(
    lanes: int, data: TrainingData, *, width: int = _WIDTH, activation: str = _ACTIVATION
) -> float:
    """Microseconds a lane-step of one stack."""
    rows = len(data.folds[0].x_train)
    more = max(1, _STEPS // max(1, rows // BATCH))
    stack = make_lanes(activation, lanes, width=width, depths=_DEPTH)
    return 1e6 * step_seconds([stack], data, more=more, repeats=2)


def _plain(data: TrainingData, width: int) -> float:
    """Microseconds a step of one network, by peer B's loop."""
    (fold,) = data.folds
    x, y = torch.from_numpy(fold.x_train), torch.from_numpy(fold.y_train)
    params: Mapping[str, Any] = {
        "activation": _ACTIVATION,
        "initializer": "kaiming_normal",
        "depth": _DEPTH[0],
    }
    model = build(params, x.shape[1], data.outputs, width=width)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    best = float("inf")
    for _ in range(3):
        started = process_time()
        order = torch.randperm(len(x))
        shuffled = (torch.split(t[order], BATCH) for t in (x, y))
        steps = 0
        for x_batch, y_batch in islice(zip(*shuffled, strict=True), _STEPS):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(x_batch), y_batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1
        best = min(best, (process_time() - started) / steps)
    return 1e6 * best


_LANE_STEP = "us of processor a lane-step"
_CURVES: dict[Curve, Callable[[], dict[str, Points]]] = {
    Curve(name="lanes", title="Lanes a stack", x="lanes", y=_LANE_STEP): over_lanes,
    Curve(name="width", title="Width", x="units a layer", y=_LANE_STEP): over_widths,
    Curve(name="rows", title="Rows", x="training rows", y=_LANE_STEP): over_rows,
    Curve(name="features", title="Features", x="features", y=_LANE_STEP): over_features,
    Curve(name="trials", title="Time against trials", x="trials", y="seconds"): over_trials,
}
