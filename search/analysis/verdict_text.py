"""The verdict in words: plain English clauses with their numbers, each naming its question.

Each clause is a function of the facts, and empty where it has nothing to say. What was not shown is
never told as if the opposite had been: "cannot be told" and "not shown", never "as good as" without
a test of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from search.activations.arms import simplicity_of, title_of
from search.analysis.candidates import config_key
from search.analysis.confirmation_table import Arm
from search.analysis.error_model import POWER, Difference
from search.analysis.looks import Review
from search.analysis.metric_words import MetricWords
from search.analysis.network_verdict import Against
from search.analysis.power import MOST_REPEATS, MOST_ROWS, MOST_SEARCHES, Needs
from search.analysis.region import is_share
from search.metrics import Metric
from search.study import Question, TestRole, TestRun
from search.study.results import Outcome

#: Of more names than this the rest is counted, not named.
_MOST_NAMES = 4
#: Of a one-sided test of two fixed networks.
_NETWORK_ALPHA = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class _QuestionWords:
    """How the arms of one question are called."""

    one: str
    many: str


_WORDS: Mapping[Question, _QuestionWords] = {
    Question.ACTIVATION: _QuestionWords(one="activation", many="activations"),
    Question.INITIALIZER: _QuestionWords(one="initializer", many="initializers"),
    Question.DEPTH: _QuestionWords(one="depth", many="depths"),
    Question.SLOPE: _QuestionWords(one="negative slope", many="negative slopes"),
    Question.NORMALIZATION: _QuestionWords(one="normalization", many="normalizations"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerdictFacts:
    """The facts that the sentences state."""

    question: Question
    metric: Metric
    found: Review
    #: Arms shown to be worse than the best, and arms too little tuned to be called so.
    worse: frozenset[str]
    unequal: frozenset[str]
    outcome: Outcome
    needs: Mapping[str, Needs]
    recommended: Arm | None
    #: The recommended network against its references.
    against: Sequence[Against]
    #: Arms of the space without a trial of use.
    unconfirmed: Sequence[str]
    importances: Mapping[str, float]
    tests: Mapping[TestRole, TestRun]
    objectives: int = 1

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms with a score, the best first."""
        return self.found.comparisons.table.arms

    @property
    def left(self) -> tuple[Arm, ...]:
        """The best arm and those not shown to be worse."""
        return tuple(arm for arm in self.arms if arm.name not in self.worse)

    @property
    def words(self) -> MetricWords:
        """Words for numbers of the metric."""
        return MetricWords(metric=self.metric)

    @property
    def unit(self) -> float:
        """Size of the table's unit in the metric's own."""
        return abs(self.found.comparisons.table.unit)


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
        _network(facts),
        _what_matters(facts),
        _held_out(facts),
        _objectives(facts),
    )
    return _joined(clauses)


def network_sentence(facts: VerdictFacts) -> str:
    """Say whether the recommended network is better than its references."""
    clauses = (_network(facts), *(_reference(facts, role) for role in _REFERENCES))
    return _joined(clauses) if facts.recommended else ""


def _joined(clauses: Sequence[str]) -> str:
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _who(facts: VerdictFacts) -> str:
    arms, left, words = facts.arms, facts.left, _WORDS[facts.question]
    failed = facts.found.comparisons.table.failed
    if not arms and not failed:
        return "nothing could be confirmed"
    if not arms:
        return "no configuration could be trained again to the end, so nothing was compared"
    best = _title(arms[0].name, facts)
    if len(arms) == 1:
        return f"{best} is the only {words.one} confirmed, so there is no other to compare it with"
    if facts.outcome is Outcome.WINNER:
        gap = _gap(facts.found.comparisons.to_best[arms[1].name], facts)
        next_one = _title(arms[1].name, facts)
        other = f"{next_one}, the next of {len(arms)}," if len(arms) > 2 else next_one
        return (
            f"{best} is the best {words.one} for data like this, were the searches done again: "
            f"ahead of {other} by {gap}"
        )
    others = [arm for arm in left if arm is not arms[0]]
    if facts.outcome is Outcome.EQUIVALENT:
        are = "are" if len(others) > 1 else "is"
        return (
            f"{_names(others, facts)} {are} practically equivalent to {best}, which scores best, "
            f"for data like this, were the searches done again: {_below(facts, len(others))}; "
            f"{_which(facts)}"
        )
    return (
        f"which {words.one} is best for data like this, were the searches done again, cannot be "
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
    name = _title(left[1].name, facts)
    if difference.estimate < 0.0:
        # The best mean is over all runs, the difference over those that both have had.
        return f" (over the runs that both had, {name} is ahead by {_gap(difference, facts, -1.0)})"
    return f" ({name} is {_gap(difference, facts)} behind)"


def _which(facts: VerdictFacts) -> str:
    """Say which arm is recommended, and why."""
    recommended = facts.recommended
    if recommended is None:
        return "none is recommended"
    name, best = _title(recommended.name, facts), facts.arms[0]
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
        f"{_title(arm.name, facts)} by {_gap(facts.found.comparisons.to_best[arm.name], facts)}"
        for arm in worse
    ]
    return f"shown to be worse than {_title(facts.arms[0].name, facts)}: {_join(told)}"


