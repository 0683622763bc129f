"""Who is shown to be worse, and how often that is wrong: simulations of the whole procedure."""

import numpy as np
import pytest

from search.analysis.comparisons import MOST_REPEATS, compare_all, simplicity
from search.analysis.confirmation_scores import confirm
from search.analysis.paired_tests import holm
from search.metrics import get_metric
from tests.search.analysis.simulated import Model, exponential_qualities, peaked_qualities, runs_of

ACCURACY = get_metric("accuracy")
STUDIES = 400
#: What 400 studies can show: 5 % are 20, of which 28 are two standard errors more.
MOST_WRONG = 28 / 400


def outcomes(model: Model, studies: int = STUDIES, seed: int = 0) -> tuple[float, float]:
    """Shares of studies with a single winner, and with anything shown to be worse than the best."""
    rng = np.random.default_rng(seed)
    tied = [len(compare_all(model.confirmed(rng)).tied) for _ in range(studies)]
    return float(np.mean(np.array(tied) == 1)), float(np.mean(np.array(tied) < model.activations))


@pytest.mark.parametrize("activations", [2, 5, 10, 18])
@pytest.mark.parametrize(("folds", "repeats"), [(3, 5), (10, 3), (1, 20)])
def test_equal_activations_have_no_winner(activations: int, folds: int, repeats: int) -> None:
    model = Model(activations=activations, folds=folds, repeats=repeats)
    winner, anything = outcomes(model, studies=200)
    assert winner <= 0.05
    assert anything <= 0.05


@pytest.mark.parametrize(
    "qualities",
    [
        exponential_qualities(0.3),
        exponential_qualities(1.0),
        exponential_qualities(5.0),
        peaked_qualities(50.0, axes=2),
        peaked_qualities(50.0, axes=4),
    ],
)
@pytest.mark.parametrize("activations", [2, 5])
def test_finds_of_one_search_are_no_merit_of_an_activation(activations: int, qualities) -> None:
    # Every configuration differs truly from every other, but all activations draw alike.
    winner, anything = outcomes(Model(activations=activations, qualities=qualities))
    assert winner <= MOST_WRONG
    assert anything <= MOST_WRONG


def test_without_the_variance_between_searches_it_would_often_be_wrong() -> None:
    # the simulation above can fail: with one configuration each the variance is unknown
    model = Model(activations=2, qualities=exponential_qualities(5.0), top=1)
    winner, _ = outcomes(model, studies=100)
    assert winner > 0.4


def test_more_candidates_for_one_activation_do_not_make_it_better() -> None:
    rng = np.random.default_rng(1)
    ahead = 0
    for _ in range(300):
        runs = runs_of({"relu": rng.normal(size=(6, 15)), "tanh": rng.normal(size=(1, 15))})
        ahead += confirm(runs, ACCURACY).arms[0].activation == "relu"
    assert ahead / 300 == pytest.approx(0.5, abs=0.09)


def test_the_baseline_is_beaten_by_chance_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(STUDIES):
        comparisons = compare_all(Model(activations=5).confirmed(rng, baseline=True))
        wrong += min(c.p_adjusted for c in comparisons.to_baseline) < 0.05
    assert wrong / STUDIES <= 0.05


@pytest.mark.parametrize(("effect", "power"), [(2.0, 0.15), (3.0, 0.8), (4.0, 0.97)])
def test_one_better_activation_is_found(effect: float, power: float) -> None:
    # by `effect` standard deviations of a run's noise, ahead of nine equals, by the defaults
    rng = np.random.default_rng(3)
    model = Model(activations=10, effects=(effect,))
    found = 0
    for _ in range(150):
        tied = compare_all(model.confirmed(rng)).tied
        found += len(tied) == 1 and tied[0].activation == "relu"
    assert found / 150 >= power


