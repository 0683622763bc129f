"""Runs become arrays: pairs line up, failures count as the worst, luck of the search is found."""

import random
from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest

from search.analysis.confirmation_scores import arrange, confirm
from search.metrics import get_metric
from search.study import Role
from tests.search.analysis.simulated import configuration, runs_of

ACCURACY, LOG_LOSS = get_metric("accuracy"), get_metric("log_loss")


def levels_of(runs, metric=ACCURACY):
    return {level.activation: level for level in confirm(runs, metric).levels}


def test_a_level_is_the_mean_over_its_configurations_resample_by_resample() -> None:
    runs = runs_of({"relu": [[0.8, 0.6, 0.7], [0.6, 0.6, 0.9]], "tanh": [[0.1, 0.2, 0.3]]})
    confirmed = confirm(runs, ACCURACY)
    assert [level.activation for level in confirmed.levels] == ["relu", "tanh"]
    assert confirmed.levels[0].scores == pytest.approx([0.7, 0.6, 0.8])
    assert (confirmed.folds, confirmed.repeats, confirmed.ratio) == (3, 1, 0.5)


def test_direction_is_turned_once_so_that_more_is_better() -> None:
    runs = runs_of({"relu": [[0.5, 0.6]], "tanh": [[0.1, 0.2]]}, metric="log_loss")
    confirmed = confirm(runs, LOG_LOSS)
    assert confirmed.sign == -1.0
    assert [level.activation for level in confirmed.levels] == ["tanh", "relu"]
    assert confirmed.levels[0].scores == pytest.approx([-0.1, -0.2])


def test_pairs_line_up_whatever_the_order_of_the_runs() -> None:
    runs = runs_of({"relu": [[0.1, 0.2, 0.3, 0.4]], "tanh": [[0.2, 0.3, 0.4, 0.5]]}, folds=2)
    shuffled = runs.copy()
    random.Random(0).shuffle(shuffled)
    for one, other in zip(
        confirm(runs, ACCURACY).levels, confirm(shuffled, ACCURACY).levels, strict=True
    ):
        assert one.activation == other.activation
        assert (one.scores == other.scores).all()


def test_a_run_recorded_twice_counts_once_the_last_time() -> None:
    runs = runs_of({"relu": [[0.5, 0.6, 0.7]]})
    again = replace(runs[1], scores={"accuracy": 0.9})
    assert levels_of([*runs, again])["relu"].scores == pytest.approx([0.5, 0.9, 0.7])


def test_a_failed_run_scores_as_the_worst_of_its_resample() -> None:
    runs = runs_of({"relu": [[0.8, None, 0.7]], "tanh": [[0.5, 0.6, 0.4]], "elu": [[0.7, 0.3, 1]]})
    relu = levels_of(runs)["relu"]
    assert relu.scores == pytest.approx([0.8, 0.3, 0.7])
    assert relu.configurations[0].failures == 1
    losses = runs_of({"relu": [[0.8, None]], "tanh": [[0.5, 0.6]]}, metric="log_loss")
    assert levels_of(losses, LOG_LOSS)["relu"].scores == pytest.approx([-0.8, -0.6])


@pytest.mark.parametrize("broken", [nan, inf, -inf])
def test_a_score_that_is_no_number_is_a_failure(broken: float) -> None:
    runs = runs_of({"relu": [[0.8, broken]], "tanh": [[0.5, 0.6]]})
    assert levels_of(runs)["relu"].scores == pytest.approx([0.8, 0.6])


def test_a_resample_in_which_all_failed_says_nothing() -> None:
    runs = runs_of({"relu": [[0.8, None, 0.9]], "tanh": [[0.5, None, 0.6]]})
    assert isnan(levels_of(runs)["relu"].scores[1])
    assert levels_of(runs)["relu"].mean == pytest.approx(0.85)


def test_an_activation_all_of_whose_runs_failed_is_named_and_not_compared() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]], "tanh": [[None, None], [None, None]]})
    confirmed = confirm(runs, ACCURACY)
    assert confirmed.failed == ("tanh",)
    assert [level.activation for level in confirmed.levels] == ["relu"]


