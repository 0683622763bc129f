"""The corrected t-test, its corrections and its power, against papers, SciPy and simulation."""

from itertools import combinations
from math import inf, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from search.analysis.paired_tests import (
    PairedTest,
    VarianceComponent,
    detectable_difference,
    fewest_pairs,
    holm,
    holm_all_pairs,
    mean_interval,
    paired_test,
    pairs_needed,
    probability_best,
)

RNG = np.random.default_rng
DIFFERENCES = np.array([0.012, 0.004, 0.019, -0.003, 0.008, 0.011, 0.015, 0.001, 0.009, 0.006])


def correlated(rng, studies: int, n: int, rho: float) -> np.ndarray:
    """Standard normal (studies, n) whose columns have correlation `rho` with each other."""
    shared = rng.standard_normal((studies, 1))
    return np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((studies, n))


def test_without_shared_rows_it_is_students_paired_test() -> None:
    ours = paired_test(DIFFERENCES, ratio=0.0)
    theirs = stats.ttest_1samp(DIFFERENCES, 0.0)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    interval = theirs.confidence_interval(0.9)
    assert ours.interval(alpha=0.1) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_shared_rows_widen_it_as_nadeau_and_bengio_say() -> None:
    # t = mean / sqrt((1/J + n2/n1) S²) with J - 1 degrees of freedom, written out
    test = paired_test(DIFFERENCES, ratio=1 / 9)
    t = DIFFERENCES.mean() / sqrt((1 / 10 + 1 / 9) * DIFFERENCES.var(ddof=1))
    assert test.p_value == pytest.approx(2 * stats.t.sf(t, 9), rel=1e-9)
    assert test.p_value > paired_test(DIFFERENCES, ratio=0.0).p_value


@pytest.mark.parametrize(("n", "rho"), [(15, 1 / 3), (10, 1 / 10), (25, 1 / 5)])
def test_it_errs_as_often_as_it_says_where_folds_correlate_by_their_share(n, rho) -> None:
    # n2/n1 = rho/(1 - rho); the ordinary test errs several times as often
    rows = correlated(RNG(0), 8000, n, rho)
    corrected = np.mean([paired_test(row, rho / (1 - rho)).p_value < 0.05 for row in rows])
    plain = np.mean([paired_test(row, 0.0).p_value < 0.05 for row in rows])
    assert 0.04 < corrected < 0.06
    assert plain > 2.5 * corrected


def test_its_interval_covers_the_truth_as_often_as_it_says() -> None:
    rows = correlated(RNG(1), 4000, 15, 1 / 3) + 0.7
    intervals = [paired_test(row, 0.5).interval() for row in rows]
    assert np.mean([low < 0.7 < high for low, high in intervals]) == pytest.approx(0.95, abs=0.012)


def test_p_is_below_alpha_exactly_where_the_interval_leaves_out_zero() -> None:
    for row in correlated(RNG(2), 200, 15, 1 / 3) + 0.9:
        test = paired_test(row, 0.5)
        for alpha in (0.05, 0.01):
            low, high = test.interval(alpha)
            assert (test.p_value < alpha) == (not low <= 0.0 <= high)


def test_sides_do_not_matter() -> None:
    test, turned = paired_test(DIFFERENCES, 0.5), paired_test(-DIFFERENCES, 0.5)
    assert turned.p_value == test.p_value
    assert turned.interval() == pytest.approx(tuple(-end for end in test.interval()[::-1]))


@pytest.mark.parametrize("row", [[], [0.5], [0.5, nan], [nan, inf, 0.1]])
def test_fewer_than_two_pairs_test_nothing(row: list[float]) -> None:
    assert paired_test(np.array(row), 0.5) is None
    assert mean_interval(np.array(row), 0.5) is None


def test_pairs_that_are_not_known_are_left_out() -> None:
    gaps = np.insert(DIFFERENCES, [0, 4], nan)
    assert paired_test(gaps, 0.5) == paired_test(DIFFERENCES, 0.5)


def test_identical_scores_are_no_evidence_at_all() -> None:
    test = paired_test(np.zeros(15), 0.5)
    assert test.p_value == 1.0
    assert test.interval() == (0.0, 0.0)
    assert pairs_needed(test, 0.05, 1000) is None


def test_a_constant_difference_is_as_good_as_its_signs() -> None:
    # the standard deviation of 0.1 fifteen times is 1e-17, not 0
    test = paired_test(np.full(15, 0.1), 0.5)
    assert test.sd == 0.0
    assert test.p_value == 2.0**-14
    assert test.interval() == (test.difference, test.difference)
    assert paired_test(np.full(5, 0.1), 0.5).p_value == 0.0625


