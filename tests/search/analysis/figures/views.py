"""Views of made-up studies, in the wire format, small enough to check a figure by hand."""

from __future__ import annotations

from typing import Any

from search.analysis.figures import StudyView

ARMS = ("relu", "prelu", "tanh")


def trial(number: int, activation: str = "relu", value: float | None = 0.5, **more: Any) -> Any:
    """A trial as `GET trials/{number}` shows it."""
    return {
        "number": number,
        "state": "complete" if value is not None else "pruned",
        "activation": activation,
        "params": {"activation": activation, "depth": 2, **more.pop("params", {})},
        "value": value,
        "parameters": 100 * (number + 1),
        "curves": [curve([1.0, 0.5]), curve([3.0, None])],
        "layers": [layers(0, [0.5, 0.0]), layers(4, [0.25, 0.125])],
        **more,
    }


def curve(losses: list[float | None]) -> dict[str, Any]:
    """The learning curve of one fold, evaluated after epochs 1, 2, ..."""
    epochs = list(range(1, len(losses) + 1))
    return {"epochs": epochs, "train_loss": losses, "validation_loss": losses}


def layers(epoch: int, gradients: list[float], **more: list[float]) -> dict[str, Any]:
    """The statistics of the layers after one epoch."""
    zeros = [0.0 for _ in gradients]
    statistics = {"gradient_norm": gradients, "dead_units": zeros, "saturated": zeros}
    return {"epoch": epoch, "statistics": {**statistics, "update_ratio": gradients, **more}}


def arm(activation: str, best: float, median: float | None = None) -> dict[str, Any]:
    """A row of `by_activation`."""
    return {"activation": activation, "best_value": best, "median_value": median}


def comparison(activation: str, mean: float | None, **more: Any) -> dict[str, Any]:
    """A row of a verdict whose interval reaches 0.1 to the left and 0.2 to the right."""
    ends = {} if mean is None else {"ci_low": mean - 0.1, "ci_high": mean + 0.2}
    return {"activation": activation, "mean": mean, **ends, **more}


def verdict(*rows: dict[str, Any], best: str = "relu", **more: Any) -> dict[str, Any]:
    """A verdict in which `best` has the best mean."""
    return {"metric": "log_loss", "best": best, "comparisons": list(rows), **more}


def view(**more: Any) -> StudyView:
    """A study of three arms with a trial each and everything that can be drawn."""
    bests = [trial(0, "relu", 0.4), trial(1, "prelu", 0.3), trial(2, "tanh", 0.6)]
    cells = [
        {"activation": "relu", "initializer": "lecun_normal", "count": 2, "mean": 0.4, "best": 0.3},
        {"activation": "tanh", "initializer": "orthogonal", "count": 1, "mean": 0.6, "best": 0.6},
    ]
    depths = [{**cell, "depth": cell["count"]} for cell in cells]
    point = {"x": 0.1, "value": 0.3, "number": 1}
    effect = {"points": [point], "curve": [{"x": 0.1, "value": 0.3}]}
    results = {
        "best": {"activation": "prelu", "values": [0.3], "number": 1, "metrics": {}},
        "by_activation": [arm("prelu", 0.3, 0.5), arm("relu", 0.4, 0.4), arm("tanh", 0.6)],
        "importances": {"depth": 0.2, "activation": 0.7},
        "interactions": {
            "activation x initializer": {"cells": cells},
            "activation x depth": {"cells": depths},
        },
        "slope_effect": [
            {"activation": "prelu", "parameter": "slope", "initial": effect, "learned": None}
        ],
        "verdict": verdict(comparison("prelu", 0.35), comparison("relu", 0.5), best="prelu"),
        "metric": "log_loss",
        **more.pop("results", {}),
    }
    return StudyView(results=results, **{"trials": bests, "bests": bests, **more})


EMPTY = StudyView(results={"best": None, "by_activation": [], "verdict": None, "importances": {}})
