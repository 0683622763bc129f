"""Trial records to write: one plain builder, and one of each kind that Optuna tells apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from search.study import (
    Finding,
    FoldCurve,
    LayerSnapshot,
    ParamValue,
    TrialRecord,
    TrialsChanged,
    TrialSource,
)

STARTED = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "activation": CategoricalDistribution(("relu", "prelu", "tanh")),
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.5, step=0.1),
    "weight_decay": FloatDistribution(0.0, 0.01),
    "depth": IntDistribution(1, 8),
    "width": IntDistribution(16, 256, log=True),
    "batch_size": IntDistribution(32, 128, step=32),
    "gradient_clip": CategoricalDistribution((None, 0.5, 1.0)),
    "silu_learned": CategoricalDistribution((True, False)),
}

PARAMS: dict[str, ParamValue] = {
    "activation": "prelu",
    "learning_rate": 0.012345678901234567,
    "dropout": 0.30000000000000004,
    "weight_decay": 0.0,
    "depth": 3,
    "width": 77,
    "batch_size": 96,
    "gradient_clip": None,
    "silu_learned": False,
    "optimizer": "adamw",
    "normalization": "none",
}


def make_record(
    number: int = 0, state: TrialState = TrialState.COMPLETE, **changes: Any
) -> TrialRecord:
    """Return a record whose fields fit its state."""
    has_begun = state is not TrialState.WAITING
    record = TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        params=PARAMS,
        distributions=DISTRIBUTIONS,
        values=(0.5 + number,) if state is TrialState.COMPLETE else None,
        intermediate_values={1: 0.9, 3: 0.7} if has_begun else {},
        metrics={"log_loss": 0.5, "accuracy": 0.875} if has_begun else {},
        started_at=STARTED + timedelta(seconds=number) if has_begun else None,
        finished_at=STARTED + timedelta(seconds=60 + number) if state.is_finished() else None,
        parameters=1234,
        fit_seconds=1.5,
    )
    return replace(record, **changes)


def make_rung(number: int, steps: int, state: TrialState) -> TrialRecord:
    """Return a record with curves of three folds and layers of four, as at a rung."""
    losses = tuple(1.0 / (number + step + 1) for step in range(steps))
    curve = FoldCurve(
        fold=0,
        epochs=tuple(range(steps)),
        train_loss=losses,
        validation_loss=losses,
        validation_score=losses,
    )
    return make_record(
        number,
        state,
        intermediate_values=dict(enumerate(losses)),
        curves=tuple(replace(curve, fold=fold) for fold in range(3)),
        layers=tuple(
            LayerSnapshot(epoch=epoch, statistics={f"s{k}": (0.5,) * 4 for k in range(7)})
            for epoch in range(0, steps, 3)
        ),
    )


def changed(*records: TrialRecord) -> TrialsChanged:
    """Return the event that records them."""
    return TrialsChanged(trials=records)


#: One of each kind; by number.
KINDS: tuple[TrialRecord, ...] = (
    make_record(0),
    make_record(1, TrialState.RUNNING, search=3),
    make_record(2, TrialState.WAITING),
    make_record(3, TrialState.FAIL, flags=("diverged",), error="the loss became NaN at epoch 3"),
    make_record(4, TrialState.FAIL, intermediate_values={1: nan, 2: inf, 3: -inf}),
    make_record(5, TrialState.PRUNED, values=(0.7,)),
    make_record(6, TrialState.PRUNED, intermediate_values={}),
    make_record(7, values=(inf,)),
    make_record(8, values=(-inf,), metrics={"log_loss": inf, "r2": nan}),
    make_record(
        9,
        distributions={},
        source=TrialSource.BASELINE,
        curves=(
            FoldCurve(
                fold=0,
                epochs=(1, 3),
                train_loss=(2.5, nan),
                validation_loss=(2.25, inf),
                validation_score=(0.1, 0.30000000000000004),
            ),
            FoldCurve(fold=1, epochs=(), train_loss=(), validation_loss=(), validation_score=()),
        ),
        layers=(
            LayerSnapshot(epoch=0, statistics={"dead_units": (0.0, 0.25), "slope": (0.1, 1e-300)}),
            LayerSnapshot(epoch=3, statistics={"dead_units": (0.5, nan)}),
        ),
        findings=(
            Finding(
                name="dying_relu",
                layer=2,
                numbers={"dead_units": 0.9, "threshold": 0.5},
                sentence="In layer 2, 90 % of the units are dead.",
                remedy="Use leaky_relu.",
            ),
        ),
    ),
    make_record(10, source=TrialSource.REQUESTED, request_id="rq_none"),
)
