"""Looks at a running confirmation: which arms need more repeats, and why it stopped.

A look is taken after 2, 4, 6, ... repeats. Each is a chance to call an arm worse that is not, so
all looks of one verdict share its alpha: a look's p-values count as often as `look_cost` says
(Pocock 1977). The looks of a study are nearly one test, since the rows and the searches stay the
same from look to look; four of them cost 2.2 tests, not four.

An arm that a look has shown to be worse stays so and gets no more repeats. Decisions are made anew
from the recorded runs whenever they are asked for, those of earlier looks by the runs that there
were at the time, so nothing has to be remembered.

The first verdict of a study has an alpha of 0.04, the one after the n-th extension 0.01 * 2^-n, all
of them together less than ALPHA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.analysis.against_best import Comparisons, compare
from search.analysis.confirmation_table import tabulate
from search.analysis.region import Region, region_of
from search.metrics import Metric
from search.study import ConfirmationRun, Stage
from search.study.results import Stopped

#: Accepted probability that the best arm of a study is ever called worse.
ALPHA = 0.05
_FIRST_ALPHA, _LATER_ALPHA = 0.04, 0.01
#: Repeats from one look to the next.
_STEP = 2
#: Number of looks -> how often a p-value counts. A test of level 0.004 at each of the looks errs as
#: a whole with that many times 0.004, where half of the variance of two repeats goes with more of
#: them; the tests compute it. A test of 0.04 costs less.
_COSTS: Mapping[int, float] = {1: 1.0, 2: 1.59, 3: 1.97, 4: 2.22, 8: 2.72, 50: 3.33}
#: Looks that a verdict is taken to have had at least, where nobody knows any more.
_USUAL_LOOKS = 4
#: More repeats are worth their time while they would take away more than this of the variance.
_NOISE_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class LookDecision:
    """What one look decides."""

    #: Arms that get more repeats, the best among them unless none does.
    keep: frozenset[str]
    #: Why no arm gets more; None where some do.
    stopped: Stopped | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Review:
    """All looks so far at a confirmation, the last one in full."""

    comparisons: Comparisons
    region: Region
    #: Name of an arm -> its p-value adjusted for arms and looks, the least of all looks; worse
    #: where it is below ALPHA.
    adjusted: Mapping[str, float]
    #: How often a p-value counted at the last look, that of the single comparison being 1.
    weight: float

    @property
    def worse(self) -> frozenset[str]:
        """Arms shown to be worse than the best."""
        return frozenset(name for name, p in self.adjusted.items() if p < ALPHA)

    @property
    def equivalent(self) -> frozenset[str]:
        """Arms whose 95 % interval of the difference to the best lies within the region."""
        size = self.region.size / abs(self.comparisons.table.unit)
        return frozenset(
            name
            for name, difference in self.comparisons.to_best.items()
            if size > 0.0 and max(map(abs, difference.interval())) < size
        )

    @property
    def open(self) -> frozenset[str]:
        """Arms that are neither: it cannot be told. The best is not among them."""
        return frozenset(self.comparisons.to_best) - self.worse - self.equivalent


def look_repeats(most_repeats: int) -> tuple[int, ...]:
    """Return the numbers of repeats after which to look: 2, 4, 6, ... and `most_repeats`."""
    return (*range(_STEP, most_repeats, _STEP), most_repeats)


def look_cost(looks: int) -> float:
    """Return how often a p-value counts where there are so many looks."""
    return next((cost for most, cost in _COSTS.items() if looks <= most), max(_COSTS.values()))


def verdict_alpha(number: int) -> float:
    """Return the alpha of the verdict after the `number`-th extension, of the first one for 0."""
    return _FIRST_ALPHA if number == 0 else _LATER_ALPHA * 2.0**-number


def look(
    runs: Sequence[ConfirmationRun],
    metric: Metric,
    *,
    arms: Sequence[str],
    region: float | None,
    most_repeats: int,
    least_repeats: int = 0,
) -> LookDecision:
    """Decide by the `runs` so far which of the `arms` get more repeats.

    `region` is `evaluation.region`, `most_repeats` `evaluation.confirm_repeats`. Below
    `least_repeats` all arms get more, whatever it would tell. The same runs give the same
    decision.
    """
    found = review(runs, metric, region=region, most_repeats=most_repeats)
    table = found.comparisons.table
    known = {arm.name for arm in table.arms}
    if not table.arms:
        # Nothing has been trained yet, or nothing can be: all arms are given their first repeats.
        begun = {run.arm for run in runs if run.stage is Stage.CONFIRM}
        missing = frozenset(arms) - begun
        return LookDecision(keep=missing, stopped=None if missing else Stopped.DECIDED)
    # An arm may have been left out of some repeats and come back, so none need have had all.
    had = 1 + max(run.repeat for run in runs if run.stage is Stage.CONFIRM)
    if had < least_repeats:
        return LookDecision(keep=frozenset(known), stopped=None)
    if len(known) < 2 or not found.open:
        return LookDecision(keep=frozenset(), stopped=Stopped.DECIDED)
    if had >= most_repeats:
        return LookDecision(keep=frozenset(), stopped=Stopped.REPEATS)
    noisy = {name for name in found.open if found.comparisons.to_best[name].noise >= _NOISE_SHARE}
    if not noisy:
        return LookDecision(keep=frozenset(), stopped=Stopped.EXTEND)
    return LookDecision(keep=frozenset(noisy | {table.arms[0].name}), stopped=None)


def review(
    runs: Sequence[ConfirmationRun],
    metric: Metric,
    *,
    region: float | None = None,
    most_repeats: int | None = None,
) -> Review:
    """Return what all looks at `runs` have found; `most_repeats` None for as many as there are."""
    used = [run for run in runs if run.stage is Stage.CONFIRM]
    last = max((run.verdict for run in used), default=0)
    adjusted: dict[str, float] = {}
    weight = 1.0
    for number in range(last + 1):
        known = [run for run in used if run.verdict <= number]
        had = 1 + max((run.repeat for run in known), default=-1)
        most = max(had, _STEP * _USUAL_LOOKS)
        if number == last and most_repeats is not None:
            most = max(had, most_repeats)
        schedule = look_repeats(most)
        weight = look_cost(len(schedule)) * ALPHA / verdict_alpha(number)
        for repeats in schedule:
            if repeats > had and repeats != schedule[0]:
                break
            out = {name for name, p in adjusted.items() if p < ALPHA}
            seen = [run for run in known if run.repeat < repeats and run.arm not in out]
            found = compare(tabulate(seen, metric), metric)
            for name, p_value in found.adjusted.items():
                scaled = min(1.0, p_value * weight)
                adjusted[name] = min(adjusted.get(name, 1.0), scaled)
    comparisons = compare(tabulate(used, metric), metric)
    table = comparisons.table
    baseline = table.baseline.mean() if table.baseline else None
    if baseline is None and table.arms:
        baseline = table.arms[0].mean
    size = region_of(metric, (baseline or 0.0) * table.unit, region)
    return Review(
        comparisons=comparisons,
        region=size,
        adjusted={name: adjusted.get(name, 1.0) for name in comparisons.to_best},
        weight=weight,
    )
