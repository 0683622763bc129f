"""The verdict on a study: which arm, how sure, and what would make it surer.

Pure functions of recorded runs. The arms are compared in `search.analysis.against_best`, over all
looks in `search.analysis.looks`, the networks in `search.analysis.network_verdict`; the words are
those of `search.analysis.verdict_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite, sqrt

import numpy as np

from search.analysis.confirmation_table import Arm, ConfirmationTable, Network, tabulate
from search.analysis.error_model import Difference
from search.analysis.looks import ALPHA, Review, look, review
from search.analysis.network_verdict import Against, mean_interval, network_differences
from search.analysis.power import Needs, needs_of
from search.analysis.probability_best import probability_best
from search.analysis.recommendation import recommended_arm
from search.analysis.verdict_text import VerdictFacts, network_sentence, sentence
from search.metrics import Direction, Metric
from search.study import ConfirmationRun, Evaluation, ParamValue, Question, TestRole, TestRun
from search.study.results import (
    ArmComparison,
    BaselineScores,
    ConfirmedBest,
    Holdout,
    HoldoutScore,
    NetworkDifference,
    NetworkVerdict,
    Outcome,
    ScoreSummary,
    Stopped,
    Verdict,
)

#: Level of all intervals.
LEVEL = 0.95
#: An arm with a smaller share of the trials of the arm that had most was tuned less.
_EQUAL_SHARE = 0.8

_NO_TEST_ROWS = (
    "no rows were held out (evaluation.test_fraction is 0), so only validation scores are known; "
    "they flatter whatever the search chose"
)


def verdict(
    runs: Sequence[ConfirmationRun],
    tests: Sequence[TestRun],
    metric: Metric,
    *,
    arms: Sequence[str],
    question: Question = Question.ACTIVATION,
    evaluation: Evaluation | None = None,
    least_repeats: int = 0,
    tuned: Mapping[str, int] | None = None,
    importances: Mapping[str, float] | None = None,
    objectives: int = 1,
) -> Verdict:
    """Return the verdict on the confirmation `runs` and the `tests` on held-out rows.

    `metric` is the study's first objective of `objectives`, `arms` all arms of its `question`.
    `tuned` holds the trials of each arm, all searches together; `importances` the shares of axes,
    empty where nothing can be said. Scores and differences are in the metric's own units and
    direction.
    """
    evaluation = evaluation or Evaluation()
    found = review(runs, metric, region=evaluation.region, most_repeats=evaluation.confirm_repeats)
    table = found.comparisons.table
    unequal = _unequal(tuned or {})
    recommended = recommended_arm(found.comparisons, question)
    needs = {
        name: needs_of(difference, table, found)
        for name, difference in found.comparisons.to_best.items()
    }
    worse = found.worse - unequal
    rows = _comparisons(found, needs, unequal, tuned or {})
    outcome = _outcome(rows, needs)
    known = {arm.name for arm in table.arms} | set(table.failed)
    against = network_differences(table, recommended.best, tests) if recommended else ()
    decision = look(
        runs,
        metric,
        arms=sorted(known),
        region=evaluation.region,
        most_repeats=evaluation.confirm_repeats,
        least_repeats=least_repeats,
    )
    unconfirmed = tuple(name for name in arms if name not in known)
    facts = VerdictFacts(
        question=question,
        metric=metric,
        found=found,
        worse=worse,
        unequal=unequal,
        outcome=outcome,
        needs=needs,
        recommended=recommended,
        against=against,
        unconfirmed=unconfirmed,
        importances=importances or {},
        tests={run.role: run for run in tests},
        objectives=objectives,
    )
    open_needs = [needs[row.arm] for row in rows if row.arm in needs and row.arm in found.open]
    best = recommended.best if recommended else None
    return Verdict(
        question=question.value,
        winner=recommended.name if recommended else None,
        trial=best.trial if best else None,
        params=finite_params(best.params) if best else None,
        best=table.arms[0].name if table.arms else None,
        tied_with=tuple(
            row.arm for row in rows if row.tied and recommended and row.arm != recommended.name
        ),
        failed=table.failed,
        unconfirmed=unconfirmed,
        outcome=outcome,
        stopped=decision.stopped or Stopped.BUDGET,
        repeats=table.repeats,
        searches=max((len(arm.networks) for arm in table.arms), default=0),
        repeats_needed=_least([need.repeats for need in open_needs]),
        searches_needed=_least([need.searches for need in open_needs]),
        rows_needed=_least([need.rows for need in open_needs]),
        metric=metric.name,
        alpha=ALPHA,
        level=LEVEL,
        region=found.region.size,
        region_rule=found.region.rule,
        baseline=_baseline(table),
        comparisons=rows,
        network=_network(table, recommended, against, found, facts) if recommended else None,
        test=_holdout(tests, metric, table, best),
        sentence=sentence(facts),
    )


def confirmed_bests(runs: Sequence[ConfirmationRun], metric: Metric) -> dict[str, ConfirmedBest]:
    """Return, for each activation, the scores of its best champion, trained anew."""
    table = tabulate(runs, metric)
    best: dict[str, Network] = {}
    for arm in table.arms:
        for network in arm.networks:
            known = best.get(network.activation)
            if known is None or network.mean() > known.mean():
                best[network.activation] = network
    return {
        name: ConfirmedBest(
            confirmed_number=network.trial,
            confirmed_failures=network.failures,
            **asdict(_network_summary(network, table)),
        )
        for name, network in best.items()
    }


def finite_params(params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return `params` with None for numbers that are not finite."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in params.items()
    }


def _unequal(tuned: Mapping[str, int]) -> frozenset[str]:
    most = max(tuned.values(), default=0)
    return frozenset(name for name, trials in tuned.items() if trials < _EQUAL_SHARE * most)


def _outcome(rows: Sequence[ArmComparison], needs: Mapping[str, Needs]) -> Outcome:
    others = rows[1:]
    if not others:
        return Outcome.UNDECIDED
    left = [row for row in others if not row.worse]
    if not left:
        return Outcome.WINNER
    if all(row.equivalent for row in left):
        return Outcome.EQUIVALENT
    more = any(needs[row.arm].repeats is not None for row in left if row.arm in needs)
    return Outcome.UNDECIDED if more else Outcome.TIED


def _comparisons(
    found: Review,
    needs: Mapping[str, Needs],
    unequal: frozenset[str],
    tuned: Mapping[str, int],
) -> tuple[ArmComparison, ...]:
    table, model = found.comparisons.table, found.comparisons.model
    if not table.arms:
        return ()
    chances = probability_best(table, model)
    return tuple(
        _comparison(arm, found, needs.get(arm.name), unequal, tuned, float(chance))
        for arm, chance in zip(table.arms, chances, strict=True)
    )


def _comparison(
    arm: Arm,
    found: Review,
    need: Needs | None,
    unequal: frozenset[str],
    tuned: Mapping[str, int],
    chance: float,
) -> ArmComparison:
    table, model = found.comparisons.table, found.comparisons.model
    is_best = arm is table.arms[0]
    difference = found.comparisons.to_best.get(arm.name)
    # The best is compared with the next, seen from its own side.
    second = found.comparisons.to_best.get(table.arms[1].name) if len(table.arms) > 1 else None
    beside = second if is_best else difference
    size = found.region.size / abs(table.unit)
    worse = arm.name in found.worse and arm.name not in unequal
    low, high = _ends(difference, -table.unit)
    runs = sum(network.runs for network in arm.networks)
    seconds = sum(network.fit_seconds for network in arm.networks)
    own = model.mean(arm).searches[0].variance
    return ArmComparison(
        **asdict(_arm_summary(arm, found)),
        arm=arm.name,
        activation=arm.best.activation,
        trials=tuple(network.trial for network in arm.networks),
        searches=len(arm.networks),
        repeats=int(arm.done.sum()),
        failures=sum(network.failures for network in arm.networks),
        tuned=tuned.get(arm.name, 0),
        unequal_tuning=arm.name in unequal,
        difference=0.0 if difference is None else finite(-table.unit * difference.estimate),
        difference_low=low,
        difference_high=high,
        p_value=difference.p_one_sided if difference else None,
        p_adjusted=found.adjusted.get(arm.name),
        worse=worse,
        equivalent=arm.name in found.equivalent,
        tied=not worse,
        probability_better=_better(beside, is_best=is_best),
        probability_equivalent=beside.probability_within(size) if beside else None,
        probability_best=chance,
        detectable=finite(need.detectable * abs(table.unit)) if need else None,
        repeats_needed=need.repeats if need and arm.name in found.open else None,
        searches_needed=need.searches if need and arm.name in found.open else None,
        rows_needed=need.rows if need and arm.name in found.open else None,
        search_sd=finite(abs(table.unit) * sqrt(own)),
        fit_seconds=finite(seconds / runs) if runs else None,
    )


def _better(difference: Difference | None, *, is_best: bool) -> float | None:
    if difference is None:
        return None
    return 1.0 - difference.p_one_sided if is_best else difference.p_one_sided


def _arm_summary(arm: Arm, found: Review) -> ScoreSummary:
    table = found.comparisons.table
    # Of a resample the mean over the champions that were trained on it.
    by_network = np.array([network.scores for network in arm.networks])
    known = by_network[:, np.isfinite(by_network).all(axis=0)].mean(axis=0)
    return _summary(known, by_network, arm.mean, found.comparisons.model.mean(arm), table)


def _network_summary(network: Network, table: ConfirmationTable) -> ScoreSummary:
    known = network.scores[np.isfinite(network.scores)]
    return _summary(known, known, network.mean(), None, table)


def _baseline(table: ConfirmationTable) -> BaselineScores | None:
    network = table.baseline
    if network is None:
        return None
    return BaselineScores(
        **asdict(_network_summary(network, table)),
        activation=network.activation,
        trial=network.trial,
        params=finite_params(network.params),
        failures=network.failures,
    )


def _summary(
    scores: np.typing.NDArray[np.float64],
    single: np.typing.NDArray[np.float64],
    mean: float,
    error: Difference | None,
    table: ConfirmationTable,
) -> ScoreSummary:
    """Summarize `scores` `(n,)` of resamples; `worst` is that of the `single` runs."""
    low, high = _ends(error, table.unit, table.limits)
    return ScoreSummary(
        n=len(scores),
        mean=finite(table.unit * mean),
        sd=finite(abs(table.unit) * float(scores.std(ddof=1))) if len(scores) > 1 else None,
        worst=finite(table.unit * float(np.nanmin(single))) if np.isfinite(single).any() else None,
        ci_low=low,
        ci_high=high,
    )


def _network(
    table: ConfirmationTable,
    recommended: Arm,
    against: Sequence[Against],
    found: Review,
    facts: VerdictFacts,
) -> NetworkVerdict:
    size = found.region.size / abs(table.unit)
    rows = [_difference(one, table.unit, size) for one in against]
    differences = [row for row in rows if row is not None]
    baseline = next(
        (d for d in differences if d.reference == TestRole.BASELINE and d.rows == "validation"),
        None,
    )
    return NetworkVerdict(
        trial=recommended.best.trial,
        params=finite_params(recommended.best.params),
        difference=baseline.difference if baseline else None,
        ci_low=baseline.ci_low if baseline else None,
        ci_high=baseline.ci_high if baseline else None,
        p_value=baseline.p_value if baseline else None,
        probability_better=baseline.probability_better if baseline else None,
        probability_equivalent=baseline.probability_equivalent if baseline else None,
        differences=tuple(differences),
        sentence=network_sentence(facts),
    )


def _difference(one: Against, unit: float, size: float) -> NetworkDifference | None:
    low, high = _ends(one.difference, unit)
    if low is None or high is None:
        return None
    return NetworkDifference(
        reference=one.reference.value,
        rows=one.rows,
        difference=unit * one.difference.estimate,
        ci_low=low,
        ci_high=high,
        p_value=one.difference.p_one_sided,
        probability_better=1.0 - one.difference.p_one_sided,
        probability_equivalent=one.difference.probability_within(size),
    )


def _holdout(
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
        ci_low=None if low is None else _within(low, metric.limits),
        ci_high=None if high is None else _within(high, metric.limits),
    )


def _ends(
    difference: Difference | None, unit: float, limits: tuple[float, float] | None = None
) -> tuple[float | None, float | None]:
    """Return the ends of the interval times `unit`, the lower first; None where not finite."""
    if difference is None or not isfinite(difference.error):
        return None, None
    ends = difference.interval(LEVEL)
    if limits is not None:
        ends = _within(ends[0], limits), _within(ends[1], limits)
    low, high = sorted(unit * end for end in ends)
    return finite(low), finite(high)


def _within(value: float, limits: tuple[float, float]) -> float:
    """Cut an interval's end off where no score can be: the coverage stays the same."""
    return min(max(value, limits[0]), limits[1])


def _known(scores: Mapping[str, float], name: str) -> float | None:
    return finite(scores.get(name, float("nan")))


def finite(value: float) -> float | None:
    """Return `value`, None where it is not finite."""
    return value if isfinite(value) else None


def _least(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
