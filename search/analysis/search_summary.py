"""The part of the results that follows from recorded trials alone.

Pure functions of plain values; a NaN or an infinity of a record becomes None. `summarize` is cheap
enough to be called after every batch; the importances of the axes, which are not, stand in
`search.analysis.importances`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite
from statistics import median

from optuna.trial import TrialState

from search.analysis.finite import finite, finite_params
from search.analysis.tunability import (
    EXPECTED_AFTER,
    expected_best,
    learning_rate_spread,
    reached_values,
)
from search.space import SearchSpace
from search.study import TrialRecord
from search.study.results import ActivationSummary, StudyResults, TrialSummary


def summarize(
    space: SearchSpace, directions: Sequence[str], trials: Sequence[TrialRecord]
) -> StudyResults:
    """Return results that hold `best`, `best_trial`, `front` and `by_activation`, else empty.

    `directions` are "minimize" or "maximize", one an objective. `best` and `best_trial` are the
    best complete trial by the first objective, None before there is one; `front` holds the trials
    that no other beats in every objective, empty with a single objective. `by_activation` has a row
    for every activation of the space, the best first, without scores of a confirmation.
    """
    signs = [1.0 if direction == "minimize" else -1.0 for direction in directions]
    ranked = _ranked(trials, signs)
    front = _undominated(ranked, signs) if len(signs) > 1 else []
    return StudyResults(
        best=trial_summary(ranked[0]) if ranked else None,
        best_trial=trial_summary(ranked[0]) if ranked else None,
        front=tuple(trial_summary(trial) for trial in front),
        by_activation=_activation_summaries(space, trials, ranked, signs[0]),
    )


def _ranked(trials: Sequence[TrialRecord], signs: Sequence[float]) -> list[TrialRecord]:
    """Return the complete trials with finite values, the best by the first objective first.

    Equal values are ordered by number.
    """

    def rank(trial: TrialRecord) -> tuple[float, ...]:
        return (*_costs(trial, signs), trial.number)

    usable = [t for t in trials if t.state is TrialState.COMPLETE and t.values is not None]
    return sorted((t for t in usable if all(map(isfinite, t.values or ()))), key=rank)


def _costs(trial: TrialRecord, signs: Sequence[float]) -> tuple[float, ...]:
    """Return the objective values of `trial`, turned so that less is better."""
    return tuple(s * v for s, v in zip(signs, trial.values or (), strict=True))


def _undominated(ranked: Sequence[TrialRecord], signs: Sequence[float]) -> list[TrialRecord]:
    """Return the trials that no other equals or beats in all objectives while beating it in one.

    In ranked order a trial can only be dominated by one before it, so comparing with the front so
    far is enough.
    """
    front: list[tuple[tuple[float, ...], TrialRecord]] = []
    for trial in ranked:
        cost = _costs(trial, signs)
        if not any(
            other != cost and all(a <= b for a, b in zip(other, cost, strict=True))
            for other, _ in front
        ):
            front.append((cost, trial))
    return [trial for _, trial in front]


def _activation_summaries(
    space: SearchSpace,
    trials: Sequence[TrialRecord],
    ranked: Sequence[TrialRecord],
    sign: float,
) -> tuple[ActivationSummary, ...]:
    everyone: dict[str, list[TrialRecord]] = {name: [] for name in space.activations}
    complete: dict[str, list[TrialRecord]] = {name: [] for name in space.activations}
    for trial in trials:
        everyone[trial.activation].append(trial)
    for trial in ranked:
        complete[trial.activation].append(trial)
    place = {trial.number: index for index, trial in enumerate(ranked)}
    # Activations without a complete trial come last, in the order of the space.
    order = sorted(
        everyone,
        key=lambda name: place[complete[name][0].number] if complete[name] else len(ranked),
    )
    return tuple(_activation_summary(name, everyone[name], complete[name], sign) for name in order)


def _activation_summary(
    name: str, trials: Sequence[TrialRecord], ranked: Sequence[TrialRecord], sign: float
) -> ActivationSummary:
    reached = reached_values(trials, sign)
    ended = sum(trial.state.is_finished() for trial in trials)
    states = Counter(trial.state for trial in trials)
    values = [trial.values[0] for trial in ranked if trial.values]
    flags = Counter(flag for trial in trials for flag in trial.flags)
    return ActivationSummary(
        activation=name,
        trials=len(trials),
        best_value=values[0] if values else None,
        median_value=median(values) if values else None,
        best_number=ranked[0].number if ranked else None,
        best_params=finite_params(ranked[0].params) if ranked else None,
        completed=states[TrialState.COMPLETE],
        failed=states[TrialState.FAIL],
        pruned=states[TrialState.PRUNED],
        # Interrupted trials wait to be trained again; to the reader they are under way.
        running=states[TrialState.RUNNING] + states[TrialState.WAITING],
        failed_share=states[TrialState.FAIL] / ended if ended else None,
        pruned_share=states[TrialState.PRUNED] / ended if ended else None,
        flags=dict(sorted(flags.items())),
        parameters=ranked[0].parameters if ranked else None,
        fit_seconds=finite(ranked[0].fit_seconds) if ranked else None,
        expected_best={count: expected_best(reached, count, sign) for count in EXPECTED_AFTER},
        learning_rate_spread=learning_rate_spread(trials, sign),
    )


def trial_summary(trial: TrialRecord) -> TrialSummary:
    """Return a trial in short; the value of one that was ended early is its last."""
    values = tuple(trial.values or ())
    if not values and trial.intermediate_values:
        values = (trial.intermediate_values[max(trial.intermediate_values)],)
    return TrialSummary(
        number=trial.number,
        activation=trial.activation,
        params=finite_params(trial.params),
        values=values,
        metrics={name: finite(value) for name, value in trial.metrics.items()},
        parameters=trial.parameters,
        fit_seconds=finite(trial.fit_seconds),
        source=trial.source.value,
        flags=tuple(trial.flags),
    )
