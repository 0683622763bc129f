"""The figures of a study, a row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from search.analysis.figures.cost import cost_against_score
from search.analysis.figures.curves import learning_curves
from search.analysis.figures.heat_maps import depth_heat_map, initializer_heat_map
from search.analysis.figures.importances import axis_importances
from search.analysis.figures.scores import scores_by_activation
from search.analysis.figures.shapes import activation_shapes
from search.analysis.figures.slopes import score_against_slope
from search.analysis.figures.study_view import StudyView
from search.analysis.figures.style import Figure


class FigureName(StrEnum):
    """Names of the figures, in the order in which they are shown."""

    SCORES = "scores"
    SHAPES = "shapes"
    SLOPES = "slopes"
    INITIALIZERS = "initializers"
    DEPTHS = "depths"
    CURVES = "curves"
    IMPORTANCES = "importances"
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure: its name, its title, what it asks, and the function that draws it."""

    name: FigureName
    title: str
    #: What to read from it, a sentence for people.
    caption: str
    draw: Callable[[StudyView], Figure | None]


FIGURES: dict[FigureName, FigureRow] = {
    row.name: row
    for row in (
        FigureRow(
            name=FigureName.SCORES,
            title="Scores by activation",
            caption="Points are means over fresh splits and seeds, bars their 95 % intervals. "
            "Intervals that overlap do not say that two are alike: the signs do, by a test in "
            "pairs.",
            draw=scores_by_activation,
        ),
        FigureRow(
            name=FigureName.SHAPES,
            title="Shapes as tried",
            caption="Each activation as its best trial had it, learned slopes as training left "
            "them.",
            draw=activation_shapes,
        ),
        FigureRow(
            name=FigureName.SLOPES,
            title="Score against slope",
            caption="A point a complete trial; the curve is a smoothing spline.",
            draw=score_against_slope,
        ),
        FigureRow(
            name=FigureName.INITIALIZERS,
            title="Activation by initializer",
            caption="Mean score of the complete trials, n their number. Samplers do not draw "
            "evenly: a cell of few trials says little.",
            draw=initializer_heat_map,
        ),
        FigureRow(
            name=FigureName.DEPTHS,
            title="Activation by depth",
            caption="Mean score of the complete trials, n their number, by hidden layers.",
            draw=depth_heat_map,
        ),
        FigureRow(
            name=FigureName.CURVES,
            title="Learning curves",
            caption="Loss of each activation's best trial, mean over the folds: validation drawn "
            "through, training dotted (it may fall out of sight).",
            draw=learning_curves,
        ),
        FigureRow(
            name=FigureName.IMPORTANCES,
            title="What matters",
            caption="Share of the variance of ranks that an axis explains alone, among trials that "
            "were drawn at random and never pruned.",
            draw=axis_importances,
        ),
        FigureRow(
            name=FigureName.COST,
            title="Cost against score",
            caption="A point a complete trial; the dotted line joins those that no other beats in "
            "both.",
            draw=cost_against_score,
        ),
    )
}


def draw_figures(view: StudyView) -> dict[FigureName, Figure]:
    """Return every figure for which there is something to show, by its name."""
    drawn = {name: row.draw(view) for name, row in FIGURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def figure_rows(drawn: dict[FigureName, Figure]) -> list[FigureRow]:
    """Return the rows of the figures that were drawn, in the order in which they are shown."""
    return [row for name, row in FIGURES.items() if name in drawn]
