"""Which configurations are trained again after the search: entrants, champions and the baseline.

Of every arm and search a few entrants race on fresh splits, and the best of them is its champion.
Scores of the search alone would not do: the first trials to reach a rung survive there whatever
they are like, and the best of many noisy scores is the luckiest. Pure functions of recorded trials
and runs, free of torch: the driver trains the candidates, and the results count the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from optuna.trial import TrialState

from search.metrics import Direction, Metric
from search.space import Arms
from search.study import ConfirmationRun, ParamValue, Role, Stage, TrialRecord

#: Repeats in which entrants race, each on splits of its own.
RACE_REPEATS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration to train again, in one role."""

    #: The trial that found it; None for a baseline that no trial has tried.
    trial: int | None
    params: Mapping[str, ParamValue]
    arm: str
    #: The search that found it; None for the baseline.
    search: int | None
    role: Role = Role.CANDIDATE
    #: Mean score in the race, or else in the search; more is better.
    score: float = -inf

    @property
    def activation(self) -> str:
        """Name of the hidden activation."""
        return str(self.params["activation"])

    @property
    def key(self) -> str:
        """The `config_key` of the configuration."""
        return config_key(self.params)


def config_key(params: Mapping[str, ParamValue]) -> str:
    """Return a text that is equal for equal configurations and no others."""
    return json.dumps(dict(params), sort_keys=True)


def select_entrants(
    trials: Sequence[TrialRecord], arms: Arms, direction: Direction, top: int
) -> tuple[Candidate, ...]:
    """Return the `top` best configurations of each arm and search, the best first.

    The better is the one that was trained longer, then the one with the better first objective,
    whose `direction` is given: pruning has judged a trial that another outlived. Equal
    configurations of one search count once, under the lowest number. Failed trials are left out.
    """
    sign = 1.0 if direction is Direction.MAXIMIZE else -1.0
    found: dict[tuple[str, int], dict[str, tuple[tuple[float, float, int], Candidate]]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        reached = _reached(trial)
        if reached is None:
            continue
        epochs, score = reached
        arm = arms.of(trial.params)
        candidate = Candidate(
            trial=trial.number,
            params=trial.params,
            arm=arm,
            search=trial.search,
            score=sign * score,
        )
        rank = (-epochs, -sign * score, trial.number)
        known = found.setdefault((arm, trial.search), {})
        if candidate.key not in known or rank < known[candidate.key][0]:
            known[candidate.key] = rank, candidate
    places = sorted(found, key=lambda place: (arms.names.index(place[0]), place[1]))
    return tuple(
        candidate
        for place in places
        for _, candidate in sorted(found[place].values(), key=lambda entry: entry[0])[:top]
    )


def select_champions(
    entrants: Sequence[Candidate], runs: Sequence[ConfirmationRun], metric: Metric
) -> tuple[Candidate, ...]:
    """Return the champion of each arm and search: the best mean over the `runs` of the race.

    An entrant that failed in a run is worse than any that did not. Where the entrants of a search
    have not all run equally often, as in a race cut short, the best of the search is its champion.
    """
    sign = 1.0 if metric.direction is Direction.MAXIMIZE else -1.0
    scores: dict[tuple[str, int | None], dict[tuple[int, int], float]] = {}
    for run in runs:
        if run.stage is Stage.RACE:
            value = sign * run.scores[metric.name] if metric.name in run.scores else -inf
            slot = scores.setdefault((config_key(run.params), run.search), {})
            slot[run.repeat, run.fold] = value if isfinite(value) else -inf
    places: dict[tuple[str, int | None], list[Candidate]] = {}
    for entrant in entrants:
        places.setdefault((entrant.arm, entrant.search), []).append(entrant)
    champions = []
    for group in places.values():
        raced = [scores.get((entrant.key, entrant.search), {}) for entrant in group]
        if len(group) == 1 or not raced[0] or any(set(own) != set(raced[0]) for own in raced):
            champions.append(group[0])
            continue
        means = [_mean(own) for own in raced]
        # Of equal ones the first, which the search ranks higher.
        best = max(range(len(group)), key=lambda index: (means[index], -index))
        champions.append(replace(group[best], score=means[best]))
    return tuple(champions)


def select_baseline(
    champions: Sequence[Candidate], trials: Sequence[TrialRecord], arms: Arms
) -> Candidate | None:
    """Return the usual network of the question, at the settings of its arm's best champion.

    Of the best champion of all where that arm has none. None without any champion.
    """
    if not champions:
        return None
    own = [champion for champion in champions if champion.arm == arms.baseline]
    settings = max(own or champions, key=lambda champion: champion.score)
    params = arms.usual(settings.params)
    key = config_key(params)
    number = next((trial.number for trial in trials if config_key(trial.params) == key), None)
    return Candidate(
        trial=number, params=params, arm=arms.of(params), search=None, role=Role.BASELINE
    )


def current_runs(
    runs: Sequence[ConfirmationRun], current: Sequence[Candidate]
) -> tuple[ConfirmationRun, ...]:
    """Return the confirming runs of the `current` candidates in the roles they have now.

    After more trials or searches another configuration may be champion or baseline; the earlier
    runs are still on record.
    """
    wanted = {(candidate.key, candidate.role, candidate.search) for candidate in current}
    return tuple(
        run
        for run in runs
        if run.stage is Stage.CONFIRM and (config_key(run.params), run.role, run.search) in wanted
    )


def _reached(trial: TrialRecord) -> tuple[float, float] | None:
    """Return the epochs that a trial was trained for, and its score then; None where it failed."""
    if trial.state is TrialState.COMPLETE and trial.values:
        return (inf, trial.values[0]) if isfinite(trial.values[0]) else None
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        last = max(trial.intermediate_values)
        value = trial.intermediate_values[last]
        return (last, value) if isfinite(value) else None
    return None


def _mean(scores: Mapping[tuple[int, int], float]) -> float:
    return sum(scores.values()) / len(scores)
