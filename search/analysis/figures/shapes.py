"""The shapes of the activations as tried: each arm's best trial, slopes as learned."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from statistics import fmean
from typing import Any

import numpy as np

from search.activations import ACTIVATIONS, Activation
from search.analysis.figures.study_view import Json, StudyView
from search.analysis.figures.style import Figure, colour_of, dash_of, layout, short

_INPUTS = np.linspace(-4.0, 4.0, 161)


def activation_shapes(view: StudyView) -> Figure | None:
    """Draw f(z) of each activation with the numbers of its best trial; None without trials."""
    data, said = [], []
    rows = {str(row): row for row in ACTIVATIONS}
    for trial in sorted(view.bests, key=lambda trial: str(trial["activation"])):
        arm = str(trial["activation"])
        name = rows.get(arm)
        if name is None:  # an expression of a person's own, or several activations in one network
            continue
        activation = ACTIVATIONS[name]
        numbers = activation.numbers(trial["params"]) | _learned(activation, trial)
        words = _words(activation, numbers)
        outputs = activation.function(_INPUTS, numbers)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{arm}{words}",
                "x": _INPUTS.round(3).tolist(),
                "y": outputs.round(4).tolist(),
                "line": {
                    "color": colour_of(view.arms, arm),
                    "dash": dash_of(view.arms, arm),
                    "width": 2,
                },
                "hovertemplate": "f(%{x:.2f}) = %{y:.3f}<extra>" + arm + "</extra>",
            }
        )
        said.append(f"{arm}{words}")
    if not data:
        return None
    return {
        "data": data,
        "layout": layout(
            f"Shapes of {len(said)} activations as their best trials had them: {', '.join(said)}.",
            "z, the input",
            "f(z)",
            height=460,
            legend=True,
            yaxis={"range": [-2.2, 4.2]},
        ),
    }


def _learned(activation: Activation, trial: Json) -> dict[str, float]:
    """Return the numbers that training changed, their means over the layers after the last epoch.

    Empty where nothing is learned or recorded.
    """
    last: Mapping[str, Any] = max(trial.get("layers") or (), key=_epoch, default={})
    found = {}
    for parameter in activation.parameters:
        if not parameter.is_number or not parameter.learned:
            continue
        values = [
            value
            for value in last.get("statistics", {}).get(parameter.name, ())
            if value is not None and isfinite(value)
        ]
        if values:
            found[parameter.name] = fmean(values)
    return found


def _epoch(snapshot: Json) -> int:
    return int(snapshot["epoch"])


def _words(activation: Activation, numbers: Mapping[str, float]) -> str:
    """Return the numbers that were searched or learned, in brackets."""
    told = [
        f"{parameter.name} {short(numbers[parameter.name])}"
        for parameter in activation.parameters
        if parameter.name in numbers and (parameter.searched or parameter.learned)
    ]
    return f" ({', '.join(told)})" if told else ""
