"""The figures of a study: pure functions of its results and trials, in Plotly's plain JSON.

Imports `activations` and `metrics`; neither Plotly nor torch. A `StudyView` goes in, dictionaries
of `data` and `layout` come out, the same ones for the web pages, the report file, the dashboard and
the client. `layout.meta.summary` says in words what a figure shows, for those who cannot see it.
"""

from search.analysis.figures.catalog import FIGURES, FigureName, draw_figures, figure_rows
from search.analysis.figures.layers import layer_figure
from search.analysis.figures.study_reader import StudyReader
from search.analysis.figures.study_view import StudyView, view_of_study
from search.analysis.figures.verdict_rows import Standing, VerdictRow, verdict_rows

__all__ = [
    "FIGURES",
    "FigureName",
    "Standing",
    "StudyReader",
    "StudyView",
    "VerdictRow",
    "draw_figures",
    "figure_rows",
    "layer_figure",
    "verdict_rows",
    "view_of_study",
]
