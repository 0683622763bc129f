"""Recording a trial costs a small share of what Optuna's own storage costs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from search.study import FoldCurve, LayerSnapshot, TrialRecord
from storage import Recorder
from tests.storage.records import DISTRIBUTIONS, changed, make_record

STEPS = 10
BATCH = 32
#: Measured 70 to 100; a busy machine may not turn that into a red test.
FEWER_TIMES = 20


def rung(number: int, steps: int, state: TrialState) -> TrialRecord:
    losses = tuple(1.0 / (number + step + 1) for step in range(steps))
    curve = FoldCurve(
        fold=0,
        epochs=tuple(range(steps)),
        train_loss=losses,
        validation_loss=losses,
        validation_score=losses,
    )
    return make_record(
        number,
        state,
        intermediate_values=dict(enumerate(losses)),
        curves=tuple(replace(curve, fold=fold) for fold in range(3)),
        layers=tuple(
            LayerSnapshot(epoch=epoch, statistics={f"s{k}": (0.5,) * 4 for k in range(7)})
            for epoch in range(0, steps, 3)
        ),
    )


def seconds_a_trial_of_ours(recorder: Recorder, batches: int) -> float:
    """Record each trial at its start, at three rungs and at its end, as the driver does."""
    begin = time.perf_counter()
    for batch in range(batches):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        for steps in (0, 2, 5, 8):
            trials = (rung(number, steps, TrialState.RUNNING) for number in numbers)
            recorder.record([changed(*trials)])
        recorder.record([changed(*(rung(n, STEPS, TrialState.COMPLETE) for n in numbers))])
    return (time.perf_counter() - begin) / (batches * BATCH)


def seconds_a_trial_of_optunas(url: str, trials: int) -> float:
    study = optuna.create_study(storage=url, sampler=RandomSampler(seed=0))
    begin = time.perf_counter()
    for _ in range(trials):
        trial = study.ask(DISTRIBUTIONS)
        for step in range(STEPS):
            trial.report(1.0 / (step + 1), step)
        for key in ("activation", "source", "parameters", "log_loss", "accuracy"):
            trial.set_user_attr(key, 1)
        study.tell(trial, 0.5)
    return (time.perf_counter() - begin) / trials


def test_a_trial_costs_a_twentieth_of_optunas_storage(recorder: Recorder, tmp_path: Path) -> None:
    ours = seconds_a_trial_of_ours(recorder, batches=8)
    theirs = seconds_a_trial_of_optunas(f"sqlite:///{tmp_path / 'peer.db'}", trials=15)
    print(f"ours {1e3 * ours:.2f} ms, Optuna's {1e3 * theirs:.1f} ms: {theirs / ours:.0f} times")
    assert theirs > FEWER_TIMES * ours


def test_the_cost_of_a_trial_does_not_grow_with_the_study(recorder: Recorder) -> None:
    def cost(first: int) -> float:
        begin = time.process_time()
        for start in range(first, first + 512, BATCH):
            recorder.record(
                [
                    changed(
                        *(rung(n, STEPS, TrialState.COMPLETE) for n in range(start, start + BATCH))
                    )
                ]
            )
        return time.process_time() - begin

    costs = [cost(first) for first in range(0, 512 * 8, 512)]
    assert min(costs[-3:]) < 2.0 * min(costs[:3])
