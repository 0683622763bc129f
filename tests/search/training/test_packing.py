"""Stacks hold every lane once, equal keys only, folds together, and no more than their width."""

from __future__ import annotations

import random

from search.networks.lane import Lane
from search.training.device import Device
from search.training.packing import pack, stack_width
from tests.search.plain_network import lane


def lanes_of(width: int, trials: int, folds: int = 3) -> list[Lane]:
    return [
        lane(
            trial,
            fold,
            width=width,
            depth=1 + trial % 4,
            activation=("relu", "tanh", "gelu")[trial % 3],
            normalization=("none", "batch")[trial % 2],
        )
        for trial in range(trials)
        for fold in range(folds)
    ]


def test_every_lane_is_packed_once_with_its_like_whatever_the_order() -> None:
    lanes = lanes_of(64, 40) + [lane(100 + k, width=16) for k in range(40)]
    stacks = pack(lanes)
    random.Random(0).shuffle(lanes)
    assert pack(lanes) == stacks
    packed = [(one.configuration, one.fold) for stack in stacks for one in stack]
    assert sorted(packed) == sorted((one.configuration, one.fold) for one in lanes)
    assert all(len({one.config.stack_key for one in stack}) == 1 for stack in stacks)


def test_the_folds_of_a_trial_stay_together() -> None:
    stacks = pack(lanes_of(64, 40))
    assert len(stacks) > 10
    for stack in stacks:
        assert len(stack) == 3 * len({one.configuration for one in stack})


def test_stacks_of_wide_layers_have_fewer_lanes() -> None:
    assert [stack_width(units) for units in (16, 64, 256, 512)] == [16, 8, 4, 1]
    largest = {width: max(map(len, pack(lanes_of(width, 40, 1)))) for width in (16, 64, 256, 512)}
    assert largest == {16: 10, 64: 7, 256: 4, 512: 1}


def test_stacks_for_a_gpu_are_wide() -> None:
    assert all(stack_width(units, Device.CUDA) > stack_width(units) for units in (16, 128, 512))
    (stack,) = pack(lanes_of(16, 1, 3), Device.CUDA)
    assert len(stack) == 3
    assert len(pack(lanes_of(64, 60), Device.CUDA)) == 2  # one of each normalization


def test_a_trial_of_more_folds_than_a_stack_holds_is_a_stack_of_its_own() -> None:
    assert [len(stack) for stack in pack(lanes_of(512, 4, 5))] == [5, 5, 5, 5]


def test_the_stack_that_takes_longest_comes_first() -> None:
    stacks = pack(lanes_of(64, 60, 1))
    assert len(stacks) > 5
    depths = [sum(one.config.depth for one in stack) for stack in stacks]
    assert depths == sorted(depths, reverse=True)


def test_stacks_in_parts_are_narrower_and_hold_the_same_lanes() -> None:
    lanes = lanes_of(64, 40)
    whole, parts = pack(lanes), pack(lanes, parts=4)
    assert len(parts) > 2 * len(whole)
    assert max(map(len, parts)) < max(map(len, whole))
    assert {lane for stack in parts for lane in map(id, stack)} == set(map(id, lanes))
