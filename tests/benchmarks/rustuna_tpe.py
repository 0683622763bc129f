"""rustuna's TPE behind Optuna's interface, brought as near to ours as its arguments allow.

rustuna's `TPESampler` (0.2) takes `seed`, `n_startup_trials` and `multivariate`, and looks at
completed trials only. Optuna's options that our row relies on are therefore made here:

- `constant_liar`: running trials enter as completed ones with the worst value.
- Pruned trials, which it overlooks, enter as completed ones that are worse than all that completed,
  ordered by how far they came and by their last value, as in Optuna.
- `group`: an axis that only some trials have is asked for by itself when a trial has it.

The history is handed over once for every batch of proposals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rustuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from rustuna.converter import to_rustuna_distributions

#: Larger than any loss.
_WORST = 1e12
#: Trials before the model is used, as in Optuna.
_STARTUP = 10


class RustunaTPE(BaseSampler):
    """rustuna's multivariate TPE over completed, pruned and running trials; one objective."""

    def __init__(self, seed: int) -> None:
        self._random = RandomSampler(seed=seed)
        self._sampler = rustuna.samplers.TPESampler(
            seed=seed, multivariate=True, n_startup_trials=_STARTUP
        )
        self._shared = IntersectionSearchSpace(include_pruned=True)
        self._storage: Any = None
        self._context: Any = None
        self._finished = 0
        #: rustuna's distributions, by the names and the identity of Optuna's.
        self._converted: dict[str, Any] = {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the axes that all finished trials share."""
        return self._shared.calculate(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a joint proposal for the shared axes; empty before the first ten trials."""
        return self._propose(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a proposal for an axis that only some trials have."""
        proposed = self._propose(study, trial, {param_name: param_distribution})
        if param_name in proposed:
            return proposed[param_name]
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Have the history handed over again before the next proposal."""
        self._storage = None

    def _propose(
        self, study: Study, trial: FrozenTrial, space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not space:
            return {}
        if self._storage is None:
            self._hand_over(study, trial)
        if self._finished < _STARTUP:
            return {}
        drawn = self._sampler.sample_joint(self._context, self._storage, self._convert(space))
        return {name: space[name].to_external_repr(value) for name, value in drawn.items()}

    def _hand_over(self, study: Study, current: FrozenTrial) -> None:
        """Write the history into a storage of rustuna's."""
        self._storage = rustuna.storages.InMemoryStorage()
        mirror = rustuna.create_study(storage=self._storage, sampler=self._sampler)
        sign = -1.0 if study.direction is StudyDirection.MAXIMIZE else 1.0
        trials = study.get_trials(deepcopy=False)
        self._finished = sum(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials)
        for trial in trials:
            value = _rank_value(trial, sign)
            if value is not None and trial.number != current.number and trial.params:
                mirror.add_trial(
                    rustuna.trial.create_trial(
                        value=value,
                        params=trial.params,
                        distributions=self._convert(trial.distributions),
                    )
                )
        self._context = rustuna.samplers.SamplerContext(
            study_id=mirror._study_id,
            trial_number=len(trials),
            trial_id=len(trials),
            directions=mirror.directions,
        )

    def _convert(self, space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        for name in space.keys() - self._converted.keys():
            self._converted |= to_rustuna_distributions({name: space[name]})
        return {name: self._converted[name] for name in space}


def _rank_value(trial: FrozenTrial, sign: float) -> float | None:
    """Return a loss that orders trials as Optuna's TPE does; None for one that teaches nothing."""
    if trial.state is TrialState.COMPLETE:
        return sign * float(trial.values[0])
    if trial.state is TrialState.RUNNING:
        return _WORST
    if trial.state is TrialState.PRUNED and trial.last_step is not None:
        last = sign * float(trial.intermediate_values[trial.last_step])
        return _WORST / 10 - 1e6 * trial.last_step + min(last, 1e5)
    return None
