"""Importances of the axes as bars."""

from __future__ import annotations

from search.analysis.figures.study_view import StudyView
from search.analysis.figures.style import Figure, layout, row_height


def axis_importances(view: StudyView) -> Figure | None:
    """Draw the share of the variance that each axis explains; None before it is known."""
    shares: dict[str, float] = dict(view.results.get("importances") or {})
    if not shares:
        return None
    intervals: dict[str, list[float]] = dict(view.results.get("importance_intervals") or {})
    names = sorted(shares, key=lambda name: shares[name])
    bars: dict[str, object] = {
        "type": "bar",
        "orientation": "h",
        "x": [shares[name] for name in names],
        "y": names,
        "marker": {"color": "#2f7fc1"},
        "text": [f"{shares[name]:.0%}" for name in names],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
    }
    if intervals:
        ends = [intervals.get(name, [shares[name], shares[name]]) for name in names]
        bars["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - shares[n] for n, (_, high) in zip(names, ends, strict=True)],
            "arrayminus": [shares[n] - low for n, (low, _) in zip(names, ends, strict=True)],
        }
    return {
        "data": [bars],
        "layout": layout(
            _summary(view, shares, intervals),
            "share of the variance",
            "",
            height=row_height(len(names)),
            xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        ),
    }


def _summary(view: StudyView, shares: dict[str, float], intervals: dict[str, list[float]]) -> str:
    note = str(view.results.get("importance_note") or "")
    text = f"Share of the variance of {view.metric_words} that each axis explains alone"
    top = max(shares, key=lambda name: shares[name])
    # Of a share that may be nothing it is not said that it is the greatest.
    if intervals.get(top, [1.0])[0] > 0.0:
        text += f"; {top} explains the most, {shares[top]:.0%}"
    return f"{text}: {note}." if note else f"{text}."
