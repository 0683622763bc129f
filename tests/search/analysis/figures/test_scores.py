"""Scores by activation: intervals, and standings that do not need colour."""

from __future__ import annotations

from typing import Any

import pytest

from search.analysis.figures import Standing, verdict_rows
from search.analysis.figures.scores import scores_by_activation
from search.analysis.figures.study_view import StudyView
from tests.search.analysis.figures.views import arm, comparison, verdict, view

#: One arm of each standing, as releases with and without equivalence write them.
NOW = (
    comparison("relu", 0.3, worse=False, equivalent=True),
    comparison("elu", 0.31, worse=False, equivalent=True),
    comparison("gelu", 0.4, worse=False, equivalent=False),
    comparison("tanh", 0.9, worse=True, equivalent=False),
)
BEFORE = (
    comparison("relu", 0.3, tied=True),
    comparison("gelu", 0.4, tied=True),
    comparison("tanh", 0.9, tied=False),
)


def drawn(view: StudyView) -> Any:
    figure = scores_by_activation(view)
    assert figure is not None
    return figure


def standings(*rows: dict[str, Any]) -> dict[str, Standing]:
    return {row.arm: row.standing for row in verdict_rows(verdict(*rows))}


def test_the_standing_of_an_arm_is_read_from_either_release() -> None:
    assert standings(*NOW) == {
        "relu": Standing.BEST,
        "elu": Standing.EQUIVALENT,
        "gelu": Standing.UNTOLD,
        "tanh": Standing.WORSE,
    }
    assert standings(*BEFORE) == {
        "relu": Standing.BEST,
        "gelu": Standing.UNTOLD,
        "tanh": Standing.WORSE,
    }
    assert verdict_rows(None) == ()


def test_an_arm_is_named_by_the_question() -> None:
    row = verdict_rows(verdict({"arm": "1-2", "mean": 0.1}, best="1-2"))[0]
    assert (row.arm, row.standing) == ("1-2", Standing.BEST)


def test_standings_have_words_signs_and_symbols_of_their_own() -> None:
    figure = drawn(view(results={"verdict": verdict(*NOW)}))
    assert len({trace["marker"]["symbol"] for trace in figure["data"]}) == len(Standing)
    assert [trace["name"] for trace in figure["data"]] == [
        f"{standing.sign} {standing.words}" for standing in Standing
    ]
    assert [standing.rank for standing in Standing] == [0, 1, 2, 3]


def test_points_are_means_and_bars_their_intervals() -> None:
    figure = drawn(view(results={"verdict": verdict(*NOW)}))
    worse = figure["data"][-1]
    assert (worse["x"], worse["y"]) == ([0.9], ["tanh"])
    assert worse["error_x"]["array"] == [pytest.approx(0.2)]
    assert worse["error_x"]["arrayminus"] == [pytest.approx(0.1)]
    assert figure["layout"]["yaxis"]["categoryarray"] == ["tanh", "gelu", "elu", "relu"]


def test_an_arm_without_an_interval_has_a_point_and_one_without_a_mean_none() -> None:
    lone = {"activation": "elu", "mean": 0.4}
    figure = drawn(view(results={"verdict": verdict(lone, comparison("tanh", None), best="elu")}))
    assert [trace["y"] for trace in figure["data"]] == [["elu"]]
    assert figure["data"][0]["error_x"]["array"] == [0.0]


def test_the_baseline_is_a_line_where_there_is_one() -> None:
    with_one = drawn(view(results={"verdict": verdict(*NOW, baseline={"mean": 0.5})}))
    assert [shape["x0"] for shape in with_one["layout"]["shapes"]] == [0.5]
    assert drawn(view(results={"verdict": verdict(*NOW)}))["layout"]["shapes"] == []


def test_before_the_verdict_the_scores_of_the_search_stand_there() -> None:
    figure = drawn(view(results={"verdict": None}))
    best, median = figure["data"]
    assert best["x"] == [0.3, 0.4, 0.6]
    assert median["x"] == [0.5, 0.4, None]
    assert "not yet trained anew; prelu leads with 0.3" in figure["layout"]["meta"]["summary"]


@pytest.mark.parametrize(("median", "kind"), [(90.0, "log"), (2.0, None)])
def test_one_diverged_median_does_not_press_the_others_to_one_end(
    median: float, kind: str | None
) -> None:
    rows = [arm("relu", 0.3, 0.4), arm("tanh", 0.5, median)]
    figure = drawn(view(results={"verdict": None, "by_activation": rows}))
    assert figure["layout"]["xaxis"].get("type") == kind
