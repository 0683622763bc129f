"""The blob of curves and layers holds exactly what went in."""

from __future__ import annotations

from math import inf, nan

import pytest

from search.study import FoldCurve
from storage.details import Layers, pack_details, unpack_details

CURVES = (
    FoldCurve(
        fold=4,
        epochs=(1, 3, 30),
        train_loss=(nan, inf, 5e-324),
        validation_loss=(-0.0, -inf, 1 / 3),
        validation_score=(0.1, 0.2, 0.30000000000000004),
    ),
    FoldCurve(fold=0, epochs=(), train_loss=(), validation_loss=(), validation_score=()),
)


@pytest.mark.parametrize("curves", [CURVES, CURVES[::-1], ()])
@pytest.mark.parametrize("layers", [{}, {"a\nb": (), "é": (1.5, nan)}, {"slope": (0.25,) * 50}])
def test_curves_and_layers_come_back(curves: tuple[FoldCurve, ...], layers: Layers) -> None:
    found = unpack_details(pack_details(curves, layers))
    assert repr(found) == repr((curves, layers))


def test_thirty_epochs_of_three_folds_take_eight_bytes_a_number() -> None:
    column = tuple(1 / (epoch + 3) for epoch in range(30))
    curve = FoldCurve(
        fold=0,
        epochs=tuple(range(30)),
        train_loss=column,
        validation_loss=column,
        validation_score=column,
    )
    assert len(pack_details((curve,) * 3, {})) < 8 * 3 * 4 * 30 + 200
