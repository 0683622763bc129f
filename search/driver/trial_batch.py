"""A batch of trials, trained from rung to rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite

from optuna.trial import TrialState

from search.diagnostics import FindingName, diagnose, evidence_of, warn
from search.driver.plan import StudyPlan
from search.engines.probe_schedule import mean_snapshots, probe_epochs
from search.networks.cost import network_costs
from search.pruners import Pruning
from search.study import Finding, FoldCurve, TrialRecord, TrialSource
from search.training.packing import pack, stack_work
from search.training.scoring import LaneReport
from search.training.segment import Segment
from search.training.stores import SavedData, Store
from search.training.worker_files import train_to_rung


class TrialBatch:
    """Trials proposed together, trained rung by rung until all of them are finished."""

    def __init__(
        self,
        plan: StudyPlan,
        records: Sequence[TrialRecord],
        data: SavedData,
        store: Store,
        finished: Mapping[int, TrialRecord] | None = None,
    ) -> None:
        """Train on the folds saved as `data`; `store` holds the lanes between rungs.

        Of trials whose numbers are in `finished`, what is recorded there comes out. They are
        trained once more beside those that are not, since scores of a stack depend on its size in
        their last digits; a batch of recorded trials alone is not trained.
        """
        self._plan = plan
        self._finished = finished or {}
        self._trains = any(record.number not in self._finished for record in records)
        self._data = data
        self._store = store
        self._records = {record.number: record for record in records}
        self._lanes = {n: plan.lanes(n, record.params) for n, record in self._records.items()}
        self._probe_at = probe_epochs(plan.rungs[-1], plan.rungs)
        self._places = {
            n: tuple(store.acquire() for _ in lanes)
            for n, lanes in self._lanes.items()
            if self._trains
        }
        self._rung = 0
        self._futures: list[Future[tuple[LaneReport, ...]]] = []

    @property
    def running(self) -> tuple[TrialRecord, ...]:
        """Trials that are not finished, in the order of their numbers."""
        return tuple(r for _, r in sorted(self._records.items()) if not r.state.is_finished())

    def submit(self, executor: Executor) -> int:
        """Submit the running lanes' training to the next rung; return its work.

        Work is in multiplications a row (see `stack_work`) times epochs, near enough to tell which
        batch will be ready sooner: all of it where few processes take one stack after another, that
        of the longest stack where there is a process for each.
        """
        plan = self._plan
        first = plan.rungs[self._rung - 1] if self._rung else 0
        last = plan.rungs[self._rung]
        lanes = [lane for record in self.running for lane in self._lanes[record.number]]
        stacks = pack(lanes, plan.backend.device, plan.backend.ahead)
        for stack in stacks if self._trains else ():
            segment = Segment(
                lanes=stack,
                first=first,
                last=last,
                epochs=plan.rungs[-1],
                evaluate_at=tuple(e for e in plan.evaluate_at if first < e <= last),
                metrics=plan.metrics,
                keep_states=last < plan.rungs[-1],
                probe_at=tuple(e for e in self._probe_at if first < e <= last or e == first == 0),
                backend=plan.backend,
            )
            places = tuple(self._places[lane.configuration][lane.fold] for lane in stack)
            self._futures.append(executor.submit(train_to_rung, segment, self._data, places))
        work = sum if plan.backend.ahead == 1 else max
        return (last - first) * work(map(stack_work, stacks))

    def is_ready(self, *, within: float) -> bool:
        """Return whether the rung is reached `within` seconds; false where that is not positive."""
        return within > 0.0 and not wait(self._futures, timeout=within).not_done

    def abandon(self) -> None:
        """Cancel the segments that have not begun."""
        for future in self._futures:
            future.cancel()

    def collect(self, pruning: Pruning) -> tuple[TrialRecord, ...]:
        """Wait for the rung; return the trials that were running, with results and new states."""
        reports = [report for future in self._futures for report in future.result()]
        self._futures.clear()
        last = self._rung == len(self._plan.rungs) - 1
        by_trial: dict[int, list[LaneReport]] = {}
        for report in reports:
            by_trial.setdefault(report.configuration, []).append(report)
        changed = []
        for before in self.running:
            number = before.number
            if number in self._finished:
                record = self._recall(before, last, pruning)
            else:
                folds = sorted(by_trial[number], key=lambda report: report.fold)
                record = _with_reports(before, folds, self._plan.objectives[0].name)
                record = self._decide(record, folds, last, pruning)
                record = replace(record, rungs=self._rung + 1)
            self._records[number] = record
            changed.append(record)
            if record.state.is_finished():
                for place in self._places.pop(number, ()):
                    self._store.release(place)
        self._rung += 1
        return tuple(changed)

    def _recall(self, record: TrialRecord, last: bool, pruning: Pruning) -> TrialRecord:
        """Return a recorded trial as it was after this rung; `pruning` hears what it heard then."""
        end = self._finished[record.number]
        first = self._plan.rungs[self._rung - 1] if self._rung else 0
        rung = self._plan.rungs[self._rung]
        # Without a score at the rung a fold had failed, and the pruner was told nothing else.
        if rung in end.intermediate_values:
            for epoch in sorted(e for e in end.intermediate_values if first < e <= rung):
                pruning.report(record.number, epoch, end.intermediate_values[epoch])
            if not last:
                pruning.should_prune(record.number)
        if self._rung + 1 < end.rungs:
            return record
        value = end.values[0] if end.values and end.state is TrialState.COMPLETE else None
        pruning.finish(record.number, value, pruned=end.state is TrialState.PRUNED)
        return end

    def _decide(
        self, record: TrialRecord, folds: Sequence[LaneReport], last: bool, pruning: Pruning
    ) -> TrialRecord:
        """Return the trial as failed, pruned, complete, or still running."""
        failures = [report.failure for report in folds if report.failure is not None]
        if failures:
            pruning.finish(record.number, None)
            return self._close(record, TrialState.FAIL, last, failure=failures[0])
        for epoch in sorted({epoch for report in folds for epoch in report.epochs}):
            pruning.report(record.number, epoch, record.intermediate_values[epoch])
        if not last:
            return self._decide_at_rung(record, folds, pruning)
        values = self._values(record)
        unusable = [
            f"{metric.name} is {value}"
            for metric, value in zip(self._plan.objectives, values, strict=True)
            if not isfinite(value)
        ]
        if unusable:
            pruning.finish(record.number, None)
            error = f"{', '.join(unusable)} on the validation rows, which cannot be compared"
            failed = self._close(record, TrialState.FAIL, last)
            return replace(failed, error=error, flags=(*failed.flags, "undefined"))
        pruning.finish(record.number, values[0])
        return replace(self._close(record, TrialState.COMPLETE, last), values=values)

    def _decide_at_rung(
        self, record: TrialRecord, folds: Sequence[LaneReport], pruning: Pruning
    ) -> TrialRecord:
        """Return the trial as pruned, failed because one of its folds diverged, or running."""
        # Asked even where a warning ends the trial: the pruner then counts the trial at this rung,
        # as it will when the history is replayed.
        pruned = pruning.should_prune(record.number)
        pruned &= record.source is not TrialSource.STRATIFIED
        warnings = (
            warn(
                record,
                curve,
                report.layers,
                self._plan.chance[curve.fold],
                epochs=self._plan.rungs[-1],
            )
            for curve, report in zip(record.curves, folds, strict=True)
        )
        warning = next((finding for finding in warnings if finding is not None), None)
        if warning is None and not pruned:
            return record
        diverged = warning is not None and warning.name == FindingName.DIVERGED
        state = TrialState.FAIL if diverged else TrialState.PRUNED
        pruning.finish(record.number, None, pruned=not diverged)
        return self._close(record, state, False, warning=warning)

    def _close(
        self,
        record: TrialRecord,
        state: TrialState,
        last: bool,
        *,
        failure: str | None = None,
        warning: Finding | None = None,
    ) -> TrialRecord:
        """Return a finished trial with its findings; `last` says whether it saw all epochs."""
        chance = _mean(self._plan.chance)
        findings = diagnose(
            evidence_of(record, chance, epochs=self._plan.rungs[-1], complete=last, failure=failure)
        )
        if warning is not None:
            findings = (warning, *(f for f in findings if f.name != warning.name))
        return replace(
            record,
            state=state,
            error=failure if warning is None else f"{warning.sentence} {warning.remedy}",
            findings=findings,
            flags=tuple(dict.fromkeys(finding.name for finding in findings)),
            finished_at=datetime.now(UTC),
        )

    def _values(self, record: TrialRecord) -> tuple[float, ...]:
        scores: dict[str, float] = dict(record.metrics)
        unscored = [m.name for m in self._plan.objectives if m.name not in scores]
        if unscored:
            config = self._lanes[record.number][0].config
            scores |= network_costs(config, self._plan.data, unscored)
        return tuple(scores[metric.name] for metric in self._plan.objectives)


def _with_reports(record: TrialRecord, folds: Sequence[LaneReport], objective: str) -> TrialRecord:
    """Return the trial with the results of one segment added, one report a fold."""
    before = {curve.fold: curve for curve in record.curves}
    means = {
        epoch: _mean([_at(report, objective, epoch) for report in folds])
        for epoch in sorted(set.intersection(*(set(report.epochs) for report in folds)))
    }
    metrics: Mapping[str, float] = record.metrics
    if all(report.epochs for report in folds):
        metrics = {
            name: _mean([report.scores[name][-1] for report in folds]) for name in folds[0].scores
        }
    return replace(
        record,
        intermediate_values={**record.intermediate_values, **means},
        metrics=metrics,
        curves=tuple(_extended(before.get(report.fold), report, objective) for report in folds),
        layers=record.layers + mean_snapshots([report.layers for report in folds]),
        fit_seconds=record.fit_seconds + sum(report.seconds for report in folds),
    )


def _mean(by_fold: Sequence[float]) -> float:
    # For so few numbers np.mean takes ten times as long; fmean raises on infinities of both signs.
    return sum(by_fold) / len(by_fold)


def _at(report: LaneReport, metric: str, epoch: int) -> float:
    return report.scores[metric][report.epochs.index(epoch)]


def _extended(curve: FoldCurve | None, report: LaneReport, objective: str) -> FoldCurve:
    before = curve or FoldCurve(
        fold=report.fold, epochs=(), train_loss=(), validation_loss=(), validation_score=()
    )
    return replace(
        before,
        epochs=before.epochs + report.epochs,
        train_loss=before.train_loss + report.train_loss,
        validation_loss=before.validation_loss + report.validation_loss,
        validation_score=before.validation_score + report.scores.get(objective, ()),
        best_epoch=report.best_epoch,
    )
