"""The confirmation: the best configurations trained anew, in pairs, to tell skill from luck.

The best of many noisy validation scores is biased towards luck, so the candidates
(`search.analysis.candidates`) are trained again, for all epochs, on `confirm_repeats` fresh splits
of the development rows. Within a repeat and fold all candidates share the rows, the seed of the
initial weights, the minibatches and the dropout noise (common random numbers); a difference between
two candidates is then a difference between configurations, and can be tested in pairs.
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

#: Key of the configuration, repeat, fold. A slot is trained once, in however many roles.
Slot: TypeAlias = tuple[str, int, int]


class Confirmation:
    """The confirmation of one study, which trains the runs that are not on record."""

    def __init__(
        self,
        plan: StudyPlan,
        resplits: Resplits,
        candidates: Sequence[Candidate],
        recorded: Sequence[ConfirmationRun],
        *,
        seconds: float | None = None,
    ) -> None:
        """`seconds` limits the wall time; the first missing repeat is trained in any case."""
        self._plan = plan
        self._resplits = resplits
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
        #: Recorded runs in the roles that their configurations have taken since.
        self._recast = [
            run
            for slot, known in trained.items()
            for run in _in_roles(slots[slot], known)
            if (slot, run.role) not in self._runs
        ]

    @property
    def runs(self) -> tuple[ConfirmationRun, ...]:
        """Runs of the candidates in all their roles, recorded or new, by candidate and role."""
        return tuple(
            run
            for candidate in self._candidates
            for role in candidate.roles
            for repeat in range(self._plan.spec.evaluation.confirm_repeats)
            for fold in range(self._folds)
            if (run := self._runs.get(((candidate.key, repeat, fold), role))) is not None
        )

    def run(self, base: Progress, jobs: OrderedJobs) -> Iterator[Event]:
        """Yield the missing runs as they end; raises Interrupted where a stop is asked for.

        `base` is the progress at the end of the search.
        """
        began, before = monotonic(), self._total - len(self._missing)

        def progress() -> ProgressMade:
            finished = self._total - len(self._missing)
            rate = (finished - before) / max(monotonic() - began, 1e-9)
            current = replace(
                base,
                confirmations_total=self._total,
                confirmations_finished=finished,
                seconds_left=len(self._missing) / rate if rate > 0 else None,
            )
            return ProgressMade(progress=current)

        yield from self._made(self._recast)
        yield progress()
        longest = 0.0
        for repeats in self._blocks():
            started = monotonic()
            if longest and self._seconds is not None and started - began + longest > self._seconds:
                return
            data = self._resplits.prepared(repeats)
            for segment, reports in jobs.run(train_from_file, self._segments(repeats, data), data):
                yield from self._made(self._read(data, segment, reports))
                yield progress()
            longest = max(longest, monotonic() - started)

    def _blocks(self) -> list[tuple[int, ...]]:
        """Return the incomplete repeats in blocks: of one where time is limited.

        So a time limit leaves every candidate with the same number of repeats.
        """
        repeats = sorted({repeat for _, repeat, _ in self._missing})
        if self._seconds is not None:
            return [(repeat,) for repeat in repeats]
        return self._resplits.blocks(repeats)

    def _segments(self, repeats: Sequence[int], data: TrainingData) -> list[Segment]:
        lanes = [
            confirmation_lane(
                self._plan,
                candidate,
                data,
                number=number,
                repeat=repeat,
                fold=fold,
                split=position * self._folds + fold,
            )
            for number, candidate in enumerate(self._candidates)
            for position, repeat in enumerate(repeats)
            for fold in range(self._folds)
            if (candidate.key, repeat, fold) in self._missing
        ]
        stacks = pack(lanes, self._plan.backend.device)
        return [whole_training(self._plan, stack) for stack in stacks]

    def _read(
        self, data: TrainingData, segment: Segment, reports: Sequence[LaneReport]
    ) -> Iterator[ConfirmationRun]:
        for lane, report in zip(segment.lanes, reports, strict=True):
            candidate = self._candidates[lane.configuration]
            rows = data.folds[lane.split]
            scores, failure = last_scores(self._plan, report)
            run = ConfirmationRun(
                trial=candidate.trial,
                activation=candidate.activation,
                role=candidate.roles[0],
                params=candidate.params,
                repeat=lane.repeat,
                fold=lane.fold,
                scores=scores,
                failure=failure,
                train_rows=len(rows.x_train),
                validation_rows=len(rows.x_validation),
                fit_seconds=report.seconds,
                blocks=report.blocks,
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
    plan: StudyPlan,
    candidate: Candidate,
    data: TrainingData,
    *,
    number: int,
    repeat: int,
    fold: int,
    split: int,
) -> Lane:
    """Return the lane of `candidate`, the `number`-th, for a fold of `data` whose rows are `split`.

    The seeds are derived from (study seed, repeat, fold) and thus the same for all candidates.
    """
    seed = plan.spec.sampler.seed
    config = NetworkConfig.from_params(candidate.params, plan.space.own)
    return Lane(
        configuration=number,
        repeat=repeat,
        fold=fold,
        split=data.place(config.scaling, split),
        config=config,
        init_seed=derive_seed(seed, "confirm init", repeat, fold),
        order_seed=derive_seed(seed, "confirm order", repeat, fold),
    )


def whole_training(
    plan: StudyPlan, lanes: tuple[Lane, ...], *, keep_states: bool = False
) -> Segment:
    """Return the segment that trains `lanes` from initial weights to the last epoch, unpruned."""
    epochs = plan.spec.budget.epochs
    return Segment(
        lanes=lanes,
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=(epochs,),
        metrics=plan.metrics,
        keep_states=keep_states,
        backend=plan.backend,
    )


def last_scores(plan: StudyPlan, report: LaneReport) -> tuple[dict[str, float], str | None]:
    """Return every metric after the last epoch, or no metric and the sentence why.

    A lane counts as failed where its training did, or where the first objective is not finite.
    """
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
    """Yield `run` once for each role of its configuration."""
    for role in candidate.roles:
        yield replace(run, role=role, trial=candidate.trial)
