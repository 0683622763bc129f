"""The probe sees what a plain network shows under autograd, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from search.activations import ACTIVATIONS
from search.data.fold_arrays import TrainingData
from search.engines.layer_statistics import DEAD_RANGE, DEAD_SLOPE, SATURATED_SLOPE
from search.engines.minibatches import batch_plan
from search.engines.probe_schedule import PROBE_ROWS, STATISTICS, mean_snapshots, probe_epochs
from search.networks.lane import Lane
from search.seeds import derive_seed
from search.study import LayerSnapshot, Task
from search.training.segment import Segment
from tests.search.plain_network import (
    BACKENDS,
    LOSSES,
    CommonRReLU,
    in_two_segments,
    initial_network,
    lane,
    segment,
    small_data,
    train,
)

HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden]
COMPANY = (lane(7, 1, activation="tanh", depth=4), lane(8, 0, activation="gelu", depth=1))


def probed(lanes: tuple[Lane, ...], *epochs: int, last: int = 2) -> Segment:
    return replace(segment(lanes, epochs=last), probe_at=epochs)


def seen(which: Lane, data: TrainingData, *epochs: int, last: int = 2) -> tuple[LayerSnapshot, ...]:
    reports = train(probed((which, *COMPANY), *epochs, last=last), data)
    return reports[which.configuration, which.fold].layers


def first_order(which: Lane, data: TrainingData) -> Tensor:
    """The order of a lane's training rows in the first epoch, twice: a minibatch may need more."""
    generator = torch.Generator().manual_seed(derive_seed(which.order_seed, "rows", 1))
    return torch.randperm(len(data.folds[which.split].x_train), generator=generator).repeat(2)


def probe_rows(which: Lane, data: TrainingData) -> list[Tensor]:
    sizes = [len(fold.x_train) for fold in data.folds]
    rows = batch_plan(sizes, which.config.batch_size).rows
    table = torch.from_numpy(data.folds[which.split].x_train).double()
    passes = max(1, round(min(PROBE_ROWS, *sizes) / rows))
    assert (passes == 1) == (which.config.batch_size > 16)
    if passes == 1:
        return [table[first_order(which, data)[:rows]]]
    chosen = table[torch.from_numpy(np.linspace(0, len(table) - 1, passes * rows).astype(int))]
    return list(torch.split(chosen, rows))


def plain_look(network: nn.Sequential, batches: list[Tensor]) -> dict[str, list[float]]:
    """The statistics of the units as autograd gives them."""
    found: dict[str, list[float]] = {name: [] for name in STATISTICS[:4]}
    places = [k for k, module in enumerate(network) if isinstance(module, nn.Linear)][1:]
    network.train()
    for module in network:
        if isinstance(module, CommonRReLU):
            module.eval()
    for place in places:
        outputs, slopes = [], []
        for x in batches:
            with torch.no_grad():
                z = network[: place - 1](x)
            z.requires_grad_()
            active = network[place - 1](z)
            (slope,) = torch.autograd.grad(active.sum(), z)
            outputs.append(active.detach())
            slopes.append(slope.abs())
        a, slope = torch.cat(outputs), torch.cat(slopes)
        same = a.amax(0) - a.amin(0) < DEAD_RANGE
        found["activation_mean"].append(a.mean().item())
        found["activation_std"].append(a.std(correction=0).item())
        found["dead_units"].append(((slope.amax(0) < DEAD_SLOPE) & same).double().mean().item())
        found["saturated"].append((slope < SATURATED_SLOPE).double().mean().item())
    return found


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize("batch_size", [8, 64], ids=["more rows", "the minibatch"])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
def test_units_are_seen_as_autograd_shows_them(
    activation: str, normalization: str, batch_size: int, compiled: bool
) -> None:
    # A minibatch itself is looked at with the slopes drawn for it: one that is no draw, then.
    slopes = {"rrelu_lower": 0.2, "rrelu_upper": 0.2} if activation == "rrelu" else {}
    data = small_data()
    own: dict[str, Any] = {"normalization": normalization, "batch_size": batch_size}
    which = lane(activation=activation, depth=3, **own, **slopes)
    company = [lane(5, 1, activation="tanh", depth=4, **own)]
    reports = train(replace(probed((which, *company), 0), backend=BACKENDS[compiled]), data)
    (snapshot,) = reports[0, 0].layers
    plain = plain_look(initial_network(which, data), probe_rows(which, data))
    for name, values in plain.items():
        assert snapshot.statistics[name] == pytest.approx(values, abs=1e-6), name


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_gradients_and_steps_are_those_of_torch(task: Task, optimizer: str) -> None:
    data = small_data(task)
    clip = {"gradient_clip": 1e-3} if optimizer == "sgd" else {}
    which = lane(activation="elu", depth=3, optimizer=optimizer, **clip)
    metrics = ("mse",) if task is Task.REGRESSION else ("log_loss",)
    reports = train(replace(probed((which,), 0), metrics=metrics), data)
    (snapshot,) = reports[0, 0].layers

    network = initial_network(which, data)
    fold = data.folds[0]
    rows = first_order(which, data)[: batch_plan([26, 27], which.config.batch_size).rows]
    y = torch.from_numpy(fold.y_train)[rows]
    y = y.double() if y.is_floating_point() else y
    LOSSES[task](network(torch.from_numpy(fold.x_train)[rows].double()), y).backward()
    linears = [module for module in network if isinstance(module, nn.Linear)][:-1]
    norms = [module.weight.grad.norm().item() for module in linears]
    before = [module.weight.detach().clone() for module in linears]
    kinds: dict[str, Any] = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    rate = which.config.learning_rate
    if clip:
        nn.utils.clip_grad_norm_(network.parameters(), 1e-3)
    kinds[optimizer](network.parameters(), lr=rate, weight_decay=0.0).step()
    steps = [
        ((module.weight - old).norm() / old.norm()).item()
        for module, old in zip(linears, before, strict=True)
    ]
    assert snapshot.statistics["gradient_norm"] == pytest.approx(norms, rel=1e-9)
    assert snapshot.statistics["update_ratio"] == pytest.approx(steps, rel=1e-9)


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("batch_size", [8, 64])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
def test_looking_changes_nothing(normalization: str, batch_size: int, compiled: bool) -> None:
    own: dict[str, Any] = {"normalization": normalization, "batch_size": batch_size}
    lanes = (
        lane(0, 0, activation="rrelu", depth=3, dropout=0.3, **own),
        lane(1, 1, activation="prelu", depth=2, gradient_clip=1.0, **own),
        lane(2, 0, activation="sigmoid", depth=1, optimizer="sgd", **own),
    )
    data = small_data()
    task = segment(lanes, compiled=compiled)
    blind = train(task, data)
    sighted = train(replace(task, probe_at=(0, 1, 3)), data)
    for key, report in blind.items():
        assert report.layers == ()
        assert [snapshot.epoch for snapshot in sighted[key].layers] == [0, 1, 3]
        assert report.validation_loss == sighted[key].validation_loss
        assert report.state is not None
        assert sighted[key].state is not None
        assert np.array_equal(report.state.params, sighted[key].state.params)
        assert np.array_equal(report.state.running, sighted[key].state.running)


