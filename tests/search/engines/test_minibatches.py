"""However lanes and steps are divided among calls, a lane sees the same rows and the same noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search.engines import minibatches
from search.engines.minibatches import Minibatches, batch_plan
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane
from search.training.scoring import LaneReport
from tests.search.plain_network import lane, segment, small_data, train

BOTH = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
COMPANY = (
    lane(0, 0, activation="rrelu", depth=3, dropout=0.3),
    lane(1, 1, activation="prelu", depth=2, gradient_clip=1.0),
    lane(2, 0, activation="gelu", depth=1, optimizer="sgd"),
)


def assert_same_bits(one: LaneReport, other: LaneReport) -> None:
    assert one.validation_loss == other.validation_loss
    assert one.layers == other.layers
    assert one.state is not None
    assert other.state is not None
    np.testing.assert_array_equal(one.state.params, other.state.params)
    np.testing.assert_array_equal(one.state.first_moment, other.state.first_moment)


@BOTH
def test_how_many_steps_are_drawn_at_a_time_changes_no_bit(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = replace(segment(COMPANY, epochs=4, compiled=compiled), probe_at=(0, 2))
    task = replace(task, evaluate_at=(2, 4))
    whole = train(task, small_data())
    monkeypatch.setattr(minibatches, "BLOCK_BYTES", 1)
    for key, report in train(task, small_data()).items():
        assert_same_bits(report, whole[key])


@pytest.mark.parametrize("member", COMPANY, ids=lambda one: one.config.activation)
def test_the_company_of_a_compiled_lane_changes_no_bit(member: Lane) -> None:
    task = replace(segment(COMPANY, compiled=True), dtype="float32")
    together = train(task, small_data())[member.configuration, member.fold]
    alone = train(replace(task, lanes=(member,)), small_data())
    assert_same_bits(alone[member.configuration, member.fold], together)


@given(rows=st.integers(1, 3000), fewer=st.integers(0, 1), batch_size=st.integers(1, 400))
def test_an_epoch_has_room_for_every_row_and_little_more(
    rows: int, fewer: int, batch_size: int
) -> None:
    plan = batch_plan([max(1, rows - fewer), rows], batch_size)
    assert 0 <= plan.steps * plan.rows - rows < batch_size
    # No other number of equal minibatches comes nearer to the size that is asked for.
    others = [-(-rows // steps) for steps in range(1, rows + 1)]
    assert abs(plan.rows - batch_size) == min(abs(other - batch_size) for other in others)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8, 26, 400])
@pytest.mark.parametrize("stopping", ["last", "best"])
@pytest.mark.parametrize("block", [1, 2**20])
def test_every_row_takes_part_in_every_epoch(
    batch_size: int, stopping: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minibatches, "BLOCK_BYTES", block)
    data = small_data()
    lanes = [lane(fold, fold, batch_size=batch_size, stopping=stopping) for fold in (0, 1)]
    dimensions = Dimensions(features=data.features_in, outputs=data.outputs)
    drawn = Minibatches(lanes, data, dimensions)
    plan, again = drawn.plan, set[tuple[float, ...]]()
    epochs = 6
    blocks = [b.x.clone() for b in drawn.blocks(0, epochs)]
    steps = torch.cat(blocks, dim=1)
    assert steps.shape[1] == epochs * plan.steps
    for stream, fold in enumerate(data.folds):
        rows = fold.x_train[fold.fitted_rows(keeps_best=stopping == "best")]
        expected = {tuple(row) for row in rows.tolist()}
        for epoch in steps[stream].split(plan.steps):
            order = [tuple(row) for row in epoch.flatten(0, 1).tolist()]
            assert set(order) == expected
            assert len(set(order[: len(rows)])) == len(rows)
            again |= set(order[len(rows) :])
    spare = plan.steps * plan.rows - min(len(f.x_train) for f in data.folds)
    if stopping == "last" and spare:
        assert len(again) > spare  # not the same rows in every epoch
