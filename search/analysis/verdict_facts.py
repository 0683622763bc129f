"""The facts that the sentences of a verdict state, and the phrases that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from search.activations.arms import title_of
from search.analysis.confirmation_table import Arm
from search.analysis.error_model import Difference
from search.analysis.looks import Review
from search.analysis.metric_words import MetricWords
from search.analysis.network_verdict import Against
from search.analysis.power import Needs
from search.metrics import Metric
from search.study import Question, TestRole, TestRun
from search.study.results import Outcome

#: Of more names than this the rest is counted, not named.
_MOST_NAMES = 4
#: How an arm of each question is called.
QUESTION_WORDS: Mapping[Question, str] = {
    Question.ACTIVATION: "activation",
    Question.INITIALIZER: "initializer",
    Question.DEPTH: "depth",
    Question.SLOPE: "negative slope",
    Question.NORMALIZATION: "normalization",
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


def gap_of(difference: Difference, facts: VerdictFacts, side: float = 1.0) -> str:
    """Return a text such as "0.8 points [0.3, 1.3]", a gain of the first; `side` -1 turns it."""
    if not isfinite(difference.error):
        return "an unknown amount"
    size = side * facts.unit
    low, high = sorted(size * end for end in difference.interval())
    return facts.words.interval(size * difference.estimate, low, high)


def title(arm: str, facts: VerdictFacts) -> str:
    """Return the name of an arm for people."""
    if facts.question is Question.ACTIVATION:
        return short_title(arm)
    if facts.question is Question.INITIALIZER:
        return arm
    if facts.question is Question.NORMALIZATION:
        return "no normalization" if arm == "none" else f"{arm} normalization"
    return f"{QUESTION_WORDS[facts.question]} {arm}"


def short_title(activation: str) -> str:
    """Return the title of an activation without what stands in brackets."""
    return title_of(activation).split(" (")[0]


def names_of(arms: Sequence[Arm], facts: VerdictFacts) -> str:
    """Return the names of arms for people, in a list of words."""
    return joined_names([title(arm.name, facts) for arm in arms])


def joined_names(names: Sequence[str], word: str = "and") -> str:
    """Return names as a list of words, those beyond a few counted."""
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def plural(word: str, count: int | None) -> str:
    """Return the word for so many of it."""
    if count == 1:
        return word
    return f"{word}es" if word.endswith("ch") else f"{word}s"


def one_sentence(clauses: Sequence[str]) -> str:
    """Return the clauses that say something as one sentence."""
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}." if text else ""
