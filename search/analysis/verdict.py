"""The verdict on a study: which activation, how sure, and what would make it surer.

Pure functions of recorded runs. The scores compared are those of
`search.analysis.confirmation_scores`, the tests those of `search.analysis.comparisons`, the words
those of `search.analysis.verdict_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite, sqrt
from typing import TypedDict

import numpy as np

from search.analysis.comparisons import Comparison, Comparisons, compare_all
from search.analysis.confirmation_scores import (
    ActivationScore,
    Configuration,
    ConfirmationScores,
    confirm,
)
from search.analysis.paired_tests import Floats, mean_interval
from search.analysis.verdict_text import VerdictFacts, sentence
from search.metrics import Direction, Metric
from search.study import ConfirmationRun, ParamValue, TestRole, TestRun
from search.study.results import (
    ActivationComparison,
    BaselineComparison,
    ComparedScores,
    ConfirmedBest,
    Holdout,
    HoldoutScore,
    Outcome,
    ScoreSummary,
    Verdict,
)

_NO_TEST_ROWS = (
    "no rows were held out (evaluation.test_fraction is 0), so only validation scores are known; "
    "they flatter whatever the search chose"
)


class _Difference(TypedDict):
    """The fields of a `ComparedScores` that are about the difference."""

    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p_value: float | None
    p_adjusted: float | None


def verdict(
    runs: Sequence[ConfirmationRun],
    tests: Sequence[TestRun],
    metric: Metric,
    importances: Mapping[str, float],
    *,
    unconfirmed: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on the confirmation `runs` and the `tests` on held-out rows.

    `metric` is the study's first objective, `importances` the shares of its axes (empty where
    unknown), `unconfirmed` names activations of the space that no complete trial had. Scores and
    differences are in the metric's own units and direction; a difference is the score of the
    activation named first, minus that of the best (or of the baseline).
    """
    confirmed = confirm(runs, metric)
    comparisons = compare_all(confirmed)
    outcome, repeats_needed = _outcome(comparisons)
    recommended = comparisons.recommended
    facts = VerdictFacts(
        comparisons=comparisons,
        metric=metric,
        importances=importances,
        unconfirmed=unconfirmed,
        repeats_needed=repeats_needed,
        tests={run.role: run for run in tests},
    )
    return Verdict(
        winner=recommended.activation if recommended else None,
        trial=recommended.best.trial if recommended else None,
        params=_finite_params(recommended.best.params) if recommended else None,
        best=confirmed.arms[0].activation if confirmed.arms else None,
        tied_with=tuple(arm.activation for arm in comparisons.tied if arm is not recommended),
        failed=confirmed.failed,
        unconfirmed=tuple(unconfirmed),
        outcome=outcome,
        repeats=confirmed.repeats,
        repeats_needed=repeats_needed,
        metric=metric.name,
        alpha=comparisons.alpha,
        baseline=_baseline_comparison(comparisons),
        comparisons=_activation_comparisons(comparisons),
        test=_holdout(tests, metric),
        sentence=sentence(facts),
    )


def confirmed_bests(runs: Sequence[ConfirmationRun], metric: Metric) -> dict[str, ConfirmedBest]:
    """Return, for each activation, the scores of its best configuration when trained anew.

    It is the best of the confirmed ones, by the mean over all its runs. The interval is wide enough
    for that choice: its correction for shared rows exceeds the bias of choosing among a few.
    """
    confirmed = confirm(runs, metric)
    return {
        arm.activation: ConfirmedBest(
            confirmed_number=arm.best.trial,
            confirmed_failures=arm.best.failures,
            **asdict(_score_summary(arm.best.scores, confirmed)),
        )
        for arm in confirmed.arms
    }


def _outcome(comparisons: Comparisons) -> tuple[Outcome, int | None]:
    """Return the outcome and, where more repeats would decide, how many more."""
    confirmed = comparisons.confirmed
    # Without a comparison there is no winner, and more repeats of one configuration each do not
    # tell an activation from the luck of its search.
    if len(confirmed.arms) < 2 or not confirmed.is_selection_variance_known:
        return Outcome.UNDECIDED, None
    if len(comparisons.tied) == 1:
        return Outcome.WINNER, None
    if not comparisons.enough_pairs():
        return Outcome.UNDECIDED, comparisons.repeats_to_win() or comparisons.repeats_possible()
    needed = comparisons.repeats_to_win()
    return (Outcome.TIED if needed is None else Outcome.UNDECIDED), needed


def _activation_comparisons(comparisons: Comparisons) -> tuple[ActivationComparison, ...]:
    arms = comparisons.confirmed.arms
    to_baseline: Sequence[Comparison | None] = comparisons.to_baseline or (None,) * len(arms)
    if not arms:
        return ()
    return tuple(
        _activation_comparison(arm, comparisons, best, baseline, chance)
        for arm, best, baseline, chance in zip(
            arms,
            (None, *comparisons.to_best),
            to_baseline,
            comparisons.probabilities(),
            strict=True,
        )
    )


