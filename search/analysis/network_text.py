"""The recommended network in words: against the baseline, reference models, on the test rows."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from search.analysis.candidates import config_key
from search.analysis.error_model import Difference
from search.analysis.verdict_facts import VerdictFacts, gap_of, one_sentence, short_title
from search.study import TestRole

#: Of a one-sided test of two fixed networks.
_NETWORK_ALPHA = 0.025


def network_sentence(facts: VerdictFacts) -> str:
    """Say whether the recommended network is better than its references."""
    clauses = (network_clause(facts), *(_reference(facts, role) for role in _REFERENCES))
    return one_sentence(clauses) if facts.recommended else ""


def network_clause(facts: VerdictFacts) -> str:
    """Say whether the recommended network is better than the baseline's."""
    recommended, baseline = facts.recommended, facts.found.comparisons.table.baseline
    if recommended is None or baseline is None:
        return ""
    name = "the recommended network"
    if recommended.best.trial is not None:
        name += f" (trial {recommended.best.trial})"
    usual = f"the baseline, {short_title(baseline.activation)} with He initialization"
    if config_key(recommended.best.params) == config_key(baseline.params):
        return f"{name} is {usual}, itself"
    found = _against(facts, TestRole.BASELINE, "validation")
    if found is None:
        return ""
    gap = gap_of(found, facts)
    where = "over the rows of the confirmation"
    if found.p_one_sided < _NETWORK_ALPHA:
        return f"{name} is better than {usual}, for data like this: by {gap} {where}"
    if 1.0 - found.p_one_sided < _NETWORK_ALPHA:
        return f"{name} is worse than {usual}, for data like this: by {gap_of(found, facts, -1.0)}"
    ahead = "ahead" if found.estimate >= 0.0 else "behind"
    gap = gap if found.estimate >= 0.0 else gap_of(found, facts, -1.0)
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
        return f"it is better than {who} on the test rows by {gap_of(test, facts)}"
    if test is not None and 1.0 - test.p_one_sided < _NETWORK_ALPHA:
        return f"it is worse than {who} on the test rows by {gap_of(test, facts, -1.0)}"
    if validation is not None and validation.p_one_sided < _NETWORK_ALPHA:
        unseen = ", which the fewer test rows do not show" if test is not None else ""
        gap = gap_of(validation, facts)
        return f"it is better than {who} on the rows of the confirmation by {gap}{unseen}"
    found = test or validation
    if found is None:
        return ""
    rows = "test rows" if test is not None else "rows of the confirmation"
    gain = gap_of(found, facts)
    return f"it is not shown to be better than {who}, {meaning}: its gain is {gain} on the {rows}"


def held_out_clause(facts: VerdictFacts) -> str:
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


def _against(facts: VerdictFacts, role: TestRole, rows: str) -> Difference | None:
    found = (one.difference for one in facts.against if one.reference is role and one.rows == rows)
    difference = next(found, None)
    return difference if difference is not None and isfinite(difference.error) else None
