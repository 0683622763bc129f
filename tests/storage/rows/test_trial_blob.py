"""The blob of curves, layers and findings holds exactly what went in."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from search.errors import Conflict
from search.study import Finding, FoldCurve, LayerSnapshot
from storage.rows.trial_blob import FORMAT, TrialDetails, pack_trial_blob, unpack_trial_blob

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
KEPT = (replace(CURVES[0], best_epoch=3), CURVES[1])


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


@pytest.mark.parametrize("curves", [CURVES, CURVES[::-1], KEPT, ()])
@pytest.mark.parametrize("layers", [LAYERS, LAYERS[::-1], ()])
@pytest.mark.parametrize("findings", [FINDINGS, ()])
def test_what_goes_in_comes_out(
    curves: tuple[FoldCurve, ...],
    layers: tuple[LayerSnapshot, ...],
    findings: tuple[Finding, ...],
) -> None:
    details = TrialDetails(curves=curves, layers=layers, findings=findings)
    assert repr(unpack_trial_blob(pack_trial_blob(details))) == repr(details)


def test_thirty_epochs_of_three_folds_take_eight_bytes_a_number() -> None:
    column = tuple(1 / (epoch + 3) for epoch in range(30))
    curve = FoldCurve(
        fold=0,
        epochs=tuple(range(30)),
        train_loss=column,
        validation_loss=column,
        validation_score=column,
    )
    assert len(pack_trial_blob(TrialDetails(curves=(curve,) * 3))) < 8 * 3 * 4 * 30 + 200


#: The blob of OLD as version 0.1.0 wrote it, without a format version.
OLD_BLOB = (
    b'{"folds": [1], "layers": [[3, ["dead_units"]]], "lengths": [2, 2, 2, 2, 1], "findings": '
    b'[{"name": "diverged", "layer": null, "numbers": {"loss": 4.0}, "sentence": "A line.", '
    b'"remedy": ""}]}\n\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\x08@'
    b"\x00\x00\x00\x00\x00\x00\xe0?\x00\x00\x00\x00\x00\x00\xd0?"
    b"\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\xf0\x7f"
    b"\x00\x00\x00\x00\x00\x00\xe8?\x00\x00\x00\x00\x00\x00\x00@"
    b"\x00\x00\x00\x00\x00\x00\xc0?"
)
OLD = TrialDetails(
    curves=(
        FoldCurve(
            fold=1,
            epochs=(1, 3),
            train_loss=(0.5, 0.25),
            validation_loss=(1.0, inf),
            validation_score=(0.75, 2.0),
        ),
    ),
    layers=(LayerSnapshot(epoch=3, statistics={"dead_units": (0.125,)}),),
    findings=(
        Finding(name="diverged", layer=None, numbers={"loss": 4.0}, sentence="A line.", remedy=""),
    ),
)


def test_a_blob_without_a_format_version_is_read_still() -> None:
    assert unpack_trial_blob(OLD_BLOB) == OLD


def test_a_blob_names_its_format_first() -> None:
    blob = pack_trial_blob(OLD)
    assert blob == bytes([FORMAT]) + OLD_BLOB
    with pytest.raises(Conflict, match=f"format {FORMAT + 1}, but this version reads formats up"):
        unpack_trial_blob(bytes([FORMAT + 1]) + OLD_BLOB)