def _activation_comparison(
    arm: ActivationScore,
    comparisons: Comparisons,
    to_best: Comparison | None,
    to_baseline: Comparison | None,
    probability_best: float,
) -> ActivationComparison:
    """Describe `arm`; `to_best` is None for the best itself, `to_baseline` without a baseline."""
    confirmed = comparisons.confirmed
    summary = _score_summary(arm.scores, confirmed, [c.scores for c in arm.configurations])
    best = _difference(to_best, -confirmed.unit)  # the test is of the best minus the other
    if to_best is None:
        best["difference"] = 0.0
    baseline = _difference(to_baseline, confirmed.unit)
    variance = arm.selection_variance
    return ActivationComparison(
        **asdict(ComparedScores(**asdict(summary), **best)),
        activation=arm.activation,
        trials=tuple(configuration.trial for configuration in arm.configurations),
        failures=sum(configuration.failures for configuration in arm.configurations),
        repeats_needed=comparisons.repeats_needed(to_best) if to_best else None,
        tied=arm in comparisons.tied,
        probability_best=probability_best,
        search_sd=None if variance is None else abs(confirmed.unit) * sqrt(variance.variance),
        baseline_difference=baseline["difference"],
        baseline_difference_low=baseline["difference_low"],
        baseline_difference_high=baseline["difference_high"],
        baseline_p_value=baseline["p_value"],
        baseline_p_adjusted=baseline["p_adjusted"],
        fit_seconds=_fit_seconds(arm),
    )


def _score_summary(
    scores: Floats, confirmed: ConfirmationScores, single: Sequence[Floats] = ()
) -> ScoreSummary:
    """Summarize `scores` `(n,)`; `worst` is that of the `single` runs they are means of."""
    known = scores[np.isfinite(scores)]
    runs = np.concatenate(single) if single else scores
    interval = mean_interval(scores, confirmed.ratio)
    ends = [confirmed.unit * _within(end, confirmed.limits) for end in interval or ()]
    low, high = sorted(ends) if ends else (None, None)
    return ScoreSummary(
        n=len(known),
        mean=confirmed.unit * float(known.mean()) if len(known) else None,
        sd=abs(confirmed.unit) * float(known.std(ddof=1)) if len(known) > 1 else None,
        worst=confirmed.unit * float(np.nanmin(runs)) if len(known) else None,
        ci_low=low,
        ci_high=high,
    )


def _difference(comparison: Comparison | None, unit: float) -> _Difference:
    """Describe `comparison`; its difference times `unit` is in the metric's units and direction."""
    known = comparison is not None and comparison.test is not None
    interval = comparison.interval if comparison else None
    low, high = sorted(unit * end for end in interval) if interval else (None, None)
    return {
        "difference": unit * comparison.test.difference if comparison and comparison.test else None,
        "difference_low": low,
        "difference_high": high,
        "p_value": comparison.p_value if comparison and known else None,
        "p_adjusted": comparison.p_adjusted if comparison and known else None,
    }


def _baseline_comparison(comparisons: Comparisons) -> BaselineComparison | None:
    """Describe the baseline, and how far the recommended activation is from it."""
    confirmed, baseline = comparisons.confirmed, comparisons.confirmed.baseline
    if baseline is None:
        return None
    recommended = comparisons.recommended
    comparison = comparisons.to_baseline[confirmed.arms.index(recommended)] if recommended else None
    return BaselineComparison(
        activation=baseline.activation,
        trial=baseline.trial,
        params=_finite_params(baseline.params),
        failures=baseline.failures,
        **asdict(_score_summary(baseline.scores, confirmed)),
        **_difference(comparison, confirmed.unit),
    )


def _holdout(tests: Sequence[TestRun], metric: Metric) -> Holdout | None:
    """Describe the scores on the test rows; None before there are any."""
    if not tests:
        return None
    scores = {
        run.role: HoldoutScore(
            score=_known(run.scores, metric.name),
            validation_score=_known(run.validation_scores, metric.name),
            scores=_finite_scores(run.scores),
            validation_scores=_finite_scores(run.validation_scores),
            params=_finite_params(run.params),
            repeats=run.repeats,
        )
        for run in tests
    }
    winner = scores.get(TestRole.WINNER)
    optimism = None
    if winner and winner.score is not None and winner.validation_score is not None:
        sign = 1.0 if metric.direction is Direction.MAXIMIZE else -1.0
        optimism = sign * (winner.validation_score - winner.score)
    return Holdout(
        winner=winner,
        baseline=scores.get(TestRole.BASELINE),
        linear=scores.get(TestRole.LINEAR),
        trivial=scores.get(TestRole.TRIVIAL),
        optimism=optimism,
        reason=None if any(run.repeats for run in tests) else _NO_TEST_ROWS,
    )


def _within(value: float, limits: tuple[float, float]) -> float:
    """Cut an interval's end off where no score can be: the coverage stays the same."""
    return min(max(value, limits[0]), limits[1])


def _known(scores: Mapping[str, float], name: str) -> float | None:
    score = scores.get(name)
    return score if score is not None and isfinite(score) else None


def _finite_scores(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: score if isfinite(score) else None for name, score in scores.items()}


def _finite_params(params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in params.items()
    }


def _fit_seconds(arm: ActivationScore) -> float | None:
    """Return the mean training seconds of one run."""
    runs = sum(_runs(configuration) for configuration in arm.configurations)
    total = sum(configuration.fit_seconds for configuration in arm.configurations)
    return total / runs if runs and isfinite(total) else None


def _runs(configuration: Configuration) -> int:
    return int(np.isfinite(configuration.scores).sum())
