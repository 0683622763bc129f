"""The confirmation: the best configurations trained anew, in pairs, to tell skill from luck.

The best of many noisy validation scores flatters itself, so the candidates
(`search.analysis.candidates`) are trained again, all epochs, on `confirm_repeats` fresh splits of
the development rows. Within a repeat and fold all of them share the rows, the seed of the first
weights, the minibatches and the dropout noise; differences between them are then theirs, and can be
tested in pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import isfinite
from time import monotonic
from typing import TypeAlias

from search.analysis.candidates import Candidate, config_key
from search.data.fold_arrays import TrainingData
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan
from search.driver.resplits import Resplits
from search.networks.lane import Lane, NetworkConfig
from search.seeds import derive_seed
from search.study import ConfirmationRun, ConfirmationsMade, Event, Progress, ProgressMade
from search.training.packing import pack
from search.training.scoring import LaneReport
from search.training.segment import Segment
from search.training.worker_files import train_from_file

#: Configuration, repeat, fold: what is trained once, whatever its roles.
Slot: TypeAlias = tuple[str, int, int]


class Confirmation:
    """The confirmation of one study, from the runs that are on record."""

    def __init__(
        self,
        plan: StudyPlan,
        repeats: Resplits,
        candidates: Sequence[Candidate],
        recorded: Sequence[ConfirmationRun],
        *,
        seconds: float | None = None,
    ) -> None:
        """`seconds` bounds the wall time; the first missing repeat is made all the same."""
        self._plan = plan
        self._repeats = repeats
        self._candidates = candidates
        self._seconds = seconds
        self._folds = len(plan.splits.folds)
        slots = {
            (candidate.key, repeat, fold): candidate
            for candidate in candidates
            for repeat in range(plan.spec.evaluation.confirm_repeats)
            for fold in range(self._folds)
        }
        self._total = len(slots)
        self._runs = {(_slot(run), run.role): run for run in recorded if _slot(run) in slots}
        trained = {slot: run for (slot, _), run in self._runs.items()}
        self._missing = {slot: slots[slot] for slot in slots if slot not in trained}
        #: Runs of configurations that have got another role since they were trained.
        self._recast = [
            run
            for slot, known in trained.items()
            for run in _in_roles(slots[slot], known)
            if (slot, run.role) not in self._runs
        ]

    @property
    def runs(self) -> tuple[ConfirmationRun, ...]:
        """Runs of the candidates in their roles, on record before or made now, in one order."""
        return tuple(
            run
            for candidate in self._candidates
            for role in candidate.roles
            for repeat in range(self._plan.spec.evaluation.confirm_repeats)
            for fold in range(self._folds)
            if (run := self._runs.get(((candidate.key, repeat, fold), role))) is not None
        )

    def run(self, base: Progress, jobs: OrderedJobs) -> Iterator[Event]:
        """Yield the missing runs as they come; raises Interrupted where a stop is wanted.

        `base` is how far the search came.
        """
        began, before = monotonic(), self._total - len(self._missing)

        def progress() -> ProgressMade:
            finished = self._total - len(self._missing)
            rate = (finished - before) / max(monotonic() - began, 1e-9)
            now = replace(
                base,
                confirmations_total=self._total,
                confirmations_finished=finished,
                seconds_left=len(self._missing) / rate if rate > 0 else None,
            )
            return ProgressMade(progress=now)

        yield from self._made(self._recast)
        yield progress()
        longest = 0.0
        for repeats in self._blocks():
            started = monotonic()
            if longest and self._seconds is not None and started - began + longest > self._seconds:
                return
            data = self._repeats.prepared(repeats)
            for segment, reports in jobs.run(train_from_file, self._segments(repeats), data):
                yield from self._made(self._read(repeats, data, segment, reports))
                yield progress()
            longest = max(longest, monotonic() - started)

    def _blocks(self) -> list[tuple[int, ...]]:
        """Repeats that are not whole yet; one by one where time is short, to be fair to all."""
        repeats = sorted({repeat for _, repeat, _ in self._missing})
        if self._seconds is not None:
            return [(repeat,) for repeat in repeats]
        return self._repeats.blocks(repeats)

    def _segments(self, repeats: Sequence[int]) -> list[Segment]:
        lanes = [
            confirmation_lane(self._plan, candidate, number, position, repeats[position], fold)
            for number, candidate in enumerate(self._candidates)
            for position in range(len(repeats))
            for fold in range(self._folds)
            if (candidate.key, repeats[position], fold) in self._missing
        ]
        return [whole_training(self._plan, stack) for stack in pack(lanes, self._plan.device)]

    def _read(
        self,
        repeats: Sequence[int],
        data: TrainingData,
        segment: Segment,
        reports: Sequence[LaneReport],
    ) -> Iterator[ConfirmationRun]:
        for lane, report in zip(segment.lanes, reports, strict=True):
            position, fold = divmod(lane.fold, self._folds)
            candidate = self._candidates[lane.trial]
            rows = data.folds[lane.fold]
            scores, failure = last_scores(self._plan, report)
            run = ConfirmationRun(
                trial=candidate.trial,
                activation=candidate.activation,
                role=candidate.roles[0],
                params=candidate.params,
                repeat=repeats[position],
                fold=fold,
                scores=scores,
                failure=failure,
                train_rows=len(rows.x_train),
                validation_rows=len(rows.x_validation),
                fit_seconds=report.seconds,
            )
            yield from _in_roles(candidate, run)

    def _made(self, runs: Iterable[ConfirmationRun]) -> Iterator[Event]:
        made = tuple(runs)
        for run in made:
            self._runs[_slot(run), run.role] = run
            self._missing.pop(_slot(run), None)
        if made:
            yield ConfirmationsMade(runs=made)


def confirmation_lane(
    plan: StudyPlan, candidate: Candidate, number: int, position: int, repeat: int, fold: int
) -> Lane:
    """Return the lane of candidate `number` where `repeat` stands at `position` of its block.

    The seeds follow (study seed, repeat, fold) and are thus the same for all candidates.
    """
    seed = plan.spec.sampler.seed
    return Lane(
        trial=number,
        fold=position * len(plan.splits.folds) + fold,
        config=NetworkConfig.from_params(candidate.params),
        init_seed=derive_seed(seed, "confirm init", repeat, fold),
        order_seed=derive_seed(seed, "confirm order", repeat, fold),
    )


def whole_training(
    plan: StudyPlan, lanes: tuple[Lane, ...], *, keep_states: bool = False
) -> Segment:
    """Return the segment that trains `lanes` from first weights to the last epoch, unpruned."""
    epochs = plan.spec.budget.epochs
    return Segment(
        lanes=lanes,
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=(epochs,),
        metrics=plan.metrics,
        keep_states=keep_states,
        device=plan.device,
    )


def last_scores(plan: StudyPlan, report: LaneReport) -> tuple[dict[str, float], str | None]:
    """Return every metric after the last epoch; none, and a sentence, where they say nothing."""
    if report.failure is not None:
        return {}, (
            f"the training loss was not finite by epoch {plan.spec.budget.epochs}; "
            "lower the learning rate or set gradient_clip to 1.0"
        )
    scores = {name: values[-1] for name, values in report.scores.items()}
    first = plan.objectives[0].name
    if not isfinite(scores[first]):
        return {}, f"{first} is {scores[first]} on rows not trained on, which cannot be compared"
    return scores, None


def _slot(run: ConfirmationRun) -> Slot:
    return config_key(run.params), run.repeat, run.fold


def _in_roles(candidate: Candidate, run: ConfirmationRun) -> Iterator[ConfirmationRun]:
    for role in candidate.roles:
        yield replace(run, role=role, trial=candidate.trial)
