"""The best epoch is that of plain early stopping, in any engine, segmentation and company."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
import pytest
import torch

from search.engines.compiled import engine
from search.engines.minibatches import batch_plan
from search.networks.lane import Lane
from search.networks.sequential import build_network, load_state
from search.study import ParamValue, Task
from search.training.scoring import LaneReport
from search.training.segment import train_segment
from tests.search.plain_network import (
    BACKENDS,
    in_two_segments,
    lane,
    segment,
    small_data,
    train,
    train_plainly,
)

BOTH = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
EPOCHS = 12
#: As in tests of the engines: float64 rounding over some fifty steps.
TOLERANCE = 1e-9

BEST: dict[str, ParamValue] = {"stopping": "best", "learning_rate": 0.05}
#: Lanes whose best epoch is early, late, and followed by the end of patience.
LANES = (
    lane(0, 0, **BEST, patience=2, depth=3, optimizer="sgd"),
    lane(1, 1, **BEST, patience=4, activation="tanh", dropout=0.3),
    lane(2, 1, **BEST, patience=1, activation="gelu", depth=1),
    lane(3, 0, **BEST, patience=50, activation="prelu"),
)


def assert_equals_plain_early_stopping(
    which: Lane, report: LaneReport, task: Task = Task.MULTICLASS
) -> None:
    data = small_data(task)
    network, curve = train_plainly(which, data, EPOCHS)
    curve += [curve[-1]] * (EPOCHS - len(curve))
    late = [curve[epoch - 1] for epoch in report.epochs]
    np.testing.assert_allclose(report.validation_loss, late, rtol=0, atol=TOLERANCE)
    kept = build_network(which.config, features=data.features_in, outputs=data.outputs).double()
    assert report.state is not None
    load_state(kept, report.state, which.config)
    for ours, theirs in zip(kept.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)
    expected = dict(network.named_buffers())
    for name, ours in kept.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            torch.testing.assert_close(ours, expected[name], rtol=0, atol=TOLERANCE)


@BOTH
@pytest.mark.parametrize("task", list(Task))
def test_every_lane_of_a_stack_equals_plain_early_stopping(task: Task, compiled: bool) -> None:
    data = small_data(task)
    whole = segment(LANES, epochs=EPOCHS, metrics=(), compiled=compiled)
    reports = train(whole, data)
    for which in LANES:
        assert_equals_plain_early_stopping(which, reports[which.configuration, which.fold], task)
    ended = {report.best_epoch for report in reports.values()}
    assert len(ended) > 1
    assert min(filter(None, ended)) < EPOCHS - 2


@BOTH
def test_running_statistics_are_those_of_the_best_epoch(compiled: bool) -> None:
    members = [
        lane(number, 0, **BEST, patience=3, normalization="batch", optimizer="sgd")
        for number in range(3)
    ]
    reports = train(segment(members, epochs=EPOCHS, compiled=compiled), small_data())
    for which in members:
        assert_equals_plain_early_stopping(which, reports[which.configuration, 0])


def assert_same(one: LaneReport, other: LaneReport) -> None:
    count = len(one.epochs)
    assert count
    assert one.epochs == other.epochs[-count:]
    assert one.best_epoch == other.best_epoch
    for name in ("train_loss", "validation_loss"):
        late = getattr(other, name)[-count:]
        np.testing.assert_allclose(getattr(one, name), late, rtol=0, atol=TOLERANCE)
    assert one.state is not None
    assert other.state is not None
    np.testing.assert_allclose(one.state.params, other.state.params, rtol=0, atol=TOLERANCE)


@BOTH
@pytest.mark.parametrize("at", [3, 6, 9])
def test_two_segments_equal_one(at: int, compiled: bool) -> None:
    task = replace(
        segment(LANES, epochs=EPOCHS, compiled=compiled), evaluate_at=(3, 6, 9, 12), probe_at=(6,)
    )
    data = small_data()
    whole = train(task, data)
    for key, report in in_two_segments(task, data, at).items():
        assert_same(report, whole[key])
        if at == 3:
            assert report.layers == whole[key].layers


def test_engines_and_company_change_nothing() -> None:
    task = replace(segment(LANES, epochs=EPOCHS, compiled=True), probe_at=(0, 3, EPOCHS))
    data = small_data()
    together, kernels = train(task, data), train(replace(task, backend=BACKENDS[False]), data)
    for which in LANES:
        key = which.configuration, which.fold
        alone = train(replace(task, lanes=(which,)), data)[key]
        assert_same(alone, together[key])
        assert_same(kernels[key], together[key])
        assert [s.epoch for s in kernels[key].layers] == [s.epoch for s in together[key].layers]


@BOTH
def test_a_lane_out_of_patience_repeats_its_losses_and_is_not_looked_into(compiled: bool) -> None:
    task = replace(segment(LANES, epochs=EPOCHS, compiled=compiled), probe_at=(0, EPOCHS))
    (early, *_, late) = train_segment(task, small_data())
    assert early.best_epoch is not None
    last = early.best_epoch + 2
    assert last < EPOCHS
    assert all(map(isfinite, early.train_loss))
    assert len(set(early.train_loss[:last])) == last
    assert set(early.train_loss[last - 1 :]) == {early.train_loss[last - 1]}
    assert [snapshot.epoch for snapshot in early.layers] == [0]
    assert [snapshot.epoch for snapshot in late.layers] == [0, EPOCHS]


@BOTH
def test_the_rows_that_score_do_not_choose_the_epoch(compiled: bool) -> None:
    data = small_data()
    other = replace(
        data,
        folds=tuple(
            replace(
                fold,
                x_validation=-fold.x_validation,
                y_validation=np.flip(fold.y_validation).copy(),
            )
            for fold in data.folds
        ),
    )
    task = segment(LANES, epochs=EPOCHS, compiled=compiled)
    for key, report in train(task, data).items():
        assert train(task, other)[key].best_epoch == report.best_epoch


@BOTH
def test_a_diverged_lane_fails_beside_one_that_goes_on(compiled: bool) -> None:
    bad = lane(9, 0, stopping="best", patience=50, learning_rate=1e200, optimizer="sgd")
    good = LANES[3]
    reports = train(segment([bad, good], epochs=4, compiled=compiled), small_data())
    failure = reports[9, 0].failure
    assert failure is not None
    assert "training loss became" in failure
    alone = train(segment([good], epochs=4, compiled=compiled), small_data())
    assert_same(alone[3, 0], reports[3, 0])


def test_a_compiled_lane_that_is_ended_costs_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    steps = engine.training_steps()

    def counted(*values: Any) -> float:
        made.append(len(values[4]))
        return steps(*values)

    monkeypatch.setattr(engine, "training_steps", lambda: counted)
    data = small_data()
    early, late = LANES[0], LANES[3]
    (report, _) = train_segment(segment([early, late], epochs=EPOCHS, compiled=True), data)
    assert report.best_epoch is not None
    fitted = len(data.folds[0].x_train) - len(data.folds[0].inner_validation)
    epochs = report.best_epoch + early.config.patience + EPOCHS
    assert epochs < 2 * EPOCHS
    assert sum(made) == epochs * batch_plan([fitted], early.config.batch_size).steps


@BOTH
def test_lanes_trained_apart_go_on_together(compiled: bool) -> None:
    data = small_data()
    going, ended = LANES[3], LANES[2]
    task = replace(segment([going], epochs=EPOCHS, compiled=compiled), evaluate_at=(9, 12))
    half = replace(task, last=9, evaluate_at=(9,))
    (first,) = train_segment(half, data)
    (second,) = train_segment(replace(half, lanes=(ended,)), data)
    assert second.state is not None
    assert second.state.ended is not None
    rest = replace(
        task, lanes=(going, ended), states=(first.state, second.state), first=9, evaluate_at=(12,)
    )
    assert_same(train(rest, data)[3, 0], train(task, data)[3, 0])
