"""Optuna's TPE, asked once for a whole batch of proposals.

A proposal is the best of some candidates that TPE draws from its model of the good trials. Its
model is Python over every trial that it is shown, three milliseconds each time, a fifth of what
training a small network takes; all proposals of a batch are made from the same trials. So the model
is made once, draws the candidates of the whole batch, and each proposal is the best of its own.
Nothing else differs from asking one by one: what is under way in other batches counts against a
candidate as ever (`constant_liar`), only proposals that were drawn together do not see each other.

`TPESampler` is Optuna's, as released: we put an estimator of our own where it lets users do so
(`_parzen_estimator_cls`, "Users can overwrite _ParzenEstimator to customize the TPE behavior"), and
that one changes how many candidates are drawn, not from what, nor how they are judged. A proposal
asked alone is the one that Optuna makes.

Axes that exist in the same trials are a group with a model of its own (Optuna's `group`): those of
all trials, a slope and what goes with it. Optuna draws from every group for every proposal; here a
slope's is drawn from when a proposal has come to have one, and what is left of the draw holds until
a trial with that slope is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.samplers.parzen_estimator import ParzenEstimator

#: Candidates a proposal, as Optuna has by default.
CANDIDATES = 24
#: One proposal in so many, near enough, is for an axis that only some trials have.
_RARITY = 8
#: Proposals of a batch at most; a larger one makes the model anew after as many.
MOST = 16

_Group = dict[str, BaseDistribution]


class _RecordingParzenEstimator(ParzenEstimator):
    """An estimator that keeps what it drew and how likely it found what it was shown."""

    #: Proposals to draw candidates for.
    proposals = 1
    drawn: dict[str, NDArray[np.float64]]
    log_likelihoods: NDArray[np.float64]

    def sample(self, rng: np.random.RandomState, size: int) -> dict[str, NDArray[np.float64]]:
        """Draw `size` candidates for each proposal, by parameter."""
        self.drawn = super().sample(rng, size * self.proposals)
        return self.drawn

    def log_pdf(self, samples_dict: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the log likelihood of each candidate."""
        self.log_likelihoods = super().log_pdf(samples_dict)
        return self.log_likelihoods


class BatchedTPE(BaseSampler):
    """Samples like `TPESampler(multivariate, group, constant_liar)`, a batch at a time."""

    def __init__(self, seed: int) -> None:
        self._joint, self._single = _tpe(seed), _tpe(seed)
        #: The models of good and of other trials that the last sampling has made.
        self._models: list[_RecordingParzenEstimator] = []
        self._expected = 1
        self._wanted = 1
        # Typed as a class; TPESampler only calls it, and checks what comes back.
        self._joint._parzen_estimator_cls = self._model  # type: ignore[assignment]
        #: Axes that finished trials have had together, by each axis; None where not known.
        self._groups: dict[str, _Group] | None = None
        #: The sets of axes that the groups were made from; another may split a group.
        self._seen: set[frozenset[str]] = set()
        self._everywhere: _Group = {}
        #: What is drawn and not proposed yet, by the names of the group.
        self._drawn: dict[frozenset[str], deque[dict[str, Any]]] = {}
        #: What the trial that is being asked has not asked yet of a group's proposal.
        self._pending: dict[str, Any] = {}

    def expect(self, count: int) -> None:
        """Prepare for `count` proposals before the next trial is told; one, unless told more."""
        self._expected = max(1, min(count, MOST))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the axes that all trials share."""
        if self._groups is None:
            self._groups = self._grouped(
                study, self._joint.infer_relative_search_space(study, trial)
            )
        return self._everywhere

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next proposal of the batch; empty where TPE still wants random ones."""
        return self._next(study, trial, search_space, self._expected)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value of an axis that only some trials have, with those that go with it."""
        group = (self._groups or {}).get(param_name)
        if param_name not in self._pending and group:
            self._pending |= self._next(study, trial, group, -(-self._expected // _RARITY))
        if param_name in self._pending:
            return self._pending.pop(param_name)
        return self._single.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Take fresh random numbers."""
        self._joint.reseed_rng()
        self._single.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Begin with a trial that has been given nothing yet."""
        self._pending = {}
        self._single.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget what is prepared for the trial's axes: there is one more to make it from."""
        self._single.after_trial(study, trial, state, values)
        axes = trial.distributions.keys()
        self._drawn = {group: drawn for group, drawn in self._drawn.items() if not group <= axes}
        if frozenset(axes) not in self._seen:
            self._groups = None

    def _grouped(self, study: Study, space: Mapping[str, BaseDistribution]) -> dict[str, _Group]:
        """Return the axes that exist in the same trials as each does, of all studies so far."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        # Added to, like what the joint sampler knows: a later study may lack some of them.
        self._seen |= {frozenset(trial.distributions) for trial in finished}
        where = dict.fromkeys(space, 0)
        for place, axes in enumerate(self._seen):
            for name in space.keys() & axes:
                where[name] |= 1 << place
        together: dict[int, _Group] = {}
        for name, places in where.items():
            together.setdefault(places, {})[name] = space[name]
        self._everywhere = together.get((1 << len(self._seen)) - 1, {})
        return {name: together[places] for name, places in where.items()}

    def _next(self, study: Study, trial: FrozenTrial, group: _Group, count: int) -> dict[str, Any]:
        """Return the next proposal for the axes of a group, drawing `count` where none is left."""
        drawn = self._drawn.setdefault(frozenset(group), deque())
        if not drawn:
            self._models.clear()
            self._wanted = count
            self._joint.sample_relative(study, trial, group)
            if not self._models:
                return {}
            drawn.extend(_proposals(self._models, group))
        return drawn.popleft()

    def _model(self, *arguments: Any, **more: Any) -> _RecordingParzenEstimator:
        model = _RecordingParzenEstimator(*arguments, **more)
        model.proposals = self._wanted
        self._models.append(model)
        return model


def _proposals(models: Sequence[_RecordingParzenEstimator], group: _Group) -> list[dict[str, Any]]:
    """Return the best of every CANDIDATES candidates, by what TPE maximises."""
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
