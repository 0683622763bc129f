"""Ask and tell: an in-memory Optuna study that proposes configurations in batches.

Order of proposals: the baseline, the person's requests, then a stratified start that gives every
activation its guaranteed share (TPE would starve some activations after a few unlucky trials), then
the sampler's own proposals. The sampler fills in the axes that a proposal leaves open.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.driver.plan import StudyPlan
from search.samplers import get_sampler
from search.samplers.batched_tpe import BatchedTPE
from search.samplers.catalog import seed_for
from search.samplers.history_subset import HistorySubset
from search.samplers.optuna_internals import running_trial
from search.study import ParamValue, TrialRecord, TrialRequest, TrialSource

#: The sampler's study is rebuilt from the history subset once it holds so many times its size.
_REBUILD_FACTOR = 2


class AskTell:
    """Asks and tells an in-memory Optuna study that starts from `history`."""

    def __init__(self, plan: StudyPlan, history: Sequence[TrialRecord]) -> None:
        self._plan = plan
        sampler = plan.spec.sampler
        row = get_sampler(sampler.name)
        self._sampler = row.build(seed_for(sampler.seed, len(history)))
        directions = [metric.direction for metric in plan.objectives]
        #: Trials that a rebuilt study keeps; None for a sampler that needs all or none of them.
        self._subset = (
            None if row.history_size is None else HistorySubset(row.history_size, directions)
        )
        self._study = self._new_study()
        #: Trials asked and not told, by their number in the study's record.
        self._trials: dict[int, optuna.Trial] = {}
        #: Finished trials in the sampler's study.
        self._finished_trials = 0
        self.asked = 0
        self._by_activation: Counter[str] = Counter()
        for record in sorted(history, key=lambda record: record.number):
            self._add(_frozen_trial(record), record.number)
            self._count(record.activation)
        names = plan.space.activations
        share = sampler.min_trials_per_activation
        self._share = plan.spec.budget.trials // 2 // len(names) if share is None else share
        self._finite = row.finite
        if self._finite:
            # A grid visits every activation; a share would make it visit some configurations twice.
            self._share = 0
        baseline = plan.space.baseline()
        self._baseline: deque[Mapping[str, ParamValue]] = deque()
        if baseline is not None and not history:
            self._baseline.append(baseline)
        self._requests: deque[TrialRequest] = deque()
        self._known = {record.request_id for record in history}

    @property
    def total(self) -> int:
        """Trials the study will have: its budget, more with requests, fewer on a small grid."""
        grid = self._plan.space.grid_size() if self._finite else None
        budget = self._plan.spec.budget.trials
        return max(self.asked + len(self._requests), min(budget, grid or budget))

    def request(self, requests: Sequence[TrialRequest]) -> None:
        """Queue the person's configurations before the sampler's; ids seen before are skipped."""
        for request in requests:
            if request.id not in self._known:
                self._known.add(request.id)
                self._requests.append(request)

    def ask(self, count: int) -> list[TrialRecord]:
        """Propose up to `count` trials, fewer near the end of the budget."""
        self._trim_history()
        count = min(count, self.total - self.asked)
        if isinstance(self._sampler, BatchedTPE):
            self._sampler.set_batch_size(count)
        return [self._ask() for _ in range(count)]

    def _ask(self) -> TrialRecord:
        source, fixed, request_id = self._next()
        if fixed:
            searched = set(self._plan.space.searched)
            self._study.enqueue_trial({k: v for k, v in fixed.items() if k in searched})
        trial = self._study.ask()
        number = self.asked
        self._trials[number] = trial
        params = self._plan.space.suggest(trial)
        self._count(str(params["activation"]))
        return TrialRecord(
            number=number,
            state=TrialState.RUNNING,
            source=source,
            params=params,
            distributions=self._plan.space.distributions(params),
            started_at=datetime.now(UTC),
            request_id=request_id,
        )

    def _next(self) -> tuple[TrialSource, Mapping[str, ParamValue], str | None]:
        if self._baseline:
            return TrialSource.BASELINE, self._baseline.popleft(), None
        if self._requests:
            request = self._requests.popleft()
            return TrialSource.REQUESTED, request.params, request.id
        # The activation with the fewest trials, the first of the list among equals.
        behind = min(self._plan.space.activations, key=self._by_activation.__getitem__)
        if self._by_activation[behind] < self._share:
            return TrialSource.STRATIFIED, {"activation": behind}, None
        return TrialSource.SAMPLER, {}, None

    def _count(self, activation: str) -> None:
        self.asked += 1
        self._by_activation[activation] += 1

    def tell(self, record: TrialRecord) -> None:
        """Let the sampler learn from a finished trial."""
        trial = self._trials.pop(record.number)
        if len(self._plan.directions) == 1 and record.intermediate_values:
            # Samplers read the last intermediate value only, and only of unfinished trials.
            last = max(record.intermediate_values)
            trial.report(record.intermediate_values[last], last)
        # The brute-force sampler calls `Study.stop` when its grid is used up, which raises outside
        # `optimize`; by then the trial has been told, and `total` ends the study.
        with suppress(RuntimeError) if self._finite else nullcontext():
            self._record(self._study.tell(trial, _values(record), state=record.state))

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(
            directions=[StudyDirection[d.upper()] for d in self._plan.directions],
            sampler=self._sampler,
            pruner=optuna.pruners.NopPruner(),
        )

    def _add(self, trial: FrozenTrial, number: int) -> None:
        """Add a recorded trial to the sampler's study; a running one can be told later."""
        self._study.add_trial(trial)
        if trial.state.is_finished():
            self._record(trial)
        else:
            added = self._study.get_trials(deepcopy=False)[-1]
            self._trials[number] = running_trial(self._study, added)

    def _record(self, trial: FrozenTrial) -> None:
        """Count a finished trial; the history subset may keep it unless it failed."""
        self._finished_trials += 1
        if self._subset is not None and trial.state is not TrialState.FAIL:
            self._subset.add(trial)

    def _trim_history(self) -> None:
        """Rebuild the sampler's study from the history subset once it has grown too large."""
        if self._subset is None or self._finished_trials <= self._subset.size * _REBUILD_FACTOR:
            return
        running = {
            number: (trial.params, trial.distributions) for number, trial in self._trials.items()
        }
        self._study = self._new_study()
        recalled = self._subset.select()
        self._study.add_trials(recalled)
        self._finished_trials = len(recalled)
        for number, (params, distributions) in running.items():
            trial = optuna.create_trial(
                state=TrialState.RUNNING, params=params, distributions=distributions
            )
            self._add(trial, number)


def _frozen_trial(record: TrialRecord) -> FrozenTrial:
    """Return a recorded trial as Optuna's; an interrupted one is running again."""
    finished = record.state.is_finished()
    return optuna.create_trial(
        state=record.state if finished else TrialState.RUNNING,
        values=_values(record),
        params={name: record.params[name] for name in record.distributions},
        distributions=dict(record.distributions),
        intermediate_values=dict(record.intermediate_values) if finished else {},
    )


def _values(record: TrialRecord) -> list[float] | None:
    return list(record.values) if record.values and record.state is TrialState.COMPLETE else None
