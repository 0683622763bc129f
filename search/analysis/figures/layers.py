"""The hidden layers of one trial over its epochs: gradient, dead units, saturation, updates."""

from __future__ import annotations

from typing import Any

from search.analysis.figures.study_view import Json
from search.analysis.figures.style import COLOURS, DASHES, GREY, Figure, layout

#: Statistic -> its title and whether its axis is logarithmic; a panel each.
_PANELS = (
    ("gradient_norm", "norm of the gradient", True),
    ("dead_units", "share of dead units", False),
    ("saturated", "share of saturated units", False),
    ("update_ratio", "update over weight", True),
)
#: Upper left, upper right, lower left, lower right.
_DOMAINS = (
    ([0.0, 0.46], [0.58, 1.0]),
    ([0.54, 1.0], [0.58, 1.0]),
    ([0.0, 0.46], [0.0, 0.42]),
    ([0.54, 1.0], [0.0, 0.42]),
)
#: Of deeper networks as many layers are drawn, evenly chosen.
_MOST_LAYERS = 10


def layer_figure(trial: Json) -> Figure | None:
    """Draw the statistics of the layers of `trial`, as `GET trials/{number}` shows it.

    None where nothing was measured.
    """
    snapshots = sorted(trial.get("layers") or (), key=lambda snapshot: int(snapshot["epoch"]))
    if not snapshots:
        return None
    depth = max(len(s["statistics"].get("gradient_norm", ())) for s in snapshots)
    layers = _evenly(depth)
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for panel, (statistic, title, is_log) in enumerate(_PANELS):
        suffix = "" if panel == 0 else str(panel + 1)
        for place, layer in enumerate(layers):
            values = [_at(snapshot, statistic, layer) for snapshot in snapshots]
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"layer {layer + 1}",
                    "legendgroup": str(layer),
                    "showlegend": panel == 0,
                    "x": [snapshot["epoch"] for snapshot in snapshots],
                    # A logarithm has no place for 0.
                    "y": [None if is_log and value == 0.0 else value for value in values],
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                    "line": {
                        "color": COLOURS[place % len(COLOURS)],
                        "dash": DASHES[place % len(DASHES)],
                    },
                    "hovertemplate": f"layer {layer + 1}, {title}: %{{y:.3g}} after %{{x}} epochs"
                    "<extra></extra>",
                }
            )
        across, up = _DOMAINS[panel]
        axes[f"xaxis{suffix}"] = {"domain": across, "anchor": f"y{suffix}", "title": {}}
        axes[f"yaxis{suffix}"] = {
            "domain": up,
            "anchor": f"x{suffix}",
            **({"type": "log"} if is_log else {"rangemode": "tozero"}),
            "title": {"text": title},
            "automargin": True,
        }
    frame = layout(
        f"Layers of trial {trial['number']} ({trial['activation']}, {depth} hidden layers) over "
        "its epochs: norm of the gradient, share of dead and of saturated units, and size of an "
        "update over that of the weights.",
        "",
        "",
        height=560,
        legend=True,
        annotations=[_epochs_note()],
    )
    return {"data": data, "layout": {**frame, **axes, "legend": {"orientation": "h", "y": -0.14}}}


def _epochs_note() -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": -0.08, "yanchor": "top"}
    return {"text": "epochs", "showarrow": False, "font": {"color": GREY}, **place}


def _evenly(depth: int) -> list[int]:
    if depth <= _MOST_LAYERS:
        return list(range(depth))
    step = (depth - 1) / (_MOST_LAYERS - 1)
    return sorted({round(place * step) for place in range(_MOST_LAYERS)})


def _at(snapshot: Json, statistic: str, layer: int) -> float | None:
    values = snapshot["statistics"].get(statistic, ())
    return values[layer] if layer < len(values) else None