def _equivalent(facts: VerdictFacts) -> str:
    """Name the arms that are shown to be as good as the best, where others are not told."""
    names = [arm for arm in facts.left[1:] if arm.name in facts.found.equivalent]
    if not names or facts.outcome is Outcome.EQUIVALENT:
        return ""
    best = _title(facts.arms[0].name, facts)
    told = _below(facts, len(names))
    return f"practically equivalent to {best}: {_names(names, facts)}, since {told}"


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
        told = _join([_title(name, facts) for name in open_names])
        clauses.append(
            f"of {told} it cannot be told: {whom} would have been shown to be worse, with {power}, "
            f"had it truly been {span} behind"
        )
    clearest = max(open_names, key=lambda name: _size(facts.found.comparisons.to_best[name]))
    need = facts.needs[clearest]
    options = [
        text
        for number, text in (
            (need.repeats, f"{need.repeats} more {_plural('repeat', need.repeats)}"),
            (need.searches, f"{need.searches} more {_plural('search', need.searches)} of each"),
            (need.rows, f"{need.rows} times the rows"),
        )
        if number is not None
    ]
    if options:
        gap = _gap(facts.found.comparisons.to_best[clearest], facts)
        clauses.append(
            f"were {_title(clearest, facts)} truly as far behind as observed, {gap}, "
            f"{_join(options, 'or')} would show it with {power}"
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
    return f"{_join([_title(name, facts) for name in failed])} failed in every run"


def _unconfirmed(facts: VerdictFacts) -> str:
    names = [_title(name, facts) for name in facts.unconfirmed]
    if not names:
        return ""
    whom = "it was" if len(names) == 1 else "they were"
    return f"no trial of {_join(names, 'or')} came far enough, so {whom} not confirmed"


def _unequal(facts: VerdictFacts) -> str:
    names = [_title(arm.name, facts) for arm in facts.arms if arm.name in facts.unequal]
    if not names:
        return ""
    had = "had" if len(names) > 1 else "has had"
    return f"{_join(names)} {had} fewer trials than others, and cannot be called worse"


def _assumed(facts: VerdictFacts) -> str:
    if len(facts.arms) < 2 or not facts.found.comparisons.model.is_assumed:
        return ""
    return (
        "with one search of each the luck of the search is not measured but assumed, as large as "
        "it was on other data: ask for two searches or more (evaluation.searches)"
    )


def _network(facts: VerdictFacts) -> str:
    """Say whether the recommended network is better than the baseline's."""
    recommended, baseline = facts.recommended, facts.found.comparisons.table.baseline
    if recommended is None or baseline is None:
        return ""
    name = "the recommended network"
    if recommended.best.trial is not None:
        name += f" (trial {recommended.best.trial})"
    usual = f"the baseline, {_short(baseline.activation)} with He initialization"
    if config_key(recommended.best.params) == config_key(baseline.params):
        return f"{name} is {usual}, itself"
    found = _against(facts, TestRole.BASELINE, "validation")
    if found is None:
        return ""
    gap = _gap(found, facts)
    where = "over the rows of the confirmation"
    if found.p_one_sided < _NETWORK_ALPHA:
        return f"{name} is better than {usual}, for data like this: by {gap} {where}"
    if 1.0 - found.p_one_sided < _NETWORK_ALPHA:
        return f"{name} is worse than {usual}, for data like this: by {_gap(found, facts, -1.0)}"
    ahead = "ahead" if found.estimate >= 0.0 else "behind"
    gap = gap if found.estimate >= 0.0 else _gap(found, facts, -1.0)
    return (
        f"{name} is not shown to be better, for data like this, than {usual}: it is {ahead} by "
        f"{gap} {where}"
    )


#: Predictors that a network has to beat, the easier first: what they are, what a defeat means.
_REFERENCES: Mapping[TestRole, tuple[str, str]] = {
    TestRole.TRIVIAL: ("a predictor that knows no features", "so nothing may have been learned"),
    TestRole.LINEAR: ("a linear model", "which is simpler"),
}


def _reference(facts: VerdictFacts, role: TestRole) -> str:
    """Say whether the recommended network is better than a reference model."""
    who, meaning = _REFERENCES[role]
    test, validation = (_against(facts, role, rows) for rows in ("test", "validation"))
    if test is not None and test.p_one_sided < _NETWORK_ALPHA:
        return f"it is better than {who} on the test rows by {_gap(test, facts)}"
    if test is not None and 1.0 - test.p_one_sided < _NETWORK_ALPHA:
        return f"it is worse than {who} on the test rows by {_gap(test, facts, -1.0)}"
    if validation is not None and validation.p_one_sided < _NETWORK_ALPHA:
        unseen = ", which the fewer test rows do not show" if test is not None else ""
        gap = _gap(validation, facts)
        return f"it is better than {who} on the rows of the confirmation by {gap}{unseen}"
    found = test or validation
    if found is None:
        return ""
    rows = "test rows" if test is not None else "rows of the confirmation"
    return (
        f"it is not shown to be better than {who}, {meaning}: its gain is {_gap(found, facts)} on "
        f"the {rows}"
    )


def _against(facts: VerdictFacts, role: TestRole, rows: str) -> Difference | None:
    found = (one.difference for one in facts.against if one.reference is role and one.rows == rows)
    difference = next(found, None)
    return difference if difference is not None and isfinite(difference.error) else None


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


def _held_out(facts: VerdictFacts) -> str:
    """Say what the test rows say of the recommended network, which nothing was chosen by."""
    winner, name = facts.tests.get(TestRole.WINNER), facts.metric.name
    if winner is None or name not in winner.scores:
        return ""
    score = winner.scores[name]
    text = f"on the test rows it scores {facts.words.score(score, 0.01 * abs(score) or 0.01)}"
    for role in _REFERENCES:
        if not _is_better(facts, role):
            return f"{text}; {_reference(facts, role)}"
    return text


def _is_better(facts: VerdictFacts, role: TestRole) -> bool:
    """Return whether either kind of rows shows it, or there is nothing to show it by."""
    test = _against(facts, role, "test")
    if test is not None and 1.0 - test.p_one_sided < _NETWORK_ALPHA:
        return False
    found = [d for rows in ("test", "validation") if (d := _against(facts, role, rows))]
    return not found or any(one.p_one_sided < _NETWORK_ALPHA for one in found)


def _objectives(facts: VerdictFacts) -> str:
    if facts.objectives < 2:
        return ""
    return f"all this is by {facts.words.name}, the first of {facts.objectives} objectives"


def _gap(difference: Difference, facts: VerdictFacts, side: float = 1.0) -> str:
    """Return a text such as "0.8 points [0.3, 1.3]", a gain of the first; `side` -1 turns it."""
    if not isfinite(difference.error):
        return "an unknown amount"
    size = side * facts.unit
    low, high = sorted(size * end for end in difference.interval())
    return facts.words.interval(size * difference.estimate, low, high)


def _size(difference: Difference) -> float:
    return difference.estimate / difference.error if difference.error > 0.0 else 0.0


def _title(arm: str, facts: VerdictFacts) -> str:
    """Return the name of an arm for people."""
    if facts.question is Question.ACTIVATION:
        return _short(arm)
    if facts.question is Question.INITIALIZER:
        return arm
    if facts.question is Question.NORMALIZATION:
        return "no normalization" if arm == "none" else f"{arm} normalization"
    return f"{_WORDS[facts.question].one} {arm}"


def _short(activation: str) -> str:
    return title_of(activation).split(" (")[0]


def _names(arms: Sequence[Arm], facts: VerdictFacts) -> str:
    return _join([_title(arm.name, facts) for arm in arms])


def _join(names: Sequence[str], word: str = "and") -> str:
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _plural(word: str, count: int | None) -> str:
    if count == 1:
        return word
    return f"{word}es" if word.endswith("ch") else f"{word}s"
