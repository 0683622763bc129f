"""The verdict on a study: which arm, how sure, and what would make it surer.

Pure functions of recorded runs. The arms are compared in `search.analysis.against_best`, over all
looks in `search.analysis.looks`, the networks in `search.analysis.network_verdict`; the words are
those of `search.analysis.verdict_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from search.analysis.arm_comparisons import arm_comparisons, tuned_less
from search.analysis.confirmation_table import Arm, ConfirmationTable, Network, tabulate
from search.analysis.finite import finite_params
from search.analysis.holdout_scores import holdout
from search.analysis.looks import ALPHA, Review, look, review
from search.analysis.network_text import network_sentence
from search.analysis.network_verdict import Against, network_differences
from search.analysis.power import Needs, needs_of
from search.analysis.recommendation import recommended_arm
from search.analysis.score_summaries import LEVEL, interval_ends, network_summary
from search.analysis.verdict_facts import VerdictFacts
from search.analysis.verdict_text import sentence
from search.metrics import Metric
from search.study import ConfirmationRun, Evaluation, Question, TestRole, TestRun
from search.study.results import (
    ArmComparison,
    BaselineScores,
    ConfirmedBest,
    NetworkDifference,
    NetworkVerdict,
    Outcome,
    Stopped,
    Verdict,
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
    unequal = tuned_less(tuned or {})
    recommended = recommended_arm(found.comparisons, question)
    needs = {
        name: needs_of(difference, table, found)
        for name, difference in found.comparisons.to_best.items()
    }
    worse = found.worse - unequal
    rows = arm_comparisons(found, needs, unequal, tuned or {})
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
        repeats=1 + max((run.repeat for run in runs), default=-1),
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
        test=holdout(tests, metric, table, best),
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
            **asdict(network_summary(network, table)),
        )
        for name, network in best.items()
    }


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


def _baseline(table: ConfirmationTable) -> BaselineScores | None:
    network = table.baseline
    if network is None:
        return None
    return BaselineScores(
        **asdict(network_summary(network, table)),
        activation=network.activation,
        trial=network.trial,
        params=finite_params(network.params),
        failures=network.failures,
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
    low, high = interval_ends(one.difference, unit)
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


def _least(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
