"""The pruners that end trials early, one row each: rules, and the epochs at which they decide.

A *rung* is an epoch at which a pruner decides. All pruners but one are Optuna's; successive halving
is this package's own, which decides like Optuna's in less time
(`search.pruners.successive_halving`).
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

#: Ratio of the epochs of neighbouring rungs of successive halving, and of the trials that reach
#: them.
REDUCTION_FACTOR = 3
#: Rungs of the pruners that decide at even intervals.
EVEN_RUNGS = 5


class PrunerName(StrEnum):
    """Names of the pruners. They are stored with studies, so values are added, never removed."""

    NONE = "none"
    MEDIAN = "median"
    SUCCESSIVE_HALVING = "successive_halving"
    HYPERBAND = "hyperband"
    PERCENTILE = "percentile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner:
    """All facts of one pruner. Every pruner needs a single objective."""

    name: PrunerName
    title: str
    #: A sentence or two for users: the rule, and when to choose it.
    description: str
    paper: str
    #: Makes the pruner of trainings with the given number of epochs.
    build: Callable[[int], BasePruner]
    #: Rungs of trainings with the given number of epochs: epochs counted from 1, ascending; the
    #: last is the end of the training.
    rungs: Callable[[int], tuple[int, ...]]


def _first_rung(epochs: int) -> int:
    return max(1, epochs // REDUCTION_FACTOR**2)


def _tripling(epochs: int) -> tuple[int, ...]:
    """Return rungs that triple, (3, 9, 30) of 30 epochs.

    None lies past the middle, where a pruned trial has cost more than its end would.
    """
    rungs = [_first_rung(epochs)]
    while 2 * rungs[-1] <= epochs:
        rungs.append(REDUCTION_FACTOR * rungs[-1])
    return (*rungs[:-1], epochs)


def _even(epochs: int) -> tuple[int, ...]:
    """Return evenly spread rungs, (6, 12, 18, 24, 30) of 30 epochs."""
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
