"""When a trial is given up: Optuna's pruners, one row each, and whom they compare.

Slow starters (tanh, sigmoid) lose every comparison at an early epoch with fast ones, whatever they
reach in the end. By default a trial is therefore compared within its activation only: each
activation is an *arm*, a small Optuna study of its own in memory that mirrors the trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
)
from optuna.samplers import RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import Trial, TrialState

from search.errors import UnknownChoice
from search.pruners.successive_halving import SuccessiveHalving
from search.study import PrunerScope, PrunerSpec, TrialRecord

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


class Pruning:
    """Decides which trials of one study go on. `direction` is "minimize" or "maximize".

    Each arm is an Optuna study that sees only the trials it may compare, through Optuna's public
    interface, so decisions equal those of a plain study with that pruner and those trials.
    """

    def __init__(self, spec: PrunerSpec, direction: str, epochs: int, seed: int) -> None:
        self._row = get_pruner(spec.name)
        self._scope = spec.scope
        self._direction = direction
        self._epochs = epochs
        self._seed = seed
        self._arms: dict[str, Study] = {}
        self._trials: dict[int, tuple[Study, Trial]] = {}

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which `should_prune` is to be asked; the last is the end of training."""
        return self._row.rungs(self._epochs)

    def start(self, number: int, activation: str) -> None:
        """Enter a trial into its arm; nothing happens where it is there already."""
        if number not in self._trials:
            arm = self._arm(_ARM_OF[self._scope](activation))
            self._trials[number] = (arm, arm.ask())

    def report(self, number: int, epoch: int, value: float) -> None:
        """Note the first objective of a trial after `epoch`; NaN is a value like any other."""
        self._trials[number][1].report(value, epoch)

    def should_prune(self, number: int) -> bool:
        """Decide by the values reported so far. Asking counts: it enters the trial at the rung."""
        return self._trials[number][1].should_prune()

    def finish(self, number: int, value: float | None, *, pruned: bool = False) -> None:
        """End a trial: complete with `value`, else pruned or failed."""
        arm, trial = self._trials[number]
        if value is not None:
            arm.tell(trial, value)
        else:
            arm.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def replay(self, history: Sequence[TrialRecord]) -> None:
        """Rebuild the arms after a restart.

        Finished trials report and pass their rungs again, what was decided then stays decided.
        Unfinished ones are entered without values, in their place, ready to be trained again.
        """
        for record in sorted(history, key=lambda record: record.number):
            self.start(record.number, record.activation)
            if record.state.is_finished():
                self._replay_one(record)

    def _replay_one(self, record: TrialRecord) -> None:
        for epoch, value in sorted(record.intermediate_values.items()):
            self.report(record.number, epoch, value)
            if epoch in self.rungs[:-1]:
                self.should_prune(record.number)  # leaves its mark at the rung
        final = record.values[0] if record.values else None
        self.finish(record.number, final, pruned=record.state is TrialState.PRUNED)

    def _arm(self, key: str) -> Study:
        if key not in self._arms:
            # Hyperband picks a trial's bracket by a hash of the study's name: it must be fixed.
            self._arms[key] = optuna.create_study(
                study_name=f"{self._seed}:{key}",
                direction=StudyDirection[self._direction.upper()],
                pruner=self._row.build(self._epochs),
                sampler=RandomSampler(seed=0),
            )
        return self._arms[key]


#: Scope -> activation -> key of the arm.
_ARM_OF: dict[PrunerScope, Callable[[str], str]] = {
    PrunerScope.ACTIVATION: lambda activation: activation,
    PrunerScope.STUDY: lambda activation: "all",
}
