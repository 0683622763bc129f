"""Score against the slope of an activation, with a smooth curve."""

from __future__ import annotations

from typing import Any

from search.analysis.figures.study_view import Json, StudyView
from search.analysis.figures.style import Figure, colour_of, layout, short, symbol_of

_INITIAL, _LEARNED = "initial", "learned"


def score_against_slope(view: StudyView) -> Figure | None:
    """Draw each trial at its slope, alpha or beta, and the curve; None where none was searched.

    A slope that training changes is drawn where it ended.
    """
    effects = [
        (effect, kind, effect[kind])
        for effect in view.results.get("slope_effect", ())
        for kind in (_LEARNED, _INITIAL)
        if effect.get(kind) and not (kind == _INITIAL and effect.get(_LEARNED))
    ]
    if not effects:
        return None
    data: list[dict[str, Any]] = []
    for effect, kind, found in effects:
        arm = effect["activation"]
        name = f"{arm} {effect['parameter']}{' as learned' if kind == _LEARNED else ''}"
        colour = colour_of(view.arms, arm)
        points, curve = found["points"], found["curve"]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "x": [point["x"] for point in points],
                "y": [point["value"] for point in points],
                "marker": {"color": colour, "symbol": symbol_of(view.arms, arm), "opacity": 0.75},
                "customdata": [point["number"] for point in points],
                "hovertemplate": f"{name} %{{x:.3g}}: %{{y:.4g}} (trial %{{customdata}})"
                "<extra></extra>",
            }
        )
        if curve:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": f"{name}, smoothed",
                    "legendgroup": name,
                    "showlegend": False,
                    "x": [point["x"] for point in curve],
                    "y": [point["value"] for point in curve],
                    "line": {"color": colour, "width": 2.5},
                    "hoverinfo": "skip",
                }
            )
    return {
        "data": data,
        "layout": layout(
            _summary(view, [(effect, found) for effect, _, found in effects]),
            "slope, alpha or beta",
            f"{view.metric_title} ({view.better})",
            legend=True,
            yaxis=_range([p["value"] for _, _, f in effects for p in f["points"]], view),
        ),
    }


def _summary(view: StudyView, effects: list[tuple[Json, Json]]) -> str:
    best = min if view.is_less_better else max
    told = []
    for effect, found in effects:
        top = best(found["points"], key=lambda point: point["value"])
        told.append(
            f"{effect['activation']} scores best at {effect['parameter']} {short(top['x'])}"
        )
    return f"{view.metric_title} of each complete trial against the slope: {'; '.join(told)}."


def _range(values: list[float], view: StudyView) -> dict[str, object]:
    """Return an axis that leaves out what exploded: beyond Tukey's far fence at the bad end."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    reach = 3.0 * (high - low)
    if reach <= 0.0:
        return {}
    first, last = ordered[0], ordered[-1]
    if view.is_less_better:
        last = min(last, high + reach)
    else:
        first = max(first, low - reach)
    margin = 0.06 * (last - first)
    return {"range": [first - margin, last + margin]}
