"""One small plot a curve, as SVG that is the same for the same points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a plot shows; both axes are logarithmic."""

    name: str
    title: str
    x: str
    y: str


def plot(curve: Curve, lines: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Write `lines` (name -> points) to `path`."""
    # Imported here: only who draws needs the extra "bench".
    import matplotlib as mpl  # noqa: PLC0415 - the extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - the extra
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - the extra

    with mpl.rc_context({"svg.hashsalt": curve.name, "svg.fonttype": "none"}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        for name, points in lines.items():
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker="o" if len(points) < 20 else None, markersize=4, label=name)
        axes.set(xscale="log", yscale="log", xlabel=curve.x, ylabel=curve.y, title=curve.title)
        swept = sorted({x for points in lines.values() for x, _ in points})
        if len(swept) < 20:
            axes.set_xticks(swept, [f"{x:,g}" for x in swept])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="y", which="minor", labelsize="x-small")
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend()
        figure.savefig(path, metadata={"Date": None, "Creator": None})
