"""Looking at units by compiled loops and by kernels tells the same, at the thresholds too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit

from search.engines.compiled.jit import Array
from search.engines.compiled.layer_statistics import (
    accumulate,
    clear,
    finalize,
    frobenius_norm,
    relative_change,
)
from search.engines.stacked import layer_statistics as looks
from search.engines.stacked.layer_statistics import UnitStatistics
from search.networks.dimensions import Dimensions

BOTH = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
SHAPE = Dimensions(features=1, outputs=1, dtype=torch.float64)


@njit
def _concluded(slopes: Array, active: Array, sums: Array, extremes: Array, out: Array) -> None:
    clear(sums, extremes)
    for k in range(len(slopes)):
        accumulate(slopes[k], active[k], sums, extremes)
    finalize(sums, extremes, slopes.shape[0] * slopes.shape[1], out)


@njit
def _norm(matrix: Array) -> float:
    return frobenius_norm(matrix)


@njit
def _moved(after: Array, before: Array) -> float:
    return relative_change(after, before)


def concluded(passes: list[tuple[torch.Tensor, torch.Tensor]], compiled: bool) -> list[float]:
    """Mean, deviation, dead and saturated of one lane after some passes of f'(z) and f(z)."""
    slopes, active = (torch.stack(list(part)).double() for part in zip(*passes, strict=True))
    units = slopes.shape[2]
    if compiled:
        found = np.empty(4)
        _concluded(slopes.numpy(), active.numpy(), np.empty(3), np.empty((3, units)), found)
        return found.tolist()
    seen = UnitStatistics(1, units, SHAPE)
    seen.clear()
    for one in range(len(slopes)):
        looks.accumulate(slopes[one : one + 1].clone(), active[one : one + 1], seen)
    out = SHAPE.empty(4, 1)
    looks.finalize(seen, out)
    return out.squeeze(1).tolist()


@BOTH
def test_a_unit_is_dead_below_both_thresholds_on_every_row_only(compiled: bool) -> None:
    # By unit: flat and still; flat but moving by 0.06; still but not flat on one row of the second
    # pass; flat and moving by 0.04 from pass to pass.
    slopes = torch.tensor([[0.0, 0.0, 0.0, -0.0009], [0.0, 0.0, 0.0, 0.0009]])
    later = torch.tensor([[0.0, 0.0, -0.0011, 0.0], [0.0, 0.0, 0.0, 0.0]])
    active = torch.tensor([[1.0, -0.03, 2.0, 0.0], [1.0, 0.03, 2.0, 0.0]])
    moving = active + torch.tensor([0.0, 0.0, 0.0, 0.04])
    found = concluded([(slopes, active), (later, moving)], compiled)
    assert found[2] == 2 / 4


@BOTH
def test_mean_deviation_and_saturation_are_those_of_all_rows(compiled: bool) -> None:
    active = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slopes = torch.linspace(-0.02, 0.02, 30, dtype=torch.float64).view(6, 5)
    passes = [(slopes[at : at + 3], active[at : at + 3]) for at in (0, 3)]
    found = concluded(passes, compiled)
    assert found[0] == pytest.approx(active.mean().item())
    assert found[1] == pytest.approx(active.std(correction=0).item())
    assert found[3] == pytest.approx((slopes.abs() < 0.01).double().mean().item())


@BOTH
def test_norms_and_steps_are_frobenius_norms(compiled: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    before, after = torch.randn(2, 3, 4, 7, generator=generator, dtype=torch.float64).unbind(0)
    expected = [matrix.norm().item() for matrix in before]
    travel = [(a - b).norm().item() / b.norm().item() for a, b in zip(after, before, strict=True)]
    if compiled:
        norms = [_norm(matrix.numpy().ravel()) for matrix in before]
        steps = [
            _moved(a.numpy().ravel(), b.numpy().ravel()) for a, b in zip(after, before, strict=True)
        ]
    else:
        norm_, step = SHAPE.empty(3), SHAPE.empty(3)
        looks.frobenius_norm(before, norm_)
        looks.relative_change(after, before, step)
        norms, steps = norm_.tolist(), step.tolist()
    assert norms == pytest.approx(expected)
    assert steps == pytest.approx(travel)
