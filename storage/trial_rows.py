"""A TrialRecord as a row of `search_trials` and back, exactly.

What is filtered, sorted or changed by SQL has a typed column; the rest is JSON in three texts:
`params`; `outcome` (distributions, values, intermediate values, metrics, flags), which a list of
trials shows; and `details` (curves, layers), which only the trial's own page and the history read.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields
from functools import lru_cache
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.trial import TrialState
from sqlalchemy import Row

from search.study import FoldCurve, TrialRecord, TrialSource

_CURVE = tuple(field.name for field in fields(FoldCurve))


def write_trial(record: TrialRecord) -> dict[str, Any]:
    """Return the columns of `record`, all but study_id, trial_id and version."""
    outcome = {
        "distributions": {
            name: write_distribution(value) for name, value in record.distributions.items()
        },
        "values": record.values,
        "intermediate_values": list(record.intermediate_values.items()),
        "metrics": dict(record.metrics),
        "flags": record.flags,
    }
    details = {
        "curves": [{name: getattr(curve, name) for name in _CURVE} for curve in record.curves],
        "layers": dict(record.layers),
    }
    return {
        "number": record.number,
        "state": record.state.name,
        "source": str(record.source),
        "activation": record.activation,
        "value": sortable(record.values[0]) if record.values else None,
        "parameters": record.parameters,
        "fit_seconds": record.fit_seconds,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "request_id": record.request_id,
        "error": record.error,
        "params": json.dumps(dict(record.params)),
        "outcome": json.dumps(outcome),
        "details": json.dumps(details),
    }


def read_trial(row: Row[Any]) -> TrialRecord:
    """Return the record of `row`; without curves and layers where `details` was not selected."""
    outcome = json.loads(row.outcome)
    details = json.loads(row.details) if "details" in row._fields else {"curves": (), "layers": {}}
    return TrialRecord(
        number=row.number,
        state=TrialState[row.state],
        source=TrialSource(row.source),
        params=json.loads(row.params),
        distributions={
            name: _read_distribution(text) for name, text in outcome["distributions"].items()
        },
        values=None if outcome["values"] is None else tuple(outcome["values"]),
        intermediate_values=dict(outcome["intermediate_values"]),
        metrics=outcome["metrics"],
        curves=tuple(_read_curve(curve) for curve in details["curves"]),
        layers={name: tuple(values) for name, values in details["layers"].items()},
        flags=tuple(outcome["flags"]),
        error=row.error,
        parameters=row.parameters,
        started_at=row.started_at,
        finished_at=row.finished_at,
        fit_seconds=row.fit_seconds,
        request_id=row.request_id,
    )


def write_distribution(distribution: BaseDistribution) -> str:
    """Return Optuna's JSON of `distribution`; cheap for one seen before."""
    if isinstance(distribution, CategoricalDistribution):
        return _write_choices(distribution.choices, tuple(map(type, distribution.choices)))
    kind = type(distribution)
    if kind is FloatDistribution or kind is IntDistribution:
        return _write_range(kind, tuple(distribution._asdict().items()))
    return distribution_to_json(distribution)


def sortable(value: float) -> float | None:
    """Return `value`, or None for NaN, which no database sorts."""
    return None if math.isnan(value) else value


@lru_cache(maxsize=1024)
def _write_choices(choices: tuple[Any, ...], kinds: tuple[type, ...]) -> str:
    # The kinds are part of the key: to Python, and to Optuna, (True,) and (1,) are equal.
    return distribution_to_json(CategoricalDistribution(choices))


@lru_cache(maxsize=1024)
def _write_range(kind: type[BaseDistribution], attributes: tuple[tuple[str, Any], ...]) -> str:
    return distribution_to_json(kind(**dict(attributes)))


@lru_cache(maxsize=4096)
def _read_distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _read_curve(document: dict[str, Any]) -> FoldCurve:
    return FoldCurve(
        fold=document.pop("fold"), **{name: tuple(values) for name, values in document.items()}
    )
