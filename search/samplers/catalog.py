"""The samplers a study can be searched with, one row each, all of them Optuna's.

TPE's candidates are drawn and judged by code of this package, a batch of proposals at a time (see
`search.samplers.batched_tpe`); the other samplers are Optuna's as released, asked trial by trial.

Starting from a history. A sampler that is created again with the same seed repeats its proposals,
so `seed_for` derives the seed from the study's seed and the number of trials in the history. Two
runs of a study therefore propose the same trials, interrupted ones too, since those are repeated
from their start (`search.driver.replay`). After an extension, and where nothing can be repeated,
samplers are made anew from the history; the field `resuming` of a row tells which state is lost
then.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
)

from search.errors import InvalidInput, UnknownChoice
from search.samplers.batched_tpe import build_tpe
from search.seeds import derive_seed
from search.space import SearchSpace
from search.study import SamplerSpec


class SamplerName(StrEnum):
    """Names of the samplers. They are stored with studies, so values are added, never removed."""

    TPE = "tpe"
    RANDOM = "random"
    GRID = "grid"
    QMC = "qmc"
    GP = "gp"
    NSGAII = "nsgaii"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """All facts of one sampler. Every sampler takes one or two objectives."""

    name: SamplerName
    title: str
    #: A sentence or two for users: the method, and when to choose it.
    description: str
    #: Treatment of conditional axes, such as a slope.
    conditional: str
    #: State of the sampler after a study is extended, or resumed without being repeated.
    resuming: str
    paper: str
    #: Makes Optuna's sampler from a seed.
    build: Callable[[int], BaseSampler]
    #: Whether the sampler needs finitely many values on every axis.
    finite: bool = False
    #: Finished trials that the sampler gets of a long history (see
    #: `search.samplers.history_subset`); None where it gets all.
    history_size: int | None = None


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence Optuna's warnings of experimental features, and of features that Optuna 6 removes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _tpe(seed: int) -> BaseSampler:
    with _quietly():
        return build_tpe(seed)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _grid(seed: int) -> BaseSampler:
    with _quietly():
        return BruteForceSampler(seed=seed)


def _qmc(seed: int) -> BaseSampler:
    with _quietly():
        return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _gp(seed: int) -> BaseSampler:
    # Imported here because GPSampler needs torch, which the API process must not load.
    from optuna.samplers import GPSampler  # noqa: PLC0415

    return GPSampler(seed=seed, warn_independent_sampling=False)


def _nsgaii(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed)


_ROWS: tuple[Sampler, ...] = (
    Sampler(
        name=SamplerName.TPE,
        title="Tree-structured Parzen estimator",
        description="The default: learns from tens to thousands of trials which regions are "
        "good, and proposes batches at little cost.",
        conditional="Models axes that always occur together as one group: those that all trials "
        "share, and those of each activation.",
        resuming="Reads everything from the history.",
        paper="Bergstra, Bardenet, Bengio & Kégl (2011), Algorithms for Hyper-Parameter "
        "Optimization; Falkner, Klein & Hutter (2018) for the multivariate form",
        build=_tpe,
        history_size=120,
    ),
    Sampler(
        name=SamplerName.RANDOM,
        title="Random search",
        description="For unbiased pictures of the whole space, and as the yardstick of every "
        "other sampler.",
        conditional="Draws whatever exists.",
        resuming="Has no memory.",
        paper="Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization",
        build=_random,
    ),
    Sampler(
        name=SamplerName.GRID,
        title="Grid (brute force)",
        description="Every configuration once, in random order, for small spaces of lists, "
        "whole numbers and stepped ranges; the study ends when the grid is used up.",
        conditional="Walks the conditional tree: no configuration is tried twice because of a "
        "slope it does not have.",
        resuming="Reads everything from the history.",
        paper="Optuna's BruteForceSampler",
        build=_grid,
        finite=True,
    ),
    Sampler(
        name=SamplerName.QMC,
        title="Quasi-Monte Carlo (scrambled Sobol sequence)",
        description="Random search that covers the space more evenly; best with few axes.",
        conditional="Covers the axes of the first finished trial evenly; those that it does not "
        "have are drawn at random.",
        resuming="Begins another scrambled sequence, so evenness holds within each run only.",
        paper="Sobol (1967); Bergstra & Bengio (2012), Random Search for Hyper-Parameter "
        "Optimization",
        build=_qmc,
    ),
    Sampler(
        name=SamplerName.GP,
        title="Gaussian process",
        description="For up to about 100 slow trials over few axes. It takes up to seconds a "
        "proposal, growing with the history, and holds torch to one thread while it "
        "thinks.",
        conditional="Models only the axes that all finished trials share; the others are drawn "
        "at random.",
        resuming="Reads everything from the history; fits its kernel from scratch.",
        paper="Ament, Daulton, Eriksson, Balandat & Bakshy (2023), Unexpected Improvements to "
        "Expected Improvement for Bayesian Optimization; Optuna's GPSampler",
        build=_gp,
    ),
    Sampler(
        name=SamplerName.NSGAII,
        title="NSGA-II (genetic)",
        description="For two objectives and a budget of many hundreds of trials, without "
        "pruning: a generation has 50 completed trials.",
        conditional="Crosses the axes that all finished trials share; the others are drawn at "
        "random.",
        resuming="Begins with a new random generation; the history does not breed.",
        paper="Deb, Pratap, Agarwal & Meyarivan (2002), A Fast and Elitist Multiobjective Genetic "
        "Algorithm: NSGA-II",
        build=_nsgaii,
    ),
)

SAMPLERS: dict[SamplerName, Sampler] = {row.name: row for row in _ROWS}


def get_sampler(name: str) -> Sampler:
    """Return the row called `name`; raises UnknownChoice, which lists the names."""
    for row in _ROWS:
        if name == row.name:
            return row
    raise UnknownChoice("sampler", name, SAMPLERS, pointer="/sampler/name")


def check_sampler(spec: SamplerSpec, space: SearchSpace) -> None:
    """Check that a sampler can search `space`.

    Raises UnknownChoice for a name that is not in the table, InvalidInput where a sampler that
    needs finitely many values gets a continuous axis.
    """
    row = get_sampler(spec.name)
    if row.finite and space.continuous:
        raise InvalidInput(
            f"sampler '{row.name}' tries every configuration, but these axes have infinitely many "
            f"values: {', '.join(space.continuous)}; list their values, give each a step, fix "
            f"them, or choose another sampler such as random",
            pointer="/sampler/name",
        )


def seed_for(study_seed: int, history_length: int, search: int = 0, arm: str = "") -> int:
    """Return the seed of a sampler that starts after `history_length` known trials.

    Each search has its own, and each arm that has a sampler of its own.

    The seed is a stable hash, equal on every machine, and below 2**32, which NumPy's RandomState
    requires.
    """
    return derive_seed("sampler", study_seed, history_length, search, arm) % 2**32
