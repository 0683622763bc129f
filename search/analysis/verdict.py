"""The verdict on a study: which activation, how sure, and what would make it surer.

Pure functions of recorded runs; see `search.analysis.confirmation_scores` for what is compared,
`search.analysis.comparisons` for how, `search.analysis.verdict_text` for the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import isfinite

import numpy as np

from search.analysis.comparisons import Comparison, Comparisons, compare_all
from search.analysis.confirmation_scores import (
    ActivationScore,
    Configuration,
    ConfirmationScores,
    confirm,
)
from search.analysis.paired_tests import Floats, mean_interval
from search.analysis.search_summary import Json
from search.analysis.verdict_text import VerdictFacts, sentence
from search.metrics import Metric
from search.study import ConfirmationRun, ParamValue, TestRole, TestRun


class Outcome(StrEnum):
    """What the confirmation came to."""

    #: One activation is better than every other.
    WINNER = "winner"
    #: Several are as good as the best, and more repeats would not change that.
    TIED = "tied"
    #: The data cannot tell yet, more repeats or configurations could; or nothing was compared.
    UNDECIDED = "undecided"


_NO_TEST_ROWS = (
    "no rows were held out (evaluation.test_fraction is 0), so only validation scores are known; "
    "they flatter whatever the search chose"
)


def verdict(
    runs: Sequence[ConfirmationRun],
    tests: Sequence[TestRun],
    metric: Metric,
    importances: Mapping[str, float],
    *,
    unconfirmed: Sequence[str] = (),
) -> dict[str, Json]:
    """Return the verdict of the results document (API.md), ready for JSON.

    `metric` is the study's first objective, `importances` the shares of its axes (empty where
    unknown), `unconfirmed` names activations of the space that no complete trial had. Scores and
    differences are in the metric's own units and direction; a difference is that of the activation
    named first, minus that of the best (or of the baseline).
    """
    confirmed = confirm(runs, metric)
    comparisons = compare_all(confirmed)
    outcome, repeats_needed = _outcome(comparisons)
    recommended = comparisons.recommended
    test = _test(tests, metric, confirmed.sign)
    return {
        "winner": recommended.activation if recommended else None,
        "trial": recommended.best.trial if recommended else None,
        "params": _params(recommended.best.params) if recommended else None,
        "best": confirmed.levels[0].activation if confirmed.levels else None,
        "tied_with": [level.activation for level in comparisons.tied if level is not recommended],
        "failed": list(confirmed.failed),
        "unconfirmed": list(unconfirmed),
        "outcome": outcome.value,
        "repeats": confirmed.repeats,
        "repeats_needed": repeats_needed,
        "metric": metric.name,
        "alpha": comparisons.alpha,
        "baseline": _baseline_row(comparisons),
        "comparisons": _comparison_rows(comparisons),
        "test": test,
        "sentence": sentence(
            VerdictFacts(
                comparisons=comparisons,
                metric=metric,
                importances=importances,
                unconfirmed=unconfirmed,
                repeats_needed=repeats_needed,
                tests={run.role: run for run in tests},
            )
        ),
    }


def own_best_rows(runs: Sequence[ConfirmationRun], metric: Metric) -> dict[str, dict[str, Json]]:
    """Return, for each activation, how its best configuration did when trained anew.

    Best among those confirmed, by the mean over all its runs. The interval is wide enough for that
    choice: its correction for shared rows exceeds what choosing among a few adds.
    """
    confirmed = confirm(runs, metric)
    return {
        level.activation: {
            "confirmed_number": level.best.trial,
            **_score_row(level.best.scores, confirmed),
            "confirmed_failures": level.best.failures,
        }
        for level in confirmed.levels
    }


def _outcome(comparisons: Comparisons) -> tuple[Outcome, int | None]:
    """Return the outcome and, where more repeats would decide, how many more."""
    # Nothing compared is nothing won, and more repeats of one configuration each do not tell an
    # activation from the luck of its search.
    if len(comparisons.confirmed.levels) < 2 or not comparisons.confirmed.can_know_luck:
        return Outcome.UNDECIDED, None
    if len(comparisons.tied) == 1:
        return Outcome.WINNER, None
    if not comparisons.enough_pairs():
        return Outcome.UNDECIDED, comparisons.repeats_to_win() or comparisons.repeats_possible()
    needed = comparisons.repeats_to_win()
    return (Outcome.TIED if needed is None else Outcome.UNDECIDED), needed


def _comparison_rows(comparisons: Comparisons) -> list[Json]:
    confirmed = comparisons.confirmed
    to_baseline: Sequence[Comparison | None] = comparisons.to_baseline or (None,) * len(
        confirmed.levels
    )
    return [
        {
            "activation": level.activation,
            "trials": [configuration.trial for configuration in level.configurations],
            **_score_row(level.scores, confirmed, [c.scores for c in level.configurations]),
            "failures": sum(configuration.failures for configuration in level.configurations),
            **_best_difference(best, comparisons),
            "tied": level in comparisons.tied,
            "probability_best": chance,
            "search_sd": None if level.luck is None else float(np.sqrt(level.luck.variance)),
            **{
                f"baseline_{name}": value
                for name, value in _difference(baseline, confirmed.sign).items()
            },
            "fit_seconds": _fit_seconds(level),
        }
        for level, best, baseline, chance in zip(
            confirmed.levels,
            (None, *comparisons.to_best),
            to_baseline,
            comparisons.probabilities(),
            strict=bool(confirmed.levels),
        )
    ]


def _score_row(
    scores: Floats, confirmed: ConfirmationScores, single: Sequence[Floats] = ()
) -> dict[str, Json]:
    """Describe `scores` `(n,)`; `worst` is that of the `single` runs they are means of."""
    known = scores[np.isfinite(scores)]
    runs = np.concatenate(single) if single else scores
    interval = mean_interval(scores, confirmed.ratio)
    ends = [confirmed.sign * _within(end, confirmed.limits) for end in interval or ()]
    low, high = sorted(ends) if ends else (None, None)
    return {
        "n": len(known),
        "mean": confirmed.sign * float(known.mean()) if len(known) else None,
        "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
        "worst": confirmed.sign * float(np.nanmin(runs)) if len(known) else None,
        "ci_low": low,
        "ci_high": high,
    }


def _best_difference(comparison: Comparison | None, comparisons: Comparisons) -> dict[str, Json]:
    """Describe how far an activation is from the best; None for the best itself."""
    sign = -comparisons.confirmed.sign  # tests are of the best minus the other
    row = _difference(comparison, sign)
    if comparison is None:
        row["difference"] = 0.0
    needed = comparisons.repeats_needed(comparison) if comparison else None
    return {**row, "repeats_needed": needed}


def _difference(comparison: Comparison | None, sign: float) -> dict[str, Json]:
    known = comparison is not None and comparison.test is not None
    interval = comparison.interval if comparison else None
    low, high = sorted(sign * end for end in interval) if interval else (None, None)
    return {
        "difference": sign * comparison.test.difference if comparison and comparison.test else None,
        "difference_low": low,
        "difference_high": high,
        "p_value": comparison.p_value if comparison and known else None,
        "p_adjusted": comparison.p_adjusted if comparison and known else None,
    }


def _baseline_row(comparisons: Comparisons) -> Json:
    """Describe the baseline, and how far the recommended activation is from it."""
    confirmed, baseline = comparisons.confirmed, comparisons.confirmed.baseline
    if baseline is None:
        return None
    recommended = comparisons.recommended
    comparison = (
        comparisons.to_baseline[confirmed.levels.index(recommended)] if recommended else None
    )
    return {
        "activation": baseline.activation,
        "trial": baseline.trial,
        "params": _params(baseline.params),
        **_score_row(baseline.scores, confirmed),
        "failures": baseline.failures,
        **_difference(comparison, confirmed.sign),
    }


def _test(tests: Sequence[TestRun], metric: Metric, sign: float) -> Json:
    """Describe the held-out test; None before there is one.

    `optimism` is by how much the winner's validation score was better than its test score, in the
    metric's units; negative where the test went better. `reason` says why there are no test scores.
    """
    if not tests:
        return None
    rows: dict[TestRole, dict[str, Json]] = {
        run.role: {
            "score": _known(run.scores, metric.name),
            "validation_score": _known(run.validation_scores, metric.name),
            "scores": _params(run.scores),
            "validation_scores": _params(run.validation_scores),
            "params": _params(run.params),
            "repeats": run.repeats,
        }
        for run in tests
    }
    winner = next((run for run in tests if run.role is TestRole.WINNER), None)
    optimism = None
    if winner is not None:
        score = _known(winner.scores, metric.name)
        validated = _known(winner.validation_scores, metric.name)
        if score is not None and validated is not None:
            optimism = sign * (validated - score)
    held_out = any(run.repeats for run in tests)
    return {
        **{role.value: rows.get(role) for role in TestRole},
        "optimism": optimism,
        "reason": None if held_out else _NO_TEST_ROWS,
    }


def _within(value: float, limits: tuple[float, float]) -> float:
    """Cut an interval's end off where no score can be: what is left covers as often."""
    return min(max(value, limits[0]), limits[1])


def _known(scores: Mapping[str, float], name: str) -> float | None:
    score = scores.get(name)
    return score if score is not None and isfinite(score) else None


def _params(params: Mapping[str, ParamValue] | Mapping[str, float]) -> dict[str, Json]:
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in params.items()
    }


def _fit_seconds(level: ActivationScore) -> float | None:
    """Mean training seconds of one run."""
    runs = sum(_runs(configuration) for configuration in level.configurations)
    total = sum(configuration.fit_seconds for configuration in level.configurations)
    return total / runs if runs and isfinite(total) else None


def _runs(configuration: Configuration) -> int:
    return int(np.isfinite(configuration.scores).sum())
