"""A lane: one network of a stack, its configuration, identity, and state between segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.activations import Activation, get_activation
from search.activations.gains import GainRule
from search.study import ParamValue, Scaling

#: No activations of a person's own.
_NONE: Mapping[str, Activation] = MappingProxyType({})


class StackKey(NamedTuple):
    """Settings that all lanes of a stack share; all others may differ from lane to lane."""

    width: int
    normalization: str
    batch_size: int
    #: Decides how many of the training rows the weights are fitted to.
    stopping: str


class KernelKey(NamedTuple):
    """Settings shared by the lanes that one call of an activation kernel serves."""

    activation: str
    #: Whether the activation's own parameters are at their defaults, for which there may be a
    #: quicker kernel.
    plain: bool
    #: Learned activation parameters, each with its sharing, which decide the shapes in a row.
    learned: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """A multilayer perceptron and the settings of its training.

    Each of `depth` hidden layers is Linear, normalization, activation, dropout.
    """

    #: Name of the activation in its study.
    activation: str
    #: The activation's row: of the catalog, or of a person's own.
    row: Activation
    #: Value of each of the activation's own parameters, by the parameter's name.
    activation_params: Mapping[str, ParamValue]
    #: The numbers among the activation's parameters, by the parameter's name.
    activation_numbers: Mapping[str, float]
    initializer: str
    #: Name of a `GainRule`, for initializers that take the activation's gain by rule.
    gain: str
    depth: int
    width: int
    normalization: str
    dropout: float
    learning_rate: float
    weight_decay: float
    gradient_clip: float | None
    batch_size: int
    optimizer: str
    momentum: float
    scaling: Scaling
    schedule: str
    stopping: str
    #: Epochs without a better one after which training ends; 0 where it goes on to the last.
    patience: int

    @classmethod
    def from_params(
        cls, params: Mapping[str, ParamValue], own: Mapping[str, Activation] = _NONE
    ) -> NetworkConfig:
        """Return the configuration of a trial's `params`; `own` are activations of the person's.

        Raises KeyError where an axis is missing, TypeError where a number is none.
        """
        name = str(params["activation"])
        row = own[name] if name in own else get_activation(name)
        clip = params["gradient_clip"]
        return cls(
            activation=row.name,
            row=row,
            activation_params=row.options(params),
            activation_numbers=row.numbers(params),
            initializer=str(params["initializer"]),
            gain=str(params.get("gain", GainRule.CRITICAL)),
            depth=int(_number(params["depth"])),
            width=int(_number(params["width"])),
            normalization=str(params["normalization"]),
            dropout=_number(params["dropout"]),
            learning_rate=_number(params["learning_rate"]),
            weight_decay=_number(params["weight_decay"]),
            gradient_clip=None if clip is None else _number(clip),
            batch_size=int(_number(params["batch_size"])),
            optimizer=str(params["optimizer"]),
            momentum=_number(params.get("momentum", 0.0)),
            schedule=str(params["schedule"]),
            # Trials on record may be older than these axes.
            scaling=Scaling(str(params.get("scaling", Scaling.STANDARD))),
            stopping=str(params.get("stopping", "last")),
            patience=int(_number(params.get("patience", 0))),
        )

    @property
    def keeps_best(self) -> bool:
        """Whether the network of the best epoch is kept, not that of the last one."""
        return self.stopping == "best"

    @property
    def learned(self) -> tuple[tuple[str, str], ...]:
        """Activation parameters that gradient descent moves, each with its sharing."""
        values = self.activation_params
        sharing = str(values.get("sharing", "layer"))
        return tuple(
            (p.name, sharing)
            for p in self.row.parameters
            if (values[p.learned] if isinstance(p.learned, str) else p.learned)
        )

    @property
    def plain(self) -> bool:
        """Whether the activation's own parameters are all at their defaults, none learned."""
        defaults = self.row.numbers({})
        return self.activation_numbers == defaults and not self.learned

    @property
    def stack_key(self) -> StackKey:
        """Key of the stacks that a lane can be trained in."""
        return StackKey(self.width, self.normalization, self.batch_size, self.stopping)

    @property
    def kernel_key(self) -> KernelKey:
        """Key of the kernel calls that can activate a lane."""
        return KernelKey(self.activation, self.plain, self.learned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One network to train.

    The result of a lane depends on these fields and the data, never on the other lanes of its
    stack. The seeds are derived from the study's seed by the phase that makes the lane.
    """

    #: Number of the configuration in its phase: of the trial, of the candidate, of the finalist.
    configuration: int
    #: Repeat of the confirmation or of the refit, counted from 0; 0 in the search.
    repeat: int = 0
    #: Cross-validation fold within the repeat, counted from 0.
    fold: int
    #: Index in `TrainingData.folds` of the rows, by the scaling of `config`, that are trained and
    #: scored on. The data of the confirmation holds the folds of several repeats.
    split: int
    config: NetworkConfig
    #: Seed of the initial weights.
    init_seed: int
    #: Seed of minibatches and dropout noise, shared by the lanes that are compared with each other
    #: (common random numbers).
    order_seed: int

    @property
    def stream(self) -> tuple[int, int]:
        """Split and order seed: lanes of one stream see the same minibatches."""
        return (self.split, self.order_seed)


class Weights(NamedTuple):
    """All numbers that the predictions of a lane follow from, as in LaneState."""

    params: NDArray[np.floating]
    running: NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestEpoch:
    """The epoch, so far, with the least loss on the inner validation rows."""

    #: Counted from 1.
    epoch: int
    #: Loss on the inner validation rows after it.
    loss: float
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """The end of a training whose patience was exhausted before its last epoch."""

    #: Epoch made last, counted from 1.
    epoch: int
    #: Mean training loss at the last evaluation that training preceded; later ones repeat it.
    train_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """The state of a lane between two segments, as plain arrays that can be pickled.

    P is the number of parameters, H the width.
    """

    #: All parameters, (P,): output weight, weights of layers 1 to depth, each (in, out); then the
    #: output bias and, layer by layer, bias, normalization's scale and shift, learned parameters of
    #: the activation.
    params: NDArray[np.floating]
    #: Adam's first moment, or SGD's momentum buffer, (P,).
    first_moment: NDArray[np.floating]
    #: Adam's second moment, (P,); empty for SGD.
    second_moment: NDArray[np.floating]
    #: Running mean and variance of batch normalization, (depth, 2, H); empty without it.
    running: NDArray[np.floating]
    #: Optimizer steps made so far.
    steps: int
    #: None where the network of the last epoch is kept, and before the first epoch.
    best: BestEpoch | None = None
    #: None while the lane is trained.
    ended: EarlyEnd | None = None

    @property
    def kept(self) -> LaneState:
        """The same state with the weights of the best epoch, where there is one."""
        if self.best is None:
            return self
        params, running = self.best.weights
        return replace(self, params=params, running=running)


def _number(value: ParamValue) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
