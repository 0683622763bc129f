"""The verdict in words: one plain English sentence with its numbers.

Each clause is a function of the facts, and empty where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from search.activations.arms import title_of
from search.analysis.candidates import config_key
from search.analysis.comparisons import MOST_REPEATS, Comparison, Comparisons, simplicity
from search.analysis.confirmation_scores import ActivationScore
from search.analysis.paired_tests import POWER
from search.metrics import Direction, Metric
from search.study import TestRole, TestRun

#: Metrics that are shares, which people think of in percentage points.
_IN_POINTS = frozenset({"accuracy", "balanced_accuracy", "f1", "roc_auc"})
#: Of more names than this the rest is counted, not named.
_MOST_NAMES = 4
#: Powers of ten of an uncertainty between which numbers are written without an exponent.
_LEAST_DIGIT, _GREATEST_DIGIT = -7, 9
#: Two shares of variance with a smaller quotient are called alike: a forest of a few dozen trials
#: cannot tell them apart.
_ALIKE = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerdictFacts:
    """The facts that a sentence states."""

    comparisons: Comparisons
    metric: Metric
    importances: Mapping[str, float]
    #: Activations of the space that no complete trial had.
    unconfirmed: Sequence[str]
    repeats_needed: int | None
    tests: Mapping[TestRole, TestRun]


def sentence(facts: VerdictFacts) -> str:
    """Say who is best, how sure that is, what it gains, and what matters more."""
    clauses = (
        _who(facts),
        _what_would_decide(facts),
        _failed(facts),
        _unconfirmed(facts),
        _against_baseline(facts),
        _against_references(facts),
        _what_matters(facts),
        _held_out(facts),
    )
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}."


def _who(facts: VerdictFacts) -> str:
    comparisons = facts.comparisons
    arms, tied = comparisons.confirmed.arms, comparisons.tied
    if not arms and not comparisons.confirmed.failed:
        return "nothing could be confirmed"
    if not arms:
        return "no configuration could be trained again to the end, so nothing was compared"
    if len(arms) == 1:
        return (
            f"{_title(arms[0])} is the only activation confirmed, so there is no other to "
            "compare it with"
        )
    if len(tied) == 1:
        gap = _difference(comparisons.to_best[0], facts)
        other = f"{_title(arms[1])}, the next," if len(arms) > 2 else _title(arms[1])
        if not comparisons.confirmed.is_selection_variance_known:
            return f"the one configuration of {_title(arms[0])} beats that of {other} by {gap}"
        return f"{_title(arms[0])} is the best, ahead of {other} by {gap}"
    if len(tied) == len(arms):
        whom = "the two" if len(arms) == 2 else f"the {len(arms)}"
        who = f"nothing separates {whom} activations ({_names(tied)})"
    else:
        who = f"{_names(tied)} are tied"
    return f"{who}, {_which(comparisons)}"


def _which(comparisons: Comparisons) -> str:
    """Say which of the tied activations is recommended, and why."""
    recommended, simplest = comparisons.recommended, min(map(simplicity, comparisons.tied))
    if recommended is None:
        return "and none is recommended"
    name = _title(recommended)
    if simplicity(recommended) == simplest:
        return f"and {name} is the simplest of them"
    if recommended is comparisons.tied[0]:
        return f"and no simpler one is within one standard error of {name}, the best"
    return f"and {name} is the simplest of those within one standard error of the best"


def _what_would_decide(facts: VerdictFacts) -> str:
    comparisons, needed = facts.comparisons, facts.repeats_needed
    arms, tied = comparisons.confirmed.arms, comparisons.tied
    if len(arms) > 1 and not comparisons.confirmed.is_selection_variance_known:
        return (
            "one configuration of each does not tell an activation from the luck of its search: "
            "confirm two of each at least (evaluation.confirm_top, and more trials)"
        )
    if len(tied) < 2:
        return ""
    more = "" if needed is None else f"{needed} more {_plural('repeat', needed)}"
    if not comparisons.enough_pairs():
        pairs = comparisons.known_pairs()
        return (
            f"{pairs} {_plural('pair', pairs)} of runs cannot name a winner whatever the scores, "
            f"at least {comparisons.least_pairs()} are needed"
            + (f": ask for {more}" if more else "")
        )
    comparison = comparisons.to_best[arms.index(tied[1]) - 1]
    gap = _difference(comparison, facts)
    if more:
        return (
            f"{_title(arms[0])} leads {_title(tied[1])} by {gap}, which can be chance: {more} "
            f"would decide it with {100 * POWER:.0f} % probability if the difference is truly so "
            "large"
        )
    if comparison.test is not None and comparison.test.difference == 0.0:
        return f"{_title(arms[0])} and {_title(tied[1])} score the same"
    return (
        f"{_title(arms[0])} leads {_title(tied[1])} by {gap}, and not even {MOST_REPEATS} "
        "repeats would make that certain: only more rows or more trials could"
    )


def _failed(facts: VerdictFacts) -> str:
    failed = facts.comparisons.confirmed.failed
    if not failed:
        return ""
    return f"{_join([_short(name) for name in failed])} failed in every run"


def _unconfirmed(facts: VerdictFacts) -> str:
    names = [_short(name) for name in facts.unconfirmed]
    if not names:
        return ""
    whom = "it was" if len(names) == 1 else "they were"
    return f"no trial of {_join(names, 'or')} came to its end, so {whom} not confirmed"


def _against_baseline(facts: VerdictFacts) -> str:
    comparisons = facts.comparisons
    confirmed, tied = comparisons.confirmed, comparisons.tied
    if confirmed.baseline is None or not tied:
        return ""
    name = f"the baseline ({_short(confirmed.baseline.activation)} with He initialization)"
    shown = [
        (arm, comparison, comparison.test.difference)
        for arm, comparison in zip(confirmed.arms, comparisons.to_baseline, strict=True)
        if arm in tied and comparison.p_adjusted < comparisons.alpha and comparison.test
    ]
    ahead = [(arm, c) for arm, c, difference in shown if difference > 0.0]
    behind = [(arm, c) for arm, c, difference in shown if difference < 0.0]
    if len(behind) == len(tied):
        whom = _all_of(tied)
        least = "at least " if len(tied) > 1 else ""
        return f"{name} beats {whom} by {least}{_difference(_least(behind), facts, -1.0)}"
    if not ahead:
        whom = "none of them is" if len(tied) > 1 else f"{_title(tied[0])} is not"
        same = ", which is the configuration recommended" if _is_baseline(comparisons) else ""
        return f"{whom} shown to beat {name}{same}"
    gap = _difference(_least(ahead), facts)
    if len(ahead) == 1:
        return f"{_title(ahead[0][0])} beats {name} by {gap}"
    who = _all_of(tied) if len(ahead) == len(tied) else _names([arm for arm, _ in ahead])
    return f"{who} beat {name} by at least {gap}"


def _all_of(tied: Sequence[ActivationScore]) -> str:
    return (_title(tied[0]), "both")[len(tied) - 1] if len(tied) < 3 else "all of them"


def _least(gaps: Sequence[tuple[ActivationScore, Comparison]]) -> Comparison:
    """Return the comparison with the smallest difference."""
    return min((c for _, c in gaps), key=lambda c: abs(c.test.difference) if c.test else 0.0)


def _is_baseline(comparisons: Comparisons) -> bool:
    recommended, baseline = comparisons.recommended, comparisons.confirmed.baseline
    if recommended is None or baseline is None:
        return False
    return config_key(recommended.best.params) == config_key(baseline.params)


#: Predictors that a network has to beat, the easier first, and the meaning of a defeat.
_REFERENCES = (
    (TestRole.TRIVIAL, "a predictor that knows no features", "nothing was learned"),
    (TestRole.LINEAR, "a linear model", "a network may not pay"),
)


def _against_references(facts: VerdictFacts) -> str:
    winner = facts.tests.get(TestRole.WINNER)
    for role, who, meaning in _REFERENCES:
        reference = facts.tests.get(role)
        if winner is None or reference is None:
            continue
        rows = _rows_not_won(facts.metric, winner, reference)
        if rows is not None:
            return f"{who} does at least as well on the {rows} rows, so {meaning}"
    return ""


def _rows_not_won(metric: Metric, winner: TestRun, reference: TestRun) -> str | None:
    """Return the rows, test or validation, on which the reference does as well; else None.

    The test rows decide where both were scored on them.
    """
    for rows, ours, other in (
        ("test", winner.scores, reference.scores),
        ("validation", winner.validation_scores, reference.validation_scores),
    ):
        if metric.name in ours and metric.name in other:
            return rows if _gain(metric, other[metric.name] - ours[metric.name]) >= 0.0 else None
    return None


def _what_matters(facts: VerdictFacts) -> str:
    shares = {name: share for name, share in facts.importances.items() if isfinite(share)}
    own = shares.pop("activation", None)
    if own is None or not shares:
        return ""
    other = max(shares, key=lambda name: shares[name])
    low, high = sorted((own, shares[other]))
    if high < _ALIKE * low:
        relation = "about as much here as"
    else:
        relation = f"{'less' if own < shares[other] else 'more'} here than"
    variance = f"({100 * own:.0f} % of the variance against {100 * shares[other]:.0f} %)"
    return f"the activation matters {relation} the {other.replace('_', ' ')} {variance}"


def _held_out(facts: VerdictFacts) -> str:
    winner = facts.tests.get(TestRole.WINNER)
    name = facts.metric.name
    if winner is None or name not in winner.scores or name not in winner.validation_scores:
        return ""
    gain = _gain(facts.metric, winner.scores[name] - winner.validation_scores[name])
    reach = max(abs(gain), min(0.001, 0.01 * abs(winner.scores[name])))
    score = _number(winner.scores[name], facts.metric, reach)
    unit = " %" if facts.metric.name in _IN_POINTS else ""
    by = _amount(abs(gain), facts.metric, reach)
    scored = (
        f"on the held-out test rows {_short(str(winner.params['activation']))} scores {score}{unit}"
    )
    if float(by.split()[0]) == 0.0:
        return f"{scored}, as in validation"
    return f"{scored}, {by} {'worse' if gain < 0.0 else 'better'} than in validation"


def _difference(comparison: Comparison, facts: VerdictFacts, side: float = 1.0) -> str:
    """Return a text such as "0.8 points [0.3, 1.3]": the first minus the second, as a gain.

    With `side` -1 it is the second minus the first.
    """
    metric, size = facts.metric, side * abs(facts.comparisons.confirmed.unit)
    if comparison.test is None or comparison.interval is None:
        return "an unknown amount"
    difference = size * comparison.test.difference
    low, high = sorted(size * end for end in comparison.interval)
    reach = (high - low) / 2.0 or abs(difference)
    ends = f"[{_number(low, metric, reach)}, {_number(high, metric, reach)}]"
    if metric.name in _IN_POINTS:
        return f"{_amount(difference, metric, reach)} {ends}"
    return f"{_number(difference, metric, reach)} {ends} in {_unit(metric)}"


def _amount(value: float, metric: Metric, reach: float) -> str:
    number = _number(value, metric, reach)
    return f"{number} points" if metric.name in _IN_POINTS else f"{number}"


def _number(value: float, metric: Metric, reach: float) -> str:
    """Return `value` as text, to the second digit of `reach`, its uncertainty."""
    scale = 100.0 if metric.name in _IN_POINTS else 1.0
    size = abs(reach) * scale
    digit = floor(log10(size)) if size > 0.0 and isfinite(size) else 0
    if value != 0.0 and not _LEAST_DIGIT <= digit <= _GREATEST_DIGIT:
        digits = floor(log10(abs(value * scale))) - digit + 1
        return f"{value * scale:.{max(0, digits)}e}"
    shown = f"{value * scale:.{max(0, 1 - digit)}f}"
    return shown.lstrip("-") if float(shown) == 0.0 else shown


def _unit(metric: Metric) -> str:
    return metric.title if metric.title.isupper() else metric.title.lower()


def _gain(metric: Metric, difference: float) -> float:
    return difference if metric.direction is Direction.MAXIMIZE else -difference


def _title(arm: ActivationScore) -> str:
    return _short(arm.activation)


def _short(activation: str) -> str:
    return title_of(activation).split(" (")[0]


def _names(arms: Sequence[ActivationScore]) -> str:
    return _join([_title(arm) for arm in arms])


def _join(names: Sequence[str], word: str = "and") -> str:
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
