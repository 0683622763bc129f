"""Quality and cost of TPE's proposals: ours, Optuna's and rustuna's.

    python -m tests.benchmarks.samplers --seeds 20
    python -m tests.benchmarks.samplers --seeds 60 --analytic

Every sampler stands behind the same row of `search.samplers` and is asked and told as a study asks
and tells it: in batches, five in flight, by `AskTell`, with the default pruner or none. Trainings
are made up by `tests.benchmarks.surrogate`, after 1,000 real ones (a minute) or by its formula.
The result of a study after 50, 100 and 200 trials is the expected loss of the trial with the least
observed loss, and the mean expected loss of the ten with the least. Times are of the processor,
which other programs disturb less than the clock.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean, median, stdev
from time import process_time
from unittest.mock import patch

import numpy as np
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import TrialState

from search.data.datasets import load_builtin
from search.driver import ask_tell
from search.driver.ask_tell import AskTell
from search.driver.plan import StudyPlan, plan_study
from search.driver.search_phase import trial_batch_size
from search.pruners import Pruning
from search.samplers import SAMPLERS
from search.samplers.catalog import Sampler, SamplerName
from search.study import TrialRecord
from service.logs import quieten_optuna
from tests.benchmarks.later_trials import made_up_history
from tests.benchmarks.surrogate import AnalyticSurrogate, Surrogate, fit_surrogate
from tests.benchmarks.work import study_body, to_spec

#: Batches that train at a time, as in `search.driver.search_phase`.
_IN_FLIGHT = 5
_AFTER = (50, 100, 200)
_HISTORIES = (100, 500, 2000)
_TIMED = 64


def _ours(seed: int) -> BaseSampler:
    return SAMPLERS[SamplerName.TPE].build(seed)


def _optunas(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        # `group` is experimental, and the silenced log line of independent draws is deprecated.
        warnings.simplefilter("ignore")
        return TPESampler(
            seed=seed,
            multivariate=True,
            group=True,
            constant_liar=True,
            warn_independent_sampling=False,
        )


def _rustunas(seed: int) -> BaseSampler:
    # Imported here because rustuna belongs to the extra "bench".
    from tests.benchmarks.rustuna_tpe import RustunaTPE  # noqa: PLC0415

    return RustunaTPE(seed)


def _rustunas_own(seed: int) -> BaseSampler:
    # As in `_rustunas`.
    import rustuna  # noqa: PLC0415
    from rustuna.converter import ToOptunaSampler  # noqa: PLC0415

    sampler: BaseSampler = ToOptunaSampler(
        rustuna.samplers.TPESampler(seed=seed, multivariate=True)
    )
    return sampler


def _random(seed: int) -> BaseSampler:
    return SAMPLERS[SamplerName.RANDOM].build(seed)


CONTESTANTS: dict[str, Callable[[int], BaseSampler]] = {
    "ours": _ours,
    "Optuna's, grouped": _optunas,
    "rustuna's, pruned and running trials handed over": _rustunas,
    "rustuna's, by its converter": _rustunas_own,
    "random": _random,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One study: results by the number of trials, and milliseconds a trial asked and told."""

    best: dict[int, float]
    best_ten: dict[int, float]
    milliseconds: float


def row_of(build: Callable[[int], BaseSampler]) -> Sampler:
    """Return the row of TPE with another sampler behind it."""
    return replace(SAMPLERS[SamplerName.TPE], build=build)


def proposals(plan: StudyPlan, row: Sampler, history: Sequence[TrialRecord] = ()) -> AskTell:
    """Return the proposals of `plan`, made by `row`'s sampler."""
    with patch.object(ask_tell, "get_sampler", lambda _: row):
        return AskTell(plan, history)


@cache
def _plan(pruner: str) -> StudyPlan:
    spec = to_spec(study_body(trials=max(_AFTER), pruner=pruner))
    return plan_study(spec, load_builtin(spec.dataset))


def search(surrogate: Surrogate, row: Sampler, seed: int, pruner: str) -> Outcome:
    """Run a study of the reference work on the surrogate."""
    trials = max(_AFTER)
    plan = _plan(pruner)
    sampler = replace(plan.spec.sampler, seed=seed)
    plan = replace(plan, spec=replace(plan.spec, sampler=sampler))
    asked = proposals(plan, row)
    pruning = Pruning(plan.spec.pruner, "minimize", plan.spec.budget.epochs, seed)
    rng = np.random.default_rng(seed)
    seen: list[tuple[float, float]] = []  # of finished trials: the loss seen, the expected one
    flying: deque[list[TrialRecord]] = deque()
    outcome = Outcome(best={}, best_ten={}, milliseconds=0.0)
    seconds, finished = 0.0, 0
    while True:
        while len(flying) < _IN_FLIGHT:
            began = process_time()
            batch = asked.ask(trial_batch_size(trials, finished))
            seconds += process_time() - began
            if not batch:
                break
            flying.append(batch)
        if not flying:
            return replace(outcome, milliseconds=1e3 * seconds / trials)
        batch = flying.popleft()
        expected, noisy = surrogate.trainings([record.params for record in batch], rng)
        told = _trained(batch, noisy, surrogate.epochs, pruning)
        began = process_time()
        for record in told:
            asked.tell(record)
        seconds += process_time() - began
        for record, losses in zip(told, expected, strict=True):
            finished += 1
            if record.values:
                seen.append((record.values[0], float(losses[-1])))
            if finished in _AFTER:
                outcome.best[finished] = min(seen)[1]
                outcome.best_ten[finished] = fmean(loss for _, loss in sorted(seen)[:10])


