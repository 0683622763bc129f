"""One sampler with the trials it learns from: an in-memory Optuna study over one space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.metrics import Direction
from search.samplers.batched_tpe import BatchedTPE
from search.samplers.catalog import Sampler
from search.samplers.history_subset import HistorySubset
from search.samplers.optuna_internals import running_trial
from search.space import SearchSpace
from search.study import ParamValue, TrialRecord

#: The study is rebuilt from the history subset once it holds so many times its size.
_REBUILD_FACTOR = 2


class SamplerStudy:
    """Asks and tells one sampler; the sampler chooses what a proposal leaves open."""

    def __init__(
        self, sampler: Sampler, seed: int, space: SearchSpace, directions: Sequence[Direction]
    ) -> None:
        self._space = space
        self._searched = frozenset(space.searched)
        self._directions = [StudyDirection[str(direction).upper()] for direction in directions]
        self._sampler = sampler.build(seed)
        self._is_finite = sampler.finite
        #: Trials that a rebuilt study keeps; None for a sampler that needs all or none of them.
        self._subset = (
            None
            if sampler.history_size is None
            else HistorySubset(sampler.history_size, directions)
        )
        self._study = self._new_study()
        #: Trials asked and not told, by their number in the study's record.
        self._trials: dict[int, optuna.Trial] = {}
        self._finished_trials = 0

    def expect(self, count: int) -> None:
        """Prepare for `count` proposals that will be asked for without a result in between."""
        self._trim_history()
        if isinstance(self._sampler, BatchedTPE):
            self._sampler.set_batch_size(count)

    def ask(self, number: int, fixed: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Return the whole configuration of trial `number`, which holds the values `fixed`."""
        if fixed:
            self._study.enqueue_trial({k: v for k, v in fixed.items() if k in self._searched})
        trial = self._study.ask()
        self._trials[number] = trial
        return self._space.suggest(trial)

    def tell(self, record: TrialRecord) -> None:
        """Let the sampler learn from a finished trial."""
        trial = self._trials.pop(record.number)
        if len(self._directions) == 1 and record.intermediate_values:
            # Samplers read the last intermediate value only, and only of unfinished trials.
            last = max(record.intermediate_values)
            trial.report(record.intermediate_values[last], last)
        # The brute-force sampler calls `Study.stop` when its grid is used up, which raises outside
        # `optimize`; by then the trial has been told, and the budget ends the study.
        with suppress(RuntimeError) if self._is_finite else nullcontext():
            self._record(self._study.tell(trial, values_of(record), state=record.state))

    def add(self, record: TrialRecord) -> None:
        """Add a recorded trial; a running one can be told later."""
        self._add(self._frozen_trial(record), record.number)

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(
            directions=self._directions,
            sampler=self._sampler,
            pruner=optuna.pruners.NopPruner(),
        )

    def _add(self, trial: FrozenTrial, number: int) -> None:
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
        """Rebuild the study from the history subset once it has grown too large."""
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

    def _frozen_trial(self, record: TrialRecord) -> FrozenTrial:
        """Return a recorded trial as Optuna's; an interrupted one is running again.

        Axes that this space holds at one value, as that of an arm, are left out.
        """
        finished = record.state.is_finished()
        distributions = {
            name: distribution
            for name, distribution in self._space.distributions(record.params).items()
            if name in record.distributions
        }
        return optuna.create_trial(
            state=record.state if finished else TrialState.RUNNING,
            values=values_of(record),
            params={name: record.params[name] for name in distributions},
            distributions=distributions,
            intermediate_values=dict(record.intermediate_values) if finished else {},
        )


def values_of(record: TrialRecord) -> list[float] | None:
    """Return the objective values of a complete trial, None of any other."""
    return list(record.values) if record.values and record.state is TrialState.COMPLETE else None
