"""When a trial is given up: Optuna's pruners, one row each, and whom they compare.

Slow starters (tanh, sigmoid) lose every comparison at an early epoch with fast ones, whatever they
reach in the end. By default a trial is therefore compared within its activation only: each
activation is an *arm*, a small Optuna study of its own in memory that mirrors the trials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
)

from search.errors import UnknownChoice
from search.pruners.successive_halving import SuccessiveHalving

#: Each rung of successive halving has this many times the epochs of the one before and keeps one
#: trial in as many.
REDUCTION_FACTOR = 3
#: Decisions in a training, for the pruners that compare at even intervals.
EVEN_RUNGS = 5


class PrunerName(StrEnum):
    """Names are stored with every study: values are only ever added."""

    NONE = "none"
    MEDIAN = "median"
    SUCCESSIVE_HALVING = "successive_halving"
    HYPERBAND = "hyperband"
    PERCENTILE = "percentile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner:
    """One pruner, all facts of it. All of them need a single objective."""

    name: PrunerName
    title: str
    #: What it does and when to choose it.
    description: str
    paper: str
    #: Makes Optuna's pruner for trainings of so many epochs.
    build: Callable[[int], BasePruner]
    #: Epochs, counted from 1, after which pruning is decided; the last is the end of training.
    rungs: Callable[[int], tuple[int, ...]]


def _first_rung(epochs: int) -> int:
    return max(1, epochs // REDUCTION_FACTOR**2)


def _tripling(epochs: int) -> tuple[int, ...]:
    """(3, 9, 30) of 30 epochs. A rung past the middle would save less than it throws away."""
    rungs = [_first_rung(epochs)]
    while 2 * rungs[-1] <= epochs:
        rungs.append(REDUCTION_FACTOR * rungs[-1])
    return (*rungs[:-1], epochs)


def _even(epochs: int) -> tuple[int, ...]:
    """(6, 12, 18, 24, 30) of 30 epochs."""
    return tuple(sorted({max(1, epochs * k // EVEN_RUNGS) for k in range(1, EVEN_RUNGS + 1)}))


def _end(epochs: int) -> tuple[int, ...]:
    return (epochs,)


def _none(epochs: int) -> BasePruner:
    return NopPruner()


def _median(epochs: int) -> BasePruner:
    return MedianPruner()


def _percentile(epochs: int) -> BasePruner:
    return PercentilePruner(75.0)


def _successive_halving(epochs: int) -> BasePruner:
    return SuccessiveHalving(min_resource=_first_rung(epochs), reduction_factor=REDUCTION_FACTOR)


def _hyperband(epochs: int) -> BasePruner:
    return HyperbandPruner(
        min_resource=_first_rung(epochs), max_resource=epochs, reduction_factor=REDUCTION_FACTOR
    )


_ROWS: tuple[Pruner, ...] = (
    Pruner(
        name=PrunerName.NONE,
        title="No pruning",
        description="Every trial is trained to the end: for full curves, and with several "
        "objectives.",
        paper="none",
        build=_none,
        rungs=_end,
    ),
    Pruner(
        name=PrunerName.MEDIAN,
        title="Median",
        description="Ends a trial whose best value so far is worse than the median of completed "
        "trials at that epoch. Only survivors complete, so the bar rises as the "
        "study goes on.",
        paper="Golovin et al. (2017), Google Vizier: A Service for Black-Box Optimization",
        build=_median,
        rungs=_even,
    ),
    Pruner(
        name=PrunerName.SUCCESSIVE_HALVING,
        title="Asynchronous successive halving",
        description="The default: the best third goes on at a ninth and again at a third of the "
        "epochs.",
        paper="Li et al. (2020), A System for Massively Parallel Hyperparameter Tuning",
        build=_successive_halving,
        rungs=_tripling,
    ),
    Pruner(
        name=PrunerName.HYPERBAND,
        title="Hyperband",
        description="Successive halving with several starting rungs, in case early epochs mislead.",
        paper="Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar (2018), Hyperband: A Novel "
        "Bandit-Based Approach to Hyperparameter Optimization",
        build=_hyperband,
        rungs=_tripling,
    ),
    Pruner(
        name=PrunerName.PERCENTILE,
        title="Percentile",
        description="As median, but ends only what is worse than three quarters of the "
        "completed trials: the gentlest.",
        paper="Golovin et al. (2017), Google Vizier: A Service for Black-Box Optimization",
        build=_percentile,
        rungs=_even,
    ),
)

PRUNERS: dict[PrunerName, Pruner] = {row.name: row for row in _ROWS}


def get_pruner(name: str) -> Pruner:
    """Return the row called `name`; raises UnknownChoice, which lists the names."""
    for row in _ROWS:
        if name == row.name:
            return row
    raise UnknownChoice("pruner", name, PRUNERS, pointer="/pruner/name")
