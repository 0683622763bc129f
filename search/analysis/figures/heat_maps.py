"""Activation by initializer and by depth: mean scores, with the number of trials in each cell."""

from __future__ import annotations

from functools import partial
from statistics import quantiles

from search.analysis.figures.study_view import StudyView
from search.analysis.figures.style import Figure, layout, row_height, short

#: Viridis from its dark end to its light one: read by the colour-blind and in grey.
_SCALE = "Viridis"


def heat_map(view: StudyView, other: str) -> Figure | None:
    """Draw activation x `other`, `other` being "initializer" or "depth"; None without cells.

    Colours end at Tukey's far fence, so that one exploded mean does not hide all other differences.
    """
    table = view.results.get("interactions", {}).get(f"activation x {other}") or {}
    cells = table.get("cells", ())
    if not cells:
        return None
    rows = sorted({cell["activation"] for cell in cells}, reverse=True)
    columns = sorted({cell[other] for cell in cells}, key=_order)
    found = {(cell["activation"], cell[other]): cell for cell in cells}
    grid = [[found.get((row, column)) for column in columns] for row in rows]
    means = [cell["mean"] for cell in cells]
    low, high = _limits(means, is_less_better=view.is_less_better)
    pick = min if view.is_less_better else max
    best = pick(cells, key=lambda cell: cell["mean"])
    return {
        "data": [
            {
                "type": "heatmap",
                "x": [str(column) for column in columns],
                "y": rows,
                "z": [[cell and cell["mean"] for cell in line] for line in grid],
                "text": [[_text(cell) for cell in line] for line in grid],
                "texttemplate": "%{text}",
                "customdata": [
                    [[cell["count"], short(cell["best"])] if cell else None for cell in line]
                    for line in grid
                ],
                "hovertemplate": "%{y}, %{x}: mean %{z:.4g}, best %{customdata[1]} of "
                "%{customdata[0]} trials<extra></extra>",
                "hoverongaps": False,
                "colorscale": _SCALE,
                "reversescale": view.is_less_better,
                "zmin": low,
                "zmax": high,
                "xgap": 2,
                "ygap": 2,
                "colorbar": {"title": {"text": view.metric_title, "side": "right"}},
            }
        ],
        "layout": layout(
            f"Mean {view.metric_words} of activation by {other}; the best cell is "
            f"{best['activation']} with {other} {best[other]}, {short(best['mean'])} in "
            f"{best['count']} trial{'s' if best['count'] > 1 else ''}. Cells hold different "
            "numbers of trials.",
            other,
            "",
            height=row_height(len(rows), lines=2) + 30,
            xaxis={"type": "category"},
        ),
    }


initializer_heat_map = partial(heat_map, other="initializer")
depth_heat_map = partial(heat_map, other="depth")


def _text(cell: dict[str, float] | None) -> str:
    return "" if cell is None else f"{short(cell['mean'])}<br>n = {cell['count']}"


def _order(column: object) -> tuple[int, str]:
    first = str(column).split("-", maxsplit=1)[0]
    return (int(first) if first.isdigit() else 0), str(column)


def _limits(means: list[float], *, is_less_better: bool) -> tuple[float, float]:
    low, high = min(means), max(means)
    if len(means) < 4:
        return low, high
    first, _, third = quantiles(means, n=4)
    reach = 3.0 * (third - first)
    if is_less_better:
        return low, min(high, third + reach) if reach > 0.0 else high
    return (max(low, first - reach) if reach > 0.0 else low), high
