"""The benchmarks run, and everybody searches the same space; nothing is timed here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.samplers import RandomSampler
from sklearn.ensemble import RandomForestRegressor

from search.space import build_space
from tests.benchmarks import initializers
from tests.benchmarks.engine import MIXED, make_lanes, product_seconds, step_cost
from tests.benchmarks.equal_work import depth_of, peer_work
from tests.benchmarks.later_trials import later_trials
from tests.benchmarks.long_study import long_study
from tests.benchmarks.ours import served
from tests.benchmarks.page import BEGIN, END, write_page
from tests.benchmarks.peer_e import against_vmap, is_there
from tests.benchmarks.peer_network import build, suggest
from tests.benchmarks.peers import PEERS, PeerRun, PeerTrial, run_peer
from tests.benchmarks.rows import ROWS, Measured, markdown
from tests.benchmarks.samplers import CONTESTANTS, Outcome, row_of, search
from tests.benchmarks.scales import SMOKE
from tests.benchmarks.surrogate import AnalyticSurrogate, ForestSurrogate, Surrogate, encode
from tests.benchmarks.synthetic import synthetic
from tests.benchmarks.to_score import Pair, ToScore
from tests.benchmarks.work import (
    ACTIVATIONS,
    DEPTHS,
    EPOCHS,
    INITIALIZERS,
    LEARNING_RATES,
    PART_OF_D,
    SLOPES,
    evaluation_epochs,
    reference_plan,
    reference_split,
    study_body,
    to_spec,
)

LETTERS = [
    pytest.param(
        letter,
        marks=pytest.mark.skipif(peer.missing, reason=f"{peer.needs} is of the extra 'bench'"),
    )
    for letter, peer in PEERS.items()
]


@pytest.mark.parametrize("letter", LETTERS)
def test_a_peer_trains_configurations_of_the_reference_space(letter: str) -> None:
    run = run_peer(letter, trials=2, epochs=1)
    assert len(run.trials) == 2
    assert 0 < run.best < 20
    assert 0 < run.seconds_to_best <= run.seconds
    for trial in run.trials:
        assert DEPTHS[0] <= depth_of(trial.params) <= DEPTHS[1]
        rate = trial.params["learning_rate_init" if letter == "D" else "learning_rate"]
        assert LEARNING_RATES[0] <= rate <= LEARNING_RATES[1]
        if letter != "D":
            params = reference_plan().space.check(trial.params)
            assert params == trial.params


@pytest.mark.skipif(not is_there(), reason="JAX is of the extra 'test', optax of 'bench'")
def test_jax_trains_as_many_networks_on_one_core() -> None:
    cost = against_vmap(lanes=4, epochs=6, repeats=1)
    assert cost.lanes == 4
    assert 1.0 < cost.ours < 1e5
    assert cost.ratio == cost.theirs / cost.ours > 0.01


def test_the_peers_space_is_ours() -> None:
    space = build_space(to_spec(study_body()).space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    for _ in range(100):
        trial = study.ask()
        suggest(trial)
        theirs |= trial.distributions
        trial = study.ask()
        space.suggest(trial)
        ours |= trial.distributions
    assert theirs == ours
    assert set(ours["activation"].choices) == set(ACTIVATIONS)


def test_the_part_of_d_is_a_part_of_the_space() -> None:
    whole = build_space(to_spec(study_body()).space)
    part = build_space(to_spec(study_body(space=PART_OF_D)).space)
    assert set(part.activations) < set(whole.activations)
    assert set(part.axes) < set(whole.axes)
    assert not set(part.searched) & set(SLOPES.values())


def test_peers_and_ours_get_the_same_rows() -> None:
    split = reference_split(seed=3)
    (fold,) = reference_plan(seed=3).data.folds
    assert np.array_equal(split.x_train, fold.x_train)
    assert np.array_equal(split.y_validation, fold.y_validation)
    assert len(split.y_train) + len(split.y_validation) == 1797
    assert not np.array_equal(split.x_train, reference_split(seed=0).x_train)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_a_peers_network_has_the_shape_of_ours(activation: str, initializer: str) -> None:
    params = {"activation": activation, "initializer": initializer, "depth": 3}
    if activation in SLOPES:
        params[SLOPES[activation]] = 0.1
    network = build(params, 64, 10)
    assert network(torch.zeros(5, 64)).shape == (5, 10)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in network) == 4


def test_mixed_lanes_pair_every_activation_with_every_depth() -> None:
    lanes = make_lanes(MIXED, 60)
    pairs = {(lane.config.activation, lane.config.depth) for lane in lanes}
    assert len(pairs) == len(ACTIVATIONS) * 6


def test_a_step_takes_longer_than_its_products_could() -> None:
    data = reference_plan().data
    cost = step_cost("relu", 4, data, repeats=1)
    # The yardstick is torch.bmm; the engine's own products take about two thirds of its time.
    assert 0 < cost.products < 2 * cost.segment
    assert cost.share == cost.products / cost.segment
    assert product_seconds(make_lanes("relu", 8), 64, 10, 64) > 0


def test_late_trials_are_run_after_a_made_up_history(tmp_path: Path) -> None:
    cost = later_trials(SMOKE, tmp_path)
    assert cost.early_seconds > 0
    assert cost.ratio > 0


def test_a_study_is_run_over_rest_and_watched(tmp_path: Path) -> None:
    with served(tmp_path, warm=False) as service:
        study = long_study(SMOKE, service)
    assert study.trials == SMOKE.long_trials
    assert study.fit_wall > 0
    assert study.outside < 1
    assert len(study.peak_by_process) >= 2 + study.processes
    assert study.peak_bytes == sum(study.peak_by_process) > 2**27


def test_synthetic_data_has_the_size_asked_for() -> None:
    data = synthetic(30, 7)
    assert data.folds[0].x_train.shape == (30, 7)
    assert data.features_in == 7


def trial(value: float | None, finished: float) -> PeerTrial:
    state = "pruned" if value is None else "complete"
    return PeerTrial(state=state, value=value, started=0.0, finished=finished, params={})


def test_a_peers_seconds_are_those_of_our_depths() -> None:
    # A layer takes 2 s, the rest of a trial 1 s; two trials at a time, without a pause.
    clocks = [0.0, 0.0]
    trials = []
    for number, depth in enumerate((1, 6, 2, 5, 4, 3)):
        began = clocks[number % 2]
        clocks[number % 2] = ended = began + 1 + 2 * depth
        params = {"depth": depth}
        trials.append(
            PeerTrial(state="complete", value=0.1, started=began, finished=ended, params=params)
        )
    work = peer_work(PeerRun(letter="B", trials=tuple(trials)), our_depths=[1, 1, 1, 3])
    assert work.line == pytest.approx((1.0, 2.0))
    assert work.parallel == pytest.approx(48 / 31)
    assert work.our_work_seconds == pytest.approx((3 * 3 + 7) * 31 / 48)
    same = peer_work(PeerRun(letter="B", trials=tuple(trials[:1])), our_depths=[1, 1])
    assert same.our_work_seconds == pytest.approx(6.0)


def test_the_time_to_the_best_is_that_of_the_first_trial_with_it() -> None:
    run = PeerRun(letter="A", trials=(trial(0.5, 1.0), trial(0.2, 3.0), trial(None, 9.0)))
    assert (run.best, run.seconds_to_best, run.seconds) == (0.2, 3.0, 9.0)


def test_the_time_to_a_score_is_the_median_ratio_of_pairs() -> None:
    pair = Pair(
        seed=0,
        peer_seconds=10.0,
        peer_seconds_in_all=20.0,
        peer_score=0.1,
        our_seconds=1.0,
        our_trials=5,
        reached=True,
        our_score=0.1,
    )
    others = (replace(pair, our_seconds=0.5), replace(pair, our_seconds=5.0, peer_score=0.3))
    both = ToScore(pairs=(pair, *others))
    assert both.ratio == 10.0
    assert both.scores == (0.1, 0.1)
    assert both.excess == 0.0
    assert both.standard_error == pytest.approx(1.2533 * 0.11547 / 3**0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("vs_a", 31.0, "goal"),
        ("vs_a", 12.0, "floor"),
        ("vs_a", 11.9, "below"),
        ("memory", 2.0**30, "goal"),
        ("memory", 2.5 * 2**30, "below"),
        ("score_alike", -1.0, "goal"),
        ("score_fair", nan, ""),
        ("vs_c", 3.0, ""),
    ],
)
def test_a_row_tells_what_is_reached(name: str, value: float, verdict: str) -> None:
    assert ROWS[name].verdict(value) == verdict


def test_the_page_gets_the_latest_table_and_keeps_its_text(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    lines = [Measured(row="vs_a", value=13.0, how="so")]
    details: Mapping[str, Any] = {"environment": {"cores": 2}, "seconds": 7.0}
    for _ in range(2):
        write_page(page, lines, details)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("13x") == 1
    assert "old" not in text
    assert markdown(lines) in text
    page.write_text("nothing")
    with pytest.raises(ValueError, match="lost its marks"):
        write_page(page, lines, details)


def test_the_latest_measurements_have_every_row() -> None:
    latest = json.loads((Path(__file__).parent / "results" / "latest.json").read_text())
    assert set(latest["rows"]) == set(ROWS)
    assert latest["scale"] == "full"


def made_up_forest() -> ForestSurrogate:
    """Losses that rise with the depth and fall over the epochs, with noise of 5 %."""
    space = reference_plan().space
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    drawn = [space.suggest(study.ask()) for _ in range(200)]
    epochs = evaluation_epochs(EPOCHS)
    losses = np.log([[float(p["depth"] or 0) + 3.0 / e for e in epochs] for p in drawn])
    forest = RandomForestRegressor(5, random_state=0).fit([encode(p) for p in drawn], losses)
    return ForestSurrogate(
        forest=forest, epochs=epochs, noise=np.full((1, len(epochs)), 0.05), explained=1.0
    )


SURROGATES = [
    pytest.param(made_up_forest, 1.1, id="forest"),
    pytest.param(AnalyticSurrogate, 0.108, id="analytic"),
]


@pytest.mark.parametrize(("make", "good"), SURROGATES)
@pytest.mark.parametrize("pruner", ["none", "successive_halving"])
def test_samplers_are_compared_on_a_surrogate_where_tpe_beats_random_draws(
    make: Callable[[], Surrogate], good: float, pruner: str
) -> None:
    surrogate = make()

    def outcome(name: str) -> Outcome:
        return search(surrogate, row_of(CONTESTANTS[name]), 0, pruner)

    ours, random = outcome("ours"), outcome("random")
    assert list(ours.best) == list(ours.best_ten) == [50, 100, 200]
    assert ours.milliseconds > 0.0
    assert ours.best_ten[200] == pytest.approx(good, rel=0.12)
    assert ours.best_ten[200] <= random.best_ten[200]


def test_rustunas_tpe_learns_from_the_trials_that_are_handed_over() -> None:
    pytest.importorskip("rustuna", reason="rustuna is of the extra 'bench'")
    name = "rustuna's, pruned and running trials handed over"
    rustunas, random = (
        search(AnalyticSurrogate(), row_of(CONTESTANTS[which]), 0, "successive_halving")
        for which in (name, "random")
    )
    assert rustunas.best_ten[200] < random.best_ten[200]


def test_initializers_are_measured_once_and_told_by_depth(tmp_path: Path) -> None:
    results = tmp_path / "initializers.json"
    point = initializers.Point("digits", "sgd", "tanh", "critical", 1)
    scores = initializers.measure([0], [point], results)
    assert scores[point.key(0)] > 0.9
    # What is in the file is not trained again.
    results.write_text(json.dumps({point.key(0): 0.25}))
    assert initializers.measure([0], [point], results) == {point.key(0): 0.25}
    told = {p.key(0): p.depth / 100 for p in initializers.points("digits", ["sgd"], ["tanh"])}
    lines = initializers.table(told, "digits", "sgd").splitlines()
    assert lines[0].startswith("| digits, sgd | critical | variance | lsuv |")
    assert lines[-1] == "| depth 50 |" + " 0.500 |" * len(initializers.CONTENDERS)


def test_the_page_of_initializers_shows_what_was_measured() -> None:
    scores = json.loads(initializers.RESULTS.read_text())
    assert initializers.page_tables(scores) in initializers.PAGE.read_text()
