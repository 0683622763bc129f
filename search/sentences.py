"""The verdict in words: one plain English sentence with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from search.activations import get_activation
from search.comparisons import Comparison, Judgement, simplicity
from search.confirmed import Level
from search.metrics import Direction, Metric
from search.study import TestRole, TestRun

#: Shares, which people think of in percentage points.
_IN_POINTS = frozenset({"accuracy", "balanced_accuracy", "f1", "roc_auc"})
#: More names than this are counted.
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grounds:
    """Everything a sentence is made from."""

    judgement: Judgement
    metric: Metric
    importances: Mapping[str, float]
    #: False where more repeats could change the outcome.
    decided: bool
    repeats_needed: int | None
    tests: Mapping[TestRole, TestRun]


def sentence(grounds: Grounds) -> str:
    """Say who is best, how sure that is, what it gains, and what matters more."""
    clauses = (
        _who(grounds),
        _what_would_decide(grounds),
        _failed(grounds),
        _against_baseline(grounds),
        _against_linear(grounds),
        _what_matters(grounds),
        _held_out(grounds),
    )
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}."


def _who(grounds: Grounds) -> str:
    judgement = grounds.judgement
    levels, tied = judgement.confirmed.levels, judgement.tied
    if not levels:
        return "no configuration could be trained again to the end, so nothing was compared"
    if len(levels) == 1:
        return f"{_title(levels[0])} is the only activation confirmed, so nothing was compared"
    if len(tied) == 1:
        gap = _difference(judgement.to_best[0], grounds.metric)
        return f"{_title(levels[0])} is the best, ahead of {_title(levels[1])}, the next, by {gap}"
    if len(tied) == len(levels):
        whom = "the two" if len(levels) == 2 else f"the {len(levels)}"
        who = f"nothing separates {whom} activations ({_names(tied)})"
    else:
        who = f"{_names(tied)} are tied"
    recommended = judgement.recommended
    if recommended is None:
        return who
    simplest = simplicity(recommended) == min(map(simplicity, tied))
    of = "of them" if simplest else "of those within one standard error of the best"
    return f"{who}, {_title(recommended)} is the simplest {of}"


def _what_would_decide(grounds: Grounds) -> str:
    judgement, needed = grounds.judgement, grounds.repeats_needed
    levels, tied = judgement.confirmed.levels, judgement.tied
    if len(tied) < 2:
        return ""
    more = "" if needed is None else f"{needed} more {_plural('repeat', needed)}"
    if not judgement.enough_pairs():
        pairs = judgement.known_pairs()
        return (
            f"{pairs} {_plural('pair', pairs)} of runs cannot name a winner whatever the scores, "
            f"at least {judgement.least_pairs()} are needed" + (f": ask for {more}" if more else "")
        )
    comparison = judgement.to_best[levels.index(tied[1]) - 1]
    gap = _difference(comparison, grounds.metric)
    if more:
        return (
            f"{_title(levels[0])} leads {_title(tied[1])} by {gap}, which can be chance: {more} "
            "would decide it with 80 % probability if the difference is real"
        )
    if comparison.test is not None and comparison.test.difference == 0.0:
        return f"{_title(levels[0])} and {_title(tied[1])} score the same"
    return (
        f"{_title(levels[0])} leads {_title(tied[1])} by {gap}, and no number of repeats would "
        "make that certain: only more rows or more trials could"
    )


def _failed(grounds: Grounds) -> str:
    failed = grounds.judgement.confirmed.failed
    if not failed:
        return ""
    return f"{_join([_short(name) for name in failed])} failed in every run"


def _against_baseline(grounds: Grounds) -> str:
    judgement = grounds.judgement
    confirmed, tied = judgement.confirmed, judgement.tied
    if confirmed.baseline is None or not tied:
        return ""
    name = f"the baseline ({_short(confirmed.baseline.activation)} with He initialization)"
    ahead = [
        (level, comparison)
        for level, comparison in zip(confirmed.levels, judgement.to_baseline, strict=True)
        if level in tied
        and comparison.p_adjusted < judgement.alpha
        and comparison.test is not None
        and comparison.test.difference > 0.0
    ]
    if not ahead:
        whom = "none of them" if len(tied) > 1 else "it"
        return f"{whom} {'is' if len(tied) > 1 else 'is not'} shown to beat {name}"
    least = min((c for _, c in ahead), key=lambda c: c.test.difference if c.test else 0.0)
    gap = _difference(least, grounds.metric)
    if len(ahead) == 1:
        who = _title(ahead[0][0]) if len(tied) > 1 else "it"
        return f"{who} beats {name} by {gap}"
    if len(ahead) == len(tied):
        who = "both" if len(tied) == 2 else "all of them"
    else:
        who = _names([level for level, _ in ahead])
    return f"{who} beat {name} by at least {gap}"


def _against_linear(grounds: Grounds) -> str:
    winner, linear = (grounds.tests.get(role) for role in (TestRole.WINNER, TestRole.LINEAR))
    if winner is None or linear is None:
        return ""
    name = grounds.metric.name
    for kind, ours, other in (
        ("test", winner.scores.get(name), linear.scores.get(name)),
        ("validation", winner.validation_scores.get(name), linear.validation_scores.get(name)),
    ):
        if ours is not None and other is not None:
            if _gain(grounds.metric, other - ours) < 0.0:
                return ""
            return f"a linear model does as well on the {kind} rows, so a network may not pay"
    return ""


def _what_matters(grounds: Grounds) -> str:
    shares = {name: share for name, share in grounds.importances.items() if isfinite(share)}
    own = shares.pop("activation", None)
    if own is None or not shares:
        return ""
    other = max(shares, key=lambda name: shares[name])
    relation = "less" if own < shares[other] else "more"
    return f"the activation matters {relation} here than the {other.replace('_', ' ')}"


def _held_out(grounds: Grounds) -> str:
    winner = grounds.tests.get(TestRole.WINNER)
    name = grounds.metric.name
    if winner is None or name not in winner.scores or name not in winner.validation_scores:
        return ""
    gain = _gain(grounds.metric, winner.scores[name] - winner.validation_scores[name])
    reach = max(abs(gain), 0.001)
    score = _number(winner.scores[name], grounds.metric, reach)
    unit = " %" if grounds.metric.name in _IN_POINTS else ""
    by = _amount(abs(gain), grounds.metric, reach)
    scored = (
        f"on the held-out test rows {_short(str(winner.params['activation']))} scores {score}{unit}"
    )
    if float(by.split()[0]) == 0.0:
        return f"{scored}, as in validation"
    return f"{scored}, {by} {'worse' if gain < 0.0 else 'better'} than in validation"


def _difference(comparison: Comparison, metric: Metric) -> str:
    """Return such as "0.8 points [0.3, 1.3]": the better minus the other, always as a gain."""
    if comparison.test is None or comparison.interval is None:
        return "an unknown amount"
    low, high = comparison.interval
    reach = (high - low) / 2.0 or abs(comparison.test.difference)
    ends = f"[{_number(low, metric, reach)}, {_number(high, metric, reach)}]"
    if metric.name in _IN_POINTS:
        return f"{_amount(comparison.test.difference, metric, reach)} {ends}"
    return f"{_number(comparison.test.difference, metric, reach)} {ends} in {_unit(metric)}"


def _amount(value: float, metric: Metric, reach: float) -> str:
    number = _number(value, metric, reach)
    return f"{number} points" if metric.name in _IN_POINTS else f"{number}"


def _number(value: float, metric: Metric, reach: float) -> str:
    """Show `value` to the second digit of `reach`, the uncertainty it has."""
    scale = 100.0 if metric.name in _IN_POINTS else 1.0
    size = abs(reach) * scale
    decimals = max(0, min(9, 1 - floor(log10(size)))) if size > 0.0 and isfinite(size) else 1
    shown = f"{value * scale:.{decimals}f}"
    return shown.lstrip("-") if float(shown) == 0.0 else shown


def _unit(metric: Metric) -> str:
    return metric.title if metric.title.isupper() else metric.title.lower()


def _gain(metric: Metric, difference: float) -> float:
    return difference if metric.direction is Direction.MAXIMIZE else -difference


def _title(level: Level) -> str:
    return _short(level.activation)


def _short(activation: str) -> str:
    return get_activation(activation).title.split(" (")[0]


def _names(levels: Sequence[Level]) -> str:
    return _join([_title(level) for level in levels])


def _join(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
