"""However lanes and steps are divided among calls, a lane sees the same rows and the same noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.engines import minibatches
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
