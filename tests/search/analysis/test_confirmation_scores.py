"""Runs become arrays: pairs line up, failures count as the worst, searches are seen to differ."""

import random
from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest

from search.analysis.confirmation_scores import confirm, score_activations
from search.metrics import get_metric
from search.study import Role
from tests.search.analysis.simulated import configuration, runs_of

ACCURACY, LOG_LOSS = get_metric("accuracy"), get_metric("log_loss")


def arms_of(runs, metric=ACCURACY):
    return {arm.activation: arm for arm in confirm(runs, metric).arms}


def test_a_score_is_the_mean_over_its_configurations_resample_by_resample() -> None:
    runs = runs_of({"relu": [[0.8, 0.6, 0.7], [0.6, 0.6, 0.9]], "tanh": [[0.1, 0.2, 0.3]]})
    confirmed = confirm(runs, ACCURACY)
    assert [arm.activation for arm in confirmed.arms] == ["relu", "tanh"]
    assert confirmed.arms[0].scores == pytest.approx([0.7, 0.6, 0.8])
    assert (confirmed.folds, confirmed.repeats, confirmed.ratio) == (3, 1, 0.5)


def test_direction_is_turned_once_so_that_more_is_better() -> None:
    runs = runs_of({"relu": [[0.5, 0.6]], "tanh": [[0.1, 0.2]]}, metric="log_loss")
    confirmed = confirm(runs, LOG_LOSS)
    assert confirmed.unit == -1.0
    assert [arm.activation for arm in confirmed.arms] == ["tanh", "relu"]
    assert confirmed.arms[0].scores == pytest.approx([-0.1, -0.2])


def test_pairs_line_up_whatever_the_order_of_the_runs() -> None:
    runs = runs_of({"relu": [[0.1, 0.2, 0.3, 0.4]], "tanh": [[0.2, 0.3, 0.4, 0.5]]}, folds=2)
    shuffled = runs.copy()
    random.Random(0).shuffle(shuffled)
    assert shuffled != runs
    for found in (arms_of(runs), arms_of(shuffled)):
        assert list(found) == ["tanh", "relu"]
        assert list(found["relu"].scores) == [0.1, 0.2, 0.3, 0.4]
        assert list(found["tanh"].scores) == [0.2, 0.3, 0.4, 0.5]


def test_a_run_recorded_twice_counts_once_the_last_time() -> None:
    runs = runs_of({"relu": [[0.5, 0.6, 0.7]]})
    again = replace(runs[1], scores={"accuracy": 0.9})
    assert arms_of([*runs, again])["relu"].scores == pytest.approx([0.5, 0.9, 0.7])


def test_a_failed_run_scores_as_the_worst_of_its_resample() -> None:
    runs = runs_of({"relu": [[0.8, None, 0.7]], "tanh": [[0.5, 0.6, 0.4]], "elu": [[0.7, 0.3, 1]]})
    relu = arms_of(runs)["relu"]
    assert relu.scores == pytest.approx([0.8, 0.3, 0.7])
    assert relu.configurations[0].failures == 1
    losses = runs_of({"relu": [[0.8, None]], "tanh": [[0.5, 0.6]]}, metric="log_loss")
    assert arms_of(losses, LOG_LOSS)["relu"].scores == pytest.approx([-0.8, -0.6])


@pytest.mark.parametrize("broken", [nan, inf, -inf, 1e150])
def test_a_score_that_is_no_number_is_a_failure(broken: float) -> None:
    runs = runs_of({"relu": [[0.8, broken]], "tanh": [[0.5, 0.6]]})
    assert arms_of(runs)["relu"].scores == pytest.approx([0.8, 0.6])


def test_a_resample_in_which_all_failed_says_nothing() -> None:
    runs = runs_of({"relu": [[0.8, None, 0.9]], "tanh": [[0.5, None, 0.6]]})
    assert isnan(arms_of(runs)["relu"].scores[1])
    assert arms_of(runs)["relu"].mean == pytest.approx(0.85)


def test_an_activation_all_of_whose_runs_failed_is_named_and_not_compared() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]], "tanh": [[None, None], [None, None]]})
    confirmed = confirm(runs, ACCURACY)
    assert confirmed.failed == ("tanh",)
    assert [arm.activation for arm in confirmed.arms] == ["relu"]


