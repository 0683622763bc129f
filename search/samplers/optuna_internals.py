"""The only module of `search` that uses private names of Optuna, tested with Optuna 5.0.

`replace_estimator` uses, of `optuna.samplers`:

- `TPESampler._parzen_estimator_cls`, the class of its models of trials, which a comment of Optuna's
  invites users to replace. The replacement derives from the class that was there.
- `_search_space` and `_mixture_distribution` of that class: the mixture that it builds.
- `TPESampler._parzen_estimator_parameters`, for an estimator of two trials that checks all of this.
- `_tpe.probability_distributions._BatchedCategoricalDistributions`, to tell the kernels of a list
  of choices from those of a range, and the public fields of both kinds.

It raises `OptunaChanged` where one of these is missing; `search.samplers.batched_tpe.build_tpe`
then uses `TPESampler` as it is.

`running_trial` uses `FrozenTrial._trial_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

Floats: TypeAlias = NDArray[np.float64]


class OptunaChanged(Exception):
    """The installed Optuna lacks a private name that this module uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceKernels:
    """The K kernels of an axis with C choices."""

    #: Probability of each choice, (K, C); rows sum to 1.
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeKernels:
    """The K kernels of a range: normal distributions cut at its ends.

    Where `is_log` holds, the kernels are over the logarithm of the value.
    """

    mu: Floats  # (K,)
    sigma: Floats  # (K,)
    #: Least and greatest value of the axis.
    low: float
    high: float
    #: Where the kernels are cut: half a step beyond the ends, as a logarithm where `is_log` holds.
    adapted_low: float
    adapted_high: float
    is_log: bool
    #: Distance of neighbouring values; 0 for a continuous range.
    step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The mixture of products that TPE builds from trials: K kernels over the axes of a space."""

    #: Weight of each kernel, (K,); they sum to 1.
    weights: Floats
    #: By axis, in the order of the space.
    axes: Mapping[str, ChoiceKernels | RangeKernels]


class CandidateModel(Protocol):
    """Draws candidates from a mixture and tells how likely it finds candidates.

    Candidates are arrays by axis, in Optuna's internal representation: the index of a choice, else
    the value itself.
    """

    def sample(self, rng: np.random.RandomState, size: int) -> dict[str, Floats]:
        """Draw `size` candidates."""

    def log_pdf(self, samples_dict: dict[str, Floats]) -> Floats:
        """Return the log likelihood of each of C candidates, (C,)."""


#: One axis of every kind of kernel, and two observed values of each, to check Optuna by.
_CHECK_SPACE: dict[str, BaseDistribution] = {
    "choices": CategoricalDistribution(("a", "b")),
    "float": FloatDistribution(0.0, 1.0),
    "log": FloatDistribution(0.1, 1.0, log=True),
    "integer": IntDistribution(1, 4),
    "log integer": IntDistribution(1, 4, log=True),
}
_CHECK_OBSERVATIONS: dict[str, Floats] = {name: np.array([1.0, 1.0]) for name in _CHECK_SPACE}


def replace_estimator(sampler: TPESampler, make_model: Callable[[Mixture], CandidateModel]) -> None:
    """Have `sampler` draw and judge its candidates by `make_model` of each mixture it builds.

    The mixtures stay Optuna's. Raises OptunaChanged, and leaves `sampler` unchanged, where the
    installed Optuna lacks a private name that this needs.
    """
    try:
        estimator = optuna_estimator(sampler, _CHECK_OBSERVATIONS, _CHECK_SPACE)
        read_mixture(estimator)
    except (ImportError, AttributeError, TypeError) as error:
        raise OptunaChanged(str(error)) from error
    base: Any = type(estimator)

    class Estimator(base):  # type: ignore[misc]  # the base is known at run time only
        """Optuna's mixture behind a model of ours."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._model = make_model(read_mixture(self))

        def sample(self, rng: np.random.RandomState, size: int) -> dict[str, Floats]:
            return self._model.sample(rng, size)

        def log_pdf(self, samples_dict: dict[str, Floats]) -> Floats:
            return self._model.log_pdf(samples_dict)

    sampler._parzen_estimator_cls = Estimator


def optuna_estimator(
    sampler: TPESampler, observations: Mapping[str, Floats], space: Mapping[str, BaseDistribution]
) -> Any:
    """Return the estimator that `sampler` makes of trials whose values are `observations`.

    Those are arrays by axis, of one value a trial, in Optuna's internal representation. Raises
    AttributeError where the installed Optuna has no such estimator.
    """
    return sampler._parzen_estimator_cls(
        dict(observations), dict(space), sampler._parzen_estimator_parameters
    )


def read_mixture(estimator: Any) -> Mixture:
    """Return the mixture of an estimator of Optuna's.

    Raises ImportError or AttributeError where the installed Optuna keeps it otherwise.
    """
    # Imported here so that an Optuna without it can be told of and done without.
    from optuna.samplers._tpe.probability_distributions import (  # noqa: PLC0415
        _BatchedCategoricalDistributions,
    )

    mixture = estimator._mixture_distribution
    return Mixture(
        weights=mixture.weights,
        axes={
            name: ChoiceKernels(weights=kernels.weights)
            if isinstance(kernels, _BatchedCategoricalDistributions)
            else RangeKernels(
                mu=kernels.mu,
                sigma=kernels.sigma,
                low=kernels.low,
                high=kernels.high,
                adapted_low=kernels.adapted_low,
                adapted_high=kernels.adapted_high,
                is_log=kernels.is_log,
                step=kernels.step,
            )
            for name, kernels in zip(estimator._search_space, mixture.distributions, strict=True)
        },
    )


def running_trial(study: Study, trial: FrozenTrial) -> Trial:
    """Return a handle of `trial`, a running trial that was added to `study` instead of asked.

    Trials of a study in memory are numbered by their ids, so the number stands in where the
    installed Optuna has no `_trial_id`.
    """
    return Trial(study, getattr(trial, "_trial_id", trial.number))
