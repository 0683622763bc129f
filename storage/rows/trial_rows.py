"""A TrialRecord as a row of `search_trials` and back, exactly.

Fields that SQL filters, sorts or changes have typed columns. The rest is `params` and `outcome`
(values, intermediate values, metrics, flags, rungs), which a list of trials shows, and `details`,
the trial blob (curves, layers, findings), which only a single trial and the history read. Many
trials have equal distributions, so `search_spaces` holds each set of them once a study.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
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
from sqlalchemy import Row, Select, and_, select

from search.study import TrialRecord, TrialSource
from storage.rows.trial_blob import TrialDetails, pack_trial_blob, unpack_trial_blob
from storage.sql.tables import SPACES, TRIALS

_RANGES: dict[type[BaseDistribution], Callable[..., BaseDistribution]] = {
    FloatDistribution: FloatDistribution,
    IntDistribution: IntDistribution,
}


def write_trial(record: TrialRecord) -> dict[str, Any]:
    """Return the columns of `record`, all but study_id, trial_id, version and space."""
    outcome = {
        "values": record.values,
        "intermediate_values": list(record.intermediate_values.items()),
        "metrics": dict(record.metrics),
        "flags": record.flags,
        "rungs": record.rungs,
    }
    return {
        "number": record.number,
        "state": record.state.name,
        "source": record.source.value,
        "activation": record.activation,
        "value": sortable(record.values[0]) if record.values else None,
        "parameters": record.parameters,
        "fit_seconds": record.fit_seconds,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "request_id": record.request_id,
        "search": record.search,
        "error": record.error,
        "params": json.dumps(dict(record.params)),
        "outcome": json.dumps(outcome),
        "details": pack_trial_blob(record),
    }


def select_trials(study_id: str, *, whole: bool) -> Select[Any]:
    """Select the columns that `read_trial` reads; the trial blob only if `whole`."""
    columns = [column for column in TRIALS.c if whole or column is not TRIALS.c.details]
    return (
        select(*columns, SPACES.c.distributions)
        .join(
            SPACES,
            and_(SPACES.c.study_id == TRIALS.c.study_id, SPACES.c.number == TRIALS.c.space),
        )
        .where(TRIALS.c.study_id == study_id)
    )


def read_trial(row: Row[Any]) -> TrialRecord:
    """Return the record of a row of `select_trials`."""
    outcome = json.loads(row.outcome)
    details = unpack_trial_blob(row.details) if "details" in row._fields else TrialDetails()
    return TrialRecord(
        number=row.number,
        state=TrialState[row.state],
        source=TrialSource(row.source),
        params=json.loads(row.params),
        distributions=dict(_read_space(row.distributions)),
        values=None if outcome["values"] is None else tuple(outcome["values"]),
        intermediate_values=dict(outcome["intermediate_values"]),
        metrics=outcome["metrics"],
        curves=details.curves,
        layers=details.layers,
        findings=details.findings,
        flags=tuple(outcome["flags"]),
        error=row.error,
        parameters=row.parameters,
        started_at=row.started_at,
        finished_at=row.finished_at,
        fit_seconds=row.fit_seconds,
        request_id=row.request_id,
        search=row.search or 0,
        rungs=outcome.get("rungs", 0),
    )


def write_space(distributions: Mapping[str, BaseDistribution]) -> str:
    """Return the JSON of `distributions`; equal texts mean equal distributions."""
    return json.dumps({name: write_distribution(value) for name, value in distributions.items()})


def write_distribution(distribution: BaseDistribution) -> str:
    """Return Optuna's JSON of `distribution`; cheap for one seen before."""
    if isinstance(distribution, CategoricalDistribution):
        return _write_choices(distribution.choices, tuple(map(type, distribution.choices)))
    if isinstance(distribution, FloatDistribution | IntDistribution):
        kind = _RANGES.get(type(distribution))
        if kind is not None:
            step, log = distribution.step, distribution.log
            return _write_range(kind, distribution.low, distribution.high, step, log)
    return distribution_to_json(distribution)  # one of Optuna's deprecated kinds


def sortable(value: float) -> float | None:
    """Return `value`, or None for NaN, which no database sorts."""
    return None if math.isnan(value) else value


@lru_cache(maxsize=1024)
def _write_choices(choices: tuple[Any, ...], kinds: tuple[type, ...]) -> str:
    # The kinds are part of the key: to Python, and to Optuna, (True,) and (1,) are equal.
    return distribution_to_json(CategoricalDistribution(choices))


@lru_cache(maxsize=1024)
def _write_range(
    kind: Callable[..., BaseDistribution],
    low: float,
    high: float,
    step: float | None,
    log: bool,
) -> str:
    return distribution_to_json(kind(low, high, step=step, log=log))


@lru_cache(maxsize=1024)
def _read_space(text: str) -> dict[str, BaseDistribution]:
    return {name: json_to_distribution(value) for name, value in json.loads(text).items()}
