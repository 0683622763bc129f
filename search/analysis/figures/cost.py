"""Cost against score: every complete trial, and the front that no other trial beats in both."""

from __future__ import annotations

from search.analysis.figures.study_view import Json, StudyView
from search.analysis.figures.style import GREY, Figure, colour_of, layout, short, symbol_of

#: More points would only hide each other, and weigh on the page.
MOST_POINTS = 1000


def cost_against_score(view: StudyView) -> Figure | None:
    """Draw the number of parameters against the score; None without complete trials."""
    complete = [trial for trial in view.complete if trial.get("parameters")]
    if not complete:
        return None
    front = pareto_front(complete, is_less_better=view.is_less_better)
    shown = _thinned(complete)
    data = []
    for arm in view.arms:
        own = [trial for trial in shown if trial["activation"] == arm]
        if own:
            data.append(_points(view, arm, own))
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Pareto front",
            "x": [trial["parameters"] for trial in front],
            "y": [trial["value"] for trial in front],
            "line": {"color": GREY, "dash": "dot", "shape": "hv", "width": 2},
            "hoverinfo": "skip",
        }
    )
    values = sorted(trial["value"] for trial in complete)
    cheapest, best = front[0], front[-1]
    return {
        "data": data,
        "layout": layout(
            f"Parameters of the network against {view.metric_words} of {len(complete)} complete "
            f"trials. The front runs from {cheapest['parameters']} parameters at "
            f"{short(cheapest['value'])} to {best['parameters']} at {short(best['value'])}.",
            "trainable parameters",
            f"{view.metric_title} ({view.better})",
            height=430,
            legend=True,
            xaxis={"type": "log"},
            yaxis={"type": "log"} if values[0] > 0 and values[-1] > 20 * values[0] else {},
        ),
    }


def pareto_front(trials: list[Json], *, is_less_better: bool) -> list[Json]:
    """Return the trials that none beats in both score and parameters, the cheapest first."""
    sign = 1.0 if is_less_better else -1.0
    front: list[Json] = []
    for trial in sorted(trials, key=lambda t: (t["parameters"], sign * t["value"])):
        if not front or sign * trial["value"] < sign * front[-1]["value"]:
            front.append(trial)
    return front


def _points(view: StudyView, arm: str, own: list[Json]) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": arm,
        "x": [trial["parameters"] for trial in own],
        "y": [trial["value"] for trial in own],
        "marker": {
            "color": colour_of(view.arms, arm),
            "symbol": symbol_of(view.arms, arm),
            "opacity": 0.75,
            "size": 8,
        },
        "customdata": [trial["number"] for trial in own],
        "hovertemplate": f"{arm}: %{{y:.4g}} with %{{x}} parameters (trial %{{customdata}})"
        "<extra></extra>",
    }


def _thinned(trials: list[Json]) -> list[Json]:
    if len(trials) <= MOST_POINTS:
        return trials
    step = len(trials) / MOST_POINTS
    return [trials[int(place * step)] for place in range(MOST_POINTS)]
