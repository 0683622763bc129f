"""What a training step costs, by activation, beside its matrix products alone.

`python -m tests.benchmarks.engine [--lanes 32] [--activation gelu] [--engine torch] [--profile]`

Notation: L lanes sorted by depth, n_k of them reach layer k; N rows, D features, H width, C
outputs. A lane-step is one minibatch of one network, forward, backward and update. The yardstick is
`torch.bmm` on the shapes of the same stack, over buffers made before: per layer the forward
product and those of both gradients (the first layer needs no input gradient), and nothing else. It
is no bound: the engine's own products, by another library, take about two thirds of that.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import process_time

import torch
from rich.console import Console
from rich.table import Table

from search.data.fold_arrays import TrainingData
from search.driver.plan import evaluations
from search.engines.minibatches import batch_plan
from search.networks.lane import Lane, NetworkConfig
from search.seeds import derive_seed
from search.study import ParamValue
from search.training.backend import Backend, EngineName
from search.training.executors import use_one_core
from search.training.packing import pack
from search.training.segment import Segment, train_segment
from tests.benchmarks.work import (
    ACTIVATIONS,
    BATCH,
    DEPTHS,
    EPOCHS,
    INITIALIZERS,
    SLOPES,
    WIDTH,
    reference_plan,
)

LANES = 32
REPEATS = 5
#: Lanes of all activations side by side, as a batch of trials has them.
MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """Microseconds a lane-step."""

    activation: str
    #: Matrix products alone.
    products: float
    #: One more epoch of training, evaluation left out.
    step: float
    #: A whole segment: weights drawn, evaluations and all.
    segment: float

    @property
    def share(self) -> float:
        """Useful arithmetic rate inside a segment, in units of `torch.bmm`'s."""
        return self.products / self.segment


def make_lanes(
    activation: str, lanes: int, *, width: int = WIDTH, depths: Sequence[int] = ()
) -> tuple[Lane, ...]:
    """Lanes as the reference work has them: depths, initializers, slopes, rates all differ."""
    depths = depths or range(DEPTHS[0], DEPTHS[1] + 1)
    made = []
    for number in range(lanes):
        position = number / max(1, lanes - 1)
        turn = number // len(ACTIVATIONS) + number
        own = ACTIVATIONS[number % len(ACTIVATIONS)] if activation == MIXED else activation
        params: dict[str, ParamValue] = {
            "activation": own,
            "initializer": INITIALIZERS[turn % len(INITIALIZERS)],
            "depth": depths[turn % len(depths)],
            "width": width,
            "normalization": "none",
            "dropout": 0.0,
            "learning_rate": 1e-4 * 1e2**position,
            "weight_decay": 0.0,
            "gradient_clip": None,
            "batch_size": BATCH,
            "optimizer": "adamw",
            "momentum": 0.9,
            "schedule": "constant",
        }
        if own in SLOPES:
            params[SLOPES[own]] = 0.5 * position
        made.append(
            Lane(
                configuration=number,
                fold=0,
                split=0,
                config=NetworkConfig.from_params(params),
                init_seed=derive_seed("bench", number),
                order_seed=0,
            )
        )
    return tuple(made)


def make_segment(
    lanes: Sequence[Lane],
    *,
    epochs: int = EPOCHS,
    evaluate: bool = True,
    engine: EngineName = EngineName.AUTO,
) -> Segment:
    """One segment from fresh weights to the end, as without pruning."""
    plan = reference_plan()
    return Segment(
        lanes=tuple(lanes),
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=evaluations(epochs, (epochs,)) if evaluate else (epochs,),
        metrics=plan.metrics,
        keep_states=False,
        backend=Backend(engine=engine),
    )


def segment_seconds(
    stacks: Iterable[Sequence[Lane]],
    data: TrainingData,
    *,
    epochs: int = EPOCHS,
    evaluate: bool = True,
    engine: EngineName = EngineName.AUTO,
) -> float:
    """Seconds to train `stacks`, one after another.

    Processor seconds of this process, which has one thread: other processes' turns do not count,
    but what they do to the caches does, so callers take the least of several.
    """
    segments = [
        make_segment(stack, epochs=epochs, evaluate=evaluate, engine=engine) for stack in stacks
    ]
    started = process_time()
    for segment in segments:
        train_segment(segment, data)
    return process_time() - started


