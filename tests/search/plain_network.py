"""What the engine's tests share: small data, lanes, and the plain way to train one network."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from math import cos, pi

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from search.data.fold_arrays import FeatureSchema, FoldArrays, TrainingData
from search.engines.minibatches import batch_plan
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, NetworkConfig
from search.networks.sequential import build_network, load_state
from search.seeds import derive_seed
from search.study import ParamValue, Task
from search.training.backend import PROCESSOR, Backend, EngineName
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment

#: By whether the engine is compiled; None: the quickest one.
BACKENDS = {
    True: Backend(engine=EngineName.COMPILED),
    False: Backend(engine=EngineName.TORCH),
    None: PROCESSOR,
}
FEATURES = 5
OUTPUTS = {Task.REGRESSION: 1, Task.BINARY: 1, Task.MULTICLASS: 3}

BASE: dict[str, ParamValue] = {
    "activation": "relu",
    "initializer": "kaiming_normal",
    "depth": 2,
    "width": 7,
    "normalization": "none",
    "dropout": 0.0,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "gradient_clip": None,
    "batch_size": 8,
    "optimizer": "adamw",
    "momentum": 0.9,
    "schedule": "constant",
}


def config(**params: ParamValue) -> NetworkConfig:
    return NetworkConfig.from_params({**BASE, **params})


def lane(trial: int = 0, fold: int = 0, **params: ParamValue) -> Lane:
    return Lane(
        configuration=trial,
        fold=fold,
        split=fold,
        config=config(**params),
        init_seed=derive_seed("init", trial, fold),
        order_seed=derive_seed("order", fold),
    )


def small_data(task: Task = Task.MULTICLASS, folds: int = 2, seed: int = 0) -> TrainingData:
    """Folds of 26 and 27 training rows, 5 of them inner, and 11 and 12 validation rows."""
    rng = np.random.default_rng(seed)

    def rows(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = rng.normal(size=(count, FEATURES)).astype(np.float32)
        score = x[:, 0] - 0.5 * x[:, 1] ** 2 + 0.1 * rng.normal(size=count)
        if task is Task.REGRESSION:
            return x, score.astype(np.float32), score.astype(np.float64)
        codes = np.digitize(score, [-0.5, 0.4]) if task is Task.MULTICLASS else score > 0
        target = codes.astype(np.int64)
        return x, target if task is Task.MULTICLASS else target.astype(np.float32), target

    arrays = []
    for fold in range(folds):
        x, y, _ = rows(26 + fold)
        x_validation, y_validation, target = rows(11 + fold)
        arrays.append(
            FoldArrays(
                x_train=x,
                y_train=y,
                x_validation=x_validation,
                y_validation=y_validation,
                target_validation=target,
                target_mean=0.0,
                target_scale=1.0,
                inner_validation=np.arange(2, 26, 5),
            )
        )
    names = tuple(f"x{i}" for i in range(FEATURES))
    return TrainingData(
        task=task,
        features_in=FEATURES,
        outputs=OUTPUTS[task],
        classes=(),
        folds=tuple(arrays),
        feature_names=names,
        schema=FeatureSchema(numeric=names, indicators=(), categorical=(), levels=()),
    )


def segment(
    lanes: Iterable[Lane],
    *,
    epochs: int = 3,
    metrics: tuple[str, ...] = ("log_loss",),
    compiled: bool | None = None,
) -> Segment:
    lanes = tuple(lanes)
    return Segment(
        lanes=lanes,
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=tuple(range(1, epochs + 1)),
        metrics=metrics,
        keep_states=True,
        dtype="float64",
        backend=BACKENDS[compiled],
    )


def train(task: Segment, data: TrainingData) -> dict[tuple[int, int], LaneReport]:
    return {(report.configuration, report.fold): report for report in train_segment(task, data)}


def in_two_segments(
    task: Segment, data: TrainingData, at: int
) -> dict[tuple[int, int], LaneReport]:
    """The reports of the second segment."""
    first = train_segment(
        replace(
            task,
            last=at,
            evaluate_at=tuple(e for e in task.evaluate_at if e <= at),
            probe_at=tuple(e for e in task.probe_at if e <= at),
        ),
        data,
    )
    rest = replace(
        task,
        first=at,
        states=tuple(report.state for report in first),
        evaluate_at=tuple(e for e in task.evaluate_at if e > at),
        probe_at=tuple(e for e in task.probe_at if e > at),
    )
    return train(rest, data)


class CommonDropout(nn.Module):
    """Dropout by the noise that a stream's lanes share."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.noise = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * (self.noise >= self.rate) / (1 - self.rate)


class CommonRReLU(nn.Module):
    """Randomized leaky ReLU by the noise that a stream's lanes share."""

    def __init__(self, lower: float, upper: float) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper
        self.noise = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        slope = (
            self.lower + (self.upper - self.lower) * self.noise
            if self.training
            else (self.lower + self.upper) / 2
        )
        return torch.where(x > 0, x, slope * x)