def test_the_truly_best_is_among_the_tied_nearly_always() -> None:
    rng = np.random.default_rng(4)
    model = Model(activations=6, effects=(0.6, 0.5, 0.4, 0.3, 0.0, -3.0))
    missed = sum(
        "relu" not in {arm.activation for arm in compare_all(model.confirmed(rng)).tied}
        for _ in range(STUDIES)
    )
    assert missed / STUDIES <= 0.05


def test_intervals_leave_out_zero_where_the_adjusted_p_decides() -> None:
    rng = np.random.default_rng(5)
    decided = 0
    for _ in range(40):
        comparisons = compare_all(Model(activations=6, effects=(3.0, 1.5, 0.5)).confirmed(rng))
        for comparison in comparisons.to_best:
            low, high = comparison.interval
            assert (comparison.p_adjusted < 0.05) == (low > 0.0)
            assert low <= comparison.test.difference <= high
            decided += low > 0.0
    assert 20 < decided < 180


def rows(**means: float) -> dict[str, list[list[float]]]:
    noise = np.random.default_rng(6).normal(scale=0.001, size=(9, 15))
    return {
        name: [list(mean + noise[3 * i + j]) for j in range(3)]
        for i, (name, mean) in enumerate(means.items())
    }


def test_the_simplest_of_the_tied_is_recommended() -> None:
    comparisons = compare_all(confirm(runs_of(rows(gelu=0.9, prelu=0.9, tanh=0.9)), ACCURACY))
    assert len(comparisons.tied) == 3
    assert comparisons.recommended.activation == "tanh"
    clear = compare_all(confirm(runs_of(rows(gelu=0.95, prelu=0.9, relu=0.9)), ACCURACY))
    assert clear.recommended.activation == "gelu"
    assert compare_all(confirm([], ACCURACY)).recommended is None


def test_an_activation_that_explodes_now_and_then_is_not_recommended() -> None:
    table = rows(gelu=0.9, prelu=0.9, relu=0.9)
    table["relu"][0][4] = -60.0  # an R² such as nobody wants, once in 45 runs
    comparisons = compare_all(confirm(runs_of(table), ACCURACY))
    assert {arm.activation for arm in comparisons.tied} == {"gelu", "prelu", "relu"}
    assert comparisons.recommended.activation == "gelu"


def test_chances_to_be_best_add_up_and_favour_the_best() -> None:
    comparisons = compare_all(confirm(runs_of(rows(gelu=0.93, relu=0.9)), ACCURACY))
    assert comparisons.probabilities() == pytest.approx((1.0, 0.0), abs=1e-3)
    assert compare_all(confirm(runs_of({"relu": [[0.5]]}), ACCURACY)).probabilities() == (1.0,)
    two = compare_all(confirm(runs_of({"relu": [[0.5]], "tanh": [[0.9]]}), ACCURACY))
    assert two.probabilities() == (0.5, 0.5)
    assert compare_all(confirm([], ACCURACY)).probabilities() == ()


def test_too_few_pairs_are_noticed_and_counted() -> None:
    few = compare_all(
        confirm(runs_of({"relu": [[0.9] * 5], "tanh": [[0.1] * 5]}, folds=1), ACCURACY)
    )
    assert not few.enough_pairs()
    assert len(few.tied) == 2
    assert (few.known_pairs(), few.least_pairs(), few.repeats_possible()) == (5, 6, 1)
    six = compare_all(
        confirm(runs_of({"relu": [[0.9] * 6], "tanh": [[0.1] * 6]}, folds=1), ACCURACY)
    )
    assert six.enough_pairs()
    assert len(six.tied) == 1


def test_one_pair_compares_nothing() -> None:
    comparisons = compare_all(confirm(runs_of({"relu": [[0.9]], "tanh": [[0.1]]}), ACCURACY))
    assert comparisons.to_best[0].test is None
    assert comparisons.to_best[0].interval is None
    assert comparisons.to_best[0].p_adjusted == 1.0