def test_one_configuration_that_always_fails_drags_its_activation_down() -> None:
    runs = runs_of({"relu": [[0.8, 0.8], [None, None]], "tanh": [[0.6, 0.6]]})
    assert levels_of(runs)["relu"].scores == pytest.approx([0.7, 0.7])


def test_a_resample_counts_only_where_all_configurations_ran() -> None:
    runs = runs_of({"relu": [[0.8, 0.9, 0.7], [0.6, 0.5, 0.7]]})
    missing = [run for run in runs if not (run.trial == 1 and run.fold == 2)]
    scores = levels_of(missing)["relu"].scores
    assert scores[:2] == pytest.approx([0.7, 0.7])
    assert isnan(scores[2])


def test_the_baseline_stands_beside_the_candidates() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]]}, baseline=[0.5, 0.6])
    confirmed = confirm(runs, ACCURACY)
    assert confirmed.baseline.scores == pytest.approx([0.5, 0.6])
    assert len(confirmed.levels[0].configurations) == 1
    assert confirm(runs_of({"relu": [[0.8]]}, baseline=[None]), ACCURACY).baseline is None


def test_one_configuration_may_be_candidate_and_baseline() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]]})
    both = [*runs, *(replace(run, role=Role.BASELINE) for run in runs)]
    confirmed = confirm(both, ACCURACY)
    assert (confirmed.baseline.scores == confirmed.levels[0].scores).all()


def test_no_runs_confirm_nothing() -> None:
    confirmed = confirm([], ACCURACY)
    assert (confirmed.levels, confirmed.failed, confirmed.baseline) == ((), (), None)


def test_the_best_configuration_is_the_one_with_the_best_mean() -> None:
    level = levels_of(runs_of({"relu": [[0.8, 0.6], [0.9, 0.8], [0.9, 0.8]]}))["relu"]
    assert level.best.trial == 1


def test_luck_is_unknown_where_only_one_configuration_each_was_confirmed() -> None:
    levels = levels_of(runs_of({"relu": [[0.8, 0.9]], "tanh": [[0.6, 0.7]]}))
    assert [level.luck for level in levels.values()] == [None, None]


def drawn(rng, activations: int, tau: float, noise: float, top: int = 3):
    return {
        f"a{number}": [
            configuration(
                f"a{number}", tau * rng.standard_normal() + noise * rng.standard_normal(15)
            )
            for _ in range(top)
        ]
        for number in range(activations)
    }


def test_luck_follows_the_spread_of_true_scores() -> None:
    # 3/K times tau², here 3/3; drawn towards the typical one, never below the own estimate
    rng = np.random.default_rng(0)
    lucks = [
        level.luck.variance
        for _ in range(40)
        for level in arrange(drawn(rng, 10, tau=2.0, noise=0.1), ratio=0.5)
    ]
    assert 3.0 < np.median(lucks) < 5.0
    assert 4.0 < np.mean(lucks) < 6.0


def test_noise_of_the_runs_is_not_taken_for_luck() -> None:
    rng = np.random.default_rng(1)
    groups = [arrange(drawn(rng, 10, tau=0.0, noise=1.0), ratio=0.5) for _ in range(20)]
    # the mean of 15 runs has a variance of 1/15
    assert np.mean([level.luck.variance for levels in groups for level in levels]) < 0.01


def test_one_activation_that_hardly_trains_does_not_blur_the_others() -> None:
    rng = np.random.default_rng(2)
    groups = drawn(rng, 5, tau=0.1, noise=0.01)
    calm = {level.activation: level.luck.variance for level in arrange(groups, 0.5)}
    groups["wild"] = drawn(rng, 1, tau=50.0, noise=0.01)["a0"]
    beside = {level.activation: level.luck.variance for level in arrange(groups, 0.5)}
    assert beside["wild"] > 100.0
    assert all(beside[name] < 3.0 * calm[name] for name in calm)


def test_luck_of_a_lone_configuration_is_taken_from_the_others() -> None:
    rng = np.random.default_rng(3)
    groups = drawn(rng, 4, tau=1.0, noise=0.1) | {"lone": drawn(rng, 1, 1.0, 0.1, top=1)["a0"]}
    lucks = {level.activation: level.luck for level in arrange(groups, 0.5)}
    assert lucks["lone"].variance > max(lucks["a0"].variance, 1.0) * 0.3
    assert lucks["lone"].df == 4.0
