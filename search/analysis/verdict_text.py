"""The verdict in words: plain English clauses with their numbers, each naming its question.

Each clause is a function of the facts, and empty where it has nothing to say. What was not shown is
never told as if the opposite had been: "cannot be told" and "not shown", never "as good as" without
a test of that.
"""

from __future__ import annotations

from math import isfinite

from search.activations.arms import simplicity_of
from search.analysis.error_model import POWER, Difference
from search.analysis.network_text import held_out_clause, network_clause
from search.analysis.power import MOST_REPEATS, MOST_ROWS, MOST_SEARCHES
from search.analysis.region import is_share
from search.analysis.verdict_facts import (
    QUESTION_WORDS,
    VerdictFacts,
    gap_of,
    joined_names,
    names_of,
    one_sentence,
    plural,
    title,
)
from search.study import Question
from search.study.results import Outcome


def sentence(facts: VerdictFacts) -> str:
    """Say which arm is best, how sure that is, what would make it surer, and what it gains."""
    clauses = (
        _who(facts),
        _worse(facts),
        _equivalent(facts),
        _what_would_decide(facts),
        _failed(facts),
        _unconfirmed(facts),
        _unequal(facts),
        _assumed(facts),
        network_clause(facts),
        _what_matters(facts),
        held_out_clause(facts),
        _objectives(facts),
    )
    return one_sentence(clauses)


def _who(facts: VerdictFacts) -> str:
    arms, left, word = facts.arms, facts.left, QUESTION_WORDS[facts.question]
    failed = facts.found.comparisons.table.failed
    if not arms and not failed:
        return "nothing could be confirmed"
    if not arms:
        return "no configuration could be trained again to the end, so nothing was compared"
    best = title(arms[0].name, facts)
    if len(arms) == 1:
        return f"{best} is the only {word} confirmed, so there is no other to compare it with"
    if facts.outcome is Outcome.WINNER:
        gap = gap_of(facts.found.comparisons.to_best[arms[1].name], facts)
        next_one = title(arms[1].name, facts)
        other = f"{next_one}, the next of {len(arms)}," if len(arms) > 2 else next_one
        return (
            f"{best} is the best {word} for data like this, were the searches done again: "
            f"ahead of {other} by {gap}"
        )
    others = [arm for arm in left if arm is not arms[0]]
    if facts.outcome is Outcome.EQUIVALENT:
        are = "are" if len(others) > 1 else "is"
        return (
            f"{names_of(others, facts)} {are} practically equivalent to {best}, which scores best, "
            f"for data like this, were the searches done again: {_below(facts, len(others))}; "
            f"{_which(facts)}"
        )
    return (
        f"which {word} is best for data like this, were the searches done again, cannot be "
        f"told: {best} scores best, but {len(others)} of the {len(arms) - 1} others "
        f"{'is' if len(others) == 1 else 'are'} not shown to be worse{_lead(facts)}; "
        f"{_which(facts)}"
    )


def _below(facts: VerdictFacts, count: int) -> str:
    """Say below what the differences to the best are shown to be."""
    region = facts.words.amount(facts.found.region.size)
    # Of a share the rule is the number itself.
    rule = "" if is_share(facts.metric) else f" ({facts.found.region.rule})"
    what = "each difference is" if count > 1 else "the difference is"
    return f"{what} shown to be below {region}{rule}"


def _lead(facts: VerdictFacts) -> str:
    """Say by how much the best leads the next that is not shown to be worse."""
    left = facts.left
    difference = facts.found.comparisons.to_best.get(left[1].name) if len(left) > 1 else None
    if difference is None or not isfinite(difference.error):
        return ""
    name = title(left[1].name, facts)
    if difference.estimate < 0.0:
        # The best mean is over all runs, the difference over those that both have had.
        return (
            f" (over the runs that both had, {name} is ahead by {gap_of(difference, facts, -1.0)})"
        )
    return f" ({name} is {gap_of(difference, facts)} behind)"


def _which(facts: VerdictFacts) -> str:
    """Say which arm is recommended, and why."""
    recommended = facts.recommended
    if recommended is None:
        return "none is recommended"
    name, best = title(recommended.name, facts), facts.arms[0]
    if recommended is best:
        if facts.question is not Question.ACTIVATION:
            return f"{name} is recommended, since it scores best"
        return f"{name} is recommended: no simpler one is within one standard error of it"
    simplest = min(simplicity_of(arm.name) for arm in facts.left)
    if simplicity_of(recommended.name) == simplest:
        return f"{name} is recommended, the simplest of them, within one standard error of the best"
    return f"{name} is recommended, the simplest within one standard error of the best"