def initial_network(which: Lane, data: TrainingData) -> nn.Sequential:
    """The plain network with the lane's own first weights, in float64."""
    shape = Dimensions(features=data.features_in, outputs=data.outputs, dtype=torch.float64)
    network = build_network(which.config, features=data.features_in, outputs=data.outputs).double()
    rows = data.folds[which.fold].x_train
    load_state(network, shape.first_state(which, rows), which.config)
    return nn.Sequential(*map(_with_common_noise, network))


def _with_common_noise(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.Dropout):
        return CommonDropout(module.p)
    if isinstance(module, nn.RReLU):
        return CommonRReLU(module.lower, module.upper)
    return module


LOSSES = {
    Task.MULTICLASS: functional.cross_entropy,
    Task.BINARY: lambda z, y: functional.binary_cross_entropy_with_logits(z.squeeze(1), y),
    Task.REGRESSION: lambda z, y: functional.mse_loss(z.squeeze(1), y),
}


def train_plainly(
    which: Lane, data: TrainingData, epochs: int, device: str = "cpu"
) -> tuple[nn.Sequential, list[float]]:
    """Train one network as a textbook would; return it and its validation loss by epoch.

    Where the best epoch is kept, both are those of the best epoch so far.
    """
    setting = which.config
    network = initial_network(which, data).to(device)
    matrices = [module.weight for module in network if isinstance(module, nn.Linear)]
    others = [p for p in network.parameters() if all(p is not matrix for matrix in matrices)]
    groups = [
        {"params": matrices, "weight_decay": setting.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(groups, lr=setting.learning_rate)
        if setting.optimizer == "adamw"
        else torch.optim.SGD(groups, lr=setting.learning_rate, momentum=setting.momentum)
    )
    left_out = [fold.inner_validation if setting.keeps_best else [] for fold in data.folds]
    sizes = [len(f.x_train) - len(out) for f, out in zip(data.folds, left_out, strict=True)]
    plan = batch_plan(sizes, setting.batch_size)
    total = epochs * plan.steps
    if setting.schedule == "cosine":
        factor = lambda step: 0.5 * (1 + cos(pi * step / total))  # noqa: E731 - one expression
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    else:
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    fold = data.folds[which.split]
    x, x_validation = (_sent(a, device).double() for a in (fold.x_train, fold.x_validation))
    y, y_validation = (_sent(a, device) for a in (fold.y_train, fold.y_validation))
    if y.is_floating_point():
        y, y_validation = y.double(), y_validation.double()
    loss_of = LOSSES[data.task]
    fitted = torch.tensor([i for i in range(len(x)) if i not in left_out[which.split]])
    curve: list[float] = []
    least, best_epoch, best = float("inf"), 0, network.state_dict()
    for epoch in range(1, epochs + 1):
        generator = torch.Generator().manual_seed(derive_seed(which.order_seed, "rows", epoch))
        order = fitted[torch.randperm(len(fitted), generator=generator)]
        order = torch.cat([order, order])  # so that the last minibatch is full
        noise = {
            kind: [
                torch.Generator().manual_seed(
                    derive_seed(which.order_seed, f"{kind} {layer}", epoch)
                )
                for layer in range(setting.depth)
            ]
            for kind in ("dropout", "slope")
        }
        network.train()
        for step in range(plan.steps):
            rows = order[step * plan.rows : (step + 1) * plan.rows]
            _draw_noise(network, noise, (plan.rows, setting.width), device)
            optimizer.zero_grad()
            loss_of(network(x[rows]), y[rows]).backward()
            if setting.gradient_clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), setting.gradient_clip)
            optimizer.step()
            scheduler.step()
        network.eval()
        with torch.no_grad():
            curve.append(loss_of(network(x_validation), y_validation).item())
            if not setting.keeps_best:
                continue
            inner = loss_of(network(x[left_out[which.split]]), y[left_out[which.split]]).item()
        if inner < least:
            least, best_epoch, best = inner, epoch, deepcopy(network.state_dict())
        else:
            curve[-1] = curve[-2]
        if epoch - best_epoch == setting.patience:
            break
    if setting.keeps_best:
        network.load_state_dict(best)
    return network.cpu(), curve


def _sent(array: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(array).to(device)


def _draw_noise(
    network: nn.Sequential,
    sources: dict[str, list[torch.Generator]],
    size: tuple[int, int],
    device: str,
) -> None:
    for kind, noisy in (("dropout", CommonDropout), ("slope", CommonRReLU)):
        modules = [module for module in network if isinstance(module, noisy)]
        for module, source in zip(modules, sources[kind], strict=False):
            module.noise = torch.rand(size, generator=source, dtype=torch.float64).to(device)
