"""Pruning among trials that can be compared, by Optuna's pruners over one small study a group.

Slow starters (tanh, sigmoid) lose every comparison with fast ones at an early epoch, whatever they
reach in the end, and independent searches are not independent where one prunes another's trials. By
default a trial is therefore compared with trials of its own arm and search only. Each such group is
an Optuna study in memory that mirrors its trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import optuna
from optuna.samplers import RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import Trial, TrialState

from search.pruners.catalog import get_pruner
from search.study import PrunerScope, PrunerSpec, TrialRecord


class Pruning:
    """The pruning decisions of one study. `direction` is "minimize" or "maximize".

    Decisions within a group equal those of a plain Optuna study with the same pruner and trials.
    The names of the groups' studies follow from `seed`. Raises UnknownChoice for an unknown pruner.
    """

    def __init__(self, spec: PrunerSpec, direction: str, epochs: int, seed: int) -> None:
        self._row = get_pruner(spec.name)
        self._scope = spec.scope
        self._direction = direction
        self._epochs = epochs
        self._seed = seed
        self._groups: dict[str, Study] = {}
        self._trials: dict[int, tuple[Study, Trial]] = {}

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which callers ask `should_prune`, and last the end of the training."""
        return self._row.rungs(self._epochs)

    def start(self, number: int, group: str) -> None:
        """Add a trial to the `group` of its arm and search, unless it is there already."""
        if number not in self._trials:
            study = self._group(_GROUP_OF[self._scope](group))
            self._trials[number] = (study, study.ask())

    def report(self, number: int, epoch: int, value: float) -> None:
        """Record the first objective of a trial after `epoch`; it may be NaN."""
        self._trials[number][1].report(value, epoch)

    def should_prune(self, number: int) -> bool:
        """Return the decision by the values reported so far.

        The call has an effect: later trials of the group are compared with this one at its rung.
        """
        return self._trials[number][1].should_prune()

    def finish(self, number: int, value: float | None, *, pruned: bool = False) -> None:
        """End a trial: complete with its final `value`, or without one pruned or failed."""
        study, trial = self._trials[number]
        if value is not None:
            study.tell(trial, value)
        else:
            study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def replay(
        self, history: Sequence[TrialRecord], group_of: Callable[[TrialRecord], str]
    ) -> None:
        """Rebuild the groups from the trials of a resumed study.

        Finished trials report their values and pass their rungs again, and keep their states.
        Interrupted trials are added without values, in order of their numbers, to be trained again.
        """
        for record in sorted(history, key=lambda record: record.number):
            self.start(record.number, group_of(record))
            if record.state.is_finished():
                self._replay_one(record)

    def _replay_one(self, record: TrialRecord) -> None:
        for epoch, value in sorted(record.intermediate_values.items()):
            self.report(record.number, epoch, value)
            if epoch in self.rungs[:-1]:
                self.should_prune(record.number)  # for its effect on later trials
        final = record.values[0] if record.values else None
        self.finish(record.number, final, pruned=record.state is TrialState.PRUNED)

    def _group(self, key: str) -> Study:
        if key not in self._groups:
            # Hyperband picks a trial's bracket by a hash of the study's name, so the name is fixed.
            self._groups[key] = optuna.create_study(
                study_name=f"{self._seed}:{key}",
                direction=StudyDirection[self._direction.upper()],
                pruner=self._row.build(self._epochs),
                sampler=RandomSampler(seed=0),
            )
        return self._groups[key]


#: Scope -> group of arm and search -> key of the group that counts.
_GROUP_OF: dict[PrunerScope, Callable[[str], str]] = {
    PrunerScope.ACTIVATION: lambda group: group,
    PrunerScope.STUDY: lambda group: "all",
}