def test_one_configuration_that_always_fails_drags_its_activation_down() -> None:
    runs = runs_of({"relu": [[0.8, 0.8], [None, None]], "tanh": [[0.6, 0.6]]})
    assert arms_of(runs)["relu"].scores == pytest.approx([0.7, 0.7])


def test_a_resample_counts_only_where_all_configurations_ran() -> None:
    runs = runs_of({"relu": [[0.8, 0.9, 0.7], [0.6, 0.5, 0.7]]})
    missing = [run for run in runs if not (run.trial == 1 and run.fold == 2)]
    scores = arms_of(missing)["relu"].scores
    assert scores[:2] == pytest.approx([0.7, 0.7])
    assert isnan(scores[2])


def test_the_baseline_stands_beside_the_candidates() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]]}, baseline=[0.5, 0.6])
    confirmed = confirm(runs, ACCURACY)
    assert confirmed.baseline.scores == pytest.approx([0.5, 0.6])
    assert len(confirmed.arms[0].configurations) == 1
    assert confirm(runs_of({"relu": [[0.8]]}, baseline=[None]), ACCURACY).baseline is None


def test_one_configuration_may_be_candidate_and_baseline() -> None:
    runs = runs_of({"relu": [[0.8, 0.9]]})
    both = [*runs, *(replace(run, role=Role.BASELINE) for run in runs)]
    confirmed = confirm(both, ACCURACY)
    assert (confirmed.baseline.scores == confirmed.arms[0].scores).all()


def test_no_runs_confirm_nothing() -> None:
    confirmed = confirm([], ACCURACY)
    assert (confirmed.arms, confirmed.failed, confirmed.baseline) == ((), (), None)


def test_the_best_configuration_is_the_one_with_the_best_mean() -> None:
    arm = arms_of(runs_of({"relu": [[0.8, 0.6], [0.9, 0.8], [0.9, 0.8]]}))["relu"]
    assert arm.best.trial == 1


def test_selection_variance_is_unknown_where_only_one_configuration_each_was_confirmed() -> None:
    arms = arms_of(runs_of({"relu": [[0.8, 0.9]], "tanh": [[0.6, 0.7]]}))
    assert [arm.selection_variance for arm in arms.values()] == [None, None]


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


def selection_variances(groups) -> dict[str, float]:
    return {
        arm.activation: arm.selection_variance.variance for arm in score_activations(groups, 0.5)
    }


def test_selection_variance_follows_the_spread_of_true_scores() -> None:
    # 3/K times tau², here 3/3; drawn towards the typical one, never below the own estimate
    rng = np.random.default_rng(0)
    found = [
        variance
        for _ in range(40)
        for variance in selection_variances(drawn(rng, 10, tau=2.0, noise=0.1)).values()
    ]
    assert 3.0 < np.median(found) < 5.0
    assert 4.0 < np.mean(found) < 6.0


def test_noise_of_the_runs_is_no_selection_variance() -> None:
    rng = np.random.default_rng(1)
    found = [selection_variances(drawn(rng, 10, tau=0.0, noise=1.0)) for _ in range(20)]
    # the mean of 15 runs has a variance of 1/15
    assert np.mean([variance for each in found for variance in each.values()]) < 0.01


def test_one_activation_that_hardly_trains_does_not_blur_the_others() -> None:
    rng = np.random.default_rng(2)
    groups = drawn(rng, 5, tau=0.1, noise=0.01)
    calm = selection_variances(groups)
    groups["wild"] = drawn(rng, 1, tau=50.0, noise=0.01)["a0"]
    beside = selection_variances(groups)
    assert beside["wild"] > 100.0
    assert all(beside[name] < 3.0 * calm[name] for name in calm)


def test_selection_variance_of_a_lone_configuration_is_that_of_the_others() -> None:
    rng = np.random.default_rng(3)
    groups = drawn(rng, 4, tau=1.0, noise=0.1) | {"lone": drawn(rng, 1, 1.0, 0.1, top=1)["a0"]}
    found = {arm.activation: arm.selection_variance for arm in score_activations(groups, 0.5)}
    assert found["lone"].variance > max(found["a0"].variance, 1.0) * 0.3
    assert found["lone"].df == 4.0
