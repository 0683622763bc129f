"""Networks a second on one GPU: stacked, one at a time by plain PyTorch, and by JAX `vmap`.

Every row trains networks of the same shape on the same rows of digits with AdamW for the same
steps; the activations take turns. `python -m tests.benchmarks.gpu --folder FOLDER` writes
`gpu.json` and `gpu.md`, which name the card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

from search.data.fold_arrays import TrainingData
from search.networks.lane import Lane
from search.training.backend import Backend, EngineName
from search.training.device import Device
from tests.benchmarks.many_networks import (
    BATCH,
    DECAY,
    MODULES,
    RATE,
    lanes_of,
    plan,
    stacked,
    vmapped,
)


def together(
    data: TrainingData, lanes: tuple[Lane, ...], epochs: int, *, tf32: bool = False
) -> float:
    """Return the seconds that the torch engine takes for all `lanes` on the GPU."""
    backend = Backend(device=Device.CUDA, engine=EngineName.TORCH, tf32=tf32, gpus=(0,))

    def clock() -> float:
        torch.cuda.synchronize()
        return perf_counter()

    return stacked(data, lanes, epochs, backend, clock)


def _batches(data: TrainingData, epochs: int) -> Iterator[torch.Tensor]:
    rows = len(data.folds[0].x_train)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        order: Any = torch.randperm(rows, generator=generator).cuda()
        yield from order.split(BATCH)


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
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        for rows in _batches(data, epochs):
            optimizer.zero_grad(set_to_none=True)
            loss: Any = nn.functional.cross_entropy(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
    torch.cuda.synchronize()
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
    study = plan()
    rows: list[dict[str, Any]] = []
    for width in (64, 256):
        alone = lanes_of(study, 4, width)
        one_at_a_time(study.data, alone[:1], 1)
        single = one_at_a_time(study.data, alone, given.epochs) / len(alone)
        for count in (16, 256, 2048):
            lanes = lanes_of(study, count, width)
            together(study.data, lanes, given.epochs)  # the first call loads kernels
            row: dict[str, Any] = {
                "width": width,
                "networks": count,
                "one_at_a_time": 1 / single,
                "stacked": count / together(study.data, lanes, given.epochs),
                "stacked_tf32": count / together(study.data, lanes, given.epochs, tf32=True),
                "vmap": None,
            }
            torch.cuda.empty_cache()
            with suppress(ImportError):
                row["vmap"] = count / vmapped(study.data, lanes, given.epochs)
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