def step_seconds(
    stacks: Sequence[Sequence[Lane]],
    data: TrainingData,
    *,
    more: int = 6,
    repeats: int = REPEATS,
    engine: EngineName = EngineName.AUTO,
) -> float:
    """Seconds a lane-step: what `more` epochs add to two, set-up and evaluation left out."""
    few = 2
    lane_steps = steps_of(data) * more * sum(map(len, stacks))
    short, long = (
        min(
            segment_seconds(stacks, data, epochs=epochs, evaluate=False, engine=engine)
            for _ in range(repeats)
        )
        for epochs in (few, few + more)
    )
    return (long - short) / lane_steps


def steps_of(data: TrainingData) -> int:
    """Steps of an epoch."""
    return batch_plan([len(fold.x_train) for fold in data.folds], BATCH).steps


def step_cost(
    activation: str,
    lanes: int,
    data: TrainingData,
    *,
    repeats: int = REPEATS,
    engine: EngineName = EngineName.AUTO,
) -> StepCost:
    """Measure one activation; the least of `repeats` times counts."""
    stacks = pack(make_lanes(activation, lanes))
    plan = batch_plan([len(fold.x_train) for fold in data.folds], BATCH)
    whole = min(segment_seconds(stacks, data, engine=engine) for _ in range(repeats))
    products = sum(
        product_seconds(stack, data.features_in, data.outputs, plan.rows) for stack in stacks
    )
    return StepCost(
        activation=activation,
        products=1e6 * products / lanes,
        step=1e6 * step_seconds(stacks, data, repeats=repeats, engine=engine),
        segment=1e6 * whole / (plan.steps * EPOCHS * lanes),
    )


def product_seconds(
    lanes: Sequence[Lane], features: int, outputs: int, rows: int, *, least: float = 0.1
) -> float:
    """Seconds of one step's matrix products for a stack of `lanes`; the best of many passes."""
    depths = [lane.config.depth for lane in lanes]
    width = lanes[0].config.width
    fans = [(len(lanes), width, outputs)]
    fans += [
        (sum(depth > k for depth in depths), width if k else features, width)
        for k in range(max(depths))
    ]
    products = []
    for layer, (n, fan_in, fan_out) in enumerate(fans):
        x, w, grad = (
            torch.rand(n, *s) for s in ((rows, fan_in), (fan_in, fan_out), (rows, fan_out))
        )
        products.append((x, w, torch.empty(n, rows, fan_out)))
        products.append((x.transpose(1, 2), grad, torch.empty(n, fan_in, fan_out)))
        if layer != 1:
            products.append((grad, w.transpose(1, 2), torch.empty(n, rows, fan_in)))
    best = float("inf")
    end = process_time() + least
    while process_time() < end:
        started = process_time()
        for left, right, out in products:
            torch.bmm(left, right, out=out)
        best = min(best, process_time() - started)
    return best


def show(costs: Sequence[StepCost], lanes: int) -> Table:
    """Return the costs as a table, in microseconds a lane-step."""
    table = Table(title=f"us a lane-step, {lanes} lanes, depths {DEPTHS[0]}-{DEPTHS[1]}")
    table.add_column("activation")
    for column in ("products", "step", "segment", "share of bmm"):
        table.add_column(column, justify="right")
    for cost in costs:
        numbers = (f"{value:.1f}" for value in (cost.products, cost.step, cost.segment))
        table.add_row(cost.activation, *numbers, f"{cost.share:.0%}")
    return table


def profile(activation: str, lanes: int, data: TrainingData, engine: EngineName) -> None:
    """Print where the time of a segment goes, by function."""
    profiler = cProfile.Profile()
    profiler.enable()
    segment_seconds(pack(make_lanes(activation, lanes)), data, engine=engine)
    profiler.disable()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(25)


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lanes", type=int, default=LANES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--activation", choices=(*ACTIVATIONS, MIXED), nargs="+")
    parser.add_argument("--engine", type=EngineName, choices=list(EngineName), default="auto")
    parser.add_argument("--profile", action="store_true", help="by function, instead of the table")
    arguments = parser.parse_args()
    wanted = arguments.activation or (*ACTIVATIONS, MIXED)
    use_one_core()
    data = reference_plan().data
    if arguments.profile:
        for activation in wanted:
            profile(activation, arguments.lanes, data, arguments.engine)
        return
    costs = [
        step_cost(
            activation,
            arguments.lanes,
            data,
            repeats=arguments.repeats,
            engine=arguments.engine,
        )
        for activation in wanted
    ]
    Console().print(show(costs, arguments.lanes))


if __name__ == "__main__":
    main()
