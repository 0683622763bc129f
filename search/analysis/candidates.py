"""Which configurations are trained again after the search: the best of each activation, and ReLU.

A pure function of recorded trials, free of torch: the driver trains what it returns, and whoever
reads recorded runs finds with it which of them still count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from optuna.trial import TrialState

from search.activations import ActivationName
from search.metrics import Direction
from search.space import AXES
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
        """Equal for equal configurations."""
        return config_key(self.params)


def config_key(params: Mapping[str, ParamValue]) -> str:
    """Return a text that is equal for equal configurations and no others."""
    return json.dumps(dict(params), sort_keys=True)


def select_candidates(
    trials: Sequence[TrialRecord], direction: Direction, top: int
) -> tuple[Candidate, ...]:
    """Return the `top` best configurations of each activation, and the baseline.

    Best by the first objective, whose `direction` is given; equal configurations count once, under
    the lowest number. The baseline is ReLU with kaiming_normal at the settings of the best ReLU
    trial, of the best trial where no ReLU trial completed. Empty where no trial completed.
    """
    ranked = _ranked(trials, direction)
    if not ranked or top < 1:
        return ()
    first: dict[str, TrialRecord] = {}
    for trial in ranked:
        first.setdefault(config_key(trial.params), trial)
    chosen: dict[str, Candidate] = {}
    taken: dict[str, int] = {}
    for key, trial in first.items():
        taken[trial.activation] = taken.get(trial.activation, 0) + 1
        if taken[trial.activation] <= top:
            chosen[key] = Candidate(
                trial=trial.number, params=trial.params, roles=(Role.CANDIDATE,)
            )
    params = _baseline(ranked)
    key = config_key(params)
    if key in chosen:
        chosen[key] = replace(chosen[key], roles=(Role.CANDIDATE, Role.BASELINE))
    else:
        number = first[key].number if key in first else None
        chosen[key] = Candidate(trial=number, params=params, roles=(Role.BASELINE,))
    return tuple(chosen.values())


def current_runs(
    runs: Sequence[ConfirmationRun], current: Sequence[Candidate]
) -> tuple[ConfirmationRun, ...]:
    """Return the runs of the `current` candidates in the roles they have now.

    After more trials a configuration may have dropped out, or another be the baseline; the runs of
    before are on record still.
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
    # What belongs to another activation, its slope for one, does not exist beside ReLU.
    return {name: value for name, value in wanted.items() if _exists(name, wanted)}


def _exists(name: str, params: Mapping[str, ParamValue]) -> bool:
    condition = AXES[name].condition
    return condition is None or params.get(condition.axis) == condition.value
