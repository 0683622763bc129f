"""Optuna's TPE, asked once for a whole batch of proposals.

A proposal of TPE is the best of some candidates that it draws from its model of the good trials.
Building the model is Python over every trial of the history and takes three milliseconds, a fifth
of the training of a small network. All proposals of a batch are made from the same trials, so here
the model is built once, draws the candidates of the whole batch, and each proposal is the best of
its own candidates. Nothing else differs from asking one by one: the running trials of other batches
count against a candidate as in Optuna (`constant_liar`); only proposals that were drawn together do
not see each other.

`TPESampler` is Optuna's, as released; the class of its estimator is replaced
(`search.samplers.optuna_internals`). The replacement changes how many candidates are drawn, not
from which distribution, nor how they are judged: a single proposal is the one that Optuna makes.

Axes that exist in the same trials form a group with a model of its own (Optuna's `group`): the axes
of all trials are one group, the parameters of an activation another. Optuna draws from every group
for every proposal. Here a conditional group is drawn from when a proposal has its axes, and what is
left of that draw is used up by later proposals until a trial with these axes is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.samplers.optuna_internals import Floats, Mixture, OptunaChanged, replace_estimator
from search.samplers.parzen_estimator import ParzenEstimator

#: Candidates of each proposal, as by default in Optuna.
CANDIDATES = 24
#: A batch of B draws B / _RARITY proposals, rounded up, for a group that only some trials have.
_RARITY = 8
#: Proposals drawn from one model at most; a larger batch builds the model again after that many.
MAX_BATCH_SIZE = 16

_log = logging.getLogger(__name__)

#: Axes that exist in the same trials.
_Group = dict[str, BaseDistribution]


def build_tpe(seed: int) -> BaseSampler:
    """Return `BatchedTPE`, or Optuna's plain `TPESampler` where the installed Optuna is too new.

    Both search alike; the plain one builds its model for every proposal. A warning in the log says
    which private name of Optuna's is missing.
    """
    try:
        return BatchedTPE(seed)
    except OptunaChanged as change:
        _log.warning(
            "The installed Optuna has changed inside (%s), so TPE is asked for one proposal at a "
            "time, which takes several milliseconds each; install optuna~=5.0 to have batches",
            change,
        )
        return _tpe(seed)


class _RecordingParzenEstimator(ParzenEstimator):
    """An estimator that keeps the candidates it drew and the log likelihoods it computed."""

    def __init__(self, mixture: Mixture, proposals: int) -> None:
        super().__init__(mixture)
        #: Proposals to draw candidates for.
        self._proposals = proposals
        self.drawn: dict[str, Floats] = {}
        self.log_likelihoods: Floats = np.empty(0)

    def sample(self, rng: np.random.RandomState, size: int) -> dict[str, Floats]:
        """Draw `size` candidates for each proposal, by axis."""
        self.drawn = super().sample(rng, size * self._proposals)
        return self.drawn

    def log_pdf(self, samples_dict: dict[str, Floats]) -> Floats:
        """Return the log likelihood of each candidate."""
        self.log_likelihoods = super().log_pdf(samples_dict)
        return self.log_likelihoods


class BatchedTPE(BaseSampler):
    """Samples like `TPESampler(multivariate, group, constant_liar)`, a batch at a time.

    Raises OptunaChanged where the installed Optuna does not let its estimator be replaced.
    """

    def __init__(self, seed: int) -> None:
        #: Draws proposals for groups of axes, through models of ours.
        self._joint = _tpe(seed)
        #: Draws values of axes that no finished trial has had yet.
        self._single = _tpe(seed)
        #: The models of good and of other trials that the last call of `_joint` has built.
        self._models: list[_RecordingParzenEstimator] = []
        #: Proposals that the next model draws candidates for.
        self._proposals = 1
        self._batch_size = 1
        replace_estimator(self._joint, self._model)
        #: The group of each axis, as finished trials show it; None before it is worked out.
        self._groups: dict[str, _Group] | None = None
        #: The sets of axes that the groups were worked out from; a new set may split a group.
        self._axis_sets: set[frozenset[str]] = set()
        #: The group of the axes that all trials share.
        self._shared: _Group = {}
        #: Proposals that are drawn and not used yet, by the names of their group.
        self._drawn: dict[frozenset[str], deque[dict[str, Any]]] = {}
        #: Values of conditional axes that the trial being asked has not asked for yet.
        self._pending: dict[str, Any] = {}

    def set_batch_size(self, count: int) -> None:
        """Draw `count` proposals together from now on, at least 1 and at most MAX_BATCH_SIZE."""
        self._batch_size = max(1, min(count, MAX_BATCH_SIZE))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the axes that all trials share."""
        if self._groups is None:
            self._groups = self._grouped(
                study, self._joint.infer_relative_search_space(study, trial)
            )
        return self._shared

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next proposal of the batch; empty while the history is too short for TPE."""
        return self._next(study, trial, search_space, self._batch_size)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value of a conditional axis; its whole group is proposed at once."""
        group = (self._groups or {}).get(param_name)
        if param_name not in self._pending and group:
            self._pending |= self._next(study, trial, group, -(-self._batch_size // _RARITY))
        if param_name in self._pending:
            return self._pending.pop(param_name)
        return self._single.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Reseed the random numbers of both samplers."""
        self._joint.reseed_rng()
        self._single.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Drop the values that the previous trial did not ask for."""
        self._pending = {}
        self._single.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Drop proposals for the axes of `trial`, which the next model can learn from."""
        self._single.after_trial(study, trial, state, values)
        axes = trial.distributions.keys()
        self._drawn = {group: drawn for group, drawn in self._drawn.items() if not group <= axes}
        if frozenset(axes) not in self._axis_sets:
            self._groups = None

    def _grouped(self, study: Study, space: Mapping[str, BaseDistribution]) -> dict[str, _Group]:
        """Return the group of each axis of `space`, by the finished trials of every study."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        # Sets are kept from study to study, as in the joint sampler: a later one may lack some.
        self._axis_sets |= {frozenset(trial.distributions) for trial in finished}
        where = dict.fromkeys(space, 0)
        for place, axes in enumerate(self._axis_sets):
            for name in space.keys() & axes:
                where[name] |= 1 << place
        together: dict[int, _Group] = {}
        for name, places in where.items():
            together.setdefault(places, {})[name] = space[name]
        self._shared = together.get((1 << len(self._axis_sets)) - 1, {})
        return {name: together[places] for name, places in where.items()}

    def _next(self, study: Study, trial: FrozenTrial, group: _Group, count: int) -> dict[str, Any]:
        """Return the next proposal for a group; draw `count` where none is left."""
        drawn = self._drawn.setdefault(frozenset(group), deque())
        if not drawn:
            self._models.clear()
            self._proposals = count
            self._joint.sample_relative(study, trial, group)
            if not self._models:
                return {}
            drawn.extend(_proposals(self._models, group))
        return drawn.popleft()

    def _model(self, mixture: Mixture) -> _RecordingParzenEstimator:
        model = _RecordingParzenEstimator(mixture, self._proposals)
        self._models.append(model)
        return model


def _proposals(models: Sequence[_RecordingParzenEstimator], group: _Group) -> list[dict[str, Any]]:
    """Return the best of every CANDIDATES candidates, by the likelihood ratio of the models."""
    good, other = models
    gains = (good.log_likelihoods - other.log_likelihoods).reshape(-1, CANDIDATES)
    best = gains.argmax(1) + np.arange(len(gains)) * CANDIDATES
    return [
        {
            name: distribution.to_external_repr(good.drawn[name][place].item())
            for name, distribution in group.items()
        }
        for place in best
    ]


def _tpe(seed: int) -> TPESampler:
    return TPESampler(
        seed=seed,
        n_ei_candidates=CANDIDATES,
        multivariate=True,
        group=True,
        constant_liar=True,
        warn_independent_sampling=False,
    )
