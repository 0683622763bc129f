"""Looking at units by compiled loops and by kernels tells the same, at the thresholds too."""

from __future__ import annotations

import pytest
import torch

from search.looks import Gathered, Looks, looks
from search.parameters import Shape

BOTH = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])


def shape_of(compiled: bool) -> Shape:
    return Shape(features=1, outputs=1, dtype=torch.float64, compiled=compiled)


def concluded(
    by: Looks, passes: list[tuple[torch.Tensor, torch.Tensor]], shape: Shape
) -> list[list[float]]:
    """Mean, deviation, dead and saturated of one lane after some passes of f'(z) and f(z)."""
    seen = Gathered(1, passes[0][0].shape[1], shape)
    seen.clear()
    for slopes, active in passes:
        by.gather(slopes.double().unsqueeze(0).clone(), active.double().unsqueeze(0), seen)
    out = shape.empty(4, 1)
    by.conclude(seen, out)
    return out.squeeze(1).tolist()


@BOTH
def test_a_unit_is_dead_below_both_thresholds_on_every_row_only(compiled: bool) -> None:
    shape = shape_of(compiled)
    # By unit: flat and still; flat but moving by 0.06; still but not flat on one row of the second
    # pass; flat and moving by 0.04 from pass to pass.
    slopes = torch.tensor([[0.0, 0.0, 0.0, -0.0009], [0.0, 0.0, 0.0, 0.0009]])
    later = torch.tensor([[0.0, 0.0, -0.0011, 0.0], [0.0, 0.0, 0.0, 0.0]])
    active = torch.tensor([[1.0, -0.03, 2.0, 0.0], [1.0, 0.03, 2.0, 0.0]])
    moved = active + torch.tensor([0.0, 0.0, 0.0, 0.04])
    found = concluded(looks(shape), [(slopes, active), (later, moved)], shape)
    assert found[2] == 2 / 4


@BOTH
def test_mean_deviation_and_saturation_are_those_of_all_rows(compiled: bool) -> None:
    shape = shape_of(compiled)
    active = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slopes = torch.linspace(-0.02, 0.02, 30, dtype=torch.float64).view(6, 5)
    found = concluded(looks(shape), [(slopes[:2], active[:2]), (slopes[2:], active[2:])], shape)
    assert found[0] == pytest.approx(active.mean().item())
    assert found[1] == pytest.approx(active.std(correction=0).item())
    assert found[3] == pytest.approx((slopes.abs() < 0.01).double().mean().item())


@BOTH
def test_norms_and_steps_are_frobenius_norms(compiled: bool) -> None:
    shape = shape_of(compiled)
    generator = torch.Generator().manual_seed(1)
    before, after = torch.randn(2, 3, 4, 7, generator=generator, dtype=torch.float64).unbind(0)
    norm, step = shape.empty(3), shape.empty(3)
    looks(shape).norm(before, norm)
    looks(shape).step(after, before, step)
    expected = [matrix.norm().item() for matrix in before]
    moved = [(a - b).norm().item() / b.norm().item() for a, b in zip(after, before, strict=True)]
    assert norm.tolist() == pytest.approx(expected)
    assert step.tolist() == pytest.approx(moved)
