"""The figures of the search: shapes, slopes, heat maps, curves, importances, cost, layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.figures import layer_figure
from search.analysis.figures.cost import MOST_POINTS, cost_against_score, pareto_front
from search.analysis.figures.curves import learning_curves, mean_curve
from search.analysis.figures.heat_maps import depth_heat_map, initializer_heat_map
from search.analysis.figures.importances import axis_importances
from search.analysis.figures.shapes import activation_shapes
from search.analysis.figures.slopes import score_against_slope
from tests.search.analysis.figures.views import curve, layers, trial, view


def traces(figure: Any) -> dict[str, Any]:
    return {trace["name"]: trace for trace in figure["data"]}


def test_a_shape_is_the_activation_with_the_numbers_of_its_trial() -> None:
    found = traces(activation_shapes(view()))
    relu = next(trace for name, trace in found.items() if name == "relu")
    at = dict(zip(relu["x"], relu["y"], strict=True))
    assert (at[-4.0], at[0.0], at[4.0]) == (0.0, 0.0, 4.0)


def test_a_learned_slope_is_drawn_as_training_left_it() -> None:
    learned = [layers(0, [1.0, 1.0], slope=[0.1, 0.1]), layers(4, [1.0, 1.0], slope=[0.2, 0.4])]
    best = trial(1, "prelu", params={"prelu_slope": 0.1}, layers=learned)
    (name, trace), *_ = traces(activation_shapes(view(bests=[best]))).items()
    assert name == "prelu (slope 0.3)"
    assert trace["y"][0] == pytest.approx(-1.2)


def test_an_expression_of_ones_own_has_no_shape_yet_and_does_no_harm() -> None:
    assert activation_shapes(view(bests=[trial(0, "my_swish")])) is None


def effect(*pairs: tuple[float, float]) -> dict[str, Any]:
    points = [{"x": x, "value": value, "number": n} for n, (x, value) in enumerate(pairs)]
    return {"points": points, "curve": []}


def slopes(**kinds: Any) -> Any:
    row = {"activation": "prelu", "parameter": "slope", "initial": None, "learned": None, **kinds}
    return score_against_slope(view(results={"slope_effect": [row]}))


def test_a_slope_that_was_learned_is_drawn_where_it_ended() -> None:
    found = traces(slopes(initial=effect((0.1, 0.5)), learned=effect((0.25, 0.5))))
    assert list(found) == ["prelu slope as learned"]
    assert found["prelu slope as learned"]["x"] == [0.25]
    assert slopes() is None


def test_exploded_trials_do_not_press_the_others_flat() -> None:
    pairs = [(0.1 * place, 0.5 + 0.01 * place) for place in range(8)]
    low, high = slopes(initial=effect(*pairs, (0.9, 1e6)))["layout"]["yaxis"]["range"]
    assert low < 0.5 < 0.57 < high < 1.0
    metric = {"metric": "accuracy", "verdict": None}
    row = {"activation": "prelu", "parameter": "slope", "learned": None}
    rows = [{**row, "initial": effect(*pairs, (0.9, -1e6))}]
    figure = score_against_slope(view(results={"slope_effect": rows, **metric}))
    assert figure is not None
    low, high = figure["layout"]["yaxis"]["range"]
    assert 0.0 < low < 0.5 < 0.57 < high


def test_a_cell_of_a_heat_map_has_its_mean_and_its_count_and_a_missing_one_neither() -> None:
    figure = initializer_heat_map(view())
    assert figure is not None
    (cells,) = figure["data"]
    assert cells["x"] == ["lecun_normal", "orthogonal"]
    assert cells["y"] == ["tanh", "relu"]
    assert cells["z"] == [[None, 0.6], [0.4, None]]
    assert cells["text"] == [["", "0.6<br>n = 1"], ["0.4<br>n = 2", ""]]


def heat(means: list[float], depths: list[Any], metric: str = "log_loss") -> Any:
    cells = [
        {"activation": "relu", "depth": depth, "count": 1, "mean": mean, "best": mean}
        for mean, depth in zip(means, depths, strict=True)
    ]
    table = {"activation x depth": {"cells": cells}}
    figure = depth_heat_map(
        view(results={"interactions": table, "metric": metric, "verdict": None})
    )
    assert figure is not None
    return figure["data"][0]


def test_depths_stand_in_order_ranges_among_them() -> None:
    assert heat([0.1] * 3, ["10-12", 2, "3-9"])["x"] == ["2", "3-9", "10-12"]


def test_one_exploded_mean_does_not_hide_the_other_differences() -> None:
    loss = heat([0.1, 0.11, 0.12, 0.12, 0.13, 0.13, 0.14, 900.0], [*range(8)])
    assert loss["zmin"] == 0.1
    assert 0.14 <= loss["zmax"] < 900.0
    score = heat([0.9, 0.91, 0.92, 0.92, 0.93, 0.93, 0.94, -900.0], [*range(8)], metric="accuracy")
    assert -900.0 < score["zmin"] <= 0.9
    assert (loss["reversescale"], score["reversescale"]) == (True, False)


def test_curves_are_means_over_the_folds_that_have_a_number() -> None:
    folds = [curve([1.0, 0.5, None]), curve([3.0, None, None])]
    assert mean_curve(folds, "validation_loss") == ([1, 2, 3], [2.0, 0.5, None])


def test_validation_is_drawn_through_and_training_dotted() -> None:
    figure = learning_curves(view())
    assert figure is not None
    dashes = {trace["name"]: trace["line"]["dash"] for trace in figure["data"]}
    assert dashes["relu"] == "solid"
    assert dashes["relu, training"] == "dot"
    assert learning_curves(view(bests=[trial(0, curves=[])])) is None


def test_importances_grow_upwards_with_their_intervals() -> None:
    intervals = {"activation": [0.5, 0.9], "depth": [0.1, 0.25]}
    figure = axis_importances(view(results={"importance_intervals": intervals}))
    assert figure is not None
    (bars,) = figure["data"]
    assert bars["y"] == ["depth", "activation"]
    assert bars["error_x"]["array"] == pytest.approx([0.05, 0.2])
    assert bars["error_x"]["arrayminus"] == pytest.approx([0.1, 0.2])
    plain = axis_importances(view())
    assert plain is not None
    assert "error_x" not in plain["data"][0]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(-9, 9)), min_size=1, max_size=30),
    st.booleans(),
)
def test_no_trial_beats_one_of_the_front_and_every_other_is_beaten(
    pairs: list[tuple[int, int]], is_less_better: bool
) -> None:
    trials = [trial(n, value=value, parameters=size) for n, (size, value) in enumerate(pairs)]
    front = pareto_front(trials, is_less_better=is_less_better)
    sign = 1 if is_less_better else -1

    def is_at_least(a: Any, b: Any) -> bool:
        return a["parameters"] <= b["parameters"] and sign * a["value"] <= sign * b["value"]

    for one in trials:
        better = [
            other
            for other in front
            if is_at_least(other, one)
            and (other["parameters"], other["value"]) != (one["parameters"], one["value"])
        ]
        assert bool(better) != any(
            (one["parameters"], one["value"]) == (f["parameters"], f["value"]) for f in front
        )


def test_of_many_trials_as_many_are_drawn_as_a_page_can_show() -> None:
    trials = [trial(n, value=1.0 + n % 7) for n in range(2 * MOST_POINTS)]
    figure = cost_against_score(view(trials=trials))
    assert figure is not None
    points = sum(len(trace["x"]) for trace in figure["data"] if trace["mode"] == "markers")
    assert points == MOST_POINTS
    assert f"of {2 * MOST_POINTS} complete trials" in figure["layout"]["meta"]["summary"]


def test_pruned_and_infinite_trials_have_no_cost_to_show() -> None:
    trials = [trial(0, value=None), trial(1, value=float("inf"))]
    assert cost_against_score(view(trials=trials)) is None


def test_a_logarithm_has_no_place_for_zero() -> None:
    figure = layer_figure(trial(0))
    assert figure is not None
    panels: dict[str, list[Any]] = {}
    for trace in figure["data"]:
        panels.setdefault(trace["yaxis"], []).append(trace["y"])
    assert panels["y"] == [[0.5, 0.25], [None, 0.125]]
    assert panels["y2"] == [[0.0, 0.0], [0.0, 0.0]]


def test_of_a_deep_network_ten_layers_are_drawn_the_first_and_the_last_among_them() -> None:
    deep = trial(0, layers=[layers(0, [1.0] * 40)])
    figure = layer_figure(deep)
    assert figure is not None
    names = list(dict.fromkeys(trace["name"] for trace in figure["data"]))
    assert len(names) == 10
    assert (names[0], names[-1]) == ("layer 1", "layer 40")
    assert layer_figure(trial(0, layers=[])) is None
