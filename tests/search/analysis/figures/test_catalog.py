"""What holds for every figure."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from search.analysis.figures import FIGURES, FigureName, draw_figures, figure_rows, layer_figure
from search.analysis.figures.style import short
from tests.search.analysis.figures.views import EMPTY, trial, view


def test_a_full_study_shows_every_figure_and_an_empty_one_none() -> None:
    assert list(draw_figures(view())) == list(FigureName)
    assert draw_figures(EMPTY) == {}


def test_only_figures_that_were_drawn_have_a_place() -> None:
    drawn = draw_figures(view(results={"importances": {}}))
    assert [row.name for row in figure_rows(drawn)] == [
        name for name in FigureName if name is not FigureName.IMPORTANCES
    ]


@pytest.mark.parametrize("name", FigureName)
def test_a_figure_is_json_that_plotly_knows_and_says_in_words_what_it_shows(
    name: FigureName,
) -> None:
    figure = FIGURES[name].draw(view())
    assert figure is not None
    assert json.loads(json.dumps(figure, allow_nan=False)) == figure
    drawn = go.Figure(figure)  # raises for a property that Plotly does not have
    assert len(drawn.data) == len(figure["data"]) > 0
    assert len(figure["layout"]["meta"]["summary"].split()) > 5


def test_the_figure_of_layers_is_one_that_plotly_knows() -> None:
    figure = layer_figure(trial(3))
    assert figure is not None
    go.Figure(figure)
    assert "trial 3" in figure["layout"]["meta"]["summary"]


def test_an_activation_has_one_colour_in_all_figures() -> None:
    drawn = draw_figures(view())
    colours = {
        trace["line"]["color"] if "line" in trace else trace["marker"]["color"]
        for name in (FigureName.SHAPES, FigureName.CURVES, FigureName.COST, FigureName.SLOPES)
        for trace in drawn[name]["data"]
        if trace["name"].split(" ")[0].split(",")[0] == "prelu"
    }
    assert len(colours) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.123456, "0.123"), (3091.7, "3092"), (999.6, "1000"), (2e9, "2e+09"), (0, "0")],
)
def test_numbers_are_short_and_large_ones_whole(value: float | None, text: str) -> None:
    assert short(value) == text