def _trained(
    batch: Sequence[TrialRecord],
    losses: np.ndarray,
    epochs: Sequence[int],
    pruning: Pruning,
) -> list[TrialRecord]:
    """Return the trials of a batch as trained up to where they are pruned; losses (T, E)."""
    curves = {
        record.number: dict(zip(epochs, map(float, row), strict=True))
        for record, row in zip(batch, losses, strict=True)
    }
    for record in batch:
        pruning.start(record.number, record.activation)
    going, pruned_at = list(batch), dict[int, int]()
    for rung in pruning.rungs[:-1]:
        for record in going:
            pruning.report(record.number, rung, curves[record.number][rung])
        for record in going:
            if pruning.should_prune(record.number):
                pruned_at[record.number] = rung
                pruning.finish(record.number, None, pruned=True)
        going = [record for record in going if record.number not in pruned_at]
    told = []
    for record in batch:
        end = pruned_at.get(record.number)
        curve = {epoch: v for epoch, v in curves[record.number].items() if epoch <= (end or epoch)}
        if end is None:
            pruning.report(record.number, epochs[-1], curve[epochs[-1]])
            pruning.finish(record.number, curve[epochs[-1]])
        told.append(
            replace(
                record,
                state=TrialState.COMPLETE if end is None else TrialState.PRUNED,
                values=(curve[epochs[-1]],) if end is None else None,
                intermediate_values=curve,
            )
        )
    return told


def milliseconds_after(row: Sampler, known: int) -> float:
    """Return the milliseconds a proposal takes, in batches of 16, after `known` trials."""
    spec = to_spec(study_body(trials=known + _TIMED))
    plan = plan_study(spec, load_builtin("digits"))
    asked = proposals(plan, row, list(made_up_history(spec, known)))
    spent = []
    for _ in range(_TIMED // 16):
        began = process_time()
        batch = asked.ask(16)
        spent.append(1e3 * (process_time() - began) / len(batch))
        for record in batch:
            asked.tell(
                replace(
                    record, state=TrialState.COMPLETE, values=(float(record.params["depth"] or 0),)
                )
            )
    return median(spent)


def _fitted(trainings: int) -> Surrogate:
    surrogate = fit_surrogate(trainings)
    noise = np.median(np.abs(surrogate.noise[:, -1]))
    sys.stdout.write(f"explained {surrogate.explained:.3f}, median noise {noise:.3f}\n")
    return surrogate


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trainings", type=int, default=800)
    parser.add_argument("--analytic", action="store_true", help="a formula, no trainings")
    parser.add_argument("--only", choices=CONTESTANTS, action="append")
    chosen = parser.parse_args()
    quieten_optuna()
    rows = {name: row_of(CONTESTANTS[name]) for name in chosen.only or CONTESTANTS}
    sys.stdout.write(
        "| milliseconds a proposal after | " + " | ".join(map(str, _HISTORIES)) + " |\n"
    )
    for name, row in rows.items():
        times = " | ".join(f"{milliseconds_after(row, known):.2f}" for known in _HISTORIES)
        sys.stdout.write(f"| {name} | {times} |\n")
        sys.stdout.flush()
    surrogate = AnalyticSurrogate() if chosen.analytic else _fitted(chosen.trainings)
    for pruner in ("none", "successive_halving"):
        for name, row in rows.items():
            found = [search(surrogate, row, seed, pruner) for seed in range(chosen.seeds)]
            cells = []
            for after in _AFTER:
                best = [outcome.best[after] for outcome in found]
                ten = [outcome.best_ten[after] for outcome in found]
                cells += [f"{fmean(best):.4f} +- {stdev(best) / len(best) ** 0.5:.4f}"]
                cells += [f"{fmean(ten):.4f} +- {stdev(ten) / len(ten) ** 0.5:.4f}"]
            ms = fmean(outcome.milliseconds for outcome in found)
            sys.stdout.write(f"| {pruner} | {name} | {' | '.join(cells)} | {ms:.2f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
