"""The runs of one stage of the confirmation: candidates trained anew on fresh splits, in pairs.

Within a repeat and fold all candidates share the rows, the seed of the initial weights, the
minibatches and the dropout noise (common random numbers); a difference between two candidates is
then a difference between configurations, and can be tested in pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TypeAlias

from search.analysis.candidates import Candidate, config_key
from search.data.fold_arrays import TrainingData
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan
from search.driver.resplits import Resplits
from search.networks.lane import Lane, NetworkConfig
from search.seeds import derive_seed
from search.study import ConfirmationRun, Role, Stage
from search.training.packing import pack
from search.training.scoring import LaneReport
from search.training.segment import Segment
from search.training.worker_files import train_from_file

#: Key of the configuration, repeat, fold. A slot is trained once, for however many candidates.
Slot: TypeAlias = tuple[str, int, int]
#: Configuration, role and search of a candidate; repeat and fold of one of its runs.
_Key: TypeAlias = tuple[str, Role, int | None, int, int]


class StageRuns:
    """The runs of one stage, of which only those that are not on record are trained."""

    def __init__(
        self, plan: StudyPlan, resplits: Resplits, recorded: Sequence[ConfirmationRun]
    ) -> None:
        self._plan = plan
        self._resplits = resplits
        self._stage = resplits.stage
        self.folds = len(plan.splits.folds)
        own = [run for run in recorded if run.stage is self._stage and _counts(run)]
        self._runs = {_key(run): run for run in own}
        self._trained = {_slot(run): run for run in own}

    @property
    def runs(self) -> tuple[ConfirmationRun, ...]:
        """All runs of the stage, recorded or new."""
        return tuple(self._runs.values())

    def missing(self, candidates: Sequence[Candidate], repeats: Sequence[int]) -> int:
        """Return how many trainings the `candidates` lack in these `repeats`."""
        return len(self._missing(candidates, repeats))

    def train(
        self, candidates: Sequence[Candidate], repeats: Sequence[int], jobs: OrderedJobs
    ) -> Iterator[tuple[int, tuple[ConfirmationRun, ...]]]:
        """Yield what `candidates` lack in the `repeats`, as it is made.

        Yields the number of trainings and the runs that are new on record by them: one for each
        candidate that shares a configuration. The first are those of trainings on record. Raises
        Interrupted where a stop is asked for.
        """
        by_key: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_key.setdefault(candidate.key, []).append(candidate)
        known = [
            run
            for key, own in by_key.items()
            for repeat in repeats
            for fold in range(self.folds)
            if (trained := self._trained.get((key, repeat, fold))) is not None
            for run in self._recorded(trained, own)
        ]
        yield 0, tuple(known)
        missing = self._missing(candidates, repeats)
        for block in self._resplits.blocks(sorted({repeat for _, repeat, _ in missing})):
            data = self._resplits.prepared(block)
            own_slots = {slot: missing[slot] for slot in missing if slot[1] in block}
            by_number = list(own_slots.values())
            stacks = pack(self._lanes(own_slots, block, data), self._plan.backend.device)
            segments = [whole_training(self._plan, stack) for stack in stacks]
            for segment, reports in jobs.run(train_from_file, segments, data):
                made: list[ConfirmationRun] = []
                for lane, report in zip(segment.lanes, reports, strict=True):
                    run = self._read(by_number[lane.configuration], data, lane, report)
                    self._trained[_slot(run)] = run
                    made += self._recorded(run, by_key[config_key(run.params)])
                yield len(reports), tuple(made)

    def _missing(
        self, candidates: Sequence[Candidate], repeats: Sequence[int]
    ) -> dict[Slot, Candidate]:
        keys = {candidate.key: candidate for candidate in reversed(candidates)}
        return {
            slot: candidate
            for key, candidate in reversed(keys.items())
            for repeat in repeats
            for fold in range(self.folds)
            if (slot := (key, repeat, fold)) not in self._trained
        }

    def _recorded(
        self, trained: ConfirmationRun, candidates: Sequence[Candidate]
    ) -> list[ConfirmationRun]:
        """Return what is new on record of a training that all of `candidates` share."""
        runs = [
            replace(
                trained,
                trial=candidate.trial,
                arm=candidate.arm,
                search=candidate.search,
                role=candidate.role,
            )
            for candidate in candidates
        ]
        new = [run for run in runs if _key(run) not in self._runs]
        self._runs |= {_key(run): run for run in new}
        return new

    def _lanes(
        self, missing: Mapping[Slot, Candidate], block: Sequence[int], data: TrainingData
    ) -> list[Lane]:
        return [
            stage_lane(
                self._plan,
                self._stage,
                candidate,
                data,
                number=number,
                repeat=repeat,
                fold=fold,
                split=block.index(repeat) * self.folds + fold,
            )
            for number, ((_, repeat, fold), candidate) in enumerate(missing.items())
        ]

    def _read(
        self, candidate: Candidate, data: TrainingData, lane: Lane, report: LaneReport
    ) -> ConfirmationRun:
        rows = data.folds[lane.split]
        scores, failure = last_scores(self._plan, report)
        return ConfirmationRun(
            trial=candidate.trial,
            activation=candidate.activation,
            arm=candidate.arm,
            search=candidate.search,
            stage=self._stage,
            verdict=self._plan.spec.extensions,
            role=candidate.role,
            params=candidate.params,
            repeat=lane.repeat,
            fold=lane.fold,
            scores=scores,
            failure=failure,
            train_rows=len(rows.x_train),
            validation_rows=len(rows.x_validation),
            fit_seconds=report.seconds,
            blocks=report.blocks if failure is None and self._stage is Stage.CONFIRM else None,
        )


def stage_lane(
    plan: StudyPlan,
    stage: Stage,
    candidate: Candidate,
    data: TrainingData,
    *,
    number: int,
    repeat: int,
    fold: int,
    split: int,
) -> Lane:
    """Return the lane of `candidate`, the `number`-th, for a fold of `data` whose rows are `split`.

    Seeds are derived from (study seed, stage, repeat, fold), the same for all candidates.
    """
    seed = plan.spec.sampler.seed
    config = NetworkConfig.from_params(candidate.params, plan.space.own)
    return Lane(
        configuration=number,
        repeat=repeat,
        fold=fold,
        split=data.place(config.scaling, split),
        config=config,
        init_seed=derive_seed(seed, f"{stage} init", repeat, fold),
        order_seed=derive_seed(seed, f"{stage} order", repeat, fold),
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


def _counts(run: ConfirmationRun) -> bool:
    """Return whether a run on record is one this release would have made.

    Older releases kept no sums over blocks of rows, without which the verdict leaves a run out.
    """
    return run.stage is not Stage.CONFIRM or run.failure is not None or run.blocks is not None


def _slot(run: ConfirmationRun) -> Slot:
    return config_key(run.params), run.repeat, run.fold


def _key(run: ConfirmationRun) -> _Key:
    return config_key(run.params), run.role, run.search, run.repeat, run.fold
