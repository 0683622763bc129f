"""Learning curves: of each activation's best trial, in training and validation."""

from __future__ import annotations

from math import isfinite, log10
from statistics import fmean
from typing import Any

from search.analysis.figures.study_view import Json, StudyView
from search.analysis.figures.style import Figure, colour_of, layout, short

#: Room below the least validation loss, in powers of ten.
_ROOM = 0.5


def learning_curves(view: StudyView) -> Figure | None:
    """Draw the loss over epochs of each activation's best trial; None without curves.

    Means over the folds, the validation's drawn through, the training's dotted.
    """
    data: list[dict[str, Any]] = []
    ends = []
    for trial in sorted(view.bests, key=lambda trial: str(trial["activation"])):
        curves = trial.get("curves") or ()
        if not curves:
            continue
        arm = str(trial["activation"])
        for field, words, dash in (
            ("validation_loss", "validation", "solid"),
            ("train_loss", "training", "dot"),
        ):
            epochs, losses = mean_curve(curves, field)
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": arm if field == "validation_loss" else f"{arm}, training",
                    "legendgroup": arm,
                    "showlegend": field == "validation_loss",
                    "x": epochs,
                    "y": losses,
                    "line": {"color": colour_of(view.arms, arm), "dash": dash, "width": 2},
                    "hovertemplate": f"{arm}, {words}: %{{y:.4g}} after %{{x}} epochs"
                    f" (trial {trial['number']})<extra></extra>",
                }
            )
        _, losses = mean_curve(curves, "validation_loss")
        if losses and losses[-1] is not None:
            ends.append((losses[-1], arm))
    if not data:
        return None
    said = f" {min(ends)[1]} ends lowest in validation, at {short(min(ends)[0])}." if ends else ""
    return {
        "data": data,
        "layout": layout(
            "Loss over epochs of each activation's best trial, mean over the folds, validation "
            f"drawn through and training dotted.{said}",
            "epochs",
            "loss",
            height=430,
            legend=True,
            yaxis={"type": "log", **_range(data)},
        ),
    }


def _range(data: list[dict[str, Any]]) -> dict[str, object]:
    """Return the limits of the axis, as powers of ten: the validation's, with room below.

    A training loss may go on to fall by orders of magnitude, and would press all else flat.
    """
    shown = [
        loss
        for trace in data
        for loss in trace["y"]
        if trace["showlegend"] and loss is not None and loss > 0.0
    ]
    if not shown:
        return {}
    return {"range": [log10(min(shown)) - _ROOM, log10(max(shown)) + 0.05]}


def mean_curve(curves: list[Json], field: str) -> tuple[list[int], list[float | None]]:
    """Return epochs and the mean over the folds of `field`; None where no fold has a number."""
    by_epoch: dict[int, list[float]] = {}
    for curve in curves:
        for epoch, value in zip(curve["epochs"], curve[field], strict=True):
            known = by_epoch.setdefault(epoch, [])
            if value is not None and isfinite(value):
                known.append(value)
    epochs = sorted(by_epoch)
    return epochs, [fmean(by_epoch[epoch]) if by_epoch[epoch] else None for epoch in epochs]
