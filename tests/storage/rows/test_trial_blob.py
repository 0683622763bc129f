"""The blob of curves, layers and findings holds exactly what went in."""

from __future__ import annotations

from math import inf, nan

import pytest

from search.study import Finding, FoldCurve, LayerSnapshot
from storage.rows.trial_blob import Details, pack_details, unpack_details

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


LAYERS = (
    LayerSnapshot(epoch=0, statistics={"a\nb": (), "é": (1.5, nan)}),
    LayerSnapshot(epoch=30, statistics={"slope": (0.25,) * 50, "dead_units": (1 / 3,) * 50}),
)
FINDINGS = (
    Finding(
        name="dying_relu",
        layer=3,
        numbers={"dead_units": 1 / 3, "ratio": inf},
        sentence="A line\nand another.",
        remedy="Use leaky_relu.",
    ),
    Finding(name="diverged", layer=None, numbers={}, sentence="é", remedy=""),
)


@pytest.mark.parametrize("curves", [CURVES, CURVES[::-1], ()])
@pytest.mark.parametrize("layers", [LAYERS, LAYERS[::-1], ()])
@pytest.mark.parametrize("findings", [FINDINGS, ()])
def test_what_goes_in_comes_out(
    curves: tuple[FoldCurve, ...],
    layers: tuple[LayerSnapshot, ...],
    findings: tuple[Finding, ...],
) -> None:
    details = Details(curves=curves, layers=layers, findings=findings)
    assert repr(unpack_details(pack_details(details))) == repr(details)


def test_thirty_epochs_of_three_folds_take_eight_bytes_a_number() -> None:
    column = tuple(1 / (epoch + 3) for epoch in range(30))
    curve = FoldCurve(
        fold=0,
        epochs=tuple(range(30)),
        train_loss=column,
        validation_loss=column,
        validation_score=column,
    )
    assert len(pack_details(Details(curves=(curve,) * 3))) < 8 * 3 * 4 * 30 + 200
