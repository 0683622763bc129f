"""What the test rows say of the recommended network, the baseline and the reference models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.analysis.confirmation_table import ConfirmationTable, Network
from search.analysis.finite import finite, finite_params
from search.analysis.network_verdict import mean_interval
from search.analysis.score_summaries import LEVEL, within
from search.metrics import Direction, Metric
from search.study import TestRole, TestRun
from search.study.results import Holdout, HoldoutScore

_NO_TEST_ROWS = (
    "no rows were held out (evaluation.test_fraction is 0), so only validation scores are known; "
    "they flatter whatever the search chose"
)


def holdout(
    tests: Sequence[TestRun],
    metric: Metric,
    table: ConfirmationTable,
    network: Network | None,
) -> Holdout | None:
    """Describe the scores on the test rows; None before there are any."""
    if not tests:
        return None
    trained = {TestRole.WINNER: network, TestRole.BASELINE: table.baseline}
    scores = {run.role: _score(run, metric, table, trained.get(run.role)) for run in tests}
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


def _score(
    run: TestRun, metric: Metric, table: ConfirmationTable, network: Network | None
) -> HoldoutScore:
    low, high = mean_interval(table, network, run, LEVEL) or (None, None)
    return HoldoutScore(
        score=_known(run.scores, metric.name),
        validation_score=_known(run.validation_scores, metric.name),
        scores={name: finite(score) for name, score in run.scores.items()},
        validation_scores={name: finite(score) for name, score in run.validation_scores.items()},
        params=finite_params(run.params),
        repeats=run.repeats,
        ci_low=None if low is None else within(low, metric.limits),
        ci_high=None if high is None else within(high, metric.limits),
    )


def _known(scores: Mapping[str, float], name: str) -> float | None:
    return finite(scores.get(name, float("nan")))
