"""Networks a second on one GPU: stacked, one at a time by plain PyTorch, and by JAX `vmap`.

Every row trains networks of the same shape on the same rows of digits with AdamW for the same
steps; the activations take turns. `python -m tests.benchmarks.gpu --folder FOLDER` writes
`gpu.json` and `gpu.md`, which name the card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

from search.data.datasets import load_builtin
from search.data.fold_arrays import TrainingData
from search.driver.plan import StudyPlan, plan_study
from search.networks.lane import Lane
from search.study import Evaluation, ParamValue, StudySpec
from search.training.backend import Backend, EngineName
from search.training.device import Device
from search.training.segment import Segment, train_segment

ACTIVATIONS = ("relu", "tanh", "gelu", "silu")
MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
USUAL: dict[str, ParamValue] = {
    "initializer": "kaiming_normal",
    "depth": 3,
    "learning_rate": 0.003,
    "weight_decay": 1e-4,
    "dropout": 0.0,
    "normalization": "none",
    "gradient_clip": None,
    "batch_size": 64,
    "optimizer": "adamw",
    "scaling": "standard",
    "schedule": "constant",
    "stopping": "last",
}


def lanes_of(plan: StudyPlan, count: int, width: int) -> tuple[Lane, ...]:
    """Return `count` lanes of one fold that differ in activation and initial weights."""
    params = [{**USUAL, "width": width, "activation": name} for name in ACTIVATIONS]
    return tuple(plan.lanes(number, params[number % len(params)])[0] for number in range(count))


def stacked(
    data: TrainingData, lanes: tuple[Lane, ...], epochs: int, *, tf32: bool = False
) -> float:
    """Return the seconds that the torch engine takes for all `lanes` together."""
    backend = Backend(device=Device.CUDA, engine=EngineName.TORCH, tf32=tf32, gpus=(0,))
    segment = Segment(
        lanes=lanes,
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=(epochs,),
        metrics=("log_loss", "accuracy"),
        keep_states=False,
        backend=backend,
    )
    began = perf_counter()
    reports = train_segment(segment, data)
    torch.cuda.synchronize()
    seconds = perf_counter() - began
    accuracy = min(report.scores["accuracy"][-1] for report in reports)
    if accuracy < 0.5:
        raise RuntimeError(f"a network reached an accuracy of {accuracy:.2f} only")
    return seconds


def _batches(data: TrainingData, epochs: int) -> Iterator[torch.Tensor]:
    rows = len(data.folds[0].x_train)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        order: Any = torch.randperm(rows, generator=generator).cuda()
        yield from order.split(64)


def one_at_a_time(data: TrainingData, lanes: tuple[Lane, ...], epochs: int) -> float:
    """Return the seconds that plain PyTorch takes for `lanes`, one after another on the GPU."""
    x = torch.from_numpy(data.folds[0].x_train).cuda()
    y = torch.from_numpy(data.folds[0].y_train).cuda()
    began = perf_counter()
    for lane in lanes:
        sizes = [x.shape[1]] + [lane.config.width] * lane.config.depth
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), MODULES[lane.config.activation]()]
        network = nn.Sequential(*layers, nn.Linear(sizes[-1], data.outputs)).cuda()
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.003, weight_decay=1e-4, fused=True)
        for rows in _batches(data, epochs):
            optimizer.zero_grad(set_to_none=True)
            loss: Any = nn.functional.cross_entropy(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
    torch.cuda.synchronize()
    return perf_counter() - began


def vmapped(data: TrainingData, lanes: tuple[Lane, ...], epochs: int) -> float:
    """Return the seconds that JAX takes for `lanes` by one `vmap` an activation, compiled before.

    A `vmap` over a switch of activations would compute all of them for every lane, so an expert
    groups the lanes by activation. Steps run in one `scan`.
    """
    # Not installed on every machine, nor typed on any.
    jax: Any = import_module("jax")
    jnp: Any = import_module("jax.numpy")
    optax: Any = import_module("optax")

    fold = data.folds[0]
    x, y = jnp.asarray(fold.x_train), jnp.asarray(fold.y_train)
    functions = {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
        "silu": jax.nn.silu,
    }
    optimizer = optax.adamw(0.003, weight_decay=1e-4)
    config = lanes[0].config
    sizes = [x.shape[1]] + [config.width] * config.depth + [data.outputs]
    steps = len(x) // 64

    def initial(key: Any) -> Any:
        keys = jax.random.split(key, len(sizes) - 1)
        return [
            (jax.random.normal(k, (a, b)) * (2 / a) ** 0.5, jnp.zeros(b))
            for k, a, b in zip(keys, sizes, sizes[1:], strict=False)
        ]

    def run_of(activation: Any) -> Any:
        def loss(params: Any, rows: Any) -> Any:
            hidden = x[rows]
            for weight, bias in params[:-1]:
                hidden = activation(hidden @ weight + bias)
            weight, bias = params[-1]
            logits = hidden @ weight + bias
            return optax.softmax_cross_entropy_with_integer_labels(logits, y[rows]).mean()

        def train(key: Any) -> Any:
            params = initial(key)
            state = optimizer.init(params)

            def epoch(carry: Any, order_key: Any) -> Any:
                order = jax.random.permutation(order_key, len(x))[: steps * 64].reshape(steps, 64)

                def step(carry: Any, rows: Any) -> Any:
                    params, state = carry
                    gradients = jax.grad(loss)(params, rows)
                    updates, state = optimizer.update(gradients, state, params)
                    return (optax.apply_updates(params, updates), state), None

                return jax.lax.scan(step, carry, order)

            keys = jax.random.split(jax.random.key(0), epochs)
            (params, _), _ = jax.lax.scan(epoch, (params, state), keys)
            return params

        return jax.jit(jax.vmap(train))

    groups = [
        (run_of(functions[name]), sum(lane.config.activation == name for lane in lanes))
        for name in ACTIVATIONS
    ]
    keys = [jax.random.split(jax.random.key(1), count) for _, count in groups]
    for (run, _), key in zip(groups, keys, strict=True):
        jax.block_until_ready(run(key))
    began = perf_counter()
    done = [run(key) for (run, _), key in zip(groups, keys, strict=True)]
    jax.block_until_ready(done)
    return perf_counter() - began


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("tests/benchmarks/results"))
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("there is no GPU that this torch can use; nothing was measured")
    card = torch.cuda.get_device_name(0)
    spec = StudySpec(dataset="digits", evaluation=Evaluation(folds=3))
    plan = plan_study(spec, load_builtin("digits"))
    rows: list[dict[str, Any]] = []
    for width in (64, 256):
        alone = lanes_of(plan, 4, width)
        one_at_a_time(plan.data, alone[:1], 1)
        single = one_at_a_time(plan.data, alone, given.epochs) / len(alone)
        for count in (16, 256, 2048):
            lanes = lanes_of(plan, count, width)
            stacked(plan.data, lanes, given.epochs)  # the first call loads kernels
            row: dict[str, Any] = {
                "width": width,
                "networks": count,
                "one_at_a_time": 1 / single,
                "stacked": count / stacked(plan.data, lanes, given.epochs),
                "stacked_tf32": count / stacked(plan.data, lanes, given.epochs, tf32=True),
                "vmap": None,
            }
            torch.cuda.empty_cache()
            with suppress(ImportError):
                row["vmap"] = count / vmapped(plan.data, lanes, given.epochs)
            rows.append(row)
            print(json.dumps(row), flush=True)
    given.folder.mkdir(parents=True, exist_ok=True)
    document = {"card": card, "torch": torch.__version__, "epochs": given.epochs, "rows": rows}
    (given.folder / "gpu.json").write_text(json.dumps(document, indent=2) + "\n")
    (given.folder / "gpu.md").write_text(_table(card, rows))


def _table(card: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"Networks a second on one {card}, digits, depth 3, AdamW:",
        "",
        "| width | networks | one at a time | stacked | stacked, TF32 | JAX vmap |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        vmap = "not installed" if row["vmap"] is None else f"{row['vmap']:.1f}"
        lines.append(
            f"| {row['width']} | {row['networks']} | {row['one_at_a_time']:.2f} | "
            f"{row['stacked']:.1f} | {row['stacked_tf32']:.1f} | {vmap} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
