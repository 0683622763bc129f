"""The look that all figures share: colours, marks, and the parts of a layout.

Backgrounds are transparent and text has no colour of its own, so that a page gives both its theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

#: `data` and `layout`, as Plotly's JSON has them.
Figure: TypeAlias = dict[str, Any]

#: Told apart by the colour-blind, and from black and from white by a contrast of 3 or more
#: (after Okabe & Ito 2008, Color Universal Design, the light ones darkened).
COLOURS = (
    "#2f7fc1",
    "#c9580b",
    "#0f8f68",
    "#b85f95",
    "#8a6fd1",
    "#9a7a10",
    "#d1495b",
    "#4f8f9c",
    "#7f7f7f",
    "#5f8f2f",
)
#: A second sign beside the colour: lines of equal colour differ by their dashes.
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "triangle-down")

CLEAR = "rgba(0,0,0,0)"
GREY = "#808080"
#: From here on a number is written in powers of ten.
_LARGE = 1e7
_ROW_PX = 26
_LINE_PX = 12
_HEAD_PX = 110


def colour_of(arms: Sequence[str], arm: str) -> str:
    """Return the colour of `arm`, the same in every figure of one study."""
    return COLOURS[_place(arms, arm) % len(COLOURS)]


def dash_of(arms: Sequence[str], arm: str) -> str:
    """Return the dash of the line of `arm`."""
    return DASHES[_place(arms, arm) % len(DASHES)]


def symbol_of(arms: Sequence[str], arm: str) -> str:
    """Return the symbol of the points of `arm`."""
    return SYMBOLS[_place(arms, arm) % len(SYMBOLS)]


def layout(
    summary: str, x: str, y: str, *, height: int = 380, legend: bool = False, **more: Any
) -> dict[str, Any]:
    """Return a layout with titles of the axes `x` and `y`; `summary` says what the figure shows.

    `more` are further entries of the layout; `xaxis` and `yaxis` among them are added to ours.
    """
    axes = {
        "xaxis": {"title": {"text": x}, "automargin": True, **more.pop("xaxis", {})},
        "yaxis": {"title": {"text": y}, "automargin": True, **more.pop("yaxis", {})},
    }
    return {
        "meta": {"summary": summary},
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 24, "b": 50},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "showlegend": legend,
        "hovermode": "closest",
        **({"legend": {"orientation": "h", "y": -0.22}} if legend else {}),
        **axes,
        **more,
    }


def row_height(rows: int, *, lines: int = 1) -> int:
    """Return the height in pixels of a figure with `rows` rows of some lines of text each."""
    return _HEAD_PX + (_ROW_PX + _LINE_PX * (lines - 1)) * max(rows, 2)


def short(value: float | None, digits: int = 3) -> str:
    """Return `value` to some significant digits, whole where it is large, or a dash."""
    if value is None:
        return "–"
    is_whole = 10**digits - 0.5 <= abs(value) < _LARGE
    return f"{value:.0f}" if is_whole else f"{value:.{digits}g}"


def _place(arms: Sequence[str], arm: str) -> int:
    return arms.index(arm) if arm in arms else len(arms)