def test_no_p_value_is_below_that_of_equal_signs() -> None:
    for n in (2, 5, 6, 12):
        huge = 1000.0 + RNG(n).standard_normal(n)
        assert paired_test(huge, 0.0).p_value == pytest.approx(2.0 ** (1 - n), rel=1e-2)


def test_fewer_than_six_pairs_never_reach_five_percent() -> None:
    # as for the two-sided signed-rank test, of which SciPy knows the exact distribution
    assert fewest_pairs(1) == 6
    assert stats.wilcoxon(np.arange(1.0, 6.0)).pvalue > 0.05
    assert stats.wilcoxon(np.arange(1.0, 7.0)).pvalue < 0.05


@pytest.mark.parametrize("hypotheses", [1, 2, 3, 45, 153])
def test_fewest_pairs_is_where_equal_signs_begin_to_suffice(hypotheses: int) -> None:
    n = fewest_pairs(hypotheses)
    assert hypotheses * 2.0 ** (1 - n) < 0.05 <= hypotheses * 2.0 ** (2 - n)


def test_fifteen_pairs_can_name_the_best_of_eighteen() -> None:
    # the defaults, 3 folds and 5 repeats, against every activation there is
    assert fewest_pairs(18 * 17 // 2) <= 15


def test_holm_as_in_the_textbook() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.03]) == [0.03]


def test_holm_lies_between_no_correction_and_bonferroni() -> None:
    for row in RNG(3).uniform(size=(50, 7)) ** 4:
        adjusted = np.array(holm(list(row)))
        assert (adjusted >= row).all()
        assert (adjusted <= np.minimum(1.0, 7 * row)).all()
        assert (np.diff(adjusted[np.argsort(row)]) >= 0).all()


def test_the_best_is_compared_in_as_many_pairs_as_could_be_equal() -> None:
    # 4 activations: 6 pairs, then 3 among the remaining 3, then 1
    assert holm_all_pairs([0.001, 0.01, 0.03]) == pytest.approx([0.006, 0.03, 0.03])
    assert holm_all_pairs([0.04]) == [0.04]
    assert holm_all_pairs([0.02, 0.01, 0.2]) == pytest.approx([0.06, 0.06, 0.2])
    assert holm_all_pairs([]) == []


def test_being_better_than_each_needs_no_correction() -> None:
    assert holm_all_pairs([0.04, 0.02, 0.03]) == [0.04, 0.04, 0.04]
    assert holm_all_pairs([0.04, 0.02, 0.06]) == pytest.approx([0.06, 0.06, 0.06])


@pytest.mark.parametrize(("equal", "worse"), [(2, 0), (3, 0), (10, 0), (2, 8), (5, 5)], ids=str)
def test_comparing_with_whoever_looks_best_errs_in_at_most_five_percent(equal, worse) -> None:
    # 20,000 studies gave 0.050, 0.046, 0.033, 0.050, 0.037
    rng, wrong, studies = RNG(4), 0, 800
    truth = np.repeat([0.0, -8.0], [equal, worse])[:, None]
    for _ in range(studies):
        scores = correlated(rng, equal + worse, 15, 1 / 3) + truth
        best = scores.mean(axis=1).argmax()
        others = [row for row in range(equal + worse) if row != best]
        p_values = [paired_test(scores[best] - scores[row], 0.5).p_value for row in others]
        adjusted = zip(others, holm_all_pairs(p_values), strict=True)
        wrong += any(p < 0.05 for row, p in adjusted if row < equal)
    assert wrong / studies <= 0.065  # two standard errors above 5 %


def test_plain_holm_forgets_how_the_best_was_found() -> None:
    rng, wrong, studies = RNG(4), 0, 800
    for _ in range(studies):
        scores = correlated(rng, 10, 15, 1 / 3)
        best = scores[scores.mean(axis=1).argmax()]
        p_values = [paired_test(best - row, 0.5).p_value for row in scores if row is not best]
        wrong += min(holm(p_values)) < 0.05
    assert wrong / studies > 0.065


def test_extra_variance_adds_up_and_costs_degrees_of_freedom() -> None:
    extra = VarianceComponent(variance=3e-5, df=4)
    plain, wide = (paired_test(DIFFERENCES, 0.5, extras) for extras in ((), (extra,)))
    assert wide.variance() == pytest.approx(plain.variance() + 3e-5)
    # Welch and Satterthwaite, as SciPy has it for two samples
    parts = (plain.variance(), 9.0), (3e-5, 4.0)
    expected = wide.variance() ** 2 / sum(v**2 / df for v, df in parts)
    assert wide.df() == pytest.approx(expected)
    assert wide.p_value > plain.p_value


