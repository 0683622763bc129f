"""Which configurations are trained again after the search: the best of each activation, and ReLU.

Pure functions of recorded trials, free of torch: the driver trains the candidates, and the results
count only the runs of current candidates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from optuna.trial import TrialState

from search.activations import ActivationName
from search.metrics import Direction
from search.space import condition_of
from search.study import ConfirmationRun, ParamValue, Role, TrialRecord

_BASELINE_INITIALIZER = "kaiming_normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration to confirm, in one role or both."""

    #: The trial that found it; None for a baseline that no trial has tried.
    trial: int | None
    params: Mapping[str, ParamValue]
    roles: tuple[Role, ...]

    @property
    def activation(self) -> str:
        """Name of the hidden activation."""
        return str(self.params["activation"])

    @property
    def key(self) -> str:
        """The `config_key` of the configuration."""
        return config_key(self.params)


def config_key(params: Mapping[str, ParamValue]) -> str:
    """Return a text that is equal for equal configurations and no others."""
    return json.dumps(dict(params), sort_keys=True)


def select_candidates(
    trials: Sequence[TrialRecord], direction: Direction, top: int
) -> tuple[Candidate, ...]:
    """Return the `top` best configurations of each activation, and the baseline.

    They are the best by the first objective, whose `direction` is given; equal configurations count
    once, under the lowest number. The baseline is ReLU with kaiming_normal at the settings of the
    best ReLU trial, or of the best trial where no ReLU trial completed. Empty where no trial
    completed.
    """
    ranked = _ranked(trials, direction)
    if not ranked or top < 1:
        return ()
    first: dict[str, TrialRecord] = {}
    for trial in ranked:
        first.setdefault(config_key(trial.params), trial)
    candidates: dict[str, Candidate] = {}
    counts: Counter[str] = Counter()
    for key, trial in first.items():
        counts[trial.activation] += 1
        if counts[trial.activation] <= top:
            candidates[key] = Candidate(
                trial=trial.number, params=trial.params, roles=(Role.CANDIDATE,)
            )
    params = _baseline(ranked)
    key = config_key(params)
    if key in candidates:
        candidates[key] = replace(candidates[key], roles=(Role.CANDIDATE, Role.BASELINE))
    else:
        number = first[key].number if key in first else None
        candidates[key] = Candidate(trial=number, params=params, roles=(Role.BASELINE,))
    return tuple(candidates.values())


def current_runs(
    runs: Sequence[ConfirmationRun], current: Sequence[Candidate]
) -> tuple[ConfirmationRun, ...]:
    """Return the runs of the `current` candidates in the roles they have now.

    After more trials a configuration may have dropped out, or another be the baseline; their
    earlier runs are still on record.
    """
    wanted = {(candidate.key, role) for candidate in current for role in candidate.roles}
    return tuple(run for run in runs if (config_key(run.params), run.role) in wanted)


def _ranked(trials: Sequence[TrialRecord], direction: Direction) -> list[TrialRecord]:
    sign = -1.0 if direction is Direction.MAXIMIZE else 1.0
    usable = [
        (sign * trial.values[0], trial.number, trial)
        for trial in trials
        if trial.state is TrialState.COMPLETE and trial.values and isfinite(trial.values[0])
    ]
    return [trial for _, _, trial in sorted(usable, key=lambda entry: entry[:2])]


def _baseline(ranked: Sequence[TrialRecord]) -> dict[str, ParamValue]:
    relu = ActivationName.RELU.value
    settings = next((trial for trial in ranked if trial.activation == relu), ranked[0]).params
    wanted: dict[str, ParamValue] = {
        **settings,
        "activation": relu,
        "initializer": _BASELINE_INITIALIZER,
    }
    # An axis of another activation, its slope for one, does not exist beside ReLU.
    return {name: value for name, value in wanted.items() if _exists(name, wanted)}


def _exists(name: str, params: Mapping[str, ParamValue]) -> bool:
    condition = condition_of(name)
    return condition is None or condition.holds(params)