def test_repeats_needed_would_indeed_be_enough() -> None:
    # ten folds share few rows, so that repeats help
    model = Model(activations=2, folds=10, repeats=1, effects=(0.8,), activation_sd=0.0)
    found = 0
    for seed in range(60):
        comparisons = compare_all(model.confirmed(np.random.default_rng(seed)))
        comparison = comparisons.to_best[0]
        needed = comparisons.repeats_to_win()
        assert needed == comparisons.repeats_needed(comparison)
        if needed is not None:
            assert comparison.p_adjusted >= 0.05
            assert comparison.test.power(10 * (1 + needed), 0.05) >= 0.8
            assert needed < MOST_REPEATS
            found += 1
    assert found >= 3


def test_a_winner_needs_every_other_to_be_left_behind() -> None:
    # nobody can separate twins, however many repeats there are
    rng = np.random.default_rng(8)
    row = rng.normal(size=10)
    noise = rng.normal(size=10)
    # one standard deviation apart: just short of 1.04, what 10 pairs show; 0.93 would do for many
    near = row - 1.0 - (noise - noise.mean()) / noise.std(ddof=1)
    table = {"relu": [row], "tanh": [near]}
    without = compare_all(confirm(runs_of(table, folds=10), ACCURACY))
    assert without.repeats_to_win() is not None
    comparisons = compare_all(confirm(runs_of({**table, "relu6": [row]}, folds=10), ACCURACY))
    assert comparisons.to_best[0].test.difference == 0.0
    assert comparisons.repeats_to_win() is None


def test_comparisons_with_the_baseline_are_corrected_for_their_number() -> None:
    comparisons = compare_all(
        Model(activations=7).confirmed(np.random.default_rng(9), baseline=True)
    )
    p_values = [comparison.p_value for comparison in comparisons.to_baseline]
    assert [c.p_adjusted for c in comparisons.to_baseline] == holm(p_values)
    assert len(p_values) == 7
    least = min(comparisons.to_baseline, key=lambda comparison: comparison.p_value)
    assert least.p_adjusted == pytest.approx(min(1.0, 7 * least.p_value))


def test_simple_is_what_has_little_to_tune_then_little_to_compute() -> None:
    names = ("prelu", "gelu", "leaky_relu", "relu", "mish", "identity")
    arms = confirm(runs_of({name: [[0.5, 0.5]] for name in names}), ACCURACY).arms
    order = [arm.activation for arm in sorted(arms, key=simplicity)]
    assert order[:4] == ["identity", "relu", "gelu", "mish"]
    assert set(order[4:]) == {"prelu", "leaky_relu"}


def test_a_pair_that_cannot_be_tested_is_a_pair_all_the_same() -> None:
    comparisons = compare_all(confirm(runs_of({"relu": [[0.9]], "tanh": [[0.1]]}), ACCURACY))
    assert comparisons.known_pairs() == 1
    assert compare_all(confirm(runs_of({"relu": [[0.9]]}), ACCURACY)).known_pairs() == 0
    gaps = runs_of({"relu": [[0.9, 0.8, 0.7]], "tanh": [[0.1, 0.2]]})
    assert compare_all(confirm(gaps, ACCURACY)).known_pairs() == 2


def test_repeats_to_win_show_all_differences_together_with_the_power_promised() -> None:
    rng = np.random.default_rng(10)
    row, noise = rng.normal(size=5), rng.normal(size=(3, 5))
    apart = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
    table = {"relu": [row]} | {
        name: [row - 2.0 - own] for name, own in zip(("tanh", "elu", "gelu"), apart, strict=True)
    }
    comparisons = compare_all(confirm(runs_of(table, folds=5), ACCURACY))
    needed = comparisons.repeats_to_win()
    assert needed is not None
    missed = [1 - c.test.power(5 * (1 + needed), 0.05) for c in comparisons.to_best]
    assert len(missed) == 3
    assert sum(missed) <= 0.2
    alone = compare_all(
        confirm(runs_of({n: table[n] for n in ("relu", "tanh")}, folds=5), ACCURACY)
    )
    assert alone.repeats_to_win() < needed