def test_power_is_how_often_it_succeeds() -> None:
    truth = PairedTest(n=15, difference=1.9, sd=1.0, ratio=0.5)
    # sd is that of the pairs around their common part; by the model it is sqrt(1 - rho)
    rows = correlated(RNG(5), 4000, 30, 1 / 3) / sqrt(2 / 3) + 1.9
    found = np.mean([paired_test(row, 0.5).p_value < 0.05 for row in rows])
    assert truth.power(30, 0.05) == pytest.approx(found, abs=0.02)


def test_power_without_a_difference_is_the_error_rate_on_one_side() -> None:
    none = PairedTest(n=15, difference=0.0, sd=1.0, ratio=0.5)
    assert none.power(15, 0.05) == pytest.approx(0.025)


def test_power_grows_with_the_pairs_and_is_always_a_number() -> None:
    for difference in (0.01, 0.3, 5.0, 300.0):
        test = PairedTest(n=6, difference=difference, sd=1.0, ratio=0.01)
        powers = [test.power(n, 0.01) for n in (6, 7, 8, 10, 15, 45, 300, 3000)]
        assert powers == sorted(powers)
        assert all(0.0 <= power <= 1.0 for power in powers)


def test_too_few_pairs_have_no_power() -> None:
    sure = PairedTest(n=3, difference=1.0, sd=0.0, ratio=0.5)
    assert sure.power(5, 0.05) == 0.0
    assert sure.power(6, 0.05) == 1.0
    assert pairs_needed(sure, 0.05, most=300, step=3) == 6


def test_pairs_needed_are_the_fewest_that_suffice() -> None:
    test = PairedTest(n=6, difference=1.0, sd=1.0, ratio=0.1)
    needed = pairs_needed(test, 0.05, most=300, step=3)
    assert needed % 3 == 0
    assert test.power(needed, 0.05) >= 0.8 > test.power(needed - 3, 0.05)
    assert pairs_needed(test, 0.05, most=needed - 1, step=3) is None


def test_no_number_of_repeats_brings_new_rows() -> None:
    # the second term of the variance stays: 80 % power needs at least 2.8 of its square root
    near = PairedTest(n=15, difference=2.7 * sqrt(0.5), sd=1.0, ratio=0.5)
    assert pairs_needed(near, 0.05, most=10**6) is None
    far = PairedTest(n=6, difference=2.9 * sqrt(0.5), sd=1.0, ratio=0.5)
    assert pairs_needed(far, 0.05, most=10**6) is not None
    free = PairedTest(n=15, difference=0.05, sd=1.0, ratio=0.0)
    assert pairs_needed(free, 0.05, most=10**6) == pytest.approx((2.8 / 0.05) ** 2, rel=0.01)


def test_the_detectable_difference_is_found_with_the_power_promised() -> None:
    effect = detectable_difference(15, 0.5, 0.05)
    assert PairedTest(n=15, difference=effect, sd=1.0, ratio=0.5).power(15, 0.05) == pytest.approx(
        0.8, abs=0.02
    )


def test_chance_to_be_best_of_two_is_the_one_sided_p_value() -> None:
    # Corani & Benavoli (2015): the posterior under a flat prior is the sampling distribution
    scores = np.column_stack([DIFFERENCES, np.zeros(10)])
    ours = probability_best(scores, 0.5, np.zeros(2), draws=200_000)
    assert ours[1] == pytest.approx(paired_test(DIFFERENCES, 0.5).p_value / 2, abs=0.004)
    assert ours.sum() == pytest.approx(1.0)


def test_chances_of_equals_are_equal() -> None:
    row = RNG(6).standard_normal(15)
    assert probability_best(np.column_stack([row, row, row]), 0.5, np.zeros(3)) == pytest.approx(
        [1 / 3] * 3
    )


def test_more_things_than_resamples_are_no_trouble() -> None:
    scores = RNG(7).standard_normal((4, 18))
    chances = probability_best(scores, 0.5, np.zeros(18))
    assert chances.sum() == pytest.approx(1.0)
    assert chances.argmax() == scores.mean(axis=0).argmax()


def test_luck_of_the_search_makes_the_best_less_certain() -> None:
    scores = np.column_stack([DIFFERENCES, np.zeros(10)])
    sure, unsure = (probability_best(scores, 0.5, np.full(2, v)).max() for v in (0.0, 1e-3))
    assert sure > 0.9 > 0.7 > unsure > 0.5


def test_same_scores_give_the_same_chances() -> None:
    scores = RNG(8).standard_normal((15, 5))
    first, second = (probability_best(scores, 0.5, np.zeros(5)) for _ in range(2))
    assert (first == second).all()
    assert all(a != b for a, b in combinations(first, 2))


def test_no_p_value_is_zero() -> None:
    # 2^(1-n) is, from 1,076 pairs on; a difference that large is divided by its p-value later
    assert 2.0 ** (1 - 1200) == 0.0
    assert 0.0 < paired_test(np.full(1200, 0.1), 1 / 49).p_value < 1e-300
