"""Successive halving against Optuna's own: same reports, same decisions."""

import random
from math import inf, nan

import optuna
import pytest
from optuna.pruners import BasePruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from search.pruners.successive_halving import SuccessiveHalving

TRIALS = 150


def decisions(pruner: BasePruner, direction: str, seed: int) -> list[tuple[int, int, bool]]:
    """What is decided of trials that are trained side by side, some of them strangely."""
    rng = random.Random(seed)
    study = optuna.create_study(direction=direction, pruner=pruner)
    # Few different values, so that many are equal; steps that skip a rung or come before the first.
    steps = [rng.choice([(1, 3, 9, 27), (2, 10, 30), (9, 27), (3, 8, 30)]) for _ in range(TRIALS)]
    running: dict[int, optuna.Trial] = {}
    decided = []
    for round_ in range(4 * TRIALS):
        if len(running) < 8 and round_ < TRIALS:
            trial = study.ask()
            running[trial.number] = trial
        if not running:
            break
        trial = running[rng.choice(list(running))]
        left = steps[trial.number]
        step, steps[trial.number] = left[0], left[1:]
        value = rng.choice([nan, inf, -inf, *(rng.randrange(12) / 10.0 for _ in range(12))])
        trial.report(value, step)
        pruned = trial.should_prune()
        decided.append((trial.number, step, pruned))
        if pruned or not steps[trial.number]:
            study.tell(trial, state=TrialState.PRUNED)
            del running[trial.number]
    return decided


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(("min_resource", "reduction_factor"), [(1, 3), (3, 3), (2, 4), (1, 2)])
def test_decides_as_optuna_does(
    min_resource: int, reduction_factor: int, direction: str, seed: int
) -> None:
    settings = {"min_resource": min_resource, "reduction_factor": reduction_factor}
    ours = decisions(SuccessiveHalving(**settings), direction, seed)
    assert ours == decisions(SuccessiveHalvingPruner(**settings), direction, seed)
    pruned = sum(decision for _, _, decision in ours)
    assert TRIALS // 10 < pruned < len(ours)


def test_nothing_is_decided_before_anything_is_reported() -> None:
    study = optuna.create_study(pruner=SuccessiveHalving(1, 3))
    assert not study.ask().should_prune()
