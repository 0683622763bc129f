"""Many networks of one shape on the same rows of digits: the work of the rows against JAX `vmap`.

Every network is trained with AdamW for the same steps; the activations take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

from torch import nn

from search.data.datasets import load_builtin
from search.data.fold_arrays import TrainingData
from search.driver.plan import StudyPlan, plan_study
from search.networks.lane import Lane
from search.study import Evaluation, ParamValue, StudySpec
from search.training.backend import Backend
from search.training.segment import Segment, train_segment

ACTIVATIONS = ("relu", "tanh", "gelu", "silu")
MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
RATE, DECAY, BATCH = 0.003, 1e-4, 64
USUAL: dict[str, ParamValue] = {
    "initializer": "kaiming_normal",
    "depth": 3,
    "learning_rate": RATE,
    "weight_decay": DECAY,
    "dropout": 0.0,
    "normalization": "none",
    "gradient_clip": None,
    "batch_size": BATCH,
    "optimizer": "adamw",
    "scaling": "standard",
    "schedule": "constant",
    "stopping": "last",
}


def plan() -> StudyPlan:
    """Return the plan of a study of digits, by default of three folds."""
    return plan_study(
        StudySpec(dataset="digits", evaluation=Evaluation(folds=3)), load_builtin("digits")
    )


def lanes_of(plan: StudyPlan, count: int, width: int) -> tuple[Lane, ...]:
    """Return `count` lanes of one fold that differ in activation and initial weights."""
    params = [{**USUAL, "width": width, "activation": name} for name in ACTIVATIONS]
    return tuple(plan.lanes(number, params[number % len(params)])[0] for number in range(count))


def stacked(
    data: TrainingData,
    lanes: tuple[Lane, ...],
    epochs: int,
    backend: Backend,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """Return the seconds by `clock` that our engine takes for all `lanes` together."""
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
    began = clock()
    reports = train_segment(segment, data)
    seconds = clock() - began
    accuracy = min(report.scores["accuracy"][-1] for report in reports)
    if accuracy < 0.5:
        raise RuntimeError(f"a network reached an accuracy of {accuracy:.2f} only")
    return seconds


def vmapped(
    data: TrainingData,
    lanes: tuple[Lane, ...],
    epochs: int,
    clock: Callable[[], float] = perf_counter,
) -> float:
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
    optimizer = optax.adamw(RATE, weight_decay=DECAY)
    config = lanes[0].config
    sizes = [x.shape[1]] + [config.width] * config.depth + [data.outputs]
    steps = len(x) // BATCH

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
                order = jax.random.permutation(order_key, len(x))[: steps * BATCH]

                def step(carry: Any, rows: Any) -> Any:
                    params, state = carry
                    gradients = jax.grad(loss)(params, rows)
                    updates, state = optimizer.update(gradients, state, params)
                    return (optax.apply_updates(params, updates), state), None

                return jax.lax.scan(step, carry, order.reshape(steps, BATCH))

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
    began = clock()
    done = [run(key) for (run, _), key in zip(groups, keys, strict=True)]
    jax.block_until_ready(done)
    return clock() - began
