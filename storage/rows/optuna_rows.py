"""A TrialRecord as the rows that Optuna's RDBStorage would have written for it.

Each child table of `trials` is one entry of `CHILDREN`: the column that identifies a row within
its trial, the columns that hold the value, and the function from a record to rows. The trial writer
compares the rows of the former record with those of the new one and writes the difference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeAlias

from optuna.trial import TrialState
from sqlalchemy import Table

from search.errors import InvalidInput
from search.study import TrialRecord
from storage.optuna_schema.tables import (
    INTERMEDIATE_VALUES,
    PARAMS,
    TRIAL_USER_ATTRIBUTES,
    VALUES,
    encode_intermediate_value,
    encode_value,
)
from storage.rows.trial_rows import write_distribution

#: Key of a row within its trial -> its value columns: numbers, strings and None only.
Rows: TypeAlias = dict[Any, tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A table whose rows each belong to one trial."""

    table: Table
    key: str
    values: tuple[str, ...]
    rows: Callable[[TrialRecord], Rows]


def trial_row(record: TrialRecord, now: datetime) -> dict[str, Any]:
    """Return the columns of `trials` without ids; `now` stands for a time that is missing.

    By Optuna's rules all but waiting trials have a start, exactly the finished ones an end, and
    times are naive UTC.
    """
    started = record.started_at
    if started is None and record.state is not TrialState.WAITING:
        started = record.finished_at or now
    finished = (record.finished_at or now) if record.state.is_finished() else None
    return {
        "number": record.number,
        "state": record.state,
        "datetime_start": _naive(started),
        "datetime_complete": _naive(finished),
    }


def check(record: TrialRecord) -> None:
    """Raise InvalidInput for a record that Optuna could not read back."""
    values = record.values
    if record.state is TrialState.COMPLETE and (not values or any(map(math.isnan, values))):
        raise InvalidInput(
            f"trial {record.number} is complete with values {values}; a complete trial needs a "
            "number for every objective, record it as failed"
        )


def _params(record: TrialRecord) -> Rows:
    return {
        name: (distribution.to_internal_repr(record.params[name]), write_distribution(distribution))
        for name, distribution in record.distributions.items()
    }


def _values(record: TrialRecord) -> Rows:
    values = record.values
    if values is None and record.state is TrialState.PRUNED:
        values = _value_when_pruned(record)
    if values is None or any(map(math.isnan, values)):
        return {}
    return {objective: _plain(*encode_value(float(v))) for objective, v in enumerate(values)}


def _value_when_pruned(record: TrialRecord) -> tuple[float, ...] | None:
    # As Optuna's tell does: the value of a pruned trial is its last intermediate value.
    if not record.intermediate_values:
        return None
    return (record.intermediate_values[max(record.intermediate_values)],)


def _intermediate_values(record: TrialRecord) -> Rows:
    return {
        step: _plain(*encode_intermediate_value(float(v)))
        for step, v in record.intermediate_values.items()
    }


def _plain(value: float | None, kind: Enum) -> tuple[float | None, str]:
    # An enumeration is stored by its name.
    return value, kind.name


def _user_attributes(record: TrialRecord) -> Rows:
    attributes: dict[str, object] = {
        "activation": record.activation,
        "source": record.source,
        "parameters": record.parameters,
        **{name: _readable(value) for name, value in record.metrics.items()},
    }
    fixed = {
        name: value for name, value in record.params.items() if name not in record.distributions
    }
    short: Mapping[str, object] = {
        "fixed_params": fixed,
        "flags": ", ".join(record.flags),
        "error": record.error,
        "fit_seconds": round(record.fit_seconds, 4),
        "findings": " ".join(finding.sentence for finding in record.findings),
        "layers": _last_layers(record),
    }
    attributes.update((key, value) for key, value in short.items() if value)
    return {key: (json.dumps(value),) for key, value in attributes.items()}


def _last_layers(record: TrialRecord) -> dict[str, list[float | str]]:
    """Return the last layer statistics of a finished trial, to three digits."""
    if not (record.layers and record.state.is_finished()):
        return {}
    return {
        name: [_readable(float(f"{value:.3g}")) for value in values]
        for name, values in record.layers[-1].statistics.items()
    }


def _readable(value: float) -> float | str:
    # The dashboard sends attributes to a browser, whose JSON knows neither NaN nor infinity.
    return value if math.isfinite(value) else str(value)


def _naive(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None)


CHILDREN: tuple[Child, ...] = (
    Child(
        table=PARAMS,
        key="param_name",
        values=("param_value", "distribution_json"),
        rows=_params,
    ),
    Child(table=VALUES, key="objective", values=("value", "value_type"), rows=_values),
    Child(
        table=INTERMEDIATE_VALUES,
        key="step",
        values=("intermediate_value", "intermediate_value_type"),
        rows=_intermediate_values,
    ),
    Child(
        table=TRIAL_USER_ATTRIBUTES,
        key="key",
        values=("value_json",),
        rows=_user_attributes,
    ),
)
