"""The confirmation: entrants race to be champions, and the champions are compared.

The best of many noisy validation scores is biased towards luck. So a few entrants of each arm and
search are trained again, for all epochs, on fresh splits of the development rows, and the best of
them is the champion (`search.analysis.candidates`). The champions and the baseline are then trained
on other splits, which no choice was made by, until looks at them find that more would tell little
(`search.analysis.looks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from search.analysis.candidates import (
    RACE_REPEATS,
    Candidate,
    current_runs,
    select_baseline,
    select_champions,
    select_entrants,
)
from search.analysis.looks import look, look_repeats
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan
from search.driver.resplits import Resplits
from search.driver.stage_runs import StageRuns
from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Progress,
    ProgressMade,
    Stage,
    TrialRecord,
)


@dataclass(slots=True)
class _Counts:
    """Trainings that are wanted and made, and when the first was begun."""

    base: Progress
    began: float
    wanted: int = 0
    made: int = 0

    def progress(self) -> ProgressMade:
        """Return the progress by the trainings so far."""
        rate = self.made / max(monotonic() - self.began, 1e-9)
        left = (self.wanted - self.made) / rate if rate > 0 else None
        return ProgressMade(
            progress=replace(
                self.base,
                confirmations_total=self.wanted,
                confirmations_finished=self.made,
                seconds_left=left,
            )
        )


class Confirmation:
    """The confirmation of one study, which trains the runs that are not on record."""

    def __init__(
        self,
        plan: StudyPlan,
        trials: Sequence[TrialRecord],
        recorded: Sequence[ConfirmationRun],
        *,
        seconds: float | None = None,
    ) -> None:
        """`seconds` limits the wall time; the first repeat of each stage is trained in any case."""
        self._plan = plan
        self._trials = trials
        self._seconds = seconds
        self.resplits = Resplits(plan, Stage.CONFIRM)
        self._race = StageRuns(plan, Resplits(plan, Stage.RACE), recorded)
        self._confirmed = StageRuns(plan, self.resplits, recorded)
        self.entrants = select_entrants(
            trials, plan.arms, plan.objectives[0].direction, plan.spec.evaluation.confirm_top
        )
        self._current: tuple[Candidate, ...] = ()
        #: Seconds of the longest repeat so far, by which the next is judged to have time or not.
        self._longest = 0.0
        self._began = monotonic()

    @property
    def runs(self) -> tuple[ConfirmationRun, ...]:
        """Confirming runs of the champions and the baseline, recorded or new."""
        return current_runs(self._confirmed.runs, self._current)

    def run(self, base: Progress, jobs: OrderedJobs) -> Iterator[Event]:
        """Yield the missing runs as they end; raises Interrupted where a stop is asked for.

        `base` is the progress at the end of the search.
        """
        self._began = monotonic()
        counts = _Counts(base, self._began)
        yield counts.progress()
        yield from self._train(self._race, self._racing(), range(RACE_REPEATS), jobs, counts)
        metric, arms = self._plan.objectives[0], self._plan.arms
        champions = select_champions(self.entrants, self._race.runs, metric)
        baseline = select_baseline(champions, self._trials, arms)
        self._current = (*champions, *((baseline,) if baseline is not None else ()))
        evaluation, least = self._plan.spec.evaluation, self._plan.spec.least_repeats
        names = {champion.arm for champion in champions}
        keep, before = names, 0
        for repeats in look_repeats(evaluation.confirm_repeats):
            wanted = [c for c in self._current if c.search is None or c.arm in keep]
            span = range(before, repeats)
            yield from self._train(self._confirmed, wanted, span, jobs, counts)
            if not self._is_complete(wanted, span):
                return
            seen = [run for run in self.runs if run.repeat < repeats]
            decision = look(
                seen,
                metric,
                arms=sorted(names),
                region=evaluation.region,
                most_repeats=evaluation.confirm_repeats,
                least_repeats=least,
            )
            if decision.stopped is not None:
                return
            keep, before = set(decision.keep), repeats

    def _racing(self) -> list[Candidate]:
        """Return the entrants of searches that have several: a single one is champion unraced."""
        sizes: dict[tuple[str, int | None], int] = {}
        for entrant in self.entrants:
            place = entrant.arm, entrant.search
            sizes[place] = sizes.get(place, 0) + 1
        return [entrant for entrant in self.entrants if sizes[entrant.arm, entrant.search] > 1]

    def _is_complete(self, candidates: Sequence[Candidate], repeats: Sequence[int]) -> bool:
        return not self._confirmed.missing(candidates, repeats)

    def _train(
        self,
        stage: StageRuns,
        candidates: Sequence[Candidate],
        repeats: Sequence[int],
        jobs: OrderedJobs,
        counts: _Counts,
    ) -> Iterator[Event]:
        """Train what is missing, repeat by repeat where time is limited.

        So a time limit leaves every candidate with the same number of repeats.
        """
        slots = len({candidate.key for candidate in candidates}) * len(repeats) * stage.folds
        counts.wanted += slots
        counts.made += slots - stage.missing(candidates, repeats)
        blocks = [repeats] if self._seconds is None else [(repeat,) for repeat in repeats]
        for block in blocks:
            started = monotonic()
            is_late = self._seconds is not None and (
                started - self._began + self._longest > self._seconds
            )
            if is_late and block[0] > 0:
                return
            for trained, made in stage.train(candidates, block, jobs):
                counts.made += trained
                if made:
                    yield ConfirmationsMade(runs=made)
                yield counts.progress()
            self._longest = max(self._longest, monotonic() - started)
