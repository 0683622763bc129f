"""Scores by activation: means with intervals once confirmed, the search's own scores before."""

from __future__ import annotations

from search.analysis.figures.study_view import StudyView
from search.analysis.figures.style import GREY, Figure, layout, row_height, short
from search.analysis.figures.verdict_rows import Standing, VerdictRow, verdict_rows

#: Standing -> colour and symbol of its points; hollow where nothing is known.
_MARKS = {
    Standing.BEST: ("#0f8f68", "star"),
    Standing.EQUIVALENT: ("#2f7fc1", "diamond"),
    Standing.UNTOLD: ("#9a7a10", "circle-open"),
    Standing.WORSE: ("#c9580b", "triangle-down"),
}


def scores_by_activation(view: StudyView) -> Figure | None:
    """Draw a row an activation; None before any trial has completed."""
    verdict = view.results.get("verdict")
    rows = [row for row in verdict_rows(verdict) if row.mean is not None]
    return _confirmed(view, rows) if rows else _searched(view)


def _confirmed(view: StudyView, rows: list[VerdictRow]) -> Figure:
    data = []
    for standing in Standing:
        own = [row for row in rows if row.standing is standing]
        if not own:
            continue
        colour, symbol = _MARKS[standing]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{standing.sign} {standing.words}",
                "x": [row.mean for row in own],
                "y": [row.arm for row in own],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_above(row) for row in own],
                    "arrayminus": [_below(row) for row in own],
                    "color": colour,
                    "thickness": 1.8,
                },
                "marker": {
                    "color": colour,
                    "symbol": symbol,
                    "size": 11,
                    "line": {"color": colour, "width": 2},
                },
                "customdata": [[short(row.ci_low), short(row.ci_high)] for row in own],
                "hovertemplate": "%{y}: %{x:.4g} [%{customdata[0]}, %{customdata[1]}]"
                f"<br>{standing.words}<extra></extra>",
            }
        )
    baseline = (view.results["verdict"].get("baseline") or {}).get("mean")
    shapes, notes = _line(baseline, "baseline")
    return {
        "data": data,
        "layout": layout(
            _summary(view, rows),
            f"{view.metric_title} ({view.better})",
            "",
            height=row_height(len(rows)) + 40,
            legend=True,
            shapes=shapes,
            annotations=notes,
            yaxis={"categoryorder": "array", "categoryarray": [r.arm for r in reversed(rows)]},
        ),
    }


def _searched(view: StudyView) -> Figure | None:
    rows = [r for r in view.results.get("by_activation", ()) if r.get("best_value") is not None]
    if not rows:
        return None
    names = [row["activation"] for row in rows]
    marks = (
        ("best of the search", "best_value", "circle", "#2f7fc1"),
        ("median of the complete trials", "median_value", "line-ns-open", GREY),
    )
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": words,
            "x": [row.get(field) for row in rows],
            "y": names,
            "marker": {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2}},
            "hovertemplate": "%{y}: %{x:.4g}<extra></extra>",
        }
        for words, field, symbol, colour in marks
    ]
    summary = (
        f"{view.metric_title} by activation in the search, not yet trained anew; "
        f"{rows[0]['activation']} leads with {short(rows[0]['best_value'])}."
    )
    return {
        "data": data,
        "layout": layout(
            summary,
            f"{view.metric_title} ({view.better})",
            "",
            height=row_height(len(rows)) + 40,
            legend=True,
            yaxis={"categoryorder": "array", "categoryarray": names[::-1]},
            # One diverged median would press all others to one end.
            xaxis={"type": "log"} if _is_wide(rows) else {},
        ),
    }


def _is_wide(rows: list[dict[str, float]]) -> bool:
    known = [v for r in rows for v in (r["best_value"], r.get("median_value")) if v is not None]
    return min(known) > 0.0 and max(known) > 20.0 * min(known)


def _above(row: VerdictRow) -> float:
    return 0.0 if row.ci_high is None or row.mean is None else row.ci_high - row.mean


def _below(row: VerdictRow) -> float:
    return 0.0 if row.ci_low is None or row.mean is None else row.mean - row.ci_low


def _line(x: float | None, text: str) -> tuple[list[object], list[object]]:
    """Return a dashed vertical line at `x` with a text, or nothing for None."""
    if x is None:
        return [], []
    line = {"color": GREY, "dash": "dash", "width": 1.5}
    place = {"yref": "paper", "x": x, "y": 1.0, "yanchor": "bottom", "showarrow": False}
    return (
        [{"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
        [{"text": text, **place}],
    )


def _summary(view: StudyView, rows: list[VerdictRow]) -> str:
    counts = [
        f"{sum(row.standing is standing for row in rows)} {standing.words}"
        for standing in (Standing.EQUIVALENT, Standing.UNTOLD, Standing.WORSE)
        if any(row.standing is standing for row in rows)
    ]
    best = rows[0]
    return (
        f"{view.metric_title} by activation, trained anew. {best.arm} has the best mean, "
        f"{short(best.mean)} [{short(best.ci_low)}, {short(best.ci_high)}]"
        + (f"; {', '.join(counts)}." if counts else ".")
    )