def _worse(facts: VerdictFacts) -> str:
    if facts.outcome is Outcome.WINNER and len(facts.arms) == 2:
        return ""
    worse = [arm for arm in facts.arms if arm.name in facts.worse]
    if not worse or facts.outcome is Outcome.WINNER:
        return ""
    told = [
        f"{title(arm.name, facts)} by {gap_of(facts.found.comparisons.to_best[arm.name], facts)}"
        for arm in worse
    ]
    return f"shown to be worse than {title(facts.arms[0].name, facts)}: {joined_names(told)}"


def _equivalent(facts: VerdictFacts) -> str:
    """Name the arms that are shown to be as good as the best, where others are not told."""
    names = [arm for arm in facts.left[1:] if arm.name in facts.found.equivalent]
    if not names or facts.outcome is Outcome.EQUIVALENT:
        return ""
    best = title(facts.arms[0].name, facts)
    told = _below(facts, len(names))
    return f"practically equivalent to {best}: {names_of(names, facts)}, since {told}"


def _what_would_decide(facts: VerdictFacts) -> str:
    names = [arm.name for arm in facts.left[1:] if arm.name in facts.needs]
    open_names = [name for name in names if name in facts.found.open or name in facts.unequal]
    if not open_names or facts.outcome in (Outcome.WINNER, Outcome.EQUIVALENT):
        return ""
    power = f"{100 * POWER:.0f} % probability"
    clauses = []
    sizes = sorted(facts.needs[name].detectable * facts.unit for name in open_names)
    if isfinite(sizes[-1]):
        whom, span = "it", facts.words.amount(sizes[-1])
        if len(open_names) > 1:
            whom, span = "each", f"{facts.words.number(sizes[0], sizes[0])} to {span}"
        told = joined_names([title(name, facts) for name in open_names])
        clauses.append(
            f"of {told} it cannot be told: {whom} would have been shown to be worse, with {power}, "
            f"had it truly been {span} behind"
        )
    clearest = max(open_names, key=lambda name: _size(facts.found.comparisons.to_best[name]))
    need = facts.needs[clearest]
    options = [
        text
        for number, text in (
            (need.repeats, f"{need.repeats} more {plural('repeat', need.repeats)}"),
            (need.searches, f"{need.searches} more {plural('search', need.searches)} of each"),
            (need.rows, f"{need.rows} times the rows"),
        )
        if number is not None
    ]
    if options:
        gap = gap_of(facts.found.comparisons.to_best[clearest], facts)
        clauses.append(
            f"were {title(clearest, facts)} truly as far behind as observed, {gap}, "
            f"{joined_names(options, 'or')} would show it with {power}"
        )
    else:
        clauses.append(
            f"were the true differences as small as those observed, not even {MOST_REPEATS} "
            f"repeats, {MOST_SEARCHES} searches or {MOST_ROWS} times the rows would show one with "
            f"{power}"
        )
    return "; ".join(clauses)


def _failed(facts: VerdictFacts) -> str:
    failed = facts.found.comparisons.table.failed
    if not failed:
        return ""
    return f"{joined_names([title(name, facts) for name in failed])} failed in every run"


def _unconfirmed(facts: VerdictFacts) -> str:
    names = [title(name, facts) for name in facts.unconfirmed]
    if not names:
        return ""
    whom = "it was" if len(names) == 1 else "they were"
    return f"no trial of {joined_names(names, 'or')} came far enough, so {whom} not confirmed"


def _unequal(facts: VerdictFacts) -> str:
    names = [title(arm.name, facts) for arm in facts.arms if arm.name in facts.unequal]
    if not names:
        return ""
    had = "had" if len(names) > 1 else "has had"
    return f"{joined_names(names)} {had} fewer trials than others, and cannot be called worse"


def _assumed(facts: VerdictFacts) -> str:
    if len(facts.arms) < 2 or not facts.found.comparisons.model.is_assumed:
        return ""
    return (
        "with one search of each the luck of the search is not measured but assumed, as large as "
        "it was on other data: ask for two searches or more (evaluation.searches)"
    )


def _what_matters(facts: VerdictFacts) -> str:
    shares = {name: share for name, share in facts.importances.items() if isfinite(share)}
    own = shares.pop("activation", None)
    if own is None or not shares or facts.question is not Question.ACTIVATION:
        return ""
    other = max(shares, key=lambda name: shares[name])
    return (
        f"among trials drawn at random the activation explains {100 * own:.0f} % of the variance "
        f"of ranks, the {other.replace('_', ' ')} {100 * shares[other]:.0f} %"
    )


def _objectives(facts: VerdictFacts) -> str:
    if facts.objectives < 2:
        return ""
    return f"all this is by {facts.words.name}, the first of {facts.objectives} objectives"


def _size(difference: Difference) -> float:
    return difference.estimate / difference.error if difference.error > 0.0 else 0.0