def test_a_snapshot_does_not_depend_on_where_segments_end() -> None:
    data = small_data()
    which = lane(activation="silu", silu_learned=True, depth=2)
    whole = train(probed((which,), 1, 3, last=3), data)[0, 0].layers
    task = replace(probed((which,), 3, last=3), evaluate_at=(1, 2, 3))
    rest = in_two_segments(replace(task, probe_at=(3,)), data, 2)[0, 0].layers
    assert rest == (whole[1],)


def test_learned_parameters_are_seen_where_an_activation_learns_them() -> None:
    data = small_data()
    which = lane(activation="prelu", prelu_slope=0.3, prelu_sharing="channel", depth=2)
    fresh, trained = seen(which, data, 0, 2)
    assert fresh.statistics["slope"] == pytest.approx((0.3, 0.3))
    assert trained.statistics["slope"] != pytest.approx((0.3, 0.3), abs=1e-4)
    assert "slope" not in seen(lane(depth=2), data, 0)[0].statistics
    assert len(seen(lane(depth=3), data, 0)[0].statistics["dead_units"]) == 3


def first_layer_driven(which: Lane, *, scale: float, shift: float) -> LayerSnapshot:
    """The first snapshot of a lane whose inputs are scaled and shifted, far off at will."""
    data = small_data()
    folds = tuple(
        replace(fold, x_train=np.abs(fold.x_train) * np.float32(scale) + np.float32(shift))
        for fold in data.folds
    )
    return train(probed((which,), 0), replace(data, folds=folds))[0, 0].layers[0]


@pytest.mark.parametrize(
    ("activation", "share"),
    [("relu", 0.3), ("relu6", 0.95), ("sigmoid", 0.95), ("tanh", 0.95), ("gelu", 0.3)],
)
def test_a_unit_that_passes_neither_signal_nor_gradient_is_dead(
    activation: str, share: float
) -> None:
    # Inputs that are large and nearly the same in all rows drive each unit to one end.
    which = lane(activation=activation, depth=1, width=32)
    snapshot = first_layer_driven(which, scale=1e-3, shift=100.0)
    assert snapshot.statistics["dead_units"][0] > share


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_unit_that_jumps_between_its_ends_is_saturated_but_not_dead(activation: str) -> None:
    data = small_data()
    folds = tuple(replace(f, x_train=f.x_train * np.float32(1e4)) for f in data.folds)
    which = lane(activation=activation, depth=1, width=32)
    (snapshot,) = train(probed((which,), 0), replace(data, folds=folds))[0, 0].layers
    assert snapshot.statistics["saturated"][0] > 0.95
    assert snapshot.statistics["dead_units"] == (0.0,)


def test_a_leaky_unit_is_never_dead() -> None:
    which = lane(activation="leaky_relu", leaky_relu_slope=0.01, depth=1, width=32)
    snapshot = first_layer_driven(which, scale=1e-3, shift=100.0)
    assert snapshot.statistics["dead_units"] == (0.0,)


def test_the_epochs_of_snapshots_are_the_first_the_rungs_and_one_between() -> None:
    assert probe_epochs(30, (3, 9, 30)) == (0, 3, 9, 30)
    assert probe_epochs(30, (30,)) == (0, 10, 30)
    assert probe_epochs(1, (1,)) == (0, 1)


def test_the_mean_over_folds_is_taken_layer_by_layer() -> None:
    one = LayerSnapshot(epoch=3, statistics={"dead_units": (0.0, 1.0)})
    two = LayerSnapshot(epoch=3, statistics={"dead_units": (0.5, 0.0)})
    (mean,) = mean_snapshots([(one,), (two,)])
    assert mean == LayerSnapshot(epoch=3, statistics={"dead_units": (0.25, 0.5)})
    assert mean_snapshots([]) == ()


def test_the_mean_is_over_the_folds_that_made_an_epoch() -> None:
    one, two, late = (
        LayerSnapshot(epoch=epoch, statistics={"dead_units": (share,)})
        for epoch, share in ((0, 0.0), (0, 0.5), (9, 1.0))
    )
    mean = LayerSnapshot(epoch=0, statistics={"dead_units": (0.25,)})
    assert mean_snapshots([(one,), (two, late)]) == (mean, late)
